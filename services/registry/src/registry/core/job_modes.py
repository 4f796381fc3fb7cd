"""Which modes of training are offered: trainers announce theirs whenever they look for work."""

from collections.abc import Mapping, Sequence

from shared.contracts.train import Mode

OFFERED_MS = 60_000
"""How long an offer holds. Idle trainers repeat theirs every `PNEUMO_TRAINER_POLL_S` (5 s)."""

Offers = Mapping[Mode, int]
"""The last moment at which a trainer offered a mode, in unix milliseconds."""


def note_offer(offers: Offers, modes: Sequence[Mode], now_ms: int) -> Offers:
    """Return the offers with those of a trainer that looks for work now."""
    return {**offers, **dict.fromkeys(modes, now_ms)}


def offered_modes(offers: Offers, now_ms: int) -> tuple[Mode, ...] | None:
    """Return the modes on offer; None where no trainer announced any, and nothing is known.

    A trainer at work does not look for more, so its offers run out; a trainer of an older release
    announces none.
    """
    held = tuple(mode for mode, at_ms in sorted(offers.items()) if now_ms - at_ms < OFFERED_MS)
    return held or None
