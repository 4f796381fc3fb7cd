"""`python -m docsite write | check`: the pages that are made from the code."""

import argparse
import sys
from collections.abc import Sequence

from docsite.files import stale, write

FAILED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one of the two; 0 if all is as it should be."""
    parser = argparse.ArgumentParser(prog="python -m docsite", description=__doc__)
    parser.add_argument("command", choices=("write", "check"))
    if parser.parse_args(arguments).command == "write":
        sys.stdout.write(f"written: {', '.join(write()) or 'nothing, all were up to date'}\n")
        return 0
    old = stale()
    sys.stdout.write(
        f"not up to date: {', '.join(old)}; make reference\n" if old else "up to date\n"
    )
    return FAILED if old else 0


if __name__ == "__main__":
    sys.exit(main())
