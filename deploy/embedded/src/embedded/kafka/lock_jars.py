"""`python -m embedded.kafka.lock_jars`: resolve the coordinates and write the lock file anew.

A maintainer's step after changing ENDPOINT; what it writes is reviewed and committed.
"""

import shutil
from pathlib import Path

import jgo

from embedded.kafka.jars import ENDPOINT


def main() -> int:
    """Let jgo resolve ENDPOINT from its POMs, and keep the lock file that it makes."""
    environment = jgo.build(ENDPOINT, update=True)
    shutil.copyfile(environment.lock_path, Path(__file__).with_name("jgo.lock.toml"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
