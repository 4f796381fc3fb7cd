"""The use case of watching a job: its current state, then every change until its end."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable

from gateway.ports import JobRegistry
from shared.contracts.train import TERMINAL_STATES, Job, TrainEvent
from shared.control_client import ControlRefusedError, RegistryUnavailableError

_QUEUE_EVENTS = 64
_RETRY_S = 10.0


class TooManyStreamsError(Exception):
    """The maximum number of streams is open."""


class Feed:
    """Queued events of one job for one client; the oldest are dropped if the client is slow.

    Each event has the complete state, so the newest one is enough.
    """

    def __init__(self, id_: str) -> None:
        self.id = id_
        self._events: asyncio.Queue[TrainEvent] = asyncio.Queue(_QUEUE_EVENTS)

    def put(self, event: TrainEvent) -> None:
        """Add the newest event."""
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(event)

    async def next(self, timeout_s: float) -> TrainEvent | None:
        """Return the next event; None after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._events.get()
        except TimeoutError:
            return None


class JobFeeds:
    """Passes every event of `train.events` to the feeds of its job."""

    def __init__(self, *, max_streams: int) -> None:
        self._max_streams = max_streams
        self._feeds: defaultdict[str, set[Feed]] = defaultdict(set)
        self._open = 0

    def __len__(self) -> int:
        return self._open

    def on_train_event(self, event: TrainEvent) -> None:
        """Add an event to the feeds of its job."""
        for feed in self._feeds.get(event.id, ()):
            feed.put(event)

    def open(self, id_: str) -> Feed:
        """Open a feed, which must be closed. Raises TooManyStreamsError."""
        if self._open >= self._max_streams:
            raise TooManyStreamsError
        feed = Feed(id_)
        self._feeds[id_].add(feed)
        self._open += 1
        return feed

    def close(self, feed: Feed) -> None:
        """Close a feed."""
        self._feeds[feed.id].discard(feed)
        if not self._feeds[feed.id]:
            del self._feeds[feed.id]
        self._open -= 1


class JobWatch:
    """One open stream. first: the job's state when it was opened."""

    def __init__(
        self, feeds: JobFeeds, feed: Feed, registry: JobRegistry, first: TrainEvent, beat_s: float
    ) -> None:
        self.first = first
        self._feeds = feeds
        self._feed = feed
        self._registry = registry
        self._beat_s = beat_s

    async def events(self) -> AsyncIterator[TrainEvent | None]:
        """Yield the current state, then each event; None after `beat_s` without one.

        Ends after a terminal state, which it also finds in the registry if no event arrives.
        """
        event: TrainEvent | None = self.first
        yield event
        while event is None or event.state not in TERMINAL_STATES:
            event = await self._feed.next(self._beat_s) or await self._look_for_end()
            yield event

    def close(self) -> None:
        """Release its slot."""
        self._feeds.close(self._feed)

    async def _look_for_end(self) -> TrainEvent | None:
        try:
            job = await self._registry.job(self._feed.id)
        except (RegistryUnavailableError, ControlRefusedError):
            return None
        return event_of(job) if job.state in TERMINAL_STATES else None


async def open_watch(
    id_: str, feeds: JobFeeds, registry: JobRegistry, *, beat_s: float
) -> JobWatch:
    """Open a watch of a job, which must be closed.

    Raises TooManyStreamsError, ControlRefusedError (no such job), RegistryUnavailableError.
    """
    # The feed opens before the state is read, so that no event is missed.
    feed = feeds.open(id_)
    try:
        job = await registry.job(id_)
    except BaseException:
        feeds.close(feed)
        raise
    return JobWatch(feeds, feed, registry, event_of(job), beat_s)


async def recall_endings(registry: JobRegistry, note: Callable[[TrainEvent], None]) -> None:
    """Report every ended job of the registry to `note`, once the registry answers.

    Events are retained for a week; the registry keeps jobs permanently.
    """
    while True:
        try:
            jobs = await registry.jobs()
        except (RegistryUnavailableError, ControlRefusedError):
            await asyncio.sleep(_RETRY_S)
            continue
        for job in jobs:
            if job.state in TERMINAL_STATES:
                note(event_of(job))
        return


def event_of(job: Job) -> TrainEvent:
    """Return the job's current state as an event."""
    return TrainEvent(at_ms=job.updated_at_ms, **job.model_dump(include=_SHARED))


_SHARED = set(TrainEvent.model_fields) - {"schema_", "at_ms"}
