"""Every environment that compose and Kubernetes give a program is one that it starts with."""

import json
import os
import re
from pathlib import Path

import certifi
import pytest
import yaml

import gateway.settings
import inference_worker.settings
import registry.settings
import trainer.settings
import ui.settings
from gateway.main.edge import refuse_unsafe_start
from shared.kafka.settings import KafkaSettings
from shared.observability.tracing import TracingSettings
from shared.testing.deployed import (
    OVERLAYS,
    ROOT,
    can_render,
    containers_of_compose,
    containers_on_kubernetes,
)

SETTINGS = {
    "gateway": (gateway.settings.Settings, KafkaSettings, TracingSettings),
    "inference-worker": (inference_worker.settings.Settings, KafkaSettings, TracingSettings),
    "registry": (registry.settings.Settings, KafkaSettings, TracingSettings),
    "trainer": (trainer.settings.Settings, KafkaSettings, TracingSettings),
    "ui": (ui.settings.Settings,),
    "topics": (KafkaSettings,),
    "operations": (KafkaSettings,),
}
PARTS = [None, *sorted(path.stem for path in (ROOT / "deploy" / "compose").glob("*.yml"))]
OURS = ("PNEUMO_", "KAFKA_", "OTEL_", "AWS_")
SECRETS = {"PNEUMO_REGISTRY_DATABASE_URL": "postgresql://user:password@database/pneumo"}

PLACES = [
    *(pytest.param("compose", part, id=f"compose+{part}" if part else "compose") for part in PARTS),
    *(pytest.param("kubernetes", overlay, id=overlay) for overlay in OVERLAYS),
]


def containers(platform, which):
    if platform == "compose":
        return list(containers_of_compose(which))
    if not can_render():
        pytest.skip("NO KUBECTL, NO KUSTOMIZE: the overlays were not rendered.")
    return list(containers_on_kubernetes(which))


def give_environment(monkeypatch, container, tmp_path):
    """Replace this process's variables by the container's; a Secret's file of keys is made."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    for name, value in container.environment.items():
        monkeypatch.setenv(name, SECRETS.get(name, value))
    if "KAFKA_SSL_CAFILE" in container.environment:
        # What certificates a deployment mounts is its own; the settings read them at the start.
        monkeypatch.setenv("KAFKA_SSL_CAFILE", certifi.where())
    if "PNEUMO_GATEWAY_KEYS_FILE" in container.environment:
        keys = tmp_path / "keys.json"
        keys.write_text(json.dumps({"keys": []}))
        keys.chmod(0o600)
        monkeypatch.setenv("PNEUMO_GATEWAY_KEYS_FILE", str(keys))


@pytest.mark.parametrize(("platform", "which"), PLACES)
def test_each_environment_is_accepted_by_the_settings_of_its_program(
    platform, which, monkeypatch, tmp_path
):
    refused = {}
    for container in containers(platform, which):
        with monkeypatch.context() as patch:
            give_environment(patch, container, tmp_path)
            try:
                for settings in SETTINGS.get(container.name, ()):
                    settings()
                if container.name == "gateway":
                    refuse_unsafe_start(gateway.settings.Settings())
            except (ValueError, SystemExit) as error:
                refused[container.name] = str(error)
    assert refused == {}


@pytest.mark.parametrize(("platform", "which"), PLACES)
def test_every_program_of_ours_is_among_them(platform, which):
    found = {each.name for each in containers(platform, which)}
    programs = {each.name for each in containers(platform, which) if "pneumostream" in each.image}
    known = {*SETTINGS, "locust", "certificates", "bucket"}
    assert {"gateway", "inference-worker", "registry", "trainer"} <= found
    assert programs <= known


def image_folders(image_name):
    """Give the folders that an image of ours holds: those that its stages copy, and its /data."""
    builds = {
        each["image"].partition(":")[0]: each["build"]
        for each in yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].values()
        if "build" in each
    }
    build = builds[image_name]
    text = (ROOT / build["dockerfile"]).read_text().replace("\\\n", " ")
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)$", text, re.MULTILINE))
    arguments |= {name: str(value) for name, value in build["args"].items()}
    bodies, parents = {}, {}
    for stage in re.split(r"^(?=FROM )", text, flags=re.MULTILINE)[1:]:
        parent, name = re.match(r"FROM (\S+)(?: AS (\S+))?", stage).groups()
        bodies[name], parents[name] = stage, parent
    stage, folders = build.get("target", list(bodies)[-1]), ["/data"]
    while stage in bodies:
        copied = re.findall(r"^COPY .* (/\S+)$", bodies[stage], re.MULTILINE)
        folders += [re.sub(r"\$\{(\w+)\}", lambda m: arguments[m[1]], each) for each in copied]
        stage = parents[stage]
    return folders


@pytest.mark.parametrize(("platform", "which"), PLACES)
def test_a_path_that_a_variable_names_is_in_the_image_or_mounted(platform, which):
    missing = []
    for container in containers(platform, which):
        if container.name not in SETTINGS:
            continue
        there = [Path(each) for each in (*image_folders(container.image_name), *container.mounts)]
        for name, value in container.environment.items():
            path = Path(value)
            if path.is_absolute() and not any(path.is_relative_to(each) for each in there):
                missing.append(f"{container.name}: {name}={value}")
    assert missing == []


def test_the_registrys_image_holds_a_whole_bundle_without_a_mount():
    assert "/models/baseline" in image_folders("pneumostream-registry")
    assert "/models/baseline" not in image_folders("pneumostream-gateway")
    manifest = json.loads((ROOT / "models/baseline/manifest.json").read_text())
    for name in manifest["files"]:
        assert (ROOT / "models/baseline" / name).is_file(), name


def test_a_browser_may_use_the_name_that_the_ingress_gives_the_ui():
    if not can_render():
        pytest.skip("NO KUBECTL, NO KUSTOMIZE: the overlays were not rendered.")
    text = (ROOT / "deploy/k8s/overlays/production-ui/ui-ingress.yaml").read_text()
    hosts = {rule["host"] for rule in yaml.safe_load(text)["spec"]["rules"]}
    (container,) = (c for c in containers_on_kubernetes("production-ui") if c.name == "ui")
    assert hosts <= set(json.loads(container.environment["PNEUMO_UI_ALLOWED_HOSTS"]))
