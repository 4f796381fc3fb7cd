"""Calls to a registry that may be away for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

import structlog

from shared.control_client import RegistryUnavailableError

_RETRY_S = 1.0
_log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


async def insist(call: Callable[P, Awaitable[T]], *arguments: P.args, **named: P.kwargs) -> T:
    """Ask until the registry answers. Raises ControlRefusedError."""
    while True:
        try:
            return await call(*arguments, **named)
        except RegistryUnavailableError as error:
            _log.warning("registry not there, asking again", error=str(error))
            await asyncio.sleep(_RETRY_S)
