"""Arguments judged by the program's own parser, which is run up to the end of parsing."""

import argparse
import contextlib
import importlib
import inspect
import io
import sys
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock

import typer
from typer.main import get_command

from pneumo.cli.address import hoisted
from pneumo.cli.app import new_app

# Typer vendors Click: this is its UsageError, wherever it lies.
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
_MISSING = ("Missing ", "the following arguments are required", "expected ")
_PASSED_ON = ("dlq", "audit")
# They write into the shell's own files as soon as they are parsed.
_EFFECTIVE = ("--install-completion", "--show-completion")


class _ParsedError(Exception):
    """Ends a program right after its arguments are parsed."""


def wrong_for_pneumo(arguments: Sequence[str], *, is_whole: bool) -> str | None:
    """Return what `pneumo` rejects in the arguments; None if it accepts them."""
    if arguments and arguments[0] in _PASSED_ON:
        return wrong_for_typer("operations.__main__", arguments, is_whole=is_whole)
    return _wrong_for_click(get_command(new_app()), hoisted(arguments), is_whole=is_whole)


def wrong_for_typer(module: str, arguments: Sequence[str], *, is_whole: bool) -> str | None:
    """Return what the Typer `app` of a module rejects; None if it accepts the arguments."""
    app = importlib.import_module(module).app
    return _wrong_for_click(get_command(app), arguments, is_whole=is_whole)


def wrong_for_argparse(module: str, arguments: Sequence[str], *, is_whole: bool) -> str | None:
    """Return what the argparse parser of a module's `main` rejects; None if it accepts them."""
    main = importlib.import_module(module).main
    said = io.StringIO()
    try:
        with (
            _ending_when_parsed(),
            contextlib.redirect_stderr(said),
            _without_output(),
            mock.patch.object(sys, "argv", [module, *arguments]),
        ):
            main(list(arguments)) if inspect.signature(main).parameters else main()
    except _ParsedError:
        return None
    except SystemExit as ended:
        lines = said.getvalue().strip().splitlines() or [str(ended.code)]
        return _unless_left_out(lines[-1], is_whole=is_whole) if ended.code else None
    return f"{module}.main parses nothing"


def _wrong_for_click(command: Any, arguments: Sequence[str], *, is_whole: bool) -> str | None:
    if set(arguments) & set(_EFFECTIVE):
        return None
    rest, parent = list(arguments), None
    try:
        with _without_output():
            while rest or not hasattr(command, "commands"):
                context = command.make_context(command.name or "", list(rest), parent=parent)
                if not hasattr(command, "commands"):
                    return None
                rest = [*context._protected_args, *context.args]  # noqa: SLF001  no public name
                if rest:
                    _, command, rest = command.resolve_command(context, rest)
                parent = context
    except typer.Exit:  # --help, --version
        return None
    except _USAGE_ERROR as error:
        message = getattr(error, "format_message", error.__str__)()
        is_path = "does not exist" in message
        return None if is_path else _unless_left_out(message, is_whole=is_whole)
    return None


def _unless_left_out(message: str, *, is_whole: bool) -> str | None:
    is_missing = any(each in message for each in _MISSING)
    return None if is_missing and not is_whole else message


@contextlib.contextmanager
def _ending_when_parsed() -> Iterator[None]:
    parse = argparse.ArgumentParser.parse_args

    def parse_and_end(self: argparse.ArgumentParser, *given: Any, **named: Any) -> None:
        parse(self, *given, **named)
        raise _ParsedError

    with mock.patch.object(argparse.ArgumentParser, "parse_args", parse_and_end):
        yield


@contextlib.contextmanager
def _without_output() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()):
        yield
