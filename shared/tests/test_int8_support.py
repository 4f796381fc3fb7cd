import pytest

from shared.int8_support import int8_saturates


@pytest.mark.parametrize(
    ("flags", "saturates"),
    [
        ("fpu sse2 avx avx2 fma", True),
        ("fpu sse2 avx avx2 avx512f avx512bw", True),
        ("fpu sse2 avx avx2 avx512f avx512_vnni", False),
        ("fpu sse2 avx avx2 avx_vnni", False),
        ("fpu sse2 avx2 avx512f avx512_vnni amx_int8 amx_tile", False),
    ],
)
def test_int8_saturates_on_x86_without_vnni(flags, saturates):
    assert int8_saturates(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t: none\n") is saturates


def test_a_cpu_that_is_not_x86_is_not_judged():
    assert int8_saturates("processor\t: 0\nFeatures\t: fp asimd asimddp\n") is False
