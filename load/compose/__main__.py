"""`python -m load.compose`: exit 0 if all passed, 1 if not, 2 if it could not be tried.

    make compose-check TRIALS="serve kill" WITHOUT=grafana
    make compose-check TRIALS=memory HOSTILE=folder         the worst images, under the limits

Needs a Docker engine with Compose and the images of `docker compose build`. It starts projects of
its own, `pneumostream-check`, on free ports, one after the other, and removes them and their data.
"""

import argparse
import secrets
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from embedded.ports import free_ports
from load.compose.docker import ROOT, Compose, ComposeError, Docker
from load.compose.trials import TRIALS, Trial, memory
from load.images import MissingImagesError
from load.soak.report import lines
from load.soak.verdict import Check, has_passed

FAILED, IMPOSSIBLE = 1, 2
_PORTS = ("GATEWAY_PORT", "UI_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT")
_PASSWORDS = ("KAFKA_SASL_PASSWORD", "PNEUMO_POSTGRES_PASSWORD")


def main(arguments: Sequence[str] | None = None) -> int:
    """Try what is named, in this order, and tell line by line."""
    given = _parser().parse_args(arguments)
    given.log.parent.mkdir(parents=True, exist_ok=True)
    compose = Compose(Docker(given.log), (), _variables(), frozenset(given.without))
    found: list[Check] = []
    try:
        compose.run("config", "--quiet")
        for name in given.trials or TRIALS:
            began_s = time.monotonic()
            checks = _trial(name, given.images)(compose)
            _say(f"{name}, {time.monotonic() - began_s:.0f} s", *lines(checks))
            found += checks
    except (ComposeError, MissingImagesError, TimeoutError) as error:
        _say(str(error) or type(error).__name__, f"What Docker said: {given.log}")
        return IMPOSSIBLE
    passed = has_passed(found)
    _say(f"Compose check {'passed' if passed else 'FAILED'}")
    return 0 if passed else FAILED


def _trial(name: str, images: Path | None) -> Trial:
    if name != "memory":
        return TRIALS[name]
    if images is None:
        raise MissingImagesError("The trial memory needs --images, a folder of hostile images.")
    return partial(memory, folder=images)


def _variables() -> dict[str, str]:
    ports = dict(zip(_PORTS, map(str, free_ports(len(_PORTS))), strict=True))
    return ports | {name: secrets.token_hex(16) for name in _PASSWORDS}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help="default: all")
    parser.add_argument("--without", nargs="*", default=[], help="services that are not started")
    parser.add_argument(
        "--images", type=Path, help="folder of hostile images, for the trial memory"
    )
    parser.add_argument("--log", type=Path, default=ROOT / "build" / "compose-check.log")
    return parser


def _say(*said: str) -> None:
    for line in said:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
