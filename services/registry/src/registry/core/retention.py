"""Which model versions are deleted, and which may be."""

from collections.abc import Iterator, Mapping, Sequence

from registry.core.refusals import Refuse, RegistryCode
from shared.contracts.models import ModelRecord, ModelState

GRACE_MS = 3_600_000
"""Files of a deleted version stay this long, and so do files stored this recently: a backup may be
copying the former, and a new version be about to name the latter."""

_STATES: Sequence[ModelState] = ("candidate", "retired", "rejected")


def refuse_deletion(
    record: ModelRecord, protected: Mapping[str, str], *, is_training: bool
) -> Refuse | None:
    """Refuse to delete a version that somebody needs. protected: version → why it stays."""
    reason = protected.get(record.version)
    if reason is None and is_training and record.state != "rejected":
        reason = "a running job may have begun from it or made it"
    if reason is None:
        return None
    detail = f"Model version {record.version!r} stays: {reason}."
    return Refuse(RegistryCode.MODEL_IN_USE, detail)


def find_expired(
    models: Sequence[ModelRecord], protected: Mapping[str, str], keep: int, *, is_training: bool
) -> Iterator[ModelRecord]:
    """Give the versions beyond the newest `keep` of each state; none if `keep` is 0."""
    for state in _STATES if keep else ():
        ours = sorted((one for one in models if one.state == state), key=_age, reverse=True)
        for record in ours[keep:]:
            if refuse_deletion(record, protected, is_training=is_training) is None:
                yield record


def _age(record: ModelRecord) -> tuple[int, int, str]:
    return (record.promoted_at_ms or 0, record.created_at_ms, record.version)
