import pytest

from shared.contracts.train import TrainModel
from trainer.core.jobs import InvalidCommand, read_command

COMMAND = TrainModel(id="job-1", requested_at_ms=5)


def test_a_command_survives_its_bytes() -> None:
    assert read_command(COMMAND.to_bytes()) == COMMAND


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"[]", b"{}", b'{"id": "x"}', b'{"id": 1, "requested_at_ms": "?"}']
)
def test_what_is_no_command_is_told_apart_and_never_repeated(body: bytes) -> None:
    read = read_command(body)
    assert isinstance(read, InvalidCommand)
    assert "TrainModel" in read.reason
