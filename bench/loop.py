"""The loop closed under load: upload, retrain, gate, promote, swap; against a running stack.

    .venv/bin/python bench/loop.py FOLDER [--uploads 200] [--rate 20] [--poison]

FOLDER holds one folder a class (or the Kermany set's own layout). Uploads so many radiographs,
asks for a fast retraining, and waits until every worker serves the new model, while predictions
are asked for at a constant rate. Prints the time of each step, failed requests, and the p99 in the
ten seconds around the swaps beside the steady p99. --poison shuffles the labels: the gate must
refuse, and the current model must stay. Exits with 1 if a request failed or the end is not that.
"""

import argparse
import asyncio
import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpx
from latency import Connection, new_request

_AROUND_S = 5.0
_STEADY_S = 15.0
_UPLOADS_A_REQUEST = 50
_POLL_S = 0.25
_PATIENCE_S = 900.0

Done: TypeAlias = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Labelled:
    """One radiograph of the folder."""

    path: Path
    label: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One prediction asked for under load. version None: it failed."""

    started_s: float
    seconds: float
    version: str | None


@dataclass
class Load:
    """Asks for predictions at a constant rate, whether or not the last ones were answered."""

    host: str
    port: int
    requests: Sequence[bytes]
    rate: float
    answers: list[Answer] = field(default_factory=list)

    async def run(self) -> None:
        """Ask until cancelled; a connection for each request that is under way at once."""
        idle: list[Connection] = []
        async with asyncio.TaskGroup() as tasks:
            next_s = time.perf_counter()
            for n in range(10**9):
                tasks.create_task(self._ask(idle, self.requests[n % len(self.requests)]))
                next_s += 1 / self.rate
                await asyncio.sleep(max(0.0, next_s - time.perf_counter()))

    async def _ask(self, idle: list[Connection], request: bytes) -> None:
        started_s = time.perf_counter()
        version = None
        try:
            while idle and idle[-1].was_closed:
                idle.pop().close()
            connection = idle.pop() if idle else await self._connect()
            body = json.loads(await connection.post(request))
            version = str(body["model"]["version"])
            idle.append(connection)
        except (OSError, EOFError, SystemExit, KeyError) as error:
            print(f"a request failed: {error!r}")
        self.answers.append(Answer(started_s, time.perf_counter() - started_s, version))

    async def _connect(self) -> Connection:
        connection = Connection(self.host, self.port)
        await connection.open()
        return connection

    def p99_ms(self, start_s: float, end_s: float) -> float:
        """Give the 99th percentile of what was asked for between two moments."""
        spans = [a.seconds for a in self.answers if start_s <= a.started_s < end_s]
        return statistics.quantiles(spans, n=100)[98] * 1e3


def read_folder(folder: Path) -> list[Labelled]:
    """Find the JPEG files; in the Kermany layout the name tells bacterial from viral."""
    found = []
    for path in sorted(folder.rglob("*.jp*g")):
        label = path.parent.name
        if label == "PNEUMONIA":
            label = "viral" if "virus" in path.name else "bacterial"
        found.append(Labelled(path, label))
    return found


def choose(labelled: list[Labelled], count: int, seed: int, *, poison: bool) -> list[Labelled]:
    """Draw the uploads, as many of each class; poison: labels are shuffled among them."""
    rng = random.Random(seed)
    by_class: dict[str, list[Labelled]] = {}
    for one in labelled:
        by_class.setdefault(one.label, []).append(one)
    each = count // len(by_class)
    chosen = [one for ones in by_class.values() for one in rng.sample(ones, each)]
    if poison:
        labels = [one.label for one in chosen]
        rng.shuffle(labels)
        chosen = [Labelled(one.path, label) for one, label in zip(chosen, labels, strict=True)]
    return chosen


async def upload(client: httpx.AsyncClient, chosen: Sequence[Labelled]) -> list[str]:
    """Upload class by class; give the sha256 of what was accepted."""
    accepted: list[str] = []
    for label in sorted({one.label for one in chosen}):
        paths = [one.path for one in chosen if one.label == label]
        for start in range(0, len(paths), _UPLOADS_A_REQUEST):
            part = paths[start : start + _UPLOADS_A_REQUEST]
            files = [("files", (path.name, path.read_bytes(), "image/jpeg")) for path in part]
            data = {"label": label, "source": "bench"}
            response = (await client.post("/v1/uploads", data=data, files=files)).raise_for_status()
            accepted += [one["sha256"] for one in response.json()["accepted"]]
    return accepted


async def until(what: str, done: Done, client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    """Poll a path until it answers with a body that is done; give the body."""
    give_up_s = time.perf_counter() + _PATIENCE_S
    while time.perf_counter() < give_up_s:
        response = await client.get(path)
        if response.is_success and done(response.json()):
            return dict(response.json())
        await asyncio.sleep(_POLL_S)
    raise SystemExit(f"gave up waiting: {what}")


def all_serve(version: str) -> Done:
    """Tell, of a body of /v1/models/current, whether every worker serves that version."""

    def check(body: dict[str, Any]) -> bool:
        workers = body["workers"]
        return bool(workers) and all(w["ready"] and w["version"] == version for w in workers)

    return check


def has_ended(body: dict[str, Any]) -> bool:
    """Tell whether a job has come to its end."""
    return body["state"] in ("succeeded", "rejected", "failed", "cancelled")


async def close_the_loop(options: argparse.Namespace) -> bool:
    """Do all of it and print what was seen; true if nothing failed and it ended as it must."""
    labelled = read_folder(options.folder)
    chosen = choose(labelled, options.uploads, options.seed, poison=options.poison)
    images = [one.path.read_bytes() for one in random.Random(0).sample(labelled, 100)]
    address = urlsplit(options.url)
    host, port = address.hostname or "127.0.0.1", address.port or 80
    load = Load(host, port, [new_request(image, host) for image in images], options.rate)
    async with httpx.AsyncClient(base_url=options.url, timeout=60, trust_env=False) as client:
        before = (await client.get("/v1/models/current")).raise_for_status().json()
        loading = asyncio.create_task(load.run())
        started_s = time.perf_counter()
        await asyncio.sleep(_STEADY_S)
        uploading_s = time.perf_counter()
        accepted = await upload(client, chosen)
        for sha256 in accepted:
            path = f"/v1/dataset/images/{sha256}"
            await until("an upload to be stored", lambda _: True, client, path)
        commanded_s = time.perf_counter()
        reply = (await client.post("/retrain")).raise_for_status().json()
        took_s = commanded_s - uploading_s
        print(f"{len(accepted)} uploads stored in {took_s:.1f} s; job {reply['id']}")
        job = await until("the job", has_ended, client, f"/v1/jobs/{reply['id']}")
        ended_s = time.perf_counter()
        expected = job["model_version"] if job["state"] == "succeeded" else before["version"]
        await until("the swaps", all_serve(str(expected)), client, "/v1/models/current")
        swapped_s = time.perf_counter()
        await asyncio.sleep(_AROUND_S + 1)
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
    report(load, job, (started_s, uploading_s, commanded_s, ended_s, swapped_s))
    wanted = "rejected" if options.poison else "succeeded"
    failed = sum(a.version is None for a in load.answers)
    return failed == 0 and job["state"] == wanted


def report(load: Load, job: dict[str, Any], moments: tuple[float, ...]) -> None:
    """Print every figure."""
    started_s, uploading_s, commanded_s, ended_s, swapped_s = moments
    failed = sum(a.version is None for a in load.answers)
    print(f"job: {job['state']}, model {job['model_version']}, error {job['error']}")
    print(f"command to outcome {ended_s - commanded_s:.1f} s, to all swapped ", end="")
    print(f"{swapped_s - commanded_s:.1f} s")
    gate = job.get("gate")
    if isinstance(gate, dict):
        for check in gate["checks"]:
            verdict = "passed" if check["passed"] else "FAILED"
            line = f"{check['value']:+.4f} {check['relation']} {check['bound']:+.4f}"
            print(f"  gate {check['name']}: {line} {verdict}")
    versions = Counter(a.version for a in load.answers)
    print(f"requests {len(load.answers)}, failed {failed}, answered by {dict(versions)}")
    steady = load.p99_ms(started_s, uploading_s)
    # A worker may have swapped a while before the last one was seen to.
    around = load.p99_ms(swapped_s - 2 * _AROUND_S + 1, swapped_s + 1)
    training = load.p99_ms(commanded_s, ended_s)
    print(f"p99 steady {steady:.1f} ms, while training {training:.1f} ms, ", end="")
    print(f"ten seconds around the swap {around:.1f} ms: {around / steady:.2f} of the steady")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--rate", type=float, default=20.0, help="predictions a second")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--poison", action="store_true", help="shuffle the labels")
    options = parser.parse_args()
    raise SystemExit(0 if asyncio.run(close_the_loop(options)) else 1)


if __name__ == "__main__":
    main()
