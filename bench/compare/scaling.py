"""How long a further worker takes until it is ready, in the stack that runs."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

_PATIENCE_S = 60.0
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Scaling:
    """The command that adds a worker, and where that one says whether it is ready."""

    argv: tuple[str, ...]
    ready_address: str
    environment: Mapping[str, str] = field(default_factory=dict)


def time_further_worker(scaling: Scaling, workers: Callable[[], Mapping[int, float]]) -> float:
    """Add a worker; give the seconds from the start of its process to its first 200.

    workers: when each worker was started, seconds since the epoch, by process id. Raises
    ChildProcessError if the command fails, TimeoutError if no worker is ready in time.
    """
    before = workers()
    done = subprocess.run(scaling.argv, env=os.environ | scaling.environment, check=False)
    if done.returncode != 0:
        raise ChildProcessError(f"adding a worker ended with code {done.returncode}")
    give_up_s = time.monotonic() + _PATIENCE_S
    with httpx.Client(timeout=_POLL_S * 20, trust_env=False) as client:
        while not _is_ready(client, scaling.ready_address):
            if time.monotonic() > give_up_s:
                raise TimeoutError(f"a further worker was not ready in {_PATIENCE_S:g} s")
            time.sleep(_POLL_S)
    ready_s = time.time()
    begun_s = [at_s for pid, at_s in workers().items() if pid not in before]
    if not begun_s:
        raise ChildProcessError("no further worker was started")
    return round(ready_s - max(begun_s), 2)


def _is_ready(client: httpx.Client, address: str) -> bool:
    try:
        return client.get(address).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
