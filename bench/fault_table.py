"""The measured columns of docs/architecture/faults.md, from build/faults.jsonl.

    .venv/bin/python bench/fault_table.py [FILE]

One row a test: runs, and over all of them the sums of accepted, lost and repeated and the longest
gap and answer, in seconds.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any


def main() -> None:
    """Read the lines and print the table."""
    given = sys.argv[1:] or [str(Path(__file__).parents[1] / "build" / "faults.jsonl")]
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in Path(given[0]).read_text().splitlines():
        one = json.loads(line)
        runs[one["test"]].append(one)
    print("| test | runs | accepted | lost | contradicted | repeated | gap s | answer s |")
    print("|---|---|---|---|---|---|---|---|")
    for test, ones in runs.items():
        sums = [
            sum(one[k] for one in ones) for k in ("accepted", "lost", "contradicted", "repeated")
        ]
        worst = [max(one[k] for one in ones) for k in ("longest_gap_s", "longest_answer_s")]
        print("|", " | ".join(map(str, [f"`{test}`", len(ones), *sums, *worst])), "|")


if __name__ == "__main__":
    main()
