"""A real Prometheus over a system under test, and what its alerts did."""

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

_FIRES_S = 180.0
_READY_S = 60.0
_LOOK_EVERY_S = 0.5
_LOOKS_AFTER = 20
_ALL_SCRAPED = "min(sum_over_time(up[8s])) >= 5"


@dataclass
class Watch:
    """Every alert that fired so far, with the seconds from the start until it did."""

    url: str
    started_s: float = field(default_factory=time.monotonic)
    fired: dict[str, float] = field(default_factory=dict)

    async def until_healthy(self) -> None:
        """Return once every target has answered some scrapes; the clock starts then.

        Raises AssertionError if an alert fires although nothing is wrong.
        """
        async with asyncio.timeout(_FIRES_S):
            while not await self._ask(_ALL_SCRAPED):  # noqa: ASYNC110  a process's state
                await asyncio.sleep(_LOOK_EVERY_S)
        await self._look_on()
        assert not self.fired, f"fired with nothing wrong: {self.fired}"
        self.started_s = time.monotonic()

    async def until_fires(self, alert: str) -> None:
        """Return a while after it fires: a wrong one may be slower. Raises TimeoutError."""
        async with asyncio.timeout(_FIRES_S):
            while alert not in self.fired:
                await self._look()
                await asyncio.sleep(_LOOK_EVERY_S)
        await self._look_on()

    async def _look_on(self) -> None:
        for _ in range(_LOOKS_AFTER):
            await self._look()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _look(self) -> None:
        for name in await self._ask('ALERTS{alertstate="firing"}'):
            self.fired.setdefault(name, round(time.monotonic() - self.started_s, 1))

    async def _ask(self, query: str) -> list[str]:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            answer = await client.get("/api/v1/query", params={"query": query})
        series = answer.raise_for_status().json()["data"]["result"]
        return [one["metric"].get("alertname", "") for one in series]


@contextmanager
def watched(
    targets: Mapping[str, Sequence[str]], rules: Mapping[str, str], folder: Path, port: int
) -> Iterator[Watch]:
    """Scrape and judge once a second for the block's length; needs `prometheus` on the PATH.

    targets: host:port by job. rules: the text of each rule file by its name. folder: to be filled.
    """
    folder.mkdir(parents=True)
    for name, text in rules.items():
        (folder / name).write_text(text)
    config = folder / "prometheus.json"
    config.write_text(json.dumps(_configuration(targets, [str(folder / name) for name in rules])))
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603  no shell
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_ready(url, running)
        yield Watch(url)
    finally:
        running.terminate()
        running.wait(_READY_S)


def _configuration(targets: Mapping[str, Sequence[str]], rules: list[str]) -> dict[str, object]:
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": rules,
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": list(hosts)}]}
            for job, hosts in targets.items()
        ],
    }


def _wait_ready(url: str, running: subprocess.Popen[bytes]) -> None:
    give_up_s = time.monotonic() + _READY_S
    while time.monotonic() < give_up_s:
        assert running.poll() is None, "Prometheus ended; its log is beside its configuration"
        try:
            if httpx.get(f"{url}/-/ready", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"Prometheus is not ready after {_READY_S} s")
