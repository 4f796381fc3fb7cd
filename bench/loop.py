"""The loop closed under load: upload, retrain, gate, promote, swap; against a running stack.

    .venv/bin/python -m bench.loop FOLDER [--uploads 200] [--rate 20] [--poison]

FOLDER holds one folder per class (or the Kermany set's own layout). Uploads images, requests a fast
retraining, and waits until every worker serves the new model, under predictions at a constant rate.
Prints the time of each step, failed requests, and the p99 in the ten seconds around the swaps
beside the steady p99. --poison shuffles the labels: the gate must refuse, and the current model
must stay. Exits with 1 if a request failed or the job ended otherwise.
"""

import argparse
import asyncio
import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from shared.testing.http import HttpPool, new_form_request
from shared.testing.load import run_open_loop

_AROUND_S = 5.0
_STEADY_S = 15.0
_UPLOADS_PER_REQUEST = 50
_POLL_S = 0.25
_TIMEOUT_S = 900.0
_ENDED = ("succeeded", "rejected", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class VersionedAnswer:
    """One prediction. due_s: monotonic; version: of the model, None if the request failed."""

    due_s: float
    seconds: float
    version: str | None


@dataclass(frozen=True, slots=True)
class LoopTimes:
    """When each step began or ended, monotonic seconds."""

    started: float
    uploading: float
    commanded: float
    ended: float
    swapped: float


def read_labels(folder: Path) -> list[tuple[Path, str]]:
    """Find the JPEG files and their classes; Kermany's file names tell bacterial from viral."""

    def label_of(path: Path) -> str:
        if path.parent.name != "PNEUMONIA":
            return path.parent.name
        return "viral" if "virus" in path.name else "bacterial"

    return [(path, label_of(path)) for path in sorted(folder.rglob("*.jp*g"))]


def choose_uploads(
    labelled: Sequence[tuple[Path, str]], total: int, seed: int, *, poison: bool
) -> dict[str, list[Path]]:
    """Draw as many of each class; poison: their labels are shuffled."""
    rng = random.Random(seed)
    classes = sorted({label for _, label in labelled})
    chosen = []
    for name in classes:
        ones = [pair for pair in labelled if pair[1] == name]
        chosen += rng.sample(ones, total // len(classes))
    labels = [label for _, label in chosen]
    if poison:
        rng.shuffle(labels)
    paths = [path for path, _ in chosen]
    return {
        name: [p for p, label in zip(paths, labels, strict=True) if label == name]
        for name in classes
    }


async def upload_images(client: httpx.AsyncClient, chosen: dict[str, list[Path]]) -> list[str]:
    """Upload class by class; return the sha256 of what was accepted."""
    accepted: list[str] = []
    for label, paths in chosen.items():
        for start in range(0, len(paths), _UPLOADS_PER_REQUEST):
            part = paths[start : start + _UPLOADS_PER_REQUEST]
            files = [("files", (path.name, path.read_bytes(), "image/jpeg")) for path in part]
            data = {"label": label, "source": "bench"}
            response = (await client.post("/v1/uploads", data=data, files=files)).raise_for_status()
            accepted += [one["sha256"] for one in response.json()["accepted"]]
    return accepted


async def poll_until(
    client: httpx.AsyncClient, path: str, is_done: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Poll a path until its body is as wanted; return the body. Raises TimeoutError."""
    async with asyncio.timeout(_TIMEOUT_S):
        while True:
            response = await client.get(path)
            if response.is_success and is_done(response.json()):
                return dict(response.json())
            await asyncio.sleep(_POLL_S)


async def close_the_loop(
    client: httpx.AsyncClient, chosen: dict[str, list[Path]]
) -> tuple[dict[str, Any], LoopTimes]:
    """Upload, retrain and wait for the swaps; return the job and the times."""
    before = (await client.get("/v1/models/current")).raise_for_status().json()
    started_s = time.monotonic()
    await asyncio.sleep(_STEADY_S)
    uploading_s = time.monotonic()
    accepted = await upload_images(client, chosen)
    for sha256 in accepted:
        await poll_until(client, f"/v1/dataset/images/{sha256}", lambda _: True)
    commanded_s = time.monotonic()
    job_id = (await client.post("/retrain")).raise_for_status().json()["id"]
    print(f"{len(accepted)} uploads stored in {commanded_s - uploading_s:.1f} s; job {job_id}")
    job = await poll_until(client, f"/v1/jobs/{job_id}", lambda job: job["state"] in _ENDED)
    ended_s = time.monotonic()
    expected = job["model_version"] if job["state"] == "succeeded" else before["version"]

    def all_serve_it(body: dict[str, Any]) -> bool:
        workers = body["workers"]
        return bool(workers) and all(w["ready"] and w["version"] == expected for w in workers)

    await poll_until(client, "/v1/models/current", all_serve_it)
    swapped_s = time.monotonic()
    await asyncio.sleep(_AROUND_S + 1)
    return job, LoopTimes(started_s, uploading_s, commanded_s, ended_s, swapped_s)


async def measure_loop(options: argparse.Namespace) -> bool:
    """Close the loop under load and print the figures; return whether it ended as expected."""
    labelled = read_labels(options.folder)
    chosen = choose_uploads(labelled, options.uploads, options.seed, poison=options.poison)
    host, pool = urlsplit(options.url).hostname or "", HttpPool(options.url)
    drawn = random.Random(0).sample(labelled, 100)
    requests = [new_form_request(path.read_bytes(), host) for path, _ in drawn]
    answers: list[VersionedAnswer] = []

    async def send(number: int, due_s: float) -> None:
        version = None
        try:
            reply = await pool.exchange(requests[number % len(requests)])
            version = str(json.loads(reply.body)["model"]["version"])
        except (OSError, ValueError, KeyError) as error:
            print(f"a request failed: {error!r}")
        answers.append(VersionedAnswer(due_s, time.monotonic() - due_s, version))

    stop = asyncio.Event()
    async with (
        httpx.AsyncClient(base_url=options.url, timeout=60, trust_env=False) as client,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(run_open_loop(send, options.rate, stop))
        job, times = await close_the_loop(client, chosen)
        stop.set()
    report_loop(answers, job, times)
    wanted = "rejected" if options.poison else "succeeded"
    return all(a.version is not None for a in answers) and job["state"] == wanted


def report_loop(answers: Sequence[VersionedAnswer], job: dict[str, Any], at: LoopTimes) -> None:
    """Print every figure."""

    def p99_ms(start_s: float, end_s: float) -> float:
        spans = [a.seconds for a in answers if start_s <= a.due_s < end_s]
        return statistics.quantiles(spans, n=100)[98] * 1e3

    print(f"job: {job['state']}, model {job['model_version']}, error {job['error']}")
    print(
        f"command to outcome {at.ended - at.commanded:.1f} s, "
        f"to all swapped {at.swapped - at.commanded:.1f} s"
    )
    for check in (job.get("gate") or {}).get("checks", ()):
        verdict = "passed" if check["passed"] else "FAILED"
        line = f"{check['value']:+.4f} {check['relation']} {check['bound']:+.4f}"
        print(f"  gate {check['name']}: {line} {verdict}")
    versions = Counter(a.version for a in answers)
    print(f"requests {len(answers)}, failed {versions[None]}, by version {dict(versions)}")
    steady = p99_ms(at.started, at.uploading)
    # Some workers swap a while before the last one does.
    around = p99_ms(at.swapped - 2 * _AROUND_S + 1, at.swapped + 1)
    print(
        f"p99 steady {steady:.1f} ms, while training {p99_ms(at.commanded, at.ended):.1f} ms, "
        f"ten seconds around the swap {around:.1f} ms: {around / steady:.2f} of the steady"
    )


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--rate", type=float, default=20.0, help="predictions per second")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--poison", action="store_true", help="shuffle the labels")
    raise SystemExit(0 if asyncio.run(measure_loop(parser.parse_args())) else 1)


if __name__ == "__main__":
    main()
