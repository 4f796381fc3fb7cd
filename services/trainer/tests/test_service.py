from shared.contracts.train import TrainModel
from trainer.service.jobs import CommandService


def test_a_command_wakes_and_what_is_none_does_not() -> None:
    woken: list[bool] = []
    service = CommandService(lambda: woken.append(True))
    service.take(b"no command")
    assert woken == []
    service.take(TrainModel(id="a", requested_at_ms=1).to_bytes())
    assert woken == [True]
