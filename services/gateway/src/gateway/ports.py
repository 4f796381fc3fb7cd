"""What the story needs from outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from gateway.core.dicom import Rendered
from gateway.core.faults import Fault
from gateway.core.lag_by_owner import PartitionLag
from gateway.core.load_estimator import CountSnapshot
from gateway.core.uploads import Candidate, RejectedImage, UploadPart
from shared.contracts.accepted import AcceptedRequest
from shared.contracts.dataset import UploadHeaders
from shared.contracts.headers import RequestHeaders
from shared.contracts.models import ModelPromoted, ModelRecord
from shared.contracts.predict import Expired, Failed, Succeeded
from shared.contracts.train import Job
from shared.kafka.publisher import Place

Outcome = Succeeded | Failed | Expired


@dataclass(frozen=True, slots=True)
class InFlightRequest:
    """A request that was accepted and has no outcome yet. deadline_ms: unix ms."""

    id: str
    deadline_ms: int


Found: TypeAlias = Outcome | InFlightRequest | None
"""What the topics hold of an id."""


class LookupBusyError(Exception):
    """Too many look-ups by id wait for their turn; may pass."""


class FaultError(Exception):
    """The client sent something that cannot be taken; `fault` says what, and nothing else does."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


class DecoderBusyError(Exception):
    """Too many DICOM files wait for a decoder, or none starts; may pass."""


class DicomRenderer(Protocol):
    """Makes pictures of DICOM files, out of harm's way."""

    async def render(self, content: bytes, *, wait_s: float) -> Rendered | Fault:
        """Give the picture, or what is wrong with the file.

        wait_s: seconds to wait for a free decoder; what it takes to decode comes on top, bounded.
        Raises DecoderBusyError.
        """
        ...


class RequestPublisher(Protocol):
    """Puts accepted requests on Kafka."""

    async def publish(self, headers: RequestHeaders, image: bytes) -> Place:
        """Return when the broker has confirmed.

        Raises BrokerUnavailableError, RecordRefusedError.
        """
        ...


class AcceptedLog(Protocol):
    """Remembers accepted requests for longer than their images are kept."""

    async def note(self, accepted: AcceptedRequest) -> None:
        """Return when the broker has confirmed.

        Raises BrokerUnavailableError, RecordRefusedError.
        """
        ...


class OutcomeLog(Protocol):
    """Outcomes and requests that are no longer, or never were, in this process's memory."""

    async def find(self, id_: str) -> Found:
        """Give a request's first outcome, or that it was accepted; None: no topic knows the id.

        Raises BrokerUnavailableError, LookupBusyError.
        """
        ...


class BrokerProbe(Protocol):
    """Knows whether the broker answers."""

    @property
    def reachable(self) -> bool:
        """Whether the last look, at most a few seconds ago, found it."""
        ...


class LagObserver(Protocol):
    """Wants to know how far the workers are behind."""

    def snapshot(self) -> CountSnapshot:
        """Begin a look at their lag."""
        ...

    def update_lag(self, partitions: Sequence[PartitionLag], since: CountSnapshot) -> None:
        """Take in what the look that began at `since` has found of every partition."""
        ...


class SpoolFullError(Exception):
    """The disk does not take, or give back, a request's files; may pass."""


class Spool(Protocol):
    """The files of one request, outside memory. Blocking."""

    def append(self, chunk: bytes) -> None:
        """Put bytes behind those that are there. Raises SpoolFullError."""
        ...

    def read(self, start: int, size_bytes: int) -> bytes:
        """Give the bytes from `start` on, fewer at the end. Raises SpoolFullError."""
        ...


class Archives(Protocol):
    """Opens archives of labelled images. Blocking."""

    def list_images(self, spool: Spool, part: UploadPart) -> list[Candidate | RejectedImage]:
        """Judge every entry; nothing is unpacked yet. Raises FaultError."""
        ...


class UploadPublisher(Protocol):
    """Puts labelled images on Kafka."""

    async def publish(self, sha256: str, headers: UploadHeaders, image: bytes) -> None:
        """Return when the broker has confirmed.

        Raises BrokerUnavailableError, RecordRefusedError.
        """
        ...


class ModelRegistry(Protocol):
    """Knows the models. Raises ControlRefusedError and RegistryUnavailableError."""

    async def current_model(self) -> ModelRecord:
        """Give the promoted model."""
        ...

    async def model(self, version: str) -> ModelRecord:
        """Give one version."""
        ...

    async def bundle_file(self, version: str, name: str) -> bytes:
        """Give one small file of a version's bundle."""
        ...


class ImageStore(Protocol):
    """Keeps labelled images. Raises ControlRefusedError and RegistryUnavailableError."""

    async def image_bytes(self, sha256: str) -> bytes:
        """Give an image as it was uploaded."""
        ...


class Announcements(Protocol):
    """What `models.events` has said."""

    def current_model(self, name: str) -> ModelPromoted | None:
        """Give the promoted version of a model, if any was announced."""
        ...


class JobRegistry(Protocol):
    """Knows the training jobs. Raises ControlRefusedError and RegistryUnavailableError."""

    async def job(self, id_: str) -> Job:
        """Give one job."""
        ...

    async def jobs(self) -> list[Job]:
        """Give every job, newest first."""
        ...
