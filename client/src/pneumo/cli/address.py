"""The gateway of a command: --url and --key, at any position on the command line."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import typer

from pneumo.async_client import AsyncClient
from pneumo.client import Client
from pneumo.connection import resolve_url
from pneumo.proxies import proxy_of
from pneumo.retries import RetryPolicy
from pneumo.transport import SingleConnectionPool

_EVERYWHERE = ("--url", "--key")


@dataclass(frozen=True, slots=True)
class Address:
    """The options of the root command; None: as in the environment."""

    url: str | None = None
    key: str | None = None

    def client(self) -> Client:
        """Return a synchronous client."""
        return Client(self.url, self.key)

    def async_client(
        self, *, connections: int, retries: RetryPolicy, timeout_s: float
    ) -> AsyncClient:
        """Return a client for many concurrent requests; behind a proxy it uses httpx's own pool."""
        url = resolve_url(self.url)
        pool = None
        if proxy_of(url) is None:
            pool = SingleConnectionPool(connections, secure=httpx.URL(url).scheme == "https")
        return AsyncClient(
            self.url,
            self.key,
            max_connections=connections,
            retries=retries,
            timeout_s=timeout_s,
            transport=pool,
        )


def address_of(context: typer.Context) -> Address:
    """Return the options of the root command."""
    address = context.find_object(Address)
    assert address is not None
    return address


def hoisted(arguments: Sequence[str]) -> list[str]:
    """Move --url and --key before the command, where the root command parses them.

    Arguments after `--` are not moved.
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
