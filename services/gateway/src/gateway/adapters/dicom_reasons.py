"""What a DICOM decoder raises becomes the reason that a sender reads: the only place for it.

`shared.image_reasons` is the same for all other images.
"""

import struct

from gateway.core.faults import Fault
from gateway.ports import FaultError
from shared.contracts.errors import ErrorCode

_CUT = (EOFError, OSError, struct.error)
"""What pydicom raises for a file that ends too early."""
_UNREADABLE = (RuntimeError, IndexError)
"""What pydicom and GDCM raise for encoded pixels that no decoder can read."""


def find_fault(error: Exception) -> Fault:
    """Return the fault to report. A FaultError keeps its own reason."""
    match error:
        case FaultError():
            return error.fault
        case MemoryError():
            detail = "The DICOM file needs more memory than one file may have."
        case NotImplementedError():
            detail = "The encoding of the DICOM file is not supported."
        case _ if isinstance(error, _CUT):
            detail = "The DICOM file is damaged or cut short."
        case _ if isinstance(error, _UNREADABLE):
            detail = (
                "Its pixel data are damaged, cut short, or not of the transfer syntax that the "
                "file names."
            )
        case _:
            detail = "The DICOM file cannot be decoded: it lacks an element, or one is malformed."
    return Fault(ErrorCode.UNDECODABLE, detail)
