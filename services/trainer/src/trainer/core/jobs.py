"""What becomes of a training command."""

from dataclasses import dataclass

from shared.contracts.train import TrainEvent, TrainModel

RETRAINING_MISSING = "retraining is not available in this version"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Not a command. Nobody can be answered, for it names no job."""

    reason: str


def read_command(body: bytes) -> TrainModel | Unreadable:
    """Read the body of a record of `train.commands`."""
    try:
        return TrainModel.model_validate_json(body)
    except ValueError as error:
        # Pydantic's text repeats the input; the first line says which model refused it.
        return Unreadable(str(error).splitlines()[0])


def answer(command: TrainModel, now_ms: int) -> TrainEvent:
    """Give the command's terminal event. Until jobs are run, every command is declined."""
    return TrainEvent(id=command.id, state="failed", error=RETRAINING_MISSING, at_ms=now_ms)
