"""The containers' memory limits, derived from the worst image and from what is held beside it."""

import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from gateway.settings import Settings
from inference_worker.core.requests import LARGE_PIXELS
from inference_worker.subscribers.waiting import MAX_HELD_BYTES
from shared.testing.hostile_images import WORST_ADMITTED

ROOT = Path(__file__).parents[2]
MIB = 1024 * 1024
MAX_PIXEL_BYTES = 8
DECODE_MIB = 192
"""What decoding one image adds to a process at most."""
BESIDE_MIB = {
    # 332 MB were measured at work; a swap holds two models for a moment. While a large image is
    # decoded, others are queued and one just below LARGE_PIXELS is decoded.
    "inference-worker": 448 + (MAX_HELD_BYTES + LARGE_PIXELS * MAX_PIXEL_BYTES) // MIB,
    # Itself, and the libraries of the process that measures images.
    "registry": 160 + 96,
    "trainer": 1024,
}
CHILD_MIB = 128
"""A Python with the decoders, before it decodes."""
HEAVIEST = ("png, colour and alpha", "webp, lossy", "tiff, colour and alpha")
CGROUPS = Path("/sys/fs/cgroup/memory")
PROGRAM = """
import sys
from pathlib import Path
from shared.preprocessing import decode_grey
from shared.testing.images import new_jpeg

def resident(kind):
    status = Path("/proc/self/status").read_text()
    return int(status.partition(kind + ":")[2].split()[0]) // 1024

decode_grey(new_jpeg(), 224)
base = resident("VmRSS")
decode_grey(Path(sys.argv[1]).read_bytes(), 224)
print(resident("VmHWM") - base, resident("VmRSS") - base)
"""


def in_mib(text: str) -> int:
    number, unit = re.fullmatch(r"(?:\$\{\w+:-)?(\d+)([mgMG])i?\}?", text).groups()
    return int(number) * (1024 if unit.lower() == "g" else 1)


def declared_mib(name: str) -> set[int]:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    limits = {in_mib(compose["services"][name]["mem_limit"])}
    manifest = (ROOT / "deploy" / "k8s" / "base" / f"{name}.yaml").read_text()
    for document in yaml.safe_load_all(manifest):
        if document and document["kind"] == "Deployment":
            (container,) = document["spec"]["template"]["spec"]["containers"]
            limits.add(in_mib(container["resources"]["limits"]["memory"]))
    return limits


@contextmanager
def memory_limit(mib: int) -> Iterator[Callable[[], None]]:
    """Give what a child calls to be bounded: by a cgroup if one can be made, else RLIMIT_AS."""
    group = CGROUPS / f"pneumo-decoding-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(mib * MIB))
    except OSError:
        addresses = (mib + 512) * MIB  # libraries are mapped, and hardly resident
        yield lambda: resource.setrlimit(resource.RLIMIT_AS, (addresses, addresses))
        return
    try:
        yield lambda: (group / "cgroup.procs").write_text(str(os.getpid()))
    finally:
        group.rmdir()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in HEAVIEST else pytest.mark.faults)
        for name in WORST_ADMITTED
    ],
)
def test_the_worst_image_fits_and_its_memory_comes_back(name, tmp_path):
    file = tmp_path / "image"
    file.write_bytes(WORST_ADMITTED[name]())
    with memory_limit(CHILD_MIB + DECODE_MIB) as bound:
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(file)],
            preexec_fn=bound,
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 0, (ended.returncode, ended.stderr)
    peak_mib, kept_mib = map(int, ended.stdout.split())
    assert peak_mib <= DECODE_MIB
    assert kept_mib <= 16


@pytest.mark.parametrize("name", BESIDE_MIB)
def test_a_container_has_room_for_the_worst_image(name):
    assert all(limit >= BESIDE_MIB[name] + DECODE_MIB for limit in declared_mib(name))


def test_the_gateways_container_has_room_for_all_that_it_may_hold():
    settings = Settings.model_fields
    decoders = settings["dicom_processes"].default * settings["dicom_memory_bytes"].default
    # A body is copied once when it is whole; the copies are counted with the bodies.
    bodies = 2 * settings["max_in_flight_bytes"].default
    upload = settings["max_dicom_bytes"].default + DECODE_MIB * MIB
    needed_mib = 160 + (decoders + bodies + upload) // MIB
    assert all(limit >= needed_mib for limit in declared_mib("gateway"))
