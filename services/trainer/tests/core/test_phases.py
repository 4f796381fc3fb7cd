import pytest

from trainer.core.phases import known_phase


@pytest.mark.parametrize(
    ("told", "phase"),
    [
        ("gate", "gate"),
        ("fine-tuning, epoch 3 of 9, loss 0.100, validation 0.900", "fine-tuning"),
        ("validation, clean", "validation"),
        ("composites of another class", "other"),
        ("", "other"),
    ],
)
def test_a_phase_is_one_of_a_list(told: str, phase: str) -> None:
    assert known_phase(told) == phase
