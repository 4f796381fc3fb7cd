from shared.contracts.train import TrainEvent, TrainModel
from trainer.service.jobs import JobService


class Told:
    def __init__(self) -> None:
        self.events: list[TrainEvent] = []

    async def publish(self, event: TrainEvent) -> None:
        self.events.append(event)


class Stopped:
    def now_ms(self) -> int:
        return 42

    def monotonic_s(self) -> float:
        return 0.0


async def test_a_command_gets_its_terminal_event_at_the_clocks_time() -> None:
    told = Told()
    await JobService(told, Stopped()).take(TrainModel(id="a", requested_at_ms=1).to_bytes())
    assert [(event.id, event.state, event.at_ms) for event in told.events] == [("a", "failed", 42)]


async def test_what_is_no_command_is_neither_answered_nor_a_fault() -> None:
    told = Told()
    await JobService(told, Stopped()).take(b"no command")
    assert told.events == []
