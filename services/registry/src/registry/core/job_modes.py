"""Which modes of training are offered: trainers announce theirs whenever they look for work."""

from collections.abc import Mapping, Sequence

from registry.core.refusals import Refuse, RegistryCode
from shared.contracts.train import Mode

OFFERED_MS = 60_000
"""How long an offer holds. Idle trainers repeat theirs every `PNEUMO_TRAINER_POLL_S` (5 s)."""

_NEEDS: Mapping[Mode, str] = {
    "full": "It needs a trainer with PNEUMO_TRAINER_DATA (a folder of labelled images) and "
    "PNEUMO_TRAINER_WEIGHTS (the backbone's weights file), and the packages of "
    "make install-full: set both and restart the trainer. "
}

Offers = Mapping[Mode, int]
"""The last moment at which a trainer offered a mode, in unix milliseconds."""


def note_offer(offers: Offers, modes: Sequence[Mode], now_ms: int) -> Offers:
    """Return the offers with those of a trainer that looks for work now."""
    return {**offers, **dict.fromkeys(modes, now_ms)}


def prolong_offers(offers: Offers, now_ms: int) -> Offers:
    """Return the offers, those that still hold as if announced now.

    A trainer with a job reports on it instead of looking for work, and its offer must not expire.
    """
    held = {mode: now_ms for mode, at_ms in offers.items() if now_ms - at_ms < OFFERED_MS}
    return {**offers, **held}


def offered_modes(offers: Offers, now_ms: int) -> tuple[Mode, ...] | None:
    """Return the modes on offer; None where no trainer announced any, and nothing is known.

    A trainer of an older release announces none.
    """
    held = tuple(mode for mode, at_ms in sorted(offers.items()) if now_ms - at_ms < OFFERED_MS)
    return held or None


def refuse_unoffered(mode: Mode, offered: Sequence[Mode] | None) -> Refuse | None:
    """Refuse a mode that no trainer offers, where the offers are known.

    Any trainer takes the oldest job, so one of another mode would only end as failed.
    """
    if offered is None or mode in offered:
        return None
    return Refuse(
        RegistryCode.MODE_NOT_OFFERED,
        f"No trainer offers mode {mode}; offered: {', '.join(offered)}. {_NEEDS.get(mode, '')}"
        f"Or ask for mode {offered[0]}.",
    )
