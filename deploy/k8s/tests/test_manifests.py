"""The manifests as a cluster would get them: valid, safe, and of one mind with the code.

Rendering needs kubectl or kustomize; where neither is, that is skipped, aloud.
"""

import importlib.util
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from pydantic import AliasChoices
from pydantic_settings import BaseSettings

import gateway.settings
import inference_worker.settings
import registry.settings
import trainer.settings
import ui.settings
from shared.contracts.groups import WORKERS_GROUP
from shared.contracts.topics import PREDICT_REQUESTS
from shared.http.browser_policy import is_allowed_host, new_browser_policy
from shared.http.settings import HttpSettings
from shared.kafka.settings import KafkaSettings

HERE = Path(__file__).parents[1]
OVERLAYS = ("try", "production", "production-ui")
# The oldest that may still be met, and the newest whose schemas are at hand.
KUBERNETES = ("1.30", "1.34")
SETTINGS: dict[str, type[BaseSettings]] = {
    "gateway": gateway.settings.Settings,
    "inference-worker": inference_worker.settings.Settings,
    "registry": registry.settings.Settings,
    "trainer": trainer.settings.Settings,
}
ALL_SETTINGS = SETTINGS | {"ui": ui.settings.Settings}
SUFFIXES = ("", ".pneumostream", ".pneumostream.svc", ".pneumostream.svc.cluster.local")
"""How a Service is called, from near and far."""
OWN_RESOURCES = ("keda.sh/", "kafka.strimzi.io/", "monitoring.coreos.com/")


def documents(text: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(text) if each]


@cache
def rendered(overlay: str) -> tuple[dict[str, Any], ...]:
    if kubectl := shutil.which("kubectl"):
        command = [kubectl, "kustomize"]
    elif kustomize := shutil.which("kustomize"):
        command = [kustomize, "build"]
    else:
        pytest.skip(
            "NO KUBECTL, NO KUSTOMIZE: overlays were not rendered, only the base was tried."
        )
    folder = HERE / "overlays" / overlay
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(documents(done.stdout))


def base() -> list[dict[str, Any]]:
    files = [file for file in (HERE / "base").glob("*.yaml") if file.name != "kustomization.yaml"]
    return [each for file in files for each in documents(file.read_text())]


def ui_component() -> list[dict[str, Any]]:
    return documents((HERE / "components" / "ui" / "ui.yaml").read_text())


def of_kind(found, kind):
    return {each["metadata"]["name"]: each for each in found if each["kind"] == kind}


def container(deployment):
    (only,) = deployment["spec"]["template"]["spec"]["containers"]
    return only


def assert_valid(found, version):
    for each in found:
        if not each["apiVersion"].startswith(OWN_RESOURCES):
            kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("version", KUBERNETES)
def test_the_base_is_valid_by_kubernetes_own_schemas(version):
    assert_valid(base(), version)


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_an_overlay_renders_is_valid(overlay, version):
    assert_valid(rendered(overlay), version)


