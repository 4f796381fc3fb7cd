"""The edge from the settings: whether the process may start, and every request's middleware."""

from starlette.types import ASGIApp

from gateway.adapters.key_file import KeyFileError, WatchedKeys, read_key_file
from gateway.core.exposure import find_exposure
from gateway.core.permissions import UPLOAD_PATHS
from gateway.core.rate_limits import Rate, TokenBuckets
from gateway.edge.api_keys import ApiKeyMiddleware
from gateway.edge.browsers import guard_browsers
from gateway.edge.open_inference_errors import OpenInferenceErrorMiddleware
from gateway.edge.rate_limiting import ClientLimits, RateLimitMiddleware
from gateway.edge.slow_bodies import MinTransferRate, SlowBodyMiddleware
from gateway.settings import Settings
from shared.clock import Clock
from shared.http.limits import ConnectionLimits

_MAX_CLIENTS = 10_000
"""Clients whose rate is remembered: a megabyte or two."""


def refuse_unsafe_start(settings: Settings) -> None:
    """Return if these settings are safe to serve.

    Raises SystemExit, with one sentence, if other machines could connect without keys, or if the
    file of API keys cannot be read.
    """
    has_keys = settings.keys_file is not None
    exposure = find_exposure(settings.host, has_keys=has_keys, insecure=settings.insecure)
    if exposure is not None:
        raise SystemExit(exposure)
    try:
        if settings.keys_file is not None:
            read_key_file(settings.keys_file)
    except KeyFileError as error:
        raise SystemExit(f"The file of API keys cannot be read: {error}") from error


def new_edge(app: ASGIApp, settings: Settings, clock: Clock) -> ASGIApp:
    """Wrap the app in the checks of every request: browsers, keys, rates, slow bodies.

    Raises KeyFileError.
    """
    return guard_browsers(
        OpenInferenceErrorMiddleware(_with_clients(app, settings, clock)),
        allowed_hosts=settings.http.allowed_hosts,
        allowed_origins=settings.allowed_origins,
    )


def new_connection_limits(settings: Settings) -> ConnectionLimits:
    """Return the limits of connections, below HTTP."""
    return ConnectionLimits(
        max_connections=settings.max_connections,
        max_per_address=settings.max_connections_per_address,
        max_head_bytes=settings.max_head_bytes,
        max_headers=settings.max_headers,
        head_timeout_s=settings.head_timeout_s,
        stall_timeout_s=settings.stall_timeout_s,
    )


def _with_clients(app: ASGIApp, settings: Settings, clock: Clock) -> ASGIApp:
    timed = _with_transfer_rate(app, settings)
    if settings.keys_file is None:
        is_limited = settings.rate_per_s is not None
        return _with_rate_limit(timed, settings, clock) if is_limited else timed
    keys = WatchedKeys(settings.keys_file, clock.monotonic_s)
    limited = _with_rate_limit(timed, settings, clock)
    return ApiKeyMiddleware(limited, keys.current, clock.now_ms)


def _with_rate_limit(app: ASGIApp, settings: Settings, clock: Clock) -> ASGIApp:
    rate = None if settings.rate_per_s is None else Rate(settings.rate_per_s, settings.burst)
    limits = ClientLimits(rate, settings.max_in_flight_per_client)
    return RateLimitMiddleware(app, limits, TokenBuckets(_MAX_CLIENTS), clock.monotonic_s)


def _with_transfer_rate(app: ASGIApp, settings: Settings) -> ASGIApp:
    def rate(timeout_s: float) -> MinTransferRate:
        return MinTransferRate(settings.body_grace_s, settings.min_body_bytes_per_s, timeout_s)

    uploads = dict.fromkeys(UPLOAD_PATHS, rate(settings.upload_timeout_s))
    return SlowBodyMiddleware(app, rate(settings.body_timeout_s), uploads)
