"""Which gateway a command speaks to: --url and --key, wherever on the line they stand."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import typer

from pneumo.async_client import AsyncClient
from pneumo.client import Client
from pneumo.connection import resolve_url
from pneumo.lanes import Lanes
from pneumo.proxies import proxy_of
from pneumo.retries import RetryPolicy

_EVERYWHERE = ("--url", "--key")


@dataclass(frozen=True, slots=True)
class Address:
    """What the root command was told; None: the environment says."""

    url: str | None = None
    key: str | None = None

    def client(self) -> Client:
        """Make a client that waits for its answers."""
        return Client(self.url, self.key)

    def async_client(
        self, *, connections: int, retries: RetryPolicy, timeout_s: float
    ) -> AsyncClient:
        """Make a client for much at once; behind a proxy, with httpx's own pool."""
        url = resolve_url(self.url)
        lanes = None
        if proxy_of(url) is None:
            lanes = Lanes(connections, secure=httpx.URL(url).scheme == "https")
        return AsyncClient(
            self.url,
            self.key,
            max_connections=connections,
            retries=retries,
            timeout_s=timeout_s,
            transport=lanes,
        )


def address_of(context: typer.Context) -> Address:
    """Give what the root command was told."""
    address = context.find_object(Address)
    assert address is not None
    return address


def hoisted(arguments: Sequence[str]) -> list[str]:
    """Move --url and --key before the command, where the root command reads them.

    What stands behind `--` is left alone.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    front: list[str] = []
    others: list[str] = []
    line = iter(arguments[:end])
    for argument in line:
        if argument in _EVERYWHERE:
            front += [argument, *([value] if (value := next(line, None)) is not None else [])]
        elif argument.startswith(tuple(f"{name}=" for name in _EVERYWHERE)):
            front.append(argument)
        else:
            others.append(argument)
    return [*front, *others, *arguments[end:]]
