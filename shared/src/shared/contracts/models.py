"""Models as the registry tells of them, and workers as they tell of themselves."""

from enum import StrEnum
from typing import Literal

from shared.contracts.bundle import Manifest, Sha256, Version
from shared.contracts.message import Message

ModelState = Literal["candidate", "current", "retired", "rejected"]


class ModelRecord(Message):
    """One model version in the registry.

    bundle_sha256: of the manifest's exact bytes, which in turn hash every other file.
    """

    name: str
    version: Version
    state: ModelState
    bundle_sha256: Sha256
    manifest: Manifest
    created_at_ms: int
    promoted_at_ms: int | None = None


class ModelPromoted(Message):
    """Event on `models.events` (key: model name): this version is now the current one."""

    schema_: Literal["model.promoted/1"] = "model.promoted/1"
    name: str
    version: Version
    bundle_sha256: Sha256
    promoted_at_ms: int


class RefusalCode(StrEnum):
    """Why a worker does not serve the current model. Codes are never renamed or reused.

    `damaged`, `engine_failed` and `cache_failed` may pass, and the worker tries again; `invalid`
    and `goldens` last until the model is promoted again or another one is.
    """

    DAMAGED = "damaged"
    INVALID = "invalid"
    GOLDENS = "goldens"
    ENGINE_FAILED = "engine_failed"
    CACHE_FAILED = "cache_failed"


class WorkerStatus(Message):
    """State of a worker on `workers.status` (key: worker id); a tombstone when it leaves.

    refusal_code: a RefusalCode, or one that a newer worker knows; absent from workers before 0.2.
    refusal: one sentence per code; it names no path and quotes no error.
    paused: why it consumes nothing for now: `run` or `ratio` of dead letters (decision 0010).
    """

    schema_: Literal["worker.status/1"] = "worker.status/1"
    id: str
    ready: bool
    model: str | None = None
    version: Version | None = None
    partitions: int = 0
    predictions: int = 0
    refused_version: Version | None = None
    refusal_code: str | None = None
    refusal: str | None = None
    paused: str | None = None
    at_ms: int
