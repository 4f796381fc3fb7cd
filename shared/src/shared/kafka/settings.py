"""Where the cluster is and how to get in. Same variables for every service and tool."""

from typing import Any, Literal, Self

from aiokafka.helpers import create_ssl_context
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class KafkaSettings(BaseSettings):
    """KAFKA_*: passed through to every client, broker address first."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_", frozen=True, extra="ignore")

    bootstrap_servers: str = "127.0.0.1:9092"
    """The brokers that a client asks first for the others, with commas between them."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """Whether a client encrypts (SSL), says who it is (SASL), or both."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    """How it says who it is."""
    sasl_username: str | None = None
    """As whom."""
    sasl_password: SecretStr | None = None
    """With which secret; never logged."""
    ssl_cafile: str | None = None
    """The certificates that brokers are trusted by; none: the system's."""
    ssl_certfile: str | None = None
    """The client's own certificate, where the cluster asks for one."""
    ssl_keyfile: str | None = None
    """That certificate's key."""
    topic_prefix: str = Field(default="", pattern=r"^[0-9A-Za-z.-]{0,64}$")
    """Before the name of every topic and consumer group: to keep to itself on a shared cluster."""
    replication_factor: int = Field(default=1, ge=1)
    """Copies of each topic that is made: 3 on a cluster of three or more."""

    @model_validator(mode="after")
    def _refuse_unreadable_certificates(self) -> Self:
        try:
            self.client_options()
        except OSError as error:  # ssl.SSLError among them
            raise ValueError(f"the certificates cannot be read: {error.strerror}") from error
        return self

    @model_validator(mode="after")
    def _refuse_missing_credentials(self) -> Self:
        if self.security_protocol.startswith("SASL") and not (
            self.sasl_username and self.sasl_password
        ):
            raise ValueError(
                f"KAFKA_SECURITY_PROTOCOL={self.security_protocol} needs KAFKA_SASL_USERNAME and "
                "KAFKA_SASL_PASSWORD"
            )
        return self

    def client_options(self) -> dict[str, Any]:
        """Give the keyword arguments that every aiokafka client takes."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol in ("SSL", "SASL_SSL"):
            options["ssl_context"] = create_ssl_context(
                cafile=self.ssl_cafile, certfile=self.ssl_certfile, keyfile=self.ssl_keyfile
            )
        if self.security_protocol.startswith("SASL"):
            password = self.sasl_password.get_secret_value() if self.sasl_password else None
            options |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": password,
            }
        return options
