"""Containers as docker-compose.yml, deploy/compose and the Kubernetes overlays declare them."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[4]
OVERLAYS = ("try", "production", "production-ui")
GIVEN = "given"
"""The value of a variable that comes from a Secret or must be set by the operator."""


@dataclass(frozen=True, slots=True)
class DeployedContainer:
    """place: the overlay or the compose files. name: the workload or the service."""

    place: str
    name: str
    image: str
    environment: Mapping[str, str]
    mounts: Sequence[str]

    @property
    def image_name(self) -> str:
        """Return the image without registry and tag."""
        return self.image.rsplit("/", 1)[-1].partition(":")[0]


def can_render() -> bool:
    """Tell whether kubectl or kustomize is on PATH."""
    return bool(shutil.which("kubectl") or shutil.which("kustomize"))


@cache
def rendered_overlay(overlay: str) -> tuple[dict[str, Any], ...]:
    """Return every object of an overlay. Raises CalledProcessError."""
    kubectl = shutil.which("kubectl")
    command = [kubectl, "kustomize"] if kubectl else [shutil.which("kustomize") or "", "build"]
    folder = ROOT / "deploy" / "k8s" / "overlays" / overlay
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=True)  # noqa: S603  found on PATH
    return tuple(each for each in yaml.safe_load_all(done.stdout) if each)


def containers_on_kubernetes(overlay: str) -> Iterator[DeployedContainer]:
    """Yield the containers of each Deployment and Job of an overlay."""
    found = rendered_overlay(overlay)
    configs = {
        each["metadata"]["name"]: each["data"] for each in found if each["kind"] == "ConfigMap"
    }
    for each in found:
        if each["kind"] not in {"Deployment", "Job"}:
            continue
        for container in each["spec"]["template"]["spec"]["containers"]:
            yield DeployedContainer(
                place=overlay,
                name=each["metadata"]["name"],
                image=container["image"],
                environment=_kubernetes_environment(container, configs),
                mounts=[mount["mountPath"] for mount in container.get("volumeMounts", ())],
            )


def _kubernetes_environment(
    container: Mapping[str, Any], configs: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        if "configMapRef" in source:
            found |= configs[source["configMapRef"]["name"]]
    return found | {each["name"]: each.get("value", GIVEN) for each in container.get("env", ())}


def containers_of_compose(part: str | None = None) -> Iterator[DeployedContainer]:
    """Yield the services of docker-compose.yml, merged with one part of deploy/compose."""
    services = _compose_services(ROOT / "docker-compose.yml")
    added = {} if part is None else _compose_services(ROOT / "deploy/compose" / f"{part}.yml")
    for name in {**services, **added}:
        whole, change = services.get(name, {}), added.get(name, {})
        volumes = [*whole.get("volumes", ()), *change.get("volumes", ())]
        tmpfs = [*whole.get("tmpfs", ()), *change.get("tmpfs", ())]
        environment = {**whole.get("environment", {}), **change.get("environment", {})}
        yield DeployedContainer(
            place=f"compose+{part}" if part else "compose",
            name=name,
            image=str((whole | change)["image"]),
            environment={key: str(value) for key, value in environment.items()},
            mounts=[*map(_mount_target, volumes), *(each.partition(":")[0] for each in tmpfs)],
        )


def _compose_services(path: Path) -> dict[str, dict[str, Any]]:
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", path.read_text(encoding="utf-8"))
    text = re.sub(r"\$\{\w+(:\?[^}]*)?\}", GIVEN, text)
    return dict(yaml.safe_load(text)["services"])


def _mount_target(volume: str | Mapping[str, Any]) -> str:
    return volume.split(":")[1] if isinstance(volume, str) else str(volume["target"])
