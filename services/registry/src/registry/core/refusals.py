"""A refusal is a value: foreseen, always answered, never an exception."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from shared.contracts.errors import ErrorCode


class RegistryCode(StrEnum):
    """Stable codes that only the registry needs; never renamed or reused."""

    CHECKSUM_MISMATCH = "checksum_mismatch"
    INVALID_MANIFEST = "invalid_manifest"
    LEASE_HELD = "lease_held"
    LEASE_LOST = "lease_lost"
    MISSING_ARTIFACTS = "missing_artifacts"
    MODE_NOT_OFFERED = "mode_not_offered"
    MODEL_IN_USE = "model_in_use"
    RANGE_NOT_SATISFIABLE = "range_not_satisfiable"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    TOO_FEW_DATA = "too_few_data"
    TOO_MANY_JOBS = "too_many_jobs"


Code: TypeAlias = ErrorCode | RegistryCode


@dataclass(frozen=True, slots=True)
class Refuse:
    """The request cannot be granted; `code` is for programs, `detail` for people."""

    code: Code
    detail: str
