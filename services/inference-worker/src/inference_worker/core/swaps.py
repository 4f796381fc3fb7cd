"""Whether an announced model is to be loaded, and when a refused one is tried again."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.contracts.models import ModelPromoted, ModelRecord, RefusalCode

REFUSALS: Mapping[RefusalCode, str] = {
    RefusalCode.DAMAGED: "The bundle does not match its checksums.",
    RefusalCode.INVALID: "The bundle is not one that this worker can serve.",
    RefusalCode.GOLDENS: "The model does not reproduce its goldens on this machine.",
    RefusalCode.ENGINE_FAILED: "The engine could not load the model on this machine.",
    RefusalCode.CACHE_FAILED: "The worker's cache disk is full or failed.",
}
"""The sentence of each code. Clients read it, so it holds no path and no text of an error."""

_LASTING = frozenset({RefusalCode.INVALID, RefusalCode.GOLDENS})
_MAX_DOUBLINGS = 16


@dataclass(frozen=True, slots=True)
class Load:
    """Fetch this version, check it, and serve it from the next batch on."""

    version: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Go on with what is served; reason: why the announcement changes nothing."""

    reason: str


@dataclass(frozen=True, slots=True)
class Serving:
    """The bundle that is served. promoted_at_ms: of the promotion that brought it here, unix ms."""

    bundle_sha256: str
    promoted_at_ms: int


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delay after the first refusal in a row, doubled after each further one up to a maximum."""

    first_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Refused:
    """The announcement that was refused last. again_at_s: when to try again; None: never.

    tries: attempts on this announcement so far, at least 1.
    """

    bundle_sha256: str
    promoted_at_ms: int
    tries: int
    again_at_s: float | None


def decide_swap(
    event: ModelPromoted,
    *,
    name: str,
    serving: Serving | None,
    refused: Refused | None,
    now_s: float,
) -> Load | Keep:
    """Compare an announcement with what this worker serves and has refused.

    A later promotion of the refused bundle is another announcement, and gets another try.
    """
    if event.name != name:
        return Keep(f"another model: {event.name}")
    if is_served(event, serving):
        return Keep("already served")
    if serving is not None and event.promoted_at_ms < serving.promoted_at_ms:
        # Topic and registry are read side by side; one of them may lag behind the other.
        return Keep("older than what is served")
    if refused is not None and _is_repetition(event, refused):
        if refused.again_at_s is None:
            return Keep("refused before")
        if now_s < refused.again_at_s:
            return Keep("refused, not yet due again")
    return Load(event.version)


def is_served(event: ModelPromoted, serving: Serving | None) -> bool:
    """Tell whether the announced bundle is the one that is served."""
    return serving is not None and event.bundle_sha256 == serving.bundle_sha256


def refuse(
    event: ModelPromoted,
    code: RefusalCode,
    *,
    before: Refused | None,
    now_s: float,
    backoff: Backoff,
) -> Refused:
    """Remember a refusal: for good if the bundle is at fault, else until the next try is due."""
    repeated = before is not None and _is_repetition(event, before)
    tries = before.tries + 1 if before is not None and repeated else 1
    delay_s = min(backoff.max_s, backoff.first_s * 2 ** min(tries - 1, _MAX_DOUBLINGS))
    again_at_s = None if code in _LASTING else now_s + delay_s
    return Refused(event.bundle_sha256, event.promoted_at_ms, tries, again_at_s)


def announcement_of(record: ModelRecord) -> ModelPromoted:
    """Give what the registry must have announced when it made this record current."""
    return ModelPromoted(
        name=record.name,
        version=record.version,
        bundle_sha256=record.bundle_sha256,
        promoted_at_ms=record.promoted_at_ms or 0,
    )


def _is_repetition(event: ModelPromoted, refused: Refused) -> bool:
    return (
        event.bundle_sha256 == refused.bundle_sha256
        and event.promoted_at_ms <= refused.promoted_at_ms
    )
