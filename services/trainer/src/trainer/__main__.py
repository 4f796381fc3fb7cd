"""PneumoStream's trainer: the service, and the commands that train and look at data.

TensorFlow, OpenVINO and scikit-learn are imported by the commands that use them, so that the
idle service stays small.
"""

import functools

import typer

from shared.observability.logs import configure_logs
from shared.observability.process import run_service
from trainer.cli.common import one_sentence
from trainer.cli.data import data_app
from trainer.cli.evaluation import evaluate
from trainer.cli.job import run_job
from trainer.cli.reference import reference
from trainer.cli.replay import replay
from trainer.cli.training import samples, train
from trainer.cli.validation import validation
from trainer.main.serving import serve_trainer
from trainer.settings import Settings

_HELP = "PneumoStream's trainer: the service, and the commands that train and look at data."

app = typer.Typer(help=_HELP, pretty_exceptions_enable=False, add_completion=False)
app.add_typer(data_app, name="data")
app.command()(train)
app.command()(evaluate)
app.command()(samples)
app.command()(replay)
app.command()(reference)
app.command()(validation)
app.command(hidden=True)(run_job)


@app.callback(invoke_without_command=True)
def choose(context: typer.Context) -> None:
    """Serve where no command is named: that is how the stack starts every service."""
    if context.invoked_subcommand is None:
        serve()


@app.command()
def serve() -> None:
    """Answer training commands from Kafka until asked to stop."""
    with one_sentence():
        settings = Settings()
        configure_logs("trainer", level=settings.log_level)
        run_service(functools.partial(serve_trainer, settings))


def pneumo_train() -> None:
    """`pneumo-train FOLDER`: the train command by itself."""
    typer.run(train)


if __name__ == "__main__":
    app()
