"""What a web page may make a browser send: the browser guard, and CORS for allowed origins."""

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from shared.http.browser_guard import BrowserGuard
from shared.http.browser_policy import new_browser_policy

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


def guard_browsers(
    app: ASGIApp, *, allowed_hosts: Sequence[str], allowed_origins: Sequence[str]
) -> ASGIApp:
    """Wrap the app in the browser guard, and in CORS if any origin is allowed."""
    if allowed_origins:
        # Before the keys: a preflight carries no key, and a page must be able to read a 401.
        app = CORSMiddleware(
            app,
            allow_origins=allowed_origins,
            allow_methods=_CORS_METHODS,
            allow_headers=_CORS_REQUEST_HEADERS,
            expose_headers=_CORS_ANSWER_HEADERS,
            max_age=_PREFLIGHT_MAX_AGE_S,
        )
    return BrowserGuard(app, new_browser_policy(allowed_hosts, allowed_origins))
