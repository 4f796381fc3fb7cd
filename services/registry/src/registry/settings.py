"""Every variable of the registry: type, unit, default. Read by `main` alone."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.kafka.settings import KafkaSettings

_MIB = 1024 * 1024


class Settings(BaseSettings):
    """PNEUMO_REGISTRY_*, and KAFKA_* for the broker."""

    model_config = SettingsConfigDict(
        env_prefix="PNEUMO_REGISTRY_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    host: str = "127.0.0.1"
    port: int = Field(default=8001, ge=1, le=65535)
    data_dir: Path = Path(".pneumo/registry")
    database_url: SecretStr | None = None
    """sqlite:///file or postgresql://user:password@host/name; default: SQLite in data_dir."""
    seed_bundle: Path | None = None
    """A bundle to import and promote while no model is current."""
    max_artifact_bytes: int = Field(default=512 * _MIB, ge=1)
    publish_timeout_s: float = Field(default=10.0, gt=0)
    log_level: str = "INFO"
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)

    @property
    def store_url(self) -> str:
        """Give the database's URL; it may hold a password."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'registry.db'}"
