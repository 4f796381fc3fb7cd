"""Interfaces to the outside of the services."""

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
"""The result of a look-up by id in the topics."""


class LookupBusyError(Exception):
    """Too many look-ups by id are waiting. Temporary."""


class FaultError(Exception):
    """The client sent something invalid; `fault` is the reason."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


class DecoderBusyError(Exception):
    """Too many DICOM files wait for a decoder, or none starts. Temporary."""


class DicomRenderer(Protocol):
    """Renders DICOM files, isolated from this process."""

    async def render(self, content: bytes, *, wait_s: float) -> Rendered | Fault:
        """Return the image, or the fault of the file.

        wait_s: maximum time to wait for a free decoder; decoding has a time limit of its own.
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
    """Records accepted requests for longer than their images are retained."""

    async def note(self, accepted: AcceptedRequest) -> None:
        """Return when the broker has confirmed.

        Raises BrokerUnavailableError, RecordRefusedError.
        """
        ...


class OutcomeLog(Protocol):
    """Outcomes and requests that are not in this process's memory."""

    async def find(self, id_: str) -> Found:
        """Return a request's first outcome, or that it is in flight; None for an unknown id.

        Raises BrokerUnavailableError, LookupBusyError.
        """
        ...


class BrokerProbe(Protocol):
    """Whether the broker is reachable."""

    @property
    def reachable(self) -> bool:
        """Whether the last check, at most a few seconds ago, reached it."""
        ...


class LagObserver(Protocol):
    """Receives the workers' consumer lag."""

    def snapshot(self) -> CountSnapshot:
        """Return the counts at the start of a lag query."""
        ...

    def update_lag(self, partitions: Sequence[PartitionLag], since: CountSnapshot) -> None:
        """Receive the lag of every partition, from the query that began at `since`."""
        ...


class SpoolFullError(Exception):
    """The disk cannot write or read a request's files. Temporary."""


class Spool(Protocol):
    """The files of one request, on disk. Blocking."""

    def append(self, chunk: bytes) -> None:
        """Append bytes. Raises SpoolFullError."""
        ...

    def read(self, start: int, size_bytes: int) -> bytes:
        """Return the bytes from `start` on, fewer at the end. Raises SpoolFullError."""
        ...


class Archives(Protocol):
    """Opens archives of labelled images. Blocking."""

    def list_images(self, spool: Spool, part: UploadPart) -> list[Candidate | RejectedImage]:
        """Accept or reject every entry; nothing is unpacked yet. Raises FaultError."""
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
        """Return the promoted model."""
        ...

    async def model(self, version: str) -> ModelRecord:
        """Return one version."""
        ...

    async def bundle_file(self, version: str, name: str) -> bytes:
        """Return one small file of a version's bundle."""
        ...


class ImageStore(Protocol):
    """Keeps labelled images. Raises ControlRefusedError and RegistryUnavailableError."""

    async def image_bytes(self, sha256: str) -> bytes:
        """Return an image as it was uploaded."""
        ...


class Announcements(Protocol):
    """The promotions announced on `models.events`."""

    def current_model(self, name: str) -> ModelPromoted | None:
        """Return the promoted version of a model, if one was announced."""
        ...


class JobRegistry(Protocol):
    """Knows the training jobs. Raises ControlRefusedError and RegistryUnavailableError."""

    async def job(self, id_: str) -> Job:
        """Return one job."""
        ...

    async def jobs(self) -> list[Job]:
        """Return every job, newest first."""
        ...
