"""The files of docs/reference that are made from the code, and whether they are what it says."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from docsite.asyncapi import asyncapi_document, asyncapi_yaml
from docsite.commands_page import commands_page
from docsite.gateway_description import gateway_description
from docsite.http_page import http_page
from docsite.messages_page import messages_page
from docsite.settings_page import settings_page

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
_MADE = "<!-- Made from the code by `make reference`; do not edit. -->\n"


def texts() -> Mapping[str, str]:
    """Give each file's name and its text, the same for the same code."""
    routes = gateway_description()
    return {
        "openapi.json": json.dumps(routes, indent=1, ensure_ascii=False) + "\n",
        "asyncapi.yaml": asyncapi_yaml(),
        "http.md": _MADE + http_page(routes),
        "messages.md": _MADE + messages_page(asyncapi_document()),
        "settings.md": _MADE + settings_page(),
        "commands.md": _MADE + commands_page(),
    }


def stale(folder: Path = REFERENCE) -> Sequence[str]:
    """Name the files that are missing or old."""
    found = {path.name: path.read_text() for path in folder.iterdir()}
    return sorted(name for name, text in texts().items() if found.get(name) != text)


def write(folder: Path = REFERENCE) -> Sequence[str]:
    """Bring the folder up to date; gives the names of what changed."""
    wanted, changed = texts(), stale(folder)
    for name in changed:
        (folder / name).write_text(wanted[name])
    return changed
