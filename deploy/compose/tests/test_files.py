"""The compose files, without a Docker: safe by default, and of one mind with the code."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import AliasChoices
from pydantic_settings import BaseSettings

import gateway.settings
import inference_worker.settings
import registry.settings
import trainer.settings
import ui.settings
from embedded.kafka.properties import container_environment
from embedded.stack.settings import StackSettings
from shared.http.settings import HttpSettings
from shared.kafka.settings import KafkaSettings
from shared.observability.tracing import TracingSettings

ROOT = Path(__file__).parents[3]
PARTS = sorted((ROOT / "deploy" / "compose").glob("*.yml"))
FILES = [ROOT / "docker-compose.yml", *PARTS]
SETTINGS: dict[str, type[BaseSettings]] = {
    "registry": registry.settings.Settings,
    "gateway": gateway.settings.Settings,
    "inference-worker": inference_worker.settings.Settings,
    "trainer": trainer.settings.Settings,
    "ui": ui.settings.Settings,
    "topics": KafkaSettings,
    "operations": KafkaSettings,
}
SERVING = ("registry", "gateway", "inference-worker", "trainer", "ui")
# Read by others than our settings: OpenTelemetry's SDK, Python's tempfile, the library for S3.
FOREIGN = {"OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "TMPDIR"}
FOREIGN |= {"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
KEPT_BY_ALL = {"PNEUMO_REGISTRY_URL", "PNEUMO_HTTP_ALLOWED_HOSTS", "OTEL_EXPORTER_OTLP_ENDPOINT"}
LEAST_MEMORY = re.compile(r"\d+[mg]")
PINNED = re.compile(r"[\w./-]+:v?\d[\w.-]*(@sha256:[0-9a-f]{64})?")


def filled(text: str) -> str:
    """Put in the defaults; what must be given is given."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
    return re.sub(r"\$\{(\w+)(:\?[^}]*)?\}", "given", text)


def services(path: Path) -> dict[str, dict[str, Any]]:
    return yaml.safe_load(filled(path.read_text()))["services"]


# Whole services, with the file that declares them; parts also change services of others.
WHOLE = {
    name: service
    for path in FILES
    for name, service in services(path).items()
    if "image" in service
}
CHANGED = [
    pytest.param(name, service, id=f"{path.stem}-{name}")
    for path in FILES
    for name, service in services(path).items()
    if name in SETTINGS
]
BUILT = {name: service for name, service in WHOLE.items() if "build" in service}


