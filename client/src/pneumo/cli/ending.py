"""How commands end: the exit codes, and one clear sentence with a hint instead of a trace."""

from collections.abc import Mapping
from enum import IntEnum

from pneumo.connection import KEY_VARIABLE, URL_VARIABLE
from pneumo.errors import (
    ApiError,
    ConnectionFailedError,
    DeadlineExceededError,
    PneumoError,
    RateLimitedError,
    UnauthorizedError,
    UnavailableError,
    UnexpectedAnswerError,
)


class Exit(IntEnum):
    """What a script can tell from."""

    GOOD = 0
    FAILED = 1
    """Some images, the job, or the load had a failure."""
    USAGE = 2
    UNREACHABLE = 3
    """No answer, or overloaded, or a part of the system is away: later it may go well."""
    REFUSED = 4
    """The gateway said no: no key, no such thing, a conflict, input that must be mended."""
    REJECTED = 5
    """The gate refused the candidate."""
    CANCELLED = 6
    INTERRUPTED = 130


_HINTS: Mapping[type[PneumoError], str] = {
    ConnectionFailedError: f"Is it running (make up)? Another address: --url, or {URL_VARIABLE}.",
    UnexpectedAnswerError: f"Is the address right? --url, or {URL_VARIABLE}.",
    UnauthorizedError: f"A key is given by {KEY_VARIABLE}, or --key.",
    UnavailableError: "It may pass: try again in a while.",
    RateLimitedError: "Ask more slowly, or with another key.",
    DeadlineExceededError: "Wait longer: --wait.",
}


def exit_of(error: PneumoError) -> Exit:
    """Give the exit code that an error stands for."""
    match error:
        case ConnectionFailedError() | UnavailableError() | RateLimitedError():
            return Exit.UNREACHABLE
        case DeadlineExceededError():
            return Exit.UNREACHABLE
        case ApiError():
            return Exit.REFUSED
        case UnexpectedAnswerError():
            return Exit.UNREACHABLE
        case _:
            return Exit.USAGE


def sentence_of(error: PneumoError) -> str:
    """Say what went wrong, and what might help."""
    sentence = in_option_names(str(error))
    hint = _HINTS.get(type(error))
    told_s = getattr(error, "retry_after_s", None)
    if told_s is not None:
        hint = f"Try again in {told_s:g} s."
    return f"{sentence} {hint}" if hint else sentence


def in_option_names(detail: str) -> str:
    """Return the gateway's sentence with this command's options for the API's parameters."""
    return detail.replace("new_class=true", "--new-class")
