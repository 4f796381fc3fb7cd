"""Exit codes, and errors as one sentence with a hint."""

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


class ExitCode(IntEnum):
    """The exit codes of every command."""

    OK = 0
    FAILED = 1
    """Some images or requests failed, or the job did."""
    USAGE = 2
    UNREACHABLE = 3
    """Unreachable, overloaded, or a part of the system is unavailable: a later try may succeed."""
    REFUSED = 4
    """The gateway rejected the request: no valid key, not found, a conflict, invalid input."""
    REJECTED = 5
    """The gate rejected the candidate."""
    CANCELLED = 6
    INTERRUPTED = 130


_HINTS: Mapping[type[PneumoError], str] = {
    ConnectionFailedError: f"Start it with make up, or set its URL with --url or {URL_VARIABLE}.",
    UnexpectedAnswerError: f"Set it with --url or {URL_VARIABLE}.",
    UnauthorizedError: f"Set an API key with {KEY_VARIABLE} or --key.",
    UnavailableError: "Try again later.",
    RateLimitedError: "Send fewer requests, or use another key.",
    DeadlineExceededError: "Allow more time with --wait.",
}


def exit_code_of(error: PneumoError) -> ExitCode:
    """Return the exit code of an error."""
    match error:
        case ConnectionFailedError() | UnexpectedAnswerError():
            return ExitCode.UNREACHABLE
        case UnavailableError() | RateLimitedError() | DeadlineExceededError():
            return ExitCode.UNREACHABLE
        case ApiError():
            return ExitCode.REFUSED
        case _:
            return ExitCode.USAGE


def format_error(error: PneumoError) -> str:
    """Return an error as a sentence, with a hint."""
    sentence = in_option_names(str(error))
    hint = _HINTS.get(type(error))
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        hint = f"Try again in {retry_after_s:g} s."
    return f"{sentence} {hint}" if hint else sentence


def in_option_names(detail: str) -> str:
    """Return the gateway's detail with this command's options instead of the API's parameters."""
    return detail.replace("new_class=true", "--new-class")
