"""Content negotiation by `Accept` (RFC 9110, 12.5.1)."""

from collections.abc import Sequence

JSON = "application/json"
FHIR = "application/fhir+json"


def choose_media_type(accept: str | None, offered: Sequence[str]) -> str | None:
    """Return the media type of `offered` that `Accept` prefers; None if it accepts none.

    Equal preferences: the one offered first. Invalid ranges are ignored; without a valid range,
    or without the header, the first is chosen.
    """
    ranges = [found for part in (accept or "").split(",") if (found := _range(part)) is not None]
    if not ranges:
        return offered[0]
    best = max(offered, key=lambda media_type: _quality(media_type, ranges))
    return best if _quality(best, ranges) > 0 else None


def _range(part: str) -> tuple[str, float] | None:
    name, *parameters = (word.strip().lower() for word in part.split(";"))
    kind, slash, subtype = name.partition("/")
    if not (kind and slash and subtype) or (kind == "*" and subtype != "*"):
        return None
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            quality = _number(value.strip())
            return None if quality is None else (name, quality)
    return name, 1.0


def _number(value: str) -> float | None:
    if not (value.isascii() and value.replace(".", "", 1).isdecimal()):
        return None
    quality = float(value)
    return quality if quality <= 1 else None


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    # The most specific range decides.
    for wanted in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        for name, quality in ranges:
            if name == wanted:
                return quality
    return 0.0
