"""Who may enter: whether the process may start at all, and what stands before every route."""

from starlette.types import ASGIApp

from gateway.adapters.key_file import KeyFileError, WatchedKeys, read_key_file
from gateway.core.exposure import find_exposure
from gateway.http.keys import KeyGate
from gateway.settings import Settings
from shared.clock import Clock


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
    """Put the gate before the app; without a file of keys everything is open.

    Raises KeyFileError.
    """
    if settings.keys_file is None:
        return app
    keys = WatchedKeys(settings.keys_file, clock.monotonic_s)
    return KeyGate(app, keys.current, clock.now_ms)
