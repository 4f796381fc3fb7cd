import pytest

from operations.core.spans import parse_span_ms


@pytest.mark.parametrize(
    ("text", "ms"), [("90s", 90_000), ("10m", 600_000), (" 2h", 7_200_000), ("7d", 604_800_000)]
)
def test_a_span_is_a_whole_number_and_a_unit(text, ms):
    assert parse_span_ms(text) == ms


@pytest.mark.parametrize("text", ["", "10", "m", "1.5h", "-1s", "10m5s", "1" * 10 + "s"])
def test_anything_else_is_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match="is no span of time: say 90s"):
        parse_span_ms(text)
