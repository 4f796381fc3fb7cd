"""What a decoder raises becomes the reason that a sender reads: the only place that does it."""

import struct

from PIL import UnidentifiedImageError

from shared.contracts.errors import ErrorCode
from shared.image_headers import ImageError

DECODER_ERRORS = (OSError, SyntaxError, ValueError, struct.error, EOFError, TypeError)
"""What Pillow raises for bytes that it cannot decode. ImageError is one of them."""

_CUT = (OSError, SyntaxError, struct.error, EOFError)
_NOT_TAKEN = "nsupported"
"""Part of Pillow's text where a whole file is of a kind that it does not read."""


def find_reason(error: Exception) -> ImageError:
    """Return the error to report for one of DECODER_ERRORS.

    "Damaged or cut short" is reported only where the decoder ran out of bytes or into wrong ones.
    """
    if isinstance(error, ImageError):
        return error
    if isinstance(error, UnidentifiedImageError):
        detail = (
            "The image header describes samples that are not taken, or is damaged."
            " Save it with 8 or 16 bits of grey without alpha, or 8 of each colour."
        )
    elif isinstance(error, _CUT) and _NOT_TAKEN not in str(error):
        detail = "The image is damaged or cut short."
    else:
        detail = "The image cannot be decoded. Save it as an 8-bit PNG."
    return ImageError(ErrorCode.UNDECODABLE, detail)
