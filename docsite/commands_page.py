"""Every command as a page: make's, the services' own, and `pneumo`."""

import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin

from docsite.tables import table

_ROOT = Path(__file__).parents[1]
_HEAD = """# Commands

`make` is the one entry for people. Variables stand behind the target: `make up WORKERS=4`. What a program reads from its
environment is in [settings](settings.md)."""
_TARGET = re.compile(r"^(?P<name>[a-z0-9-]+):.*?## (?P<does>.+)$", re.MULTILINE)
_OWN = """## Of the services

| | |
|---|---|
| `python -m trainer …` | training, evaluating, looking at folders: [the trainer](../../services/trainer/README.md#commands) |
| `python -m registry backup`, `restore`, `downgrade` | all that the registry keeps: [the registry](../../services/registry/README.md) |
| `python -m gateway keys new`, `list`, `revoke` | API keys: [keys](../architecture/http-api.md#keys) |
| `python -m operations audit`, `dlq` | what became of requests: [operations](../../deploy/operations/README.md) |
| `python -m shared.kafka.create_topics` | the topics, on a cluster of your own: [move to a cluster](../runbooks/move-to-a-cluster.md) |
| `python -m grafana build`, `check`, `ask` | dashboards: [Grafana](../../grafana/README.md) |
| `python -m docsite write`, `check` | these pages |

`python` is `.venv/bin/python` after `make install`."""
_CLIENT = "pneumo.cli.app"
_NAMES = {str: "text", int: "number", float: "number", Path: "path", list[str]: "texts"}


def commands_page() -> str:
    """Give the page."""
    makefile = (_ROOT / "Makefile").read_text()
    rows = ((f"`make {m['name']}`", _as_code(m["does"])) for m in _TARGET.finditer(makefile))
    sections = [_HEAD, "## make", table(("command", "does"), rows), _OWN, *_client()]
    return "\n\n".join(sections) + "\n"


def _as_code(does: str) -> str:
    """Mark what is to be typed: a variable with its value."""
    return re.sub(r"\b[A-Z_]{2,}=(?:\"[^\"]*\"|[^\s,;:()]+)?", r"`\g<0>`", does)


def _client() -> Iterator[str]:
    root = _typer_command()
    if root is None:
        return
    yield "## pneumo"
    yield str(root.help or "")
    yield table(("option", "is", "meaning"), _options(root))
    for path, command in _leaves(root, "pneumo"):
        yield f"### {path}"
        yield str(command.help or "")
        rows = list(_options(command))
        if rows:
            yield table(("argument or option", "is", "meaning"), rows)


def _typer_command() -> Any:
    """Give the root command of `pneumo`; None while there is no command line."""
    module = _module(_CLIENT)
    if module is None:
        return None
    get_command: Callable[[Any], Any] = importlib.import_module("typer.main").get_command
    return get_command(module.new_app())


def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name is None or not name.startswith(missing.name):
            raise
        return None


def _leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", {})
    if below and getattr(command, "invoke_without_command", False):
        yield path, command
    for name, each in below.items():
        yield from _leaves(each, f"{path} {name}")
    if not below:
        yield path, command


def _options(command: Any) -> Iterator[tuple[str, str, str]]:
    for each in command.params:
        if each.name in ("help", "install_completion", "show_completion"):
            continue
        is_argument = each.param_type_name == "argument"
        names = [each.metavar or each.name.upper()] if is_argument else each.opts
        variable = f" Else `{each.envvar}`." if each.envvar else ""
        yield ", ".join(f"`{name}`" for name in names), _kind(each), f"{each.help or ''}{variable}"


def _kind(parameter: Any) -> str:
    if getattr(parameter, "is_flag", False):
        return "flag"
    annotation = parameter.type_descriptor.annotation
    values = get_args(annotation) if get_origin(annotation) is Literal else ()
    if values:
        kind = ", ".join(f"`{value}`" for value in values)
    else:
        kind = _NAMES.get(annotation, getattr(annotation, "__name__", str(annotation)))
    default = "required" if parameter.required else parameter.default
    return kind if default in (None, "", ()) or callable(default) else f"{kind}; {default}"
