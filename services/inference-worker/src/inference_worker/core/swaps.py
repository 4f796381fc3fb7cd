"""Whether an announced model is to be loaded."""

from dataclasses import dataclass

from shared.contracts.models import ModelPromoted


@dataclass(frozen=True, slots=True)
class Load:
    """Fetch this version, check it, and serve it from the next batch on."""

    version: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Go on with what is served; reason: why the announcement changes nothing."""

    reason: str


def decide_swap(
    event: ModelPromoted, *, name: str, serving_sha256: str | None, refused_sha256: str | None
) -> Load | Keep:
    """Compare an announcement with what this worker serves and has refused."""
    if event.name != name:
        return Keep(f"another model: {event.name}")
    if event.bundle_sha256 == serving_sha256:
        return Keep("already served")
    if event.bundle_sha256 == refused_sha256:
        return Keep("refused before")
    return Load(event.version)
