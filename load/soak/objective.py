"""What docs/slo.md promises of latency."""

import re
from pathlib import Path

_UNITS = {"ms": 1e-3, "s": 1.0}
_PROMISE = re.compile(r"99 ?% of predictions[^.\n]*?(\d+(?:\.\d+)?) ?(ms|s)\b")


def latency_objective_s(page: Path) -> float | None:
    """Give what 99 % of predictions are to take at most; None if the page is absent or silent."""
    found = _PROMISE.search(page.read_text()) if page.is_file() else None
    return float(found[1]) * _UNITS[found[2]] if found else None
