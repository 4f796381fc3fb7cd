"""Settings of the HTTP side that every service has."""

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_NAME = r"^(\*\.)?[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?$"

HostName = Annotated[str, Field(pattern=_NAME)]


class HttpSettings(BaseSettings):
    """PNEUMO_HTTP_*, the same for every service."""

    model_config = SettingsConfigDict(
        env_prefix="PNEUMO_HTTP_", frozen=True, populate_by_name=True, env_ignore_empty=True
    )

    allowed_hosts: Annotated[tuple[HostName, ...], NoDecode] = ()
    """Host names that clients may use, comma-separated, beside `localhost` and any IP address;
    `*.example.org` allows every name below. A request for another name is refused with 403."""

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_list(value)


def split_list(value: object) -> object:
    """Split a comma-separated variable; blanks and empty entries are dropped."""
    if not isinstance(value, str):
        return value
    return tuple(word.strip() for word in value.split(",") if word.strip())
