"""Who may enter: whether the process may start at all, and what stands before every route."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from gateway.adapters.key_file import KeyFileError, WatchedKeys, read_key_file
from gateway.core.exposure import find_exposure
from gateway.core.permissions import UPLOAD_PATHS
from gateway.core.rate_limits import Rate, TokenBuckets
from gateway.http.keys import KeyGate
from gateway.http.limits import BodyPace
from gateway.http.patience import BodyPatience
from gateway.http.rates import ClientLimits, RateGate
from gateway.settings import Settings
from shared.clock import Clock
from shared.http.browser_guard import BrowserGuard
from shared.http.browser_policy import new_browser_policy
from shared.http.limits import ConnectionLimits

_MAX_SUBJECTS = 10_000
"""Clients whose rate is remembered: a megabyte or two."""

_CORS_METHODS = ("GET", "POST", "PATCH", "DELETE")
_CORS_REQUEST_HEADERS = (
    "Authorization",
    "X-API-Key",
    "Content-Type",
    "Prefer",
    "Idempotency-Key",
    "Inference-Header-Content-Length",
    "traceparent",
)
_CORS_ANSWER_HEADERS = (
    "Location",
    "Retry-After",
    "Server-Timing",
    "Preference-Applied",
    "Inference-Header-Content-Length",
)
_PREFLIGHT_MAX_AGE_S = 600


def refuse_unsafe_start(settings: Settings) -> None:
    """Return if the gateway may be served as the settings say.

    Raises SystemExit with one sentence: other machines without keys, or a broken file of keys.
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


def new_gate(app: ASGIApp, settings: Settings, clock: Clock) -> ASGIApp:
    """Put keys, rates and patience with bodies before the app; without a file of keys all enter.

    Raises KeyFileError.
    """
    patient = _with_patience(app, settings)
    if settings.keys_file is None:
        limited = settings.rate_per_s is not None
        return _with_rates(patient, settings, clock) if limited else patient
    keys = WatchedKeys(settings.keys_file, clock.monotonic_s)
    return KeyGate(_with_rates(patient, settings, clock), keys.current, clock.now_ms)


def new_browser_gate(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Put the checks on browsers before the app, and CORS where origins are allowed."""
    origins = settings.allowed_origins
    if origins:
        # Before the keys: a preflight shows none, and a page must be able to read a 401.
        app = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=_CORS_METHODS,
            allow_headers=_CORS_REQUEST_HEADERS,
            expose_headers=_CORS_ANSWER_HEADERS,
            max_age=_PREFLIGHT_MAX_AGE_S,
        )
    return BrowserGuard(app, new_browser_policy(settings.http.allowed_hosts, origins))


def new_connection_limits(settings: Settings) -> ConnectionLimits:
    """Give the bounds below HTTP."""
    return ConnectionLimits(
        max_connections=settings.max_connections,
        max_per_address=settings.max_connections_per_address,
        max_head_bytes=settings.max_head_bytes,
        max_headers=settings.max_headers,
        head_timeout_s=settings.head_timeout_s,
        stall_timeout_s=settings.stall_timeout_s,
    )


def _with_rates(app: ASGIApp, settings: Settings, clock: Clock) -> ASGIApp:
    rate = None if settings.rate_per_s is None else Rate(settings.rate_per_s, settings.burst)
    limits = ClientLimits(rate, settings.max_in_flight_per_client)
    return RateGate(app, limits, TokenBuckets(_MAX_SUBJECTS), clock.monotonic_s)


def _with_patience(app: ASGIApp, settings: Settings) -> ASGIApp:
    def pace(timeout_s: float) -> BodyPace:
        return BodyPace(settings.body_grace_s, settings.min_body_bytes_per_s, timeout_s)

    uploads = dict.fromkeys(UPLOAD_PATHS, pace(settings.upload_timeout_s))
    return BodyPatience(app, pace(settings.body_timeout_s), uploads)
