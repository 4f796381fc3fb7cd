"""Every variable of the trainer: type, unit, default. Read by `main` alone."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.kafka.settings import KafkaSettings


class Settings(BaseSettings):
    """PNEUMO_TRAINER_*, and KAFKA_* for the broker."""

    model_config = SettingsConfigDict(
        env_prefix="PNEUMO_TRAINER_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    host: str = "127.0.0.1"
    port: int = Field(default=8002, ge=0, le=65535)
    cache_dir: Path = Path(".pneumo/trainer")
    """Features that were computed before; safe to delete, slow to make again."""
    publish_timeout_s: float = Field(default=10.0, gt=0)
    broker_check_s: float = Field(default=3.0, gt=0)
    """How often the broker is asked whether it is there, seconds."""
    log_level: str = "INFO"
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
