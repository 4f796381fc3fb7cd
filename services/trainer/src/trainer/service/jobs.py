"""The story of a command: whatever it asks for, the registry knows; a trainer looks there."""

from collections.abc import Callable

import structlog

from trainer.core.jobs import InvalidCommand, read_command

_log = structlog.get_logger(__name__)


class CommandService:
    """Takes training commands. Taking one twice is harmless: a job is leased once."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def take(self, body: bytes) -> None:
        """Wake whoever does the jobs. What is no command wakes nobody."""
        command = read_command(body)
        if isinstance(command, InvalidCommand):
            _log.warning("unreadable command skipped", reason=command.reason)
            return
        _log.info("job announced", job_id=command.id, mode=command.mode)
        self._wake()
