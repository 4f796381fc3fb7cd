import pytest

from registry.core.backoff import retry_delay_s


@pytest.mark.parametrize(
    ("failures", "delay_s"),
    [(1, 0.25), (2, 0.5), (3, 1.0), (6, 8.0), (7, 10.0), (8, 10.0), (1_000_000, 10.0)],
)
def test_the_wait_doubles_up_to_ten_seconds(failures: int, delay_s: float) -> None:
    assert retry_delay_s(failures) == delay_s
