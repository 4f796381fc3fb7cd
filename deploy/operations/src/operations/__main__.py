"""`python -m operations`: what operators do with the topics."""

import logging

import typer

from operations.cli.audit import audit
from operations.cli.dlq import dlq_app

_HELP = "What operators do with the topics: the auditor, and the dead letters."

app = typer.Typer(help=_HELP, pretty_exceptions_enable=False, add_completion=False)
app.command()(audit)
app.add_typer(dlq_app, name="dlq")


@app.callback()
def operations() -> None:
    """Choose a command; KAFKA_* say where the broker is, as for every service."""
    # What it has to say of a broker that is away, the command says in its one sentence.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


if __name__ == "__main__":
    app()
