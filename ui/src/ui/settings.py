"""Every variable of the UI: type, unit, default. Read by `__main__` and `app` alone."""

import ipaddress
from pathlib import Path
from typing import Self

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """PNEUMO_UI_*, beside the address and key of the gateway that the client library knows too."""

    model_config = SettingsConfigDict(
        env_prefix="PNEUMO_UI_",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        populate_by_name=True,
    )

    url: str = Field(
        default="http://127.0.0.1:8000", validation_alias=AliasChoices("url", "PNEUMO_URL")
    )
    """Where the gateway answers."""
    api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("api_key", "PNEUMO_API_KEY")
    )
    """What the gateway is shown; whoever reaches the UI acts with it."""
    timeout_s: float = Field(default=30.0, gt=0, le=600)
    """For one answer of the gateway, uploads aside."""
    upload_timeout_s: float = Field(default=600.0, gt=0)

    host: str = "127.0.0.1"
    port: int = Field(default=8501, ge=1, le=65535)
    insecure: bool = False
    """Serve other machines although the UI asks nobody who they are."""
    allowed_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "::1")
    """Names that a browser may call the UI by (JSON list): another is a foreign page's trick."""
    max_upload_mib: int = Field(default=128, ge=1, le=256)
    """One file that a browser sends, at most; it lies in memory while its page is open."""
    samples: Path | None = None
    """Folder of sample images offered on the Predict page; unset or missing: none are offered."""
    refresh_s: float = Field(default=2.0, ge=0.5)
    """After so long, what happens by itself is asked for again."""
    log_level: str = "warning"

    @model_validator(mode="after")
    def _not_exposed_by_accident(self) -> Self:
        if self.insecure or _is_loopback(self.host):
            return self
        raise ValueError(
            f"the UI has no users and no passwords, and {self.host} would serve other machines: "
            "set PNEUMO_UI_INSECURE=true if that is meant"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
