"""What the trials on Docker and on Kubernetes share."""

import asyncio
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from load.images import SAMPLES, read_images
from load.verdict import Check, render_lines
from shared.testing.http import HttpPool, new_prediction_request
from shared.testing.load import ConstantLoad, LoadAnswer, ask_prediction

FAILED, IMPOSSIBLE = 1, 2
ROOT = Path(__file__).parents[1]
_PAUSE_S = 5.0
_MESSAGE_LINES = 15
_T = TypeVar("_T")


class TrialError(Exception):
    """A command of the platform failed; the message holds its last lines."""


def run_logged(
    command: Sequence[str],
    log: Path,
    *,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    may_fail: bool = False,
) -> str:
    """Return what a command printed; append it to the log. Raises TrialError."""
    try:
        done = subprocess.run(  # noqa: S603  the user names the program
            command, cwd=ROOT, input=stdin, env=env, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise TrialError(f"{command[0]} cannot be started: {error.strerror}") from None
    with log.open("a") as lines:
        lines.write(f"$ {shlex.join(command)}\n{done.stdout}{done.stderr}")
    if done.returncode and not may_fail:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-_MESSAGE_LINES:])
        raise TrialError(f"{shlex.join(command)}: exit {done.returncode}\n{last}")
    return done.stdout


def run_trial(name: str, trial: Callable[[], Sequence[Check]]) -> Sequence[Check]:
    """Run a trial and print its checks."""
    began_s = time.monotonic()
    checks = trial()
    print_lines(f"{name}, {time.monotonic() - began_s:.0f} s", *render_lines(checks))
    return checks


def print_lines(*lines: str) -> None:
    """Print at once."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def sample_bodies() -> Sequence[bytes]:
    """Return the bytes of the samples."""
    return [image.body for image in read_images(SAMPLES)]


def predict_once(url: str, wait_s: float, *, host: str | None = None) -> LoadAnswer:
    """Request one prediction. host: the `Host` header, if not the URL's."""
    named = host or urlsplit(url).hostname or ""
    request = new_prediction_request(sample_bodies()[0], named, wait_s)

    async def ask() -> LoadAnswer:
        pool = HttpPool(url)
        try:
            return await ask_prediction(pool, request)
        finally:
            pool.close()

    return asyncio.run(ask())


def load_during(load: ConstantLoad, change: Callable[[], _T]) -> _T:
    """Make a change under load, with a pause before and after it."""

    async def run() -> _T:
        async with load.running():
            await asyncio.sleep(_PAUSE_S)
            changed = await asyncio.to_thread(change)
            await asyncio.sleep(_PAUSE_S)
        return changed

    return asyncio.run(run())


def judge_statuses(
    name: str,
    statuses: Counter[str],
    is_allowed: Callable[[str], bool],
    wanted: str,
    more: str = "",
) -> Check:
    """Pass if there is a 200, and if every other status is allowed."""
    passed = statuses["200"] > 0 and all(one == "200" or is_allowed(one) for one in statuses)
    found = ", ".join(f"{number} × {status}" for status, number in statuses.most_common())
    return Check(name, passed, found + more, wanted)
