"""What Grafana is given at its start: a source, a folder, the committed dashboards."""

import json
import re
from pathlib import Path

import pytest
import yaml

from grafana.dashboard_files import DASHBOARDS
from grafana.panels import RUNBOOKS

ROOT = Path(__file__).parents[2]
PROVISIONING = ROOT / "grafana" / "provisioning"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]
FILES = sorted(PROVISIONING.rglob("*.yml"))
HOME = "/usr/share/grafana"


def mounts() -> dict[str, Path]:
    pairs = (volume.removesuffix(":ro").split(":") for volume in COMPOSE["volumes"])
    return {inside: ROOT / outside for outside, inside in pairs}


def test_the_source_and_the_folder_of_dashboards_are_provisioned():
    source, provider = (
        yaml.safe_load((PROVISIONING / name).read_text())
        for name in ("datasources/prometheus.yml", "dashboards/pneumostream.yml")
    )
    assert source["datasources"][0]["type"] == "prometheus"
    assert source["datasources"][0]["isDefault"]
    assert provider["providers"][0]["type"] == "file"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_compose_sets_every_variable_of_the_provisioning(path):
    wanted = re.findall(r": \"?\$\{(\w+)\}", path.read_text())
    assert wanted
    assert set(wanted) <= set(COMPOSE["environment"])


def test_what_compose_mounts_is_there_and_where_it_is_looked_for():
    environment = COMPOSE["environment"]
    assert all(path.is_dir() for path in mounts().values())
    assert mounts()[environment["PNEUMO_DASHBOARDS"]] == DASHBOARDS
    assert mounts()["/etc/grafana/provisioning"] == PROVISIONING
    assert mounts()[f"{HOME}{RUNBOOKS}"] == ROOT / "docs" / "runbooks"
    home = Path(environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == environment["PNEUMO_DASHBOARDS"]
    assert (DASHBOARDS / home.name).is_file()


def test_grafana_is_reached_from_this_machine_alone():
    (port,) = COMPOSE["ports"]
    assert port.startswith("127.0.0.1:")
    assert port.endswith(":3000")


@pytest.mark.parametrize("path", sorted(DASHBOARDS.glob("*.json")), ids=lambda path: path.stem)
def test_a_dashboard_has_the_variables_that_its_panels_use(path):
    board = json.loads(path.read_text())
    declared = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{(\w+)\}", json.dumps(board["panels"])))
    assert used == declared
