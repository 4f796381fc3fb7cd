"""Every variable of the registry: type, unit, default. Read by `main` alone."""

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from registry.core.retraining import RetrainRules
from shared.contracts.train import Policy
from shared.http.settings import HttpSettings
from shared.kafka.settings import KafkaSettings

_HOUR_MS = 3_600_000
_MIB = 1024 * 1024
_GIB = 1024 * _MIB
_S3_URL = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}){0,8}$"


class Settings(BaseSettings):
    """PNEUMO_REGISTRY_*, and KAFKA_* for the broker."""

    model_config = SettingsConfigDict(
        env_prefix="PNEUMO_REGISTRY_",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        populate_by_name=True,
    )

    host: str = "127.0.0.1"
    port: int = Field(default=8001, ge=1, le=65535)
    data_dir: Path = Path(".pneumo/registry")
    """What it keeps here: bundles, uploaded images, and the database, unless they lie elsewhere."""
    database_url: SecretStr | None = None
    """sqlite:///file or postgresql://user:password@host/name; default: SQLite in data_dir."""
    files_url: str | None = Field(default=None, pattern=_S3_URL)
    """s3://bucket/prefix for bundles and images, with AWS_* as everywhere; default: data_dir."""
    files_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[A-Za-z0-9.:\[\]-]{1,255}/?$",
        validation_alias=AliasChoices("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    )
    """Where S3 is, if not at Amazon's. http:// sends images and bundles in the open."""
    seed_bundle: Path | None = None
    """A bundle to import and promote while no model is current."""
    max_artifact_bytes: int = Field(default=512 * _MIB, ge=1)
    """One file of a bundle, at most."""
    max_dataset_bytes: int = Field(default=50 * _GIB, ge=1)
    """Of all uploaded images together; beyond it uploads wait until images are deleted."""
    min_new_images: int = Field(default=20, ge=0)
    """Fewest images for a job that no training of its mode has succeeded on."""
    max_open_jobs: int = Field(default=8, ge=1, le=1000)
    """Maximum number of jobs of one mode that wait or run; beyond it a request is refused (409)."""
    keep_models: int = Field(default=20, ge=0)
    """Number of retired, of rejected and of candidate versions that are kept, the newest of each.
    Older ones are deleted with their files, every ten minutes; never the current version, the one a
    rollback brings back, or the first. 0: every version is kept."""
    retrain_new_images: int = Field(default=0, ge=0)
    """Retrain as soon as so many images came after the last job; 0: never."""
    retrain_every_hours: float = Field(default=0.0, ge=0.0, le=24 * 366, allow_inf_nan=False)
    """Retrain once in each span of so many hours if new images came; 0: never."""
    retrain_policy: Policy = "auto"
    """Whether what was retrained unasked is promoted unasked, too."""
    measuring_s: float = Field(default=2.5, gt=0, le=30.0)
    """How long one look at the dataset's images may take; the gateway waits 5 s for an answer."""
    publish_timeout_s: float = Field(default=10.0, gt=0)
    log_level: str = "INFO"
    http: HttpSettings = Field(default_factory=HttpSettings)
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)

    @property
    def retrain_rules(self) -> RetrainRules:
        """Give when to train unasked."""
        every_ms = round(self.retrain_every_hours * _HOUR_MS)
        return RetrainRules(self.retrain_new_images, every_ms, self.retrain_policy)

    @property
    def store_url(self) -> str:
        """Give the database's URL; it may hold a password."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'registry.db'}"
