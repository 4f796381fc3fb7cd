"""Every variable of the gateway: type, unit, default. Read by `main` alone."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.clock import new_id
from shared.contracts.topics import MAX_IMAGE_BYTES
from shared.http.settings import HttpSettings, split_list
from shared.kafka.settings import KafkaSettings
from shared.observability.tracing import TracingSettings

_MIB = 1024 * 1024

Origin = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.\[\]:_-]{1,255}$")]


class Settings(BaseSettings):
    """PNEUMO_GATEWAY_*, beside KAFKA_*, OTEL_* and PNEUMO_REGISTRY_URL."""

    model_config = SettingsConfigDict(
        env_prefix="PNEUMO_GATEWAY_", frozen=True, populate_by_name=True
    )

    id: str = Field(default_factory=lambda: f"gateway-{new_id()[-12:]}")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    default_wait_s: float = Field(default=10.0, gt=0, le=300)
    """How long a client waits that does not say (`Prefer: wait=`), seconds."""
    max_wait_s: float = Field(default=60.0, gt=0, le=300)
    """What a client may ask for at most, seconds."""
    model_name: str = "pneumonia"
    max_image_bytes: int = Field(default=MAX_IMAGE_BYTES, gt=0, le=MAX_IMAGE_BYTES)
    """One image, at most; no setting lets more than 8 MiB onto a topic."""
    max_infer_bytes: int = Field(default=32 * _MIB, ge=1)
    """Body of one request of the Open Inference Protocol, at most: as it comes, and unpacked."""
    max_dicom_bytes: int = Field(default=64 * _MIB, gt=0, le=512 * _MIB)
    """A DICOM file, at most; what goes on is its picture, no more than an image may be."""
    dicom_processes: int = Field(default=2, ge=1, le=16)
    """Decoders of DICOM files at once, at most; none runs before the first file."""
    max_dicom_waiting: int = Field(default=16, ge=1)
    """Files that wait for a decoder, at most."""
    dicom_timeout_s: float = Field(default=20.0, gt=0, le=300)
    """In which a file must be decoded; its decoder is ended then."""
    dicom_memory_bytes: int = Field(default=896 * _MIB, ge=256 * _MIB)
    """Maximum address space of one DICOM decoder, in bytes (RLIMIT_AS); a file that needs more is
    refused. The largest JPEG 2000 that is taken needs 850 MiB."""
    max_in_flight: int = Field(default=512, ge=1)
    """Requests accepted and not yet answered, at most."""
    max_in_flight_bytes: int = Field(default=256 * _MIB, ge=1)
    """Image bytes held for them, at most."""
    outcome_cache: int = Field(default=20_000, ge=0)
    """Outcomes kept in memory for GET by id; older ones are read from the topic."""
    outcome_cache_bytes: int = Field(default=16 * _MIB, ge=0)
    """Bytes of them, at most: explained ones are larger."""
    publish_timeout_s: float = Field(default=4.0, gt=0)

    registry_url: str = Field(
        default="http://127.0.0.1:8001", validation_alias="PNEUMO_REGISTRY_URL"
    )
    registry_timeout_s: float = Field(default=5.0, gt=0)
    max_upload_bytes: int = Field(default=256 * _MIB, ge=1)
    """Body of one upload, at most; it lies in a temporary file (TMPDIR), not in memory."""
    max_unpacked_bytes: int = Field(default=512 * _MIB, ge=1)
    """What the files of one upload may be together once unpacked."""
    max_upload_files: int = Field(default=1_000, ge=1)
    """Files of one upload, at most."""
    max_uploads: int = Field(default=8, ge=1)
    """Uploads at once, at most."""
    max_uploads_per_client: int = Field(default=4, ge=1)
    """Maximum number of uploads of one key at once, or of one address where there are no keys;
    further ones are refused with 429."""
    upload_timeout_s: float = Field(default=600.0, gt=0)
    """In which the body of an upload must have arrived."""
    max_job_streams: int = Field(default=64, ge=1)
    """Clients that watch a job at once, at most."""
    stream_beat_s: float = Field(default=15.0, gt=0)
    """After so long without an event, a stream says that it is still there."""

    keys_file: Path | None = None
    """API keys, as `python -m gateway keys` writes them; None: everything is open."""
    insecure: bool = False
    """Serve other machines without API keys."""
    rate_per_s: float | None = Field(default=None, gt=0)
    """Requests a second of one key, or of one address where there are no keys; None: no limit."""
    burst: int = Field(default=20, ge=1)
    """Requests that such a client may send at once after a silence."""
    max_in_flight_per_client: int = Field(default=256, ge=1)
    """Requests of one key that are being answered, at most; of an address where it has a rate."""

    allowed_origins: Annotated[tuple[Origin, ...], NoDecode] = ()
    """Origins of web pages that may call the API (CORS), comma-separated, such as
    `https://viewer.example.org`; none: pages of other origins are refused."""
    max_connections: int = Field(default=900, ge=1)
    """Open at once, at most: below the 1,024 descriptors that a process usually has. Beyond them
    32 are kept for health checks and `/metrics`."""
    max_connections_per_address: int = Field(default=800, ge=1)
    """Maximum number of open connections of one address; further ones get 503. Lower it where
    strangers reach the port; behind a proxy all connections have the proxy's address."""
    max_head_bytes: int = Field(default=32 * 1024, ge=1024)
    """Path and headers of one request, at most."""
    max_headers: int = Field(default=100, ge=1)
    """Headers of one request, at most."""
    head_timeout_s: float = Field(default=10.0, gt=0)
    """In which a request's headers must have arrived."""
    stall_timeout_s: float = Field(default=60.0, gt=0)
    """After so long, a client that does not read its answer is dropped."""
    body_timeout_s: float = Field(default=60.0, gt=0)
    """In which any body but an upload's must have arrived."""
    body_grace_s: float = Field(default=10.0, gt=0)
    """After so long, a body must have come at `min_body_bytes_per_s`."""
    min_body_bytes_per_s: float = Field(default=16 * 1024, gt=0)
    """Slower bodies are given up."""

    loop_stuck_after_s: float = Field(default=30.0, ge=0)
    """An event loop that has not turned for this long ends the gateway; 0: never."""

    log_level: str = "INFO"
    http: HttpSettings = Field(default_factory=HttpSettings)
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    tracing: TracingSettings = Field(default_factory=TracingSettings)

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_list(value)
