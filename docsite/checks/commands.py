"""Each command of a page, given to the checker of the program that it names."""

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from docsite.checks.command_lines import STAND_IN, split_commands
from docsite.checks.make import wrong_for_make
from docsite.checks.page_commands import Command
from docsite.checks.parsers import wrong_for_argparse, wrong_for_pneumo, wrong_for_typer
from docsite.checks.routes import wrong_for_curl

_ROOT = Path(__file__).parents[2]
_PLACEHOLDER = re.compile(r"[A-Z][A-Z0-9_]*|…")
_TYPER = {"operations": "operations.__main__", "trainer": "trainer.__main__"}
_BENCHES = ("capacity", "latency", "loop", "overload", "polls", "rebalance", "scaling")
_ARGPARSE = {
    "gateway": "gateway.cli.arguments",
    "registry": "registry.__main__",
    "embedded": "embedded.cli",
    "grafana": "grafana.__main__",
    "docsite": "docsite.__main__",
    "load.soak": "load.soak",
    "load.cluster": "load.cluster",
    "load.compose": "load.compose",
    "load.practice": "load.practice",
    "bench.compare": "bench.compare.__main__",
    **{f"bench.{name}": f"bench.{name}" for name in _BENCHES},
    "shared.kafka.create_topics": "shared.kafka.create_topics",
}
_WITHOUT_ARGUMENTS = ("ui", "inference_worker")
_OURS = {*_TYPER, *_WITHOUT_ARGUMENTS, "pneumo"} | {name.split(".")[0] for name in _ARGPARSE}


def wrong_command(command: Command) -> str | None:
    """Return what is wrong with a command of a page; None for what is right or not ours."""
    wrong = wrong_for_make(command.text)
    if wrong is not None:
        return wrong
    for words in split_commands(command.text):
        wrong = _wrong_words(words, is_whole=command.is_whole)
        if wrong is not None:
            return wrong
    return None


def _wrong_words(words: Sequence[str], *, is_whole: bool) -> str | None:
    for at, word in enumerate(words):
        arguments, whole = _filled(words[at + 1 :], is_whole=is_whole)
        name = PurePosixPath(word).name
        if name == "pneumo":
            return wrong_for_pneumo(arguments, is_whole=whole)
        if name == "curl":
            return wrong_for_curl(words[at + 1 :])
        if name in ("python", "python3"):
            return _wrong_for_python(arguments, is_whole=whole)
        if name == "operations" and "run" in words[:at]:  # its container
            return wrong_for_typer(_TYPER["operations"], arguments, is_whole=whole)
    return None


def _filled(words: Sequence[str], *, is_whole: bool) -> tuple[list[str], bool]:
    """Put stand-ins in the place of placeholders; a last `…` leaves arguments out."""
    if words and words[-1] == "…":
        words, is_whole = words[:-1], False
    arguments = [STAND_IN if _PLACEHOLDER.fullmatch(word) else word for word in words]
    end = next((at for at, word in enumerate(arguments) if word in (">", "2>", "<")), None)
    return arguments[:end], is_whole


def _wrong_for_python(arguments: Sequence[str], *, is_whole: bool) -> str | None:
    if arguments and arguments[0].endswith(".py"):
        script = PurePosixPath(arguments[0])
        if not (_ROOT / script).is_file():
            return f"no file {script}"
        if str(script.parent) != "bench" or script.stem not in _BENCHES:
            return None
        return wrong_for_argparse(f"bench.{script.stem}", arguments[1:], is_whole=is_whole)
    if len(arguments) < 2 or arguments[0] != "-m":  # noqa: PLR2004  -m and a module
        return None
    return _wrong_for_module(arguments[1], arguments[2:], is_whole=is_whole)


def _wrong_for_module(name: str, arguments: Sequence[str], *, is_whole: bool) -> str | None:
    if name.partition(".")[0] not in _OURS:
        return None
    if name == "pneumo":
        return wrong_for_pneumo(arguments, is_whole=is_whole)
    if name in _TYPER:
        return wrong_for_typer(_TYPER[name], arguments, is_whole=is_whole)
    if name in _ARGPARSE:
        return wrong_for_argparse(_ARGPARSE[name], arguments, is_whole=is_whole)
    if name in _WITHOUT_ARGUMENTS and arguments:
        return f"{name} takes no arguments"
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        found = None
    return None if found else f"no module {name}"
