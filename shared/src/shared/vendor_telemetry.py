"""What OpenVINO and NNCF would tell their makers of every import and conversion: nothing."""

import sys


def forbid_vendor_telemetry() -> None:
    """Have openvino_telemetry be taken for not installed; to be called before OpenVINO is imported.

    It sends unless somebody declined in a file of their home folder. It forks to do so, beside
    threads that may hold a lock, and what comes of that stands in our logs.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
