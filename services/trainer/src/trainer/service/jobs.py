"""The story of a job: a command comes in, its one terminal event goes out."""

import structlog

from shared.clock import Clock
from trainer.core.jobs import Unreadable, answer, read_command
from trainer.ports import JobEvents

_log = structlog.get_logger(__name__)


class JobService:
    """Answers training commands. Answering one twice is harmless: readers know jobs by id."""

    def __init__(self, events: JobEvents, clock: Clock) -> None:
        self._events = events
        self._clock = clock

    async def take(self, body: bytes) -> None:
        """Return when the command is dealt with. Raises BrokerUnavailableError; try again."""
        command = read_command(body)
        if isinstance(command, Unreadable):
            _log.warning("unreadable command skipped", reason=command.reason)
            return
        event = answer(command, self._clock.now_ms())
        await self._events.publish(event)
        _log.info("job answered", job=event.id, state=event.state, error=event.error)
