"""Whether an announced model is to be loaded."""

from dataclasses import dataclass

from shared.contracts.models import ModelPromoted, ModelRecord


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


def decide_swap(
    event: ModelPromoted, *, name: str, serving: Serving | None, refused_sha256: str | None
) -> Load | Keep:
    """Compare an announcement with what this worker serves and has refused."""
    if event.name != name:
        return Keep(f"another model: {event.name}")
    if serving is not None and event.bundle_sha256 == serving.bundle_sha256:
        return Keep("already served")
    if serving is not None and event.promoted_at_ms < serving.promoted_at_ms:
        # Topic and registry are read side by side; one of them may lag behind the other.
        return Keep("older than what is served")
    if event.bundle_sha256 == refused_sha256:
        return Keep("refused before")
    return Load(event.version)


def announcement_of(record: ModelRecord) -> ModelPromoted:
    """Give what the registry must have announced when it made this record current."""
    return ModelPromoted(
        name=record.name,
        version=record.version,
        bundle_sha256=record.bundle_sha256,
        promoted_at_ms=record.promoted_at_ms or 0,
    )
