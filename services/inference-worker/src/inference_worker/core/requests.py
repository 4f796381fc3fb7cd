"""One prediction request as the worker holds it, and which are still worth an answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.contracts.dead_letters import Attempt
from shared.contracts.headers import RequestHeaders
from shared.contracts.predict import Expired, Timings
from shared.image_headers import ImageHeader

LARGE_PIXELS = 4_000_000
"""Above this, an image is decoded beside the batches: it may take 20 ms for each megapixel."""


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """headers and the encoded image; enqueued_ms: when the broker's record was made, unix ms.

    header: of the image; None if it cannot be read. attempts: those that failed before.
    """

    headers: RequestHeaders
    image: bytes
    enqueued_ms: int
    attempts: tuple[Attempt, ...] = ()
    header: ImageHeader | None = None

    @property
    def is_large(self) -> bool:
        """Return whether decoding the image would hold up a batch."""
        return self.header is not None and self.header.pixels > LARGE_PIXELS


@dataclass(frozen=True, slots=True)
class Triage:
    """live: to be decoded. expired: answered as they are, their bytes never decoded."""

    live: tuple[PredictRequest, ...]
    expired: tuple[Expired, ...]


def triage(requests: Sequence[PredictRequest], now_ms: int) -> Triage:
    """Part the requests that somebody still waits for from those whose deadline has passed."""
    live = tuple(r for r in requests if now_ms < r.headers.deadline_ms)
    expired = tuple(
        Expired(
            id=r.headers.id,
            deadline_ms=r.headers.deadline_ms,
            timings=Timings(queue_ms=queue_ms(r, now_ms)),
        )
        for r in requests
        if now_ms >= r.headers.deadline_ms
    )
    return Triage(live=live, expired=expired)


def queue_ms(request: PredictRequest, now_ms: int) -> float:
    """How long it has lain on its topic; 0 if the clock that stamped it is ahead of ours."""
    return float(max(0, now_ms - request.enqueued_ms))
