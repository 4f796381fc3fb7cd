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
    """Default wait of a client without `Prefer: wait=`, in seconds."""
    max_wait_s: float = Field(default=60.0, gt=0, le=300)
    """Maximum wait that a client may request, in seconds."""
    model_name: str = "pneumonia"
    max_image_bytes: int = Field(default=MAX_IMAGE_BYTES, gt=0, le=MAX_IMAGE_BYTES)
    """Maximum size of one image, in bytes; topics never take more than 8 MiB."""
    max_infer_bytes: int = Field(default=32 * _MIB, ge=1)
    """Maximum body of one Open Inference request, in bytes: as received, and unpacked."""
    max_dicom_bytes: int = Field(default=64 * _MIB, gt=0, le=512 * _MIB)
    """Maximum size of one DICOM file, in bytes; its rendered image has the limit of an image."""
    dicom_processes: int = Field(default=2, ge=1, le=16)
    """Maximum number of DICOM decoder processes; the first file starts the first one."""
    max_dicom_waiting: int = Field(default=16, ge=1)
    """Maximum number of files that wait for a decoder."""
    dicom_timeout_s: float = Field(default=20.0, gt=0, le=300)
    """Maximum time to decode one DICOM file, in seconds; the decoder process is killed then."""
    dicom_memory_bytes: int = Field(default=896 * _MIB, ge=256 * _MIB)
    """Maximum address space of one DICOM decoder, in bytes (RLIMIT_AS); a file that needs more is
    refused. The largest JPEG 2000 within the limits needs 850 MiB."""
    max_in_flight: int = Field(default=512, ge=1)
    """Maximum number of requests in flight."""
    max_in_flight_bytes: int = Field(default=256 * _MIB, ge=1)
    """Maximum image bytes in memory for requests in flight."""
    outcome_cache: int = Field(default=20_000, ge=0)
    """Number of outcomes kept in memory for GET by id; older ones are read from the topic."""
    outcome_cache_bytes: int = Field(default=16 * _MIB, ge=0)
    """Maximum bytes of outcomes kept in memory; outcomes with an explanation are larger."""
    publish_timeout_s: float = Field(default=4.0, gt=0)

    registry_url: str = Field(
        default="http://127.0.0.1:8001", validation_alias="PNEUMO_REGISTRY_URL"
    )
    registry_timeout_s: float = Field(default=5.0, gt=0)
    max_upload_bytes: int = Field(default=256 * _MIB, ge=1)
    """Maximum body of one upload, in bytes; it is stored in a temporary file (TMPDIR)."""
    max_unpacked_bytes: int = Field(default=512 * _MIB, ge=1)
    """Maximum total size of the files of one upload once unpacked, in bytes."""
    max_upload_files: int = Field(default=1_000, ge=1)
    """Maximum number of files in one upload."""
    max_uploads: int = Field(default=8, ge=1)
    """Maximum number of concurrent uploads."""
    max_uploads_per_client: int = Field(default=4, ge=1)
    """Maximum number of concurrent uploads of one key, or of one address without keys;
    further ones are refused with 429."""
    upload_timeout_s: float = Field(default=600.0, gt=0)
    """Maximum time to receive the body of an upload, in seconds."""
    max_job_streams: int = Field(default=64, ge=1)
    """Maximum number of open job event streams."""
    stream_beat_s: float = Field(default=15.0, gt=0)
    """Interval of heartbeat comments on an event stream without events, in seconds."""

    keys_file: Path | None = None
    """File of API keys, written by `python -m gateway keys`; None: no key is required."""
    insecure: bool = False
    """Serve other machines without API keys."""
    rate_per_s: float | None = Field(default=None, gt=0)
    """Requests per second of one key, or of one address without keys; None: no limit."""
    burst: int = Field(default=20, ge=1)
    """Requests that a client may send at once after an idle time."""
    max_in_flight_per_client: int = Field(default=256, ge=1)
    """Maximum concurrent requests of one key; of one address if `rate_per_s` is set."""

    allowed_origins: Annotated[tuple[Origin, ...], NoDecode] = ()
    """Origins of web pages that may call the API (CORS), comma-separated, such as
    `https://viewer.example.org`; empty: pages of other origins are refused."""
    max_connections: int = Field(default=900, ge=1)
    """Maximum number of open connections, below the usual 1,024 file descriptors of a process.
    Another 32 are reserved for health checks and `/metrics`."""
    max_connections_per_address: int = Field(default=800, ge=1)
    """Maximum number of open connections of one address; further ones get 503. Lower it where
    strangers reach the port; behind a proxy all connections have the proxy's address."""
    max_head_bytes: int = Field(default=32 * 1024, ge=1024)
    """Maximum size of the path and headers of one request, in bytes."""
    max_headers: int = Field(default=100, ge=1)
    """Maximum number of headers of one request."""
    head_timeout_s: float = Field(default=10.0, gt=0)
    """Maximum time to receive a request's headers, in seconds."""
    stall_timeout_s: float = Field(default=60.0, gt=0)
    """Maximum time that a client may stop reading its response, in seconds; then it is
    disconnected."""
    body_timeout_s: float = Field(default=60.0, gt=0)
    """Maximum time to receive any body but an upload's, in seconds."""
    body_grace_s: float = Field(default=10.0, gt=0)
    """Time in seconds before `min_body_bytes_per_s` applies to a body."""
    min_body_bytes_per_s: float = Field(default=16 * 1024, gt=0)
    """Minimum transfer rate of a body; slower requests are answered with 408."""

    loop_stuck_after_s: float = Field(default=30.0, ge=0)
    """Time in seconds after which a blocked event loop ends the gateway; 0: never."""

    log_level: str = "INFO"
    http: HttpSettings = Field(default_factory=HttpSettings)
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    tracing: TracingSettings = Field(default_factory=TracingSettings)

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_list(value)
