"""Every variable of the embedded stack: type, unit, default."""

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr, field_validator
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
    """Everything that the stack keeps: Kafka's log, the registry, caches, logs."""
    gateway_port: int = Field(default=8000, ge=1, le=65535)
    """Where the gateway listens, on loopback as all of them."""
    registry_port: int = Field(default=8001, ge=1, le=65535)
    """Where the registry listens."""
    trainer_port: int = Field(default=8002, ge=1, le=65535)
    """Where the trainer listens."""
    worker_port: int = Field(default=8010, ge=1, le=65535)
    """Where the first worker listens; the others on the ports behind it."""
    kafka_port: int = Field(default=9092, ge=1, le=65535)
    """Where the embedded broker listens."""
    kafka_controller_port: int = Field(default=9093, ge=1, le=65535)
    """Where its controller listens."""
    prometheus_port: int = Field(default=9090, ge=1, le=65535)
    """Where Prometheus listens, with OBSERVE=1."""
    node_exporter_port: int = Field(default=9100, ge=1, le=65535)
    """Where the node exporter listens, with OBSERVE=1."""
    ui_port: int = Field(default=8501, ge=1, le=65535)
    """Where the web UI listens."""
    ui: bool = Field(default=True, validation_alias=AliasChoices("UI", "PNEUMO_UI"))
    """Start the web UI after the first answer."""
    observe: bool = Field(default=False, validation_alias=AliasChoices("OBSERVE", "PNEUMO_OBSERVE"))
    """Start the machine's own Prometheus beside the stack."""
    start_timeout_s: float = Field(default=90.0, gt=0)
    """How long each program may take to become ready, seconds."""
    workers: int = Field(
        default=2, ge=1, le=64, validation_alias=AliasChoices("WORKERS", "PNEUMO_WORKERS")
    )
    """Inference workers at the start."""
    sample: Path | None = Field(default=None, validation_alias=AliasChoices("SAMPLE"))
    """The radiograph that is classified at the start; none: the first of `samples`."""
    api_key: SecretStr | None = None
    """The API key that it is sent with, where PNEUMO_GATEWAY_KEYS_FILE asks for one."""
    samples: Path = REPOSITORY / "samples"
    """The folder that it is taken from."""
    registry_seed_bundle: Path = REPOSITORY / "models" / "baseline"
    """The model that is served while the registry has none."""
    external_kafka: str | None = Field(
        default=None, validation_alias=AliasChoices("KAFKA_BOOTSTRAP_SERVERS")
    )
    """Your own brokers; then no embedded one is started."""

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
