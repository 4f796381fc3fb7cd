"""What the services export, what the list says, and what the page says are the same."""

import re
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

import gateway.main
import gateway.settings
import inference_worker.main
import inference_worker.settings
import registry.main
import registry.settings
import trainer.main
import trainer.settings
from shared.observability.metric_names import METRIC_NAMES

PAGE = Path(__file__).parents[3] / "docs" / "architecture" / "metrics.md"
SECONDS, BYTES = "_seconds", "_bytes"
UNITS = re.compile(r"_(ms|milliseconds|minutes|hours|kb|mb|kib|mib|percent)(_|$)")


@asynccontextmanager
async def _apps(kafka_settings, folder):
    """Give every service's app, made by its own composition root over a real broker."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        asked = await enter(
            gateway.main.build_gateway(gateway.settings.Settings(kafka=kafka_settings))
        )
        worker = await enter(
            inference_worker.main.build(
                inference_worker.settings.Settings(
                    kafka=kafka_settings, cache_dir=folder / "worker"
                )
            )
        )
        keeps = await enter(
            registry.main.build(
                registry.settings.Settings(kafka=kafka_settings, data_dir=folder / "registry")
            )
        )
        trains = await enter(
            trainer.main.build(
                trainer.settings.Settings(kafka=kafka_settings, cache_dir=folder / "trainer")
            )
        )
        yield asked.app, worker.new_app(), keeps, trains.app


async def _names_of(app):
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in text_string_to_metric_families(answer.text)
        if not family.name.endswith("_created")
    }


@pytest.mark.kafka
async def test_every_exported_metric_is_listed_and_every_listed_one_is_exported(
    kafka_settings, tmp_path
):
    async with _apps(kafka_settings, tmp_path) as apps:
        exported = {name for app in apps for name in await _names_of(app)}
    assert exported - METRIC_NAMES == set(), "exported, and in no list"
    assert METRIC_NAMES - exported == set(), "listed, and exported by nobody"


def test_the_page_describes_exactly_the_listed_metrics():
    described = re.findall(r"^\| `((?:pneumo|process)_\w+)", PAGE.read_text(), re.MULTILINE)
    assert sorted(described) == sorted(METRIC_NAMES)


def test_names_are_pneumo_and_in_base_units():
    for name in METRIC_NAMES:
        assert name.startswith(("pneumo_", "process_"))
        assert not UNITS.search(name), name
