"""Errors as a log may tell them: their kinds and their stacks, never their own words.

What an error says may quote what caused it: bytes of an image, a name, a statement's parameter.
"""

import errno
import traceback
from collections.abc import Iterator
from types import TracebackType


def kind_of(error: BaseException) -> str:
    """Name an error's type, with the code that the system or a database gave it, if any."""
    code = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None)
    if isinstance(error, OSError) and error.errno is not None:
        code = errno.errorcode.get(error.errno)
    name = type(error).__qualname__
    return f"{name} ({code})" if code else name


def stack_of(error: BaseException) -> str:
    """Give the stacks of an error and of those behind it, as Python does but without a message.

    The first is where it began. Of a group each member is told.
    """
    return "".join(_tell(error, set())).rstrip("\n")


def stack_of_exc_info(
    exc_info: tuple[type[BaseException], BaseException, TracebackType | None],
) -> str:
    """Give `stack_of` what `sys.exc_info()` holds."""
    return stack_of(exc_info[1])


def _tell(error: BaseException, told: set[int]) -> Iterator[str]:
    told.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in told:
        yield from _tell(before, told)
        yield "which led to:\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{kind_of(error)}\n"
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield "of which:\n"
            yield from _tell(member, told)
