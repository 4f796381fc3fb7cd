"""Streamlit's server, told everything it needs: no file, and no variable of its own, decides."""

from typing import Any

from ui.settings import Settings

_LIGHT = {
    "primaryColor": "#005a92",
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f2f5f8",
    "textColor": "#0e141a",
    "linkColor": "#00568a",
}
_DARK = {
    "primaryColor": "#2474a8",
    "backgroundColor": "#12181f",
    "secondaryBackgroundColor": "#1d2630",
    "textColor": "#e8edf2",
    "linkColor": "#8cc8f0",
}


def address_of(settings: Settings) -> str:
    """Return the address that a browser opens; an IPv6 address stands in brackets."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def server_options(settings: Settings) -> dict[str, Any]:
    """Give every option that is not left at its default, by the names `bootstrap` takes."""
    return {
        "server_address": settings.host,
        "server_port": settings.port,
        "server_headless": True,
        "server_fileWatcherType": "none",
        "server_runOnSave": False,
        "server_maxUploadSize": settings.max_upload_mib,
        "server_maxMessageSize": settings.max_upload_mib,
        "server_enableXsrfProtection": True,
        "server_xsrfCookieSameSite": "strict",
        "server_enableCORS": True,
        "server_allowedHosts": list(settings.allowed_hosts),
        "server_enableStaticServing": False,
        "browser_gatherUsageStats": False,
        "client_showErrorDetails": "none",
        "client_showErrorLinks": False,
        "client_toolbarMode": "minimal",
        "client_showSidebarNavigation": False,
        "runner_magicEnabled": False,
        "logger_level": settings.log_level,
        "logger_hideWelcomeMessage": True,
        "theme_headingFontSizes": ["2.1rem", "1.5rem", "1.2rem"],
        "theme_metricValueFontSize": "1.4rem",
        **{f"theme_light_{name}": value for name, value in _LIGHT.items()},
        **{f"theme_dark_{name}": value for name, value in _DARK.items()},
    }
