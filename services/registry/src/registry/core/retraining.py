"""Whether the registry asks for a training by itself, and under which id."""

import hashlib
import uuid
from dataclasses import dataclass

from registry.core.dataset import JobMark
from registry.core.refusals import Refuse
from shared.contracts.train import Mode, NewJob, Policy

MODE: Mode = "fast"
"""Only this one needs nothing but what the registry keeps."""


@dataclass(frozen=True, slots=True)
class RetrainRules:
    """When to train unasked. new_images: as soon as there are so many, 0: never.

    every_ms: once in each span of this length, counted from 1970-01-01 UTC; 0: never.
    """

    new_images: int
    every_ms: int
    policy: Policy

    @property
    def are_off(self) -> bool:
        """Tell whether nothing ever happens by itself."""
        return not (self.new_images or self.every_ms)


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules look at.

    last_request: the mark of the last training that was requested; None: none ever was.
    new_images: usable ones that came after it. lacks: why a training would be refused.
    """

    is_busy: bool
    last_request: JobMark | None
    new_images: int
    lacks: Refuse | None


def decide_retraining(rules: RetrainRules, situation: Situation, now_ms: int) -> NewJob | None:
    """Give the job to make now, if any.

    What was rejected, failed or cancelled is not tried again before something new has come. The
    same occasion gives the same id, so that it can become one job only.
    """
    if situation.is_busy or situation.lacks is not None or situation.new_images == 0:
        return None
    if rules.new_images and situation.new_images >= rules.new_images:
        return _job(rules, *_since(situation.last_request))
    if rules.every_ms:
        return _job(rules, "schedule", now_ms - now_ms % rules.every_ms)
    return None


def _since(last: JobMark | None) -> tuple[str, int]:
    # The mark as well as the time: after a clock was set back a later request may have the same.
    if last is None:
        return "new-images", 0
    mark = "" if last.newest_image is None else f" {last.newest_image}"
    return f"new-images{mark}", last.requested_at_ms


def _job(rules: RetrainRules, occasion: str, moment_ms: int) -> NewJob:
    return NewJob(id=_id(occasion, moment_ms), mode=MODE, policy=rules.policy)


def _id(occasion: str, moment_ms: int) -> str:
    # A UUIDv7 whose random bits are a hash of the occasion (RFC 9562, 5.7).
    chance = int.from_bytes(hashlib.sha256(f"{occasion} {moment_ms}".encode()).digest()[:10])
    bits = (moment_ms % 2**48) << 80 | chance
    bits = bits & ~(0xF << 76) | 0x7 << 76
    return str(uuid.UUID(int=bits & ~(0x3 << 62) | 0x2 << 62))
