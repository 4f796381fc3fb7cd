"""The exceptions of this package: one class per reaction that a caller may have."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from pneumo.models import RejectedImage, UploadedImage
from pneumo.proxies import proxy_of


class PneumoError(Exception):
    """Base of every exception of this package. Its text is one sentence for a person."""


class ConnectionFailedError(PneumoError):
    """No response arrived. was_sent: whether the gateway may have received the request."""

    def __init__(self, message: str, *, was_sent: bool) -> None:
        super().__init__(message)
        self.was_sent = was_sent


class UnexpectedAnswerError(PneumoError):
    """The response is not from a PneumoStream gateway: probably the URL is wrong."""


class ApiError(PneumoError):
    """The gateway rejected the request, or the request failed.

    code: stable (docs/architecture/errors.md); `http_502` and the like if the response was not a
    problem document. status: of HTTP. detail: for people. id: of the prediction, if there is one.
    retry_after_s: from `Retry-After`. accepted, rejected: images of an upload.
    """

    def __init__(
        self,
        code: str,
        status: int,
        detail: str,
        *,
        id: str | None = None,  # noqa: A002  as in the API
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
    """The request itself is wrong: 400, 408, 413, 415, 422."""


class UnauthorizedError(ApiError):
    """No key, an invalid key, or a key without the scope: 401, 403."""


class NotFoundError(ApiError):
    """The resource does not exist, or no longer: 404."""


class ConflictError(ApiError):
    """The request conflicts with the present state: 409."""


class RateLimitedError(ApiError):
    """The client exceeds its rate limit: 429."""


class UnavailableError(ApiError):
    """Overloaded, or a part of the system is unavailable: 503, and 502 of a proxy."""


class DeadlineExceededError(ApiError):
    """The deadline has passed; with an id the outcome can still be read later: 504."""


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
    """A problem document of the gateway (RFC 9457)."""

    model_config = ConfigDict(extra="ignore")

    code: str
    detail: str
    id: str | None = None
    accepted: tuple[UploadedImage, ...] = ()
    rejected: tuple[RejectedImage, ...] = ()


def new_api_error(response: httpx.Response) -> ApiError:
    """Return the exception for a response of 300 and above whose body has been read."""
    kind = _BY_STATUS.get(response.status_code, ApiError)
    retry_after_s = retry_after(response)
    try:
        problem = _Problem.model_validate_json(response.content)
    except ValidationError:
        status = response.status_code
        detail = f"The server returned {status} {response.reason_phrase}".rstrip() + "."
        return kind(f"http_{status}", status, detail, retry_after_s=retry_after_s)
    return kind(
        problem.code,
        response.status_code,
        problem.detail,
        id=problem.id,
        retry_after_s=retry_after_s,
        accepted=problem.accepted,
        rejected=problem.rejected,
    )


def retry_after(response: httpx.Response) -> float | None:
    """Return `Retry-After` in seconds; a date, which this gateway never sends, is ignored."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdecimal() else None


_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def new_connection_error(error: httpx.TransportError, url: str) -> ConnectionFailedError:
    """Return the exception for a request without a response."""
    proxy = proxy_of(url)
    way = f" through the proxy {proxy} (NO_PROXY excludes hosts)" if proxy else ""
    if isinstance(error, _UNSENT):
        return ConnectionFailedError(f"{url} cannot be reached{way}.", was_sent=False)
    if isinstance(error, httpx.TimeoutException):
        return ConnectionFailedError(f"{url} did not respond in time{way}.", was_sent=True)
    return ConnectionFailedError(f"The connection to {url}{way} was lost.", was_sent=True)
