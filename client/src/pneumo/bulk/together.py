"""Tasks that begin together, and end together at the first failure."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from pneumo.errors import PneumoError


async def together(tasks: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all; the first that fails ends the others.

    Raises the one PneumoError or OSError, not a group of what befell everybody at once.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(task)
    except* (PneumoError, OSError) as failures:
        raise _first(failures) from None


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
