"""A stack for one benchmark: `make up`'s, on free ports, with its data in a folder of its own."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from aiokafka.admin import AIOKafkaAdminClient

from bench.compare.running import start_system
from bench.compare.systems import REPOSITORY, BenchPaths, new_this_system
from embedded.ports import LOOPBACK

BUNDLE = REPOSITORY / "models" / "baseline"
GROUP = "inference-worker"  # the stack has no KAFKA_TOPIC_PREFIX
_TIMEOUT_S = 120.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class BenchmarkStack:
    """A running stack. environment: variables that address it."""

    environment: Mapping[str, str]

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://{LOOPBACK}:{self.environment['PNEUMO_GATEWAY_PORT']}"

    @property
    def kafka(self) -> str:
        """The broker's address."""
        return f"{LOOPBACK}:{self.environment['PNEUMO_KAFKA_PORT']}"

    async def scale(self, workers: int) -> None:
        """Scale as `make scale` does. Raises ChildProcessError."""
        await self._run("embedded", "scale", str(workers))

    async def audit(self, since: str) -> dict[str, Any]:
        """Return the auditor's report once nothing is pending. Raises ValueError."""
        command = ("operations", "audit", "--since", since, "--wait", "--json")
        return dict(json.loads(await self._run(*command, may_fail=True)))

    async def settle(self, workers: int) -> None:
        """Return once the group has so many workers and all are ready. Raises TimeoutError."""
        async with (
            asyncio.timeout(_TIMEOUT_S),
            httpx.AsyncClient(timeout=5, trust_env=False) as client,
        ):
            await self._until_group_has(workers)
            first = int(self.environment["PNEUMO_WORKER_PORT"])
            for port in range(first, first + workers):
                while not await _is_ready(client, port):  # noqa: ASYNC110  of another process
                    await asyncio.sleep(_POLL_S)

    async def _until_group_has(self, members: int) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        try:
            while True:
                (answer,) = await admin.describe_consumer_groups([GROUP])
                (group,) = answer.to_object()["groups"]
                if group["state"] == "Stable" and len(group["members"]) == members:
                    return
                await asyncio.sleep(_POLL_S)
        finally:
            await admin.close()

    async def _run(self, *module: str, may_fail: bool = False) -> str:
        address = {"KAFKA_BOOTSTRAP_SERVERS": self.kafka} if module[0] == "operations" else {}
        environment = os.environ | self.environment | address
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *module, env=environment, stdout=asyncio.subprocess.PIPE
        )
        printed, _ = await process.communicate()
        if process.returncode != 0 and not may_fail:
            raise ChildProcessError(f"{' '.join(module)} ended with code {process.returncode}")
        return printed.decode()


async def _is_ready(client: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await client.get(f"http://{LOOPBACK}:{port}/health/ready")).is_success
    except httpx.TransportError:
        return False  # it starts


@asynccontextmanager
async def benchmark_stack(
    folder: Path, *, workers: int, most: int, **environment: str
) -> AsyncIterator[BenchmarkStack]:
    """Start a stack, its output in `folder`, which exists; stop it afterwards.

    most: maximum number of workers. environment: further variables of its programs.
    Raises ChildProcessError or TimeoutError if it does not start.
    """
    launch = new_this_system(BenchPaths(BUNDLE, folder, most))
    (up,) = launch.commands
    variables = {**up.environment, "WORKERS": str(workers), **environment}
    launch = replace(launch, commands=(replace(up, environment=variables),))
    with start_system(launch, folder) as running:
        give_up_s = time.monotonic() + _TIMEOUT_S
        while not running.is_up:
            running.ensure_alive()
            if time.monotonic() > give_up_s:
                raise TimeoutError(f"{launch.name} did not start in {_TIMEOUT_S:g} s")
            await asyncio.sleep(_POLL_S)
        stack = BenchmarkStack(variables)
        await stack.settle(workers)
        yield stack
