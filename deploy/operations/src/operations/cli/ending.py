"""How commands end: 0, or 1 and one clear sentence; and the options that they share."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from pydantic import ValidationError
from rich.console import Console

from operations.core.spans import parse_span_ms
from operations.ports import TopicUnreadableError
from operations.service.dead_letters import ImagelessError, UnknownDeadLetterError
from shared.kafka.publisher import BrokerUnavailableError, RecordRefusedError
from shared.kafka.settings import KafkaSettings

_PIPE_WIDTH = 160

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]


def span_ms(text: str) -> int:
    """Read an option that is a span of time; milliseconds."""
    try:
        return parse_span_ms(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def kafka_settings() -> KafkaSettings:
    """Read KAFKA_*; ends with 1 where they are wrong."""
    try:
        return KafkaSettings()
    except ValidationError as error:
        # A rule over several settings has no place; its text names them.
        names = (("".join(f"KAFKA_{at}: ".upper() for at in e["loc"]), e) for e in error.errors())
        wrong = "; ".join(name + e["msg"] for name, e in names)
        raise fail(f"wrong settings: {wrong}") from error


@contextmanager
def one_sentence(settings: KafkaSettings) -> Iterator[None]:
    """End with 1 and a sentence where the broker cannot be read or written."""
    try:
        yield
    except (UnknownDeadLetterError, ImagelessError) as error:
        raise fail(str(error)) from error
    except RecordRefusedError as error:
        raise fail(f"Kafka refuses the record: {error}") from error
    except (TopicUnreadableError, BrokerUnavailableError, KafkaError, OSError) as error:
        raise fail(f"cannot reach Kafka at {settings.bootstrap_servers}: {error}") from error


def say(what: object, *, as_json: bool) -> None:
    """Print a table for a person, a document for a program; wide where no terminal bounds it."""
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    if as_json:
        console.print_json(str(what))
    else:
        console.print(what)


def fail(sentence: str) -> typer.Exit:
    """Say what is wrong; raise what this gives."""
    sys.stderr.write(f"operations: {sentence}\n")
    return typer.Exit(1)
