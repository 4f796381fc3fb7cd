"""Whether int8 arithmetic is exact on this CPU, and the OpenVINO options that follow from it.

Without VNNI instructions the CPU plugin multiplies int8 pairs into 16-bit sums that saturate: the
shipped model then misses its golden probabilities by up to .058 (AVX2, bound .05). There the
quantised graph is run in float32 instead (difference .023), at about twice the CPU time.
Source: OpenVINO and NNCF documentation, "saturation (overflow) issue" of 8-bit models on AVX2 and
AVX-512 without VNNI.
"""

from pathlib import Path

_CPU_FLAGS = Path("/proc/cpuinfo")
_EXACT = frozenset(("avx512_vnni", "avx_vnni", "amx_int8"))
_X86 = frozenset(("sse2", "avx", "avx2"))
_FLOAT_OPTIONS = {"LP_TRANSFORMS_MODE": "NO"}
"""The CPU plugin's switch for its low-precision transformations: quantised layers run in float."""


def int8_saturates(cpu_info: str) -> bool:
    """Return whether a CPU, described as in /proc/cpuinfo, lacks exact int8 instructions.

    Only x86 CPUs are judged; for others the plugin has its own exact kernels.
    """
    flags: set[str] = set()
    for line in cpu_info.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            flags.update(value.split())
    return bool(flags & _X86) and not flags & _EXACT


def int8_options() -> dict[str, str]:
    """Return what to add to the CPU plugin's options when a quantised graph is compiled here."""
    try:
        cpu_info = _CPU_FLAGS.read_text()
    except OSError:
        return {}
    return dict(_FLOAT_OPTIONS) if int8_saturates(cpu_info) else {}
