"""Radiographs are somebody's, and so is the use of them: no library reports it to its maker."""

import subprocess
import sys

LOADED = (
    "import sys, trainer.adapters.exporter;"
    "print('openvino' in sys.modules, bool(sys.modules['openvino_telemetry']))"
)


def test_openvino_is_there_and_its_telemetry_is_not():
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == ["True", "False"]