@pytest.mark.parametrize("name", WHOLE)
def test_a_service_can_do_no_more_than_it_must(name):
    service = WHOLE[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert all("docker.sock" not in str(volume) for volume in service.get("volumes", []))
    if "user" in service and service["user"].startswith("0"):
        assert service["network_mode"] == "none"  # root with nobody to talk to
    if "cap_add" in service:
        assert service["cap_add"] == ["CHOWN"]


@pytest.mark.parametrize("name", WHOLE)
def test_a_service_is_bounded(name):
    service = WHOLE[name]
    assert float(service["cpus"]) > 0
    assert LEAST_MEMORY.fullmatch(service["mem_limit"])
    assert service["pids_limit"] > 0
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    for mount in service.get("tmpfs", []):
        assert "size=" in mount, mount


@pytest.mark.parametrize("name", WHOLE)
def test_a_port_is_this_machines_alone(name):
    assert all(port.startswith("127.0.0.1:") for port in WHOLE[name].get("ports", []))


@pytest.mark.parametrize("name", WHOLE)
def test_who_stays_says_whether_it_is_healthy_and_who_ends_is_not_restarted(name):
    service, ours = WHOLE[name], name in BUILT
    check = service.get("healthcheck", {})
    if service["restart"] == "no":
        assert check == {"disable": True}
    else:
        assert service["restart"] == "unless-stopped"
        assert ours or set(check) == {"test", "interval", "timeout", "start_period", "retries"}


@pytest.mark.parametrize("name", WHOLE)
def test_an_image_has_a_tag_that_says_which(name):
    image = WHOLE[name]["image"]
    assert PINNED.fullmatch(image), image
    if name in BUILT:
        assert image.partition(":")[0].startswith("pneumostream-")


def test_who_waits_for_whom_is_there_and_nobody_waits_for_time():
    for path in FILES:
        for service in services(path).values():
            assert set(service.get("depends_on", ())) <= set(WHOLE)
            assert "sleep" not in str(service.get("command", "")) + str(
                service.get("entrypoint", "")
            )


def variables(settings: type[BaseSettings]) -> set[str]:
    prefix = settings.model_config["env_prefix"]
    found = set()
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            found |= {str(choice) for choice in alias.choices}
        found.add(str(alias or f"{prefix}{name}").upper())
    return found


@pytest.mark.parametrize(("name", "service"), CHANGED)
def test_no_variable_is_misspelt(name, service):
    known = variables(SETTINGS[name]) | variables(KafkaSettings) | variables(TracingSettings)
    known |= variables(HttpSettings)
    unknown = set(service.get("environment", {})) - known - FOREIGN
    # Who is told all that its like are told need not read all of it.
    assert unknown <= KEPT_BY_ALL, unknown


@pytest.mark.parametrize("name", SERVING)
def test_a_service_listens_where_its_image_and_its_neighbours_look(name):
    service, settings = WHOLE[name], SETTINGS[name]
    port = settings.model_fields["port"].default
    assert service["build"]["args"]["PORT"] == str(port)
    prefix = settings.model_config["env_prefix"]
    assert service["environment"][f"{prefix}HOST"] == "0.0.0.0"
    assert all(mapping.endswith(f":{port}") for mapping in service.get("ports", []))


def test_addresses_name_services_and_their_ports():
    ports = {name: SETTINGS[name].model_fields["port"].default for name in SERVING}
    ports |= {"kafka": 9092, "prometheus": 9090, "s3": 7070}
    for name, service in WHOLE.items():
        for value in service.get("environment", {}).values():
            for host, port in re.findall(r"^(?:http://)?([a-z0-9-]+):(\d+)$", str(value)):
                assert ports[host] == int(port), (name, value)


def test_prometheus_looks_for_services_where_they_listen():
    text = (ROOT / "deploy" / "prometheus" / "prometheus.compose.yml").read_text()
    targets = {
        (name, found["port"])
        for job in yaml.safe_load(text)["scrape_configs"]
        for found in job.get("dns_sd_configs", [])
        for name in found["names"]
    }
    ours = {(name, SETTINGS[name].model_fields["port"].default) for name in SERVING if name != "ui"}
    assert targets == ours | {("node-exporter", 9100)}
    assert all("core" in WHOLE[name]["networks"] for name, _ in targets)


def test_only_the_gateway_stands_between_a_browser_and_the_topics():
    assert WHOLE["kafka"]["networks"] == ["core"]
    for name in ("ui", "locust", "grafana"):
        assert "core" not in WHOLE[name]["networks"]


# Of the embedded broker alone: where it lives, that it is small beside a browser, tests' haste.
EMBEDDED_ALONE = re.compile(
    "LISTENER|VOTERS|LOG_DIRS|NUM_|BACKGROUND|LOG_CLEANER|LOG_INDEX|MIN_SESSION_TIMEOUT"
)


def test_kafka_is_set_as_the_embedded_one_is():
    ours, embedded = WHOLE["kafka"]["environment"], container_environment(9092)
    shared = {name for name in embedded if not EMBEDDED_ALONE.search(name)}
    assert {name: ours.get(name) for name in shared} == {name: embedded[name] for name in shared}
    own = {"KAFKA_HEAP_OPTS", "KAFKA_INTER_BROKER_LISTENER_NAME"}
    assert set(ours) - own <= set(embedded)


def test_images_are_tagged_with_the_version():
    told = {
        found
        for path in FILES
        for found in re.findall(r"PNEUMO_VERSION:-([^}]*)", path.read_text())
    }
    assert told == {(ROOT / "VERSION").read_text().strip()}


def test_passwords_are_given_and_never_written():
    for path in FILES:
        for line in path.read_text().splitlines():
            name, _, value = line.strip().partition(": ")
            if name.endswith(("PASSWORD", "SECRET_ACCESS_KEY")) or name == "x-secret":
                assert ":?" in value or value == "*secret", line


def test_the_registry_finds_in_s3_what_the_other_services_of_the_part_make():
    part = services(ROOT / "deploy" / "compose" / "s3.yml")
    told, server = part["registry"]["environment"], part["s3"]["environment"]
    files = registry.settings.Settings(files_url=told["PNEUMO_REGISTRY_FILES_URL"])
    assert f"/data/{str(files.files_url).removeprefix('s3://')}" in part["bucket"]["command"]
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        assert told[f"AWS_{name}"] == server[f"ROOT_{name}"]
    assert part["bucket"]["volumes"] == part["s3"]["volumes"] == ["s3:/data"]
    assert part["bucket"]["user"] == part["s3"]["user"] == "10001:10001"  # whose volume it is


def test_the_page_names_every_published_port_and_the_variable_of_make_up() -> None:
    page = (ROOT / "docs" / "compose.md").read_text()
    published = {
        name for file in FILES for name in re.findall(r"\$\{(\w+_PORT):-", file.read_text())
    }
    assert {"GATEWAY_PORT", "UI_PORT"} <= published
    assert sorted(name for name in published if f"`{name}`" not in page) == []
    of_make_up = {f"PNEUMO_{name.upper()}" for name in StackSettings.model_fields}
    for name in ("GATEWAY_PORT", "UI_PORT", "PROMETHEUS_PORT"):
        assert f"PNEUMO_{name}" in of_make_up
        assert re.search(rf"`{name}` \| `PNEUMO_{name}`", page)
