"""What a record of `train.commands` says."""

from dataclasses import dataclass

from shared.contracts.train import TrainModel


@dataclass(frozen=True, slots=True)
class InvalidCommand:
    """Not a command."""

    reason: str


def read_command(body: bytes) -> TrainModel | InvalidCommand:
    """Read the body of a record of `train.commands`."""
    try:
        return TrainModel.model_validate_json(body)
    except ValueError as error:
        # Pydantic's text repeats the input; the first line says which model refused it.
        return InvalidCommand(str(error).splitlines()[0])
