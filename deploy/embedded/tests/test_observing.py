"""Prometheus beside the services: found or missed in one sentence, and told whom to scrape."""

import json
from pathlib import Path

import pytest

from embedded.errors import MissingBinaryError
from embedded.stack.observing import (
    find_binaries,
    observing_programs,
    prepare_prometheus,
    write_targets,
)
from embedded.stack.programs import service_programs
from embedded.stack.settings import StackSettings


def settings_in(data: Path, workers: int = 2) -> StackSettings:
    return StackSettings(data=data, worker_port=8110, prometheus_port=9190, workers=workers)


def test_targets_follow_the_number_of_workers(tmp_path: Path) -> None:
    for workers in (2, 3, 1):
        settings = settings_in(tmp_path, workers)
        write_targets(settings, service_programs(settings))
        written = (tmp_path / "prometheus" / "targets" / "inference-worker.json").read_text()
        found = [(each["labels"]["instance"], each["targets"]) for each in json.loads(written)]
        assert found == [
            (f"inference-worker-{index}", [f"127.0.0.1:{8110 + index}"]) for index in range(workers)
        ]


def test_every_service_is_a_job(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    prepare_prometheus(
        settings, [*service_programs(settings), *observing_programs(settings, ["prometheus"])]
    )
    folder = tmp_path / "prometheus"
    jobs = {path.name for path in (folder / "targets").iterdir()}
    names = ("gateway", "inference-worker", "prometheus", "registry", "trainer")
    assert jobs == {f"{name}.json" for name in names}
    assert (folder / "prometheus.yml").is_file()
    assert list((folder / "rules").glob("*.yml"))


def test_rules_of_an_older_release_do_not_stay(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    prepare_prometheus(settings, service_programs(settings))
    left_over = tmp_path / "prometheus" / "rules" / "gone.yml"
    left_over.write_text("groups: []\n")
    prepare_prometheus(settings, service_programs(settings))
    assert not left_over.exists()


def test_it_listens_on_loopback_and_keeps_its_data_in_the_stack(tmp_path: Path) -> None:
    names = ("prometheus", "node-exporter")
    for program in observing_programs(settings_in(tmp_path), names):
        listens = [word for word in program.command if "listen-address" in word]
        assert listens == [f"--web.listen-address=127.0.0.1:{program.ports[0].number}"]
    prometheus = observing_programs(settings_in(tmp_path), ["prometheus"])[0]
    assert f"--storage.tsdb.path={tmp_path}/prometheus/series" in prometheus.command


def test_a_missing_prometheus_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingBinaryError, match="needs the program prometheus on PATH"):
        find_binaries()


def test_a_missing_node_exporter_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = tmp_path / "prometheus"
    binary.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_binaries() == {"prometheus": str(binary)}


def test_who_watches_stops_before_who_is_watched(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    watched = max(program.stop_order for program in service_programs(settings))
    names = ("prometheus", "node-exporter")
    assert all(p.stop_order > watched for p in observing_programs(settings, names))
