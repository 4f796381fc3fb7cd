"""A stack of a bench's own: `make up`'s, on free ports, with its data in a folder of its own."""

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

from bench.compare.running import Running, started
from bench.compare.systems import REPOSITORY, Places, new_this_system
from embedded.ports import LOOPBACK

BUNDLE = REPOSITORY / "models" / "baseline"
GROUP = "inference-worker"  # the stack has no KAFKA_TOPIC_PREFIX
_PATIENCE_S = 120.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class OwnStack:
    """A stack that runs. environment: what its commands are told by."""

    environment: Mapping[str, str]

    @property
    def gateway_port(self) -> int:
        """Where it is asked."""
        return int(self.environment["PNEUMO_GATEWAY_PORT"])

    @property
    def kafka(self) -> str:
        """Its broker's address."""
        return f"{LOOPBACK}:{self.environment['PNEUMO_KAFKA_PORT']}"

    async def scale(self, workers: int) -> None:
        """Do what `make scale` does, and return when it has. Raises ChildProcessError."""
        await self._run("embedded", "scale", str(workers))

    async def audit(self, since: str) -> dict[str, Any]:
        """Have the auditor judge once nothing is pending. Raises ValueError if it says nothing."""
        command = ("operations", "audit", "--since", since, "--wait", "--json")
        said = await self._run(*command, may_fail=True)
        return dict(json.loads(said))

    async def settle(self, workers: int) -> None:
        """Return once so many workers are the whole group, and each says that it is ready.

        Raises TimeoutError.
        """
        async with (
            asyncio.timeout(_PATIENCE_S),
            httpx.AsyncClient(timeout=5, trust_env=False) as client,
        ):
            await self._until_group_has(workers)
            for index in range(workers):
                await self._until_ready(client, index)

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

    async def _until_ready(self, client: httpx.AsyncClient, index: int) -> None:
        port = int(self.environment["PNEUMO_WORKER_PORT"]) + index
        while True:
            try:
                answer = await client.get(f"http://{LOOPBACK}:{port}/health/ready")
            except httpx.TransportError:
                pass  # it starts
            else:
                if answer.is_success:
                    return
            await asyncio.sleep(_POLL_S)

    async def _run(self, *module: str, may_fail: bool = False) -> str:
        address = {"KAFKA_BOOTSTRAP_SERVERS": self.kafka} if module[0] == "operations" else {}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *module,
            env=os.environ | self.environment | address,
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        if process.returncode != 0 and not may_fail:
            raise ChildProcessError(f"{' '.join(module)} ended with code {process.returncode}")
        return said.decode()


@asynccontextmanager
async def own_stack(
    folder: Path, *, workers: int, most: int, **environment: str
) -> AsyncIterator[OwnStack]:
    """Give a stack that is up, its output in `folder`, which exists. It is stopped afterwards.

    most: workers it will ever be scaled to. environment: further variables of its programs.
    Raises ChildProcessError or TimeoutError if it does not come up.
    """
    launch = new_this_system(Places(BUNDLE, folder, most))
    (up,) = launch.commands
    variables = {**up.environment, "WORKERS": str(workers), **environment}
    launch = replace(launch, commands=(replace(up, environment=variables),))
    with started(launch, folder) as running:
        await _until_up(running)
        stack = OwnStack(variables)
        await stack.settle(workers)
        yield stack


async def _until_up(running: Running) -> None:
    give_up_s = time.monotonic() + _PATIENCE_S
    while not running.is_up:
        running.ensure_alive()
        if time.monotonic() > give_up_s:
            raise TimeoutError(f"{running.launch.name} did not come up in {_PATIENCE_S:g} s")
        await asyncio.sleep(_POLL_S)
