"""What can go wrong with a call: one tree, a branch wherever a caller would do another thing."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from pneumo.answers import RejectedImage, UploadedImage
from pneumo.proxies import proxy_of


class PneumoError(Exception):
    """Everything that this package raises by itself. Its text is one sentence for a person."""


class ConnectionFailedError(PneumoError):
    """No answer came. was_sent: whether the gateway may have seen the request all the same."""

    def __init__(self, message: str, *, was_sent: bool) -> None:
        super().__init__(message)
        self.was_sent = was_sent


class UnexpectedAnswerError(PneumoError):
    """An answer came that no gateway of PneumoStream gives: probably the address is another's."""


class ApiError(PneumoError):
    """The gateway refused the request, or what was asked for failed.

    code: stable, to program against (docs/architecture/errors.md); `http_502` and the like if the
    answer was no problem document. status: HTTP's. detail: for people. id: the prediction's, if
    it has one. retry_after_s: when to come back, if the gateway said so. accepted, rejected: of
    an upload.
    """

    def __init__(
        self,
        code: str,
        status: int,
        detail: str,
        *,
        id: str | None = None,  # noqa: A002  the wire's own word
        retry_after_s: float | None = None,
        accepted: Sequence[UploadedImage] = (),
        rejected: Sequence[RejectedImage] = (),
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.status = status
        self.detail = detail
        self.id = id
        self.retry_after_s = retry_after_s
        self.accepted = tuple(accepted)
        self.rejected = tuple(rejected)

    def __str__(self) -> str:
        return f"{self.detail} ({self.code})"


class InvalidInputError(ApiError):
    """The request itself must be mended: 400, 408, 413, 415, 422."""


class UnauthorizedError(ApiError):
    """No key, a key that is not valid, or one that lacks the scope: 401, 403."""


class NotFoundError(ApiError):
    """There is no such thing, or no longer: 404."""


class ConflictError(ApiError):
    """It contradicts what is there: 409."""


class RateLimitedError(ApiError):
    """This client asks too often: 429."""


class UnavailableError(ApiError):
    """Overloaded, or a part of the system is away: 503, and 502 of a proxy."""


class DeadlineExceededError(ApiError):
    """The answer did not come in time; with an id it may still be read: 504."""


_BY_STATUS: Mapping[int, type[ApiError]] = {
    HTTPStatus.BAD_REQUEST: InvalidInputError,
    HTTPStatus.UNAUTHORIZED: UnauthorizedError,
    HTTPStatus.FORBIDDEN: UnauthorizedError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.REQUEST_TIMEOUT: InvalidInputError,
    HTTPStatus.CONFLICT: ConflictError,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: InvalidInputError,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: InvalidInputError,
    HTTPStatus.UNPROCESSABLE_ENTITY: InvalidInputError,
    HTTPStatus.TOO_MANY_REQUESTS: RateLimitedError,
    HTTPStatus.BAD_GATEWAY: UnavailableError,
    HTTPStatus.SERVICE_UNAVAILABLE: UnavailableError,
    HTTPStatus.GATEWAY_TIMEOUT: DeadlineExceededError,
}


class _Problem(BaseModel):
    """RFC 9457, as the gateway writes it."""

    model_config = ConfigDict(extra="ignore")

    code: str
    detail: str
    id: str | None = None
    accepted: tuple[UploadedImage, ...] = ()
    rejected: tuple[RejectedImage, ...] = ()


def error_of(response: httpx.Response) -> ApiError:
    """Give the error that an answer of 300 and above stands for. Its body must have been read."""
    kind = _BY_STATUS.get(response.status_code, ApiError)
    retry_after_s = retry_after(response)
    try:
        problem = _Problem.model_validate_json(response.content)
    except ValidationError:
        status = response.status_code
        detail = f"The server answered {status} {response.reason_phrase}".rstrip() + "."
        return kind(f"http_{status}", status, detail, retry_after_s=retry_after_s)
    said: dict[str, Any] = {name: getattr(problem, name) for name in ("id", "accepted", "rejected")}
    return kind(
        problem.code, response.status_code, problem.detail, retry_after_s=retry_after_s, **said
    )


def retry_after(response: httpx.Response) -> float | None:
    """Read `Retry-After` in seconds; a date, which this gateway never sends, is as good as none."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdecimal() else None


_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def failure_of(error: httpx.TransportError, url: str) -> ConnectionFailedError:
    """Say in our words that no answer came."""
    proxy = proxy_of(url)
    way = f" through the proxy {proxy} (NO_PROXY excepts hosts)" if proxy else ""
    if isinstance(error, _UNSENT):
        return ConnectionFailedError(f"{url} cannot be reached{way}.", was_sent=False)
    if isinstance(error, httpx.TimeoutException):
        return ConnectionFailedError(f"{url} did not answer in time{way}.", was_sent=True)
    return ConnectionFailedError(f"The connection to {url}{way} broke off.", was_sent=True)
