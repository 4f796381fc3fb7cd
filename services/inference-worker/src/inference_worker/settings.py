"""Every variable of the worker: type, unit, default. Read by `main` alone."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.clock import new_id
from shared.http.settings import HttpSettings
from shared.kafka.settings import KafkaSettings
from shared.observability.tracing import TracingSettings


class Settings(BaseSettings):
    """PNEUMO_WORKER_*, beside KAFKA_*, OTEL_* and PNEUMO_REGISTRY_URL."""

    model_config = SettingsConfigDict(
        env_prefix="PNEUMO_WORKER_", frozen=True, populate_by_name=True
    )

    id: str = Field(default_factory=lambda: f"worker-{new_id()[-12:]}")
    host: str = "127.0.0.1"
    port: int = Field(default=8010, ge=0, le=65535)
    cache_dir: Path = Path(".pneumo/worker")
    registry_url: str = Field(
        default="http://127.0.0.1:8001", validation_alias="PNEUMO_REGISTRY_URL"
    )
    model_name: str = "pneumonia"
    engine: Literal["openvino", "noop"] = "openvino"
    """noop: nothing is decoded or inferred, and every answer says so: to measure all the rest."""
    max_batch: int = Field(default=16, ge=1, le=128)
    """Most images in one call of the engine."""
    max_batches_in_flight: int = Field(default=2, ge=1, le=8)
    """One computing while the next is fetched and the last is published."""
    inference_threads: int = Field(default=1, ge=1)
    """Threads a worker computes batches with; scale by workers, not by threads."""
    inference_threads_alone: int = Field(default=0, ge=0)
    """Threads for an image that is alone in its worker; 0: all CPUs of the container, at most 4."""
    max_attempts: int = Field(default=3, ge=1, le=8)
    """Attempts on one request, the first included, before it becomes a dead letter."""
    attempt_timeout_s: float = Field(default=10.0, ge=0)
    """Maximum time to decode one image, or for one call of the engine, in seconds; the image then
    becomes a dead letter, and the worker ends once its other requests are answered. Time in which
    the process is stopped does not count; a thread that gets no CPU has four times as long. 0: no
    bound."""
    dead_letter_run: int = Field(default=32, ge=1)
    """Dead letters in a row after which the worker stops consuming for a while."""
    dead_letter_ratio: float = Field(default=0.5, gt=0, le=1)
    """Share of dead letters among a window's requests above which it does the same; 1: never."""
    dead_letter_window_s: float = Field(default=60.0, gt=0)
    """Length of that window, in seconds."""
    dead_letter_min_requests: int = Field(default=64, ge=1)
    """Requests that a window must hold for its share to count."""
    dead_letter_pause_s: float = Field(default=5.0, gt=0)
    """First pause, in seconds; doubled while the worker has to stop again within a window."""
    dead_letter_max_pause_s: float = Field(default=60.0, gt=0)
    """Longest pause, in seconds."""
    stuck_after_s: float = Field(default=10.0, gt=0)
    """A consumer that gets nothing for twice this long, although there is more, ends the worker."""
    loop_stuck_after_s: float = Field(default=30.0, ge=0)
    """An event loop that has not turned for this long ends the worker; 0: never."""
    publish_timeout_s: float = Field(default=5.0, gt=0)
    reconcile_every_s: float = Field(default=30.0, gt=0)
    """How often the registry is asked for the current model, in case an event was missed."""
    retry_refused_s: float = Field(default=30.0, gt=0)
    """Delay before a model refused for a passing reason is tried again, in seconds; it doubles with
    each failure, up to 15 minutes. Checked once per reconcile_every_s."""
    status_interval_s: float = Field(default=5.0, gt=0)
    """How often it tells of itself while nothing changes, seconds."""
    faults: bool = False
    """Let marked images do harm (adapters/faults.py): for tests, never in production."""
    simulated_ms: float = Field(default=0.0, ge=0)
    """How long each image takes without an engine. With `faults`, above 0: there is no engine."""
    log_level: str = "INFO"
    http: HttpSettings = Field(default_factory=HttpSettings)
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    tracing: TracingSettings = Field(default_factory=TracingSettings)
