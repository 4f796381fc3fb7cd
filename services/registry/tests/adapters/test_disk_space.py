import asyncio
import shutil
from pathlib import Path

from prometheus_client import CollectorRegistry

from registry.adapters.disk_space import DiskSpace

FREE = "pneumo_registry_disk_free_bytes"
TOTAL = "pneumo_registry_disk_total_bytes"


async def test_the_room_on_the_disk_becomes_metrics(tmp_path: Path) -> None:
    metrics = CollectorRegistry()
    task = asyncio.create_task(DiskSpace(tmp_path, metrics=metrics).run())
    async with asyncio.timeout(10):
        while not metrics.get_sample_value(FREE):
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert metrics.get_sample_value(TOTAL) == shutil.disk_usage(tmp_path).total
    assert (metrics.get_sample_value(FREE) or 0.0) <= shutil.disk_usage(tmp_path).total
