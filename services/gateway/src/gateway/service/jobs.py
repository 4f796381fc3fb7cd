"""The story of a job as a client watches it: its state now, then every change, until its end."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable

from gateway.ports import JobRegistry
from shared.contracts.train import TERMINAL_STATES, Job, TrainEvent
from shared.control_client import ControlRefusedError, RegistryUnavailableError

_QUEUE_EVENTS = 64
_RETRY_S = 10.0


class TooManyStreamsError(Exception):
    """As many streams as the gateway serves at once are open."""


class Feed:
    """The coming events of one job, for one client; of a slow client the oldest are dropped.

    Each event says all there is to say, so the newest is the one that counts.
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
        """Give the next event; None if there is none in time."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._events.get()
        except TimeoutError:
            return None


class JobFeeds:
    """Hands every record of `train.events` to those who watch its job."""

    def __init__(self, *, max_streams: int) -> None:
        self._max_streams = max_streams
        self._feeds: defaultdict[str, set[Feed]] = defaultdict(set)
        self._open = 0

    def __len__(self) -> int:
        return self._open

    def on_train_event(self, event: TrainEvent) -> None:
        """Pass an event on."""
        for feed in self._feeds.get(event.id, ()):
            feed.put(event)

    def open(self, id_: str) -> Feed:
        """Begin to listen; must be closed. Raises TooManyStreamsError."""
        if self._open >= self._max_streams:
            raise TooManyStreamsError
        feed = Feed(id_)
        self._feeds[id_].add(feed)
        self._open += 1
        return feed

    def close(self, feed: Feed) -> None:
        """Stop listening."""
        self._feeds[feed.id].discard(feed)
        if not self._feeds[feed.id]:
            del self._feeds[feed.id]
        self._open -= 1


class JobWatch:
    """One open stream. `first` is where the job stood when it was opened."""

    def __init__(
        self, feeds: JobFeeds, feed: Feed, registry: JobRegistry, first: TrainEvent, beat_s: float
    ) -> None:
        self.first = first
        self._feeds = feeds
        self._feed = feed
        self._registry = registry
        self._beat_s = beat_s

    async def events(self) -> AsyncIterator[TrainEvent | None]:
        """Give the present state, then each event; None whenever nothing happened for a while.

        Ends after a terminal state, of which it also learns if its event never came.
        """
        event: TrainEvent | None = self.first
        yield event
        while event is None or event.state not in TERMINAL_STATES:
            event = await self._feed.next(self._beat_s) or await self._look_for_end()
            yield event

    def close(self) -> None:
        """Free its place."""
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
    """Begin to watch a job; must be closed.

    Raises TooManyStreamsError, ControlRefusedError (no such job), RegistryUnavailableError.
    """
    # The feed is open before the state is asked for: no event can fall in between.
    feed = feeds.open(id_)
    try:
        job = await registry.job(id_)
    except BaseException:
        feeds.close(feed)
        raise
    return JobWatch(feeds, feed, registry, event_of(job), beat_s)


async def recall_endings(registry: JobRegistry, note: Callable[[TrainEvent], None]) -> None:
    """Tell `note` of every job that has ended, by the registry's word, once it answers.

    Events are kept for a week; the registry remembers for ever.
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
    """Say where a job stands in the words of its events."""
    return TrainEvent(at_ms=job.updated_at_ms, **job.model_dump(include=_SHARED))


_SHARED = set(TrainEvent.model_fields) - {"schema_", "at_ms"}
