"""Every variable of the trainer: type, unit, default. Read by `main` alone."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.clock import new_id
from shared.http.settings import HttpSettings
from shared.kafka.settings import KafkaSettings


class Settings(BaseSettings):
    """PNEUMO_TRAINER_*, and KAFKA_* for the broker."""

    model_config = SettingsConfigDict(
        env_prefix="PNEUMO_TRAINER_",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        populate_by_name=True,
    )

    id: str = Field(default_factory=lambda: f"trainer-{new_id()[-12:]}")
    """The name on a lease: one for each running process, never two alike."""
    host: str = "127.0.0.1"
    port: int = Field(default=8002, ge=0, le=65535)
    cache_dir: Path = Path(".pneumo/trainer")
    """Features, uploads, jobs under way; safe to delete, slow to make again. One trainer's own."""
    registry_url: str = Field(
        default="http://127.0.0.1:8001", validation_alias="PNEUMO_REGISTRY_URL"
    )
    lease_s: float = Field(default=15.0, gt=0, le=3600)
    """How long a job waits for a trainer that died before another takes it."""
    poll_s: float = Field(default=5.0, gt=0)
    """How often the registry is asked for jobs without a command."""
    threads: int = Field(default=1, ge=1)
    """Threads of a training process; it runs at low priority, so that serving comes first."""
    data: Path | None = None
    """Mode full: the folder of labelled pictures that it learns from, beside the uploads."""
    weights: Path | None = None
    """Mode full: the backbone, MobileNetV2 weights for Keras."""
    publish_timeout_s: float = Field(default=10.0, gt=0)
    broker_check_s: float = Field(default=3.0, gt=0)
    """How often the broker is asked whether it is there, seconds."""
    log_level: str = "INFO"
    http: HttpSettings = Field(default_factory=HttpSettings)
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
