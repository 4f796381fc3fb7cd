"""How commands end: 0, or 1 and one clear sentence; and the options that they share."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from pydantic import ValidationError

from operations.core.spans import parse_span_ms
from operations.ports import TopicUnreadableError
from shared.kafka.publisher import BrokerUnavailableError
from shared.kafka.settings import KafkaSettings

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
        wrong = "; ".join(f"KAFKA_{e['loc'][0]}: {e['msg']}".upper() for e in error.errors())
        raise fail(f"wrong settings: {wrong}") from error


@contextmanager
def one_sentence(settings: KafkaSettings) -> Iterator[None]:
    """End with 1 and a sentence where the broker cannot be read or written."""
    try:
        yield
    except (TopicUnreadableError, BrokerUnavailableError, OSError) as error:
        raise fail(f"cannot reach Kafka at {settings.bootstrap_servers}: {error}") from error


def fail(sentence: str) -> typer.Exit:
    """Say what is wrong; raise what this gives."""
    sys.stderr.write(f"operations: {sentence}\n")
    return typer.Exit(1)
