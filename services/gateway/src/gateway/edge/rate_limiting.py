"""Rate limits per API key, or per address without keys, checked before a body is read."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.core.keys import ApiKey
from gateway.core.permissions import Known, Public, find_route
from gateway.core.rate_limits import ConcurrencyLimiter, Rate, RetryLater, TokenBuckets
from gateway.http.formats.problems import problem
from gateway.http.request_identity import API_KEY, client_of
from shared.contracts.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """rate: of keys without their own; None: no limit. max_in_flight: concurrent requests."""

    rate: Rate | None
    max_in_flight: int


class RateLimitMiddleware:
    """Answers 429 to a client over its rate or its requests in flight; health checks are exempt."""

    def __init__(
        self,
        app: ASGIApp,
        limits: ClientLimits,
        buckets: TokenBuckets,
        monotonic_s: Callable[[], float],
    ) -> None:
        self._app = app
        self._limits = limits
        self._buckets = buckets
        self._in_flight = ConcurrencyLimiter(limits.max_in_flight)
        self._monotonic_s = monotonic_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or _is_open(scope):
            await self._app(scope, receive, send)
            return
        key: ApiKey | None = scope.get(API_KEY)
        subject = client_of(scope)
        waiting = self._wait_of(subject, key)
        if waiting is not None:
            await _refusal(waiting)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_flight.leave(subject)

    def _wait_of(self, subject: str, key: ApiKey | None) -> RetryLater | None:
        entered = self._in_flight.enter(subject)
        if isinstance(entered, RetryLater):
            return entered
        rate = _rate_of(key, self._limits.rate)
        if rate is None:
            return None
        taken = self._buckets.take(subject, rate, self._monotonic_s())
        if isinstance(taken, RetryLater):
            self._in_flight.leave(subject)
            return taken
        return None


def _is_open(scope: Scope) -> bool:
    route = find_route(scope["method"], scope["path"])
    return isinstance(route, Known) and route.need is Public.OPEN


def _rate_of(key: ApiKey | None, default: Rate | None) -> Rate | None:
    if key is None or key.rate_per_s is None:
        return default
    return Rate(key.rate_per_s, key.burst or max(1, round(key.rate_per_s)))


def _refusal(waiting: RetryLater) -> ASGIApp:
    return problem(
        ErrorCode.RATE_LIMITED,
        "Rate limit exceeded.",
        headers={"Retry-After": str(waiting.retry_after_s)},
    )