def test_generated_manifests_say_what_is_declared_elsewhere():
    spec = importlib.util.spec_from_file_location("generate", HERE / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    stale = [path.name for path, text in generate.manifests().items() if path.read_text() != text]
    assert not stale, f"run `python deploy/k8s/generate.py`: {stale}"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_variable_is_misspelt(overlay):
    for name, deployment in of_kind(rendered(overlay), "Deployment").items():
        if name not in ALL_SETTINGS:
            continue  # the broker's variables are compared with those of compose
        known = variables(ALL_SETTINGS[name]) | variables(KafkaSettings)
        named = {each["name"] for each in container(deployment)["env"]}
        assert named <= known, name
    configs = of_kind(rendered(overlay), "ConfigMap")
    assert set(configs["pneumo"]["data"]) <= variables(KafkaSettings) | variables(HttpSettings) | {
        "PNEUMO_REGISTRY_URL"
    }
    files = configs.get("pneumo-registry-files", {"data": {}})["data"]
    assert set(files) <= variables(SETTINGS["registry"]) | {"AWS_REGION"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_services_may_be_called_by_their_names(overlay):
    found = rendered(overlay)
    data = of_kind(found, "ConfigMap")["pneumo"]["data"]
    told = HttpSettings(allowed_hosts=data["PNEUMO_HTTP_ALLOWED_HOSTS"])
    policy = new_browser_policy(told.allowed_hosts)
    names = [f"{name}{suffix}" for name in ("gateway", "registry") for suffix in SUFFIXES]
    # The UI has an allow-list of its own, PNEUMO_UI_ALLOWED_HOSTS.
    entries = [each for name, each in of_kind(found, "Ingress").items() if name != "ui"]
    rules = [rule for entry in entries for rule in entry["spec"]["rules"]]
    names += [rule["host"] for rule in rules]
    assert not [name for name in names if not is_allowed_host(policy, f"{name}:8000")]
    assert not is_allowed_host(policy, "evil.example")


def test_the_registrys_files_lie_where_its_settings_can_read_it():
    told = of_kind(rendered("production"), "ConfigMap")["pneumo-registry-files"]["data"]
    assert SETTINGS["registry"](files_url=told["PNEUMO_REGISTRY_FILES_URL"])
    sources = container(of_kind(rendered("production"), "Deployment")["registry"])["envFrom"]
    named = [each["name"] for source in sources for each in source.values()]
    assert named == ["pneumo", "pneumo-registry-files", "pneumo-registry-files"]
    # Of a Secret, only the name: what it holds is in no file.
    assert "AWS_SECRET_ACCESS_KEY" not in str(of_kind(rendered("production"), "Secret"))


def test_two_registries_keep_nothing_that_the_other_could_not_find():
    found = rendered("production")
    registry = of_kind(found, "Deployment")["registry"]["spec"]
    assert registry["replicas"] == 2
    assert registry["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert not of_kind(found, "PersistentVolumeClaim")
    volumes = {each["name"]: each for each in registry["template"]["spec"]["volumes"]}
    assert set(volumes["data"]) == {"name", "emptyDir"}
    named = {each["name"] for each in container(of_kind(found, "Deployment")["registry"])["env"]}
    assert "PNEUMO_REGISTRY_DATABASE_URL" in named
    told = of_kind(found, "ConfigMap")["pneumo-registry-files"]["data"]
    assert told["PNEUMO_REGISTRY_FILES_URL"].startswith("s3://")
    assert "registry" in of_kind(found, "PodDisruptionBudget")
    single = of_kind(rendered("try"), "Deployment")["registry"]["spec"]
    assert (single["replicas"], single["strategy"]["type"]) == (1, "Recreate")


def variables(settings: type[BaseSettings]) -> set[str]:
    prefix = settings.model_config["env_prefix"]
    found = set()
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            found |= {str(choice) for choice in alias.choices}
        found.add(str(alias or f"{prefix}{name}").upper())
    return found


@pytest.mark.parametrize("name", SETTINGS)
def test_ports_are_those_of_the_services(name):
    deployment = of_kind(base(), "Deployment")[name]
    (port,) = container(deployment)["ports"]
    assert port["containerPort"] == SETTINGS[name].model_fields["port"].default


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_may_do_little_and_says_what_it_needs(overlay):
    found = of_kind(rendered(overlay), "Deployment") | of_kind(rendered(overlay), "Job")
    assert set(SETTINGS) <= set(found)
    for name, deployment in found.items():
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        # Else KAFKA_PORT and its like come with a Service called kafka, and we read KAFKA_*.
        assert pod["enableServiceLinks"] is False, name
        allowed = container(deployment)["securityContext"]
        assert allowed["readOnlyRootFilesystem"] is True, name
        assert allowed["capabilities"] == {"drop": ["ALL"]}, name
        assert allowed["allowPrivilegeEscalation"] is False, name
        resources = container(deployment)["resources"]
        assert {"cpu", "memory"} <= set(resources["requests"]), name
        assert "memory" in resources["limits"], name


@pytest.mark.parametrize("name", [*SETTINGS, "ui"])
def test_every_service_is_asked_whether_it_lives_and_is_ready(name):
    probed = container(of_kind([*base(), *ui_component()], "Deployment")[name])
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert probed[probe]["httpGet"]["port"] == "http"
    if name != "ui":
        assert probed["livenessProbe"]["httpGet"]["path"] == "/health/live"
        assert probed["readinessProbe"]["httpGet"]["path"] == "/health/ready"


def test_workers_scale_by_the_lag_of_their_own_group():
    (scaled,) = of_kind(rendered("production"), "ScaledObject").values()
    (lag,) = (each for each in scaled["spec"]["triggers"] if each["type"] == "kafka")
    assert lag["metadata"]["consumerGroup"] == WORKERS_GROUP
    assert lag["metadata"]["topic"] == PREDICT_REQUESTS.name
    assert scaled["spec"]["maxReplicaCount"] == PREDICT_REQUESTS.partitions
    assert scaled["spec"]["scaleTargetRef"]["name"] in of_kind(rendered("production"), "Deployment")
    # Two masters of one number would undo each other's work.
    worker = of_kind(rendered("production"), "Deployment")["inference-worker"]
    assert "replicas" not in worker["spec"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_selectors_find_their_pods(overlay):
    pods = [
        each["spec"]["template"]["metadata"]["labels"]
        for each in rendered(overlay)
        if each["kind"] in ("Deployment", "Job")
    ]
    asked = [
        *(each["spec"]["selector"] for each in of_kind(rendered(overlay), "Service").values()),
        *(
            labels
            for each in of_kind(rendered(overlay), "NetworkPolicy").values()
            if (labels := each["spec"]["podSelector"].get("matchLabels"))
        ),
    ]
    for labels in asked:
        assert any(labels.items() <= pod.items() for pod in pods), labels


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_comes_in_unless_a_policy_lets_it(overlay):
    policies = of_kind(rendered(overlay), "NetworkPolicy")
    closed = policies["nobody-comes-in"]["spec"]
    assert closed["policyTypes"] == ["Ingress"]
    assert "ingress" not in closed
    for deployment in of_kind(rendered(overlay), "Deployment").values():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert closed["podSelector"]["matchLabels"].items() <= labels.items()


def test_what_production_needs_from_secrets_is_written_down():
    found = rendered("production")
    needed = secret_names(found) - set(of_kind(found, "Secret"))
    assert {"pneumo-gateway-keys", "pneumo-services"} <= needed
    readme = (HERE / "README.md").read_text()
    assert not [name for name in needed if f"`{name}`" not in readme]


def secret_names(found) -> set[str]:
    names: set[str] = set()

    def walk(value, key=None):
        if isinstance(value, dict):
            if key in ("secretKeyRef", "secretRef", "credentials"):
                names.add(value["name"])
            if "secretName" in value:
                names.add(value["secretName"])
            for inner, each in value.items():
                walk(each, inner)
        elif isinstance(value, list):
            for each in value:
                walk(each, key)

    walk(list(found))
    return names
