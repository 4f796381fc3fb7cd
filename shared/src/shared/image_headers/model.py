"""What an image header says, and how much of an image is admitted."""

from dataclasses import dataclass

from shared.contracts.errors import ErrorCode

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
"""The image types that are taken, by Pillow's names."""

MAX_PIXELS = 40_000_000
"""Largest image decoded, pixels; a radiograph has 4 to 12 million."""

MAX_DECODED_BYTES = 128 * 1024 * 1024
"""Maximum memory that one decoder needs for its pixels, bytes; see `ImageHeader.decoded_bytes`.

40 megapixels of 8 or 16 bits of grey fit, 33 megapixels of colour do, and 8 to 11 of WebP. Raise it
only together with the containers' memory limits, which a test derives from it."""

MAX_SEGMENTS = 512
"""Maximum metadata segments, chunks, blocks or tags before an image's pixels."""

MAX_METADATA_BYTES = 1024 * 1024
"""Maximum size of the metadata that Pillow is shown: EXIF and XMP."""

Span = tuple[int, int]


class ImageError(ValueError):
    """The bytes are not an image we take; the sender's fault, never retried."""

    def __init__(self, code: ErrorCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """The facts of an image whose structure is within bounds.

    format: Pillow's name. width, height: pixels as stored, before EXIF's orientation.
    decoded_bytes: memory that a decoder needs for the pixels at most.
    is_plain: whether it is a grey or colour JPEG without EXIF or XMP, which may turn it.
    is_progressive: whether it is a JPEG whose scans refine one another.
    spans: the parts of the file that say something of its pixels; empty: all of it.
    is_negative: whether 0 is white, in more than 8 bits: Pillow turns round only 8.
    has_split_grey: whether Pillow is shown 16 bits of grey and of alpha as four samples of 8.
    is_on_black: whether the colours are multiplied by their alpha already, in 16 bits.
    replacement: where the header says something else to Pillow, and what.
    """

    format: str
    width: int
    height: int
    decoded_bytes: int
    is_plain: bool = False
    is_progressive: bool = False
    spans: tuple[Span, ...] = ()
    is_negative: bool = False
    has_split_grey: bool = False
    is_on_black: bool = False
    replacement: tuple[int, bytes] | None = None

    @property
    def pixels(self) -> int:
        """Number of pixels as stored."""
        return self.width * self.height

    def pixel_data(self, data: bytes) -> bytes:
        """Return the file for Pillow, without the metadata that have no part in its pixels."""
        if self.replacement is not None:
            at, new = self.replacement
            data = data[:at] + new + data[at + len(new) :]
        if not self.spans:
            return data
        return b"".join([data[start:end] for start, end in self.spans])


def damaged() -> ImageError:
    """Return the error for a header that no decoder reads; never for one that is only unusual."""
    return ImageError(ErrorCode.UNDECODABLE, "The image header is damaged.")


def refused(detail: str) -> ImageError:
    """Return the error for an image that is decodable, but not taken."""
    return ImageError(ErrorCode.UNDECODABLE, detail)


def too_much_metadata() -> ImageError:
    """Return the error for more metadata than any image of a camera or a scanner has."""
    return refused("The image has too much metadata before its pixels. Save it without.")


def add_span(spans: list[Span], start: int, end: int) -> None:
    """Append a part of the file; join it to the one it follows."""
    if spans and spans[-1][1] == start:
        spans[-1] = (spans[-1][0], end)
    else:
        spans.append((start, end))
