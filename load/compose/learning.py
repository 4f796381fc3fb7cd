"""A training in a system on Docker: uploads, a job, its model; and what is known of it later."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import httpx

from load.images import SAMPLES, fresh, read_pictures

_IMAGES = 60
_SEED = 0
_PATIENCE_S = 300.0
_POLL_S = 0.5
_ENDED = frozenset({"succeeded", "rejected", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Taught:
    """A job and what it left. took_s: from order to end, seconds; 0 where that was not seen."""

    job_id: str
    state: str
    current_version: str
    images: int
    took_s: float = 0.0

    @property
    def known(self) -> tuple[str, str, int]:
        """Give what must outlive a restart: the job's state, the current model, how many images."""
        return self.state, self.current_version, self.images

    @classmethod
    async def ask(cls, url: str, job_id: str, *, took_s: float = 0.0) -> Self:
        """Ask the gateway. Raises httpx.HTTPError."""
        async with _client(url) as client:
            job = (await client.get(f"/v1/jobs/{job_id}")).raise_for_status().json()
            model = (await client.get("/v1/models/current")).raise_for_status().json()
            dataset = (await client.get("/v1/dataset")).raise_for_status().json()
        return cls(job_id, job["state"], model["version"], dataset["total"], took_s)


async def teach(url: str) -> Taught:
    """Upload composites a little changed, order a training, wait for its end and for its model.

    Raises httpx.HTTPError, TimeoutError.
    """
    async with _client(url) as client, asyncio.timeout(_PATIENCE_S):
        await _upload(client)
        began_s = time.monotonic()
        job_id = (await client.post("/retrain")).raise_for_status().json()["id"]
        job = await _until(client, f"/v1/jobs/{job_id}", lambda job: job["state"] in _ENDED)
        took_s = time.monotonic() - began_s
        if job["state"] == "succeeded":
            wanted = job["model_version"]
            await _until(client, "/v1/models/current", lambda model: model["version"] == wanted)
    return await Taught.ask(url, job_id, took_s=took_s)


async def _upload(client: httpx.AsyncClient) -> None:
    rng = random.Random(_SEED)  # noqa: S311  pictures, no secrets
    pictures = read_pictures(SAMPLES)
    drawn = [(pictures[n % len(pictures)], n) for n in range(_IMAGES)]
    for label in sorted({picture.label for picture in pictures}):
        files = [
            ("files", (f"{n}.jpeg", fresh(picture, rng), "image/jpeg"))
            for picture, n in drawn
            if picture.label == label
        ]
        sent = await client.post("/v1/uploads", data={"label": label}, files=files)
        sent.raise_for_status()
    await _until(client, "/v1/dataset", lambda dataset: dataset["total"] >= _IMAGES)


async def _until(
    client: httpx.AsyncClient, path: str, holds: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    while not holds(said := (await client.get(path)).raise_for_status().json()):  # noqa: ASYNC110
        await asyncio.sleep(_POLL_S)
    return dict(said)


def _client(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=60, trust_env=False)
