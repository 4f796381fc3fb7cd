"""Every variable of the embedded stack: type, unit, default."""

from pathlib import Path

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from embedded.kafka.properties import BrokerConfig

REPOSITORY = Path(__file__).resolve().parents[5]
"""The working tree; the stack is only ever installed from it, as an editable member."""


class StackSettings(BaseSettings):
    """PNEUMO_*: ports, paths, how many workers. KAFKA_BOOTSTRAP_SERVERS: bring your own broker."""

    model_config = SettingsConfigDict(
        env_prefix="PNEUMO_",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        populate_by_name=True,
    )

    data: Path = REPOSITORY / ".pneumo"
    gateway_port: int = Field(default=8000, ge=1, le=65535)
    registry_port: int = Field(default=8001, ge=1, le=65535)
    trainer_port: int = Field(default=8002, ge=1, le=65535)
    worker_port: int = Field(default=8010, ge=1, le=65535)
    kafka_port: int = Field(default=9092, ge=1, le=65535)
    kafka_controller_port: int = Field(default=9093, ge=1, le=65535)
    prometheus_port: int = Field(default=9090, ge=1, le=65535)
    node_exporter_port: int = Field(default=9100, ge=1, le=65535)
    ui_port: int = Field(default=8501, ge=1, le=65535)
    ui: bool = Field(default=True, validation_alias=AliasChoices("UI", "PNEUMO_UI"))
    observe: bool = Field(default=False, validation_alias=AliasChoices("OBSERVE", "PNEUMO_OBSERVE"))
    start_timeout_s: float = Field(default=90.0, gt=0)
    workers: int = Field(
        default=2, ge=1, le=64, validation_alias=AliasChoices("WORKERS", "PNEUMO_WORKERS")
    )
    sample: Path | None = Field(default=None, validation_alias=AliasChoices("SAMPLE"))
    samples: Path = REPOSITORY / "samples"
    registry_seed_bundle: Path = REPOSITORY / "models" / "baseline"
    external_kafka: str | None = Field(
        default=None, validation_alias=AliasChoices("KAFKA_BOOTSTRAP_SERVERS")
    )

    @field_validator("data", "registry_seed_bundle", "samples", mode="after")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        # The services run in the data folder, where a relative path would mean another place.
        return path.expanduser().absolute()

    @property
    def broker(self) -> BrokerConfig:
        """Give the embedded broker's place; unused where the user brings a cluster."""
        return BrokerConfig(self.data / "kafka", self.kafka_port, self.kafka_controller_port)

    @property
    def bootstrap_servers(self) -> str:
        """Give the address of the user's cluster, else of the embedded broker."""
        return self.external_kafka or self.broker.bootstrap_servers

    @property
    def logs(self) -> Path:
        """Give the folder of the rotated logs, one file a program."""
        return self.data / "logs"
