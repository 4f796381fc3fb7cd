"""Counts in sentences: with thousands separators, and with the noun that fits."""


def count_of(number: int, noun: str = "picture") -> str:
    """Return a number with its noun, as in "1 picture" and "1,045 pictures"."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"
