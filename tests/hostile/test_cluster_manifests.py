"""What a first run on a real cluster found in the manifests: each of it, without a cluster."""

import pytest
import yaml

from shared.testing.deployed import (
    OVERLAYS,
    ROOT,
    can_render,
    containers_of_compose,
    containers_on_kubernetes,
    rendered_overlay,
)

TRY_MILLICORES = 1000
"""Of a node with two cores half, so that its own pods and a rolling update have room."""

pytestmark = pytest.mark.skipif(
    not can_render(), reason="NO KUBECTL, NO KUSTOMIZE: the overlays were not rendered."
)


def objects(overlay, *kinds):
    return [each for each in rendered_overlay(overlay) if each["kind"] in kinds]


def millicores(quantity):
    return int(quantity[:-1]) if quantity.endswith("m") else int(float(quantity) * 1000)


def test_try_fits_on_two_cores():
    requested = {
        each["metadata"]["name"]: sum(
            millicores(container["resources"]["requests"]["cpu"])
            for container in each["spec"]["template"]["spec"]["containers"]
        )
        * each["spec"].get("replicas", 1)
        for each in objects("try", "Deployment", "Job")
    }
    assert sum(requested.values()) <= TRY_MILLICORES, requested


@pytest.mark.parametrize("overlay", ["try", "production-ui"])
def test_no_policy_lets_an_unnamed_pod_reach_the_ui(overlay):
    policies = [
        each["spec"]
        for each in objects(overlay, "NetworkPolicy")
        if each["spec"]["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/name") == "ui"
    ]
    assert policies
    for policy in policies:
        for rule in policy["ingress"]:
            assert rule["from"], "every pod of the cluster"
            assert all(peer["podSelector"]["matchLabels"] for peer in rule["from"])


def test_production_has_no_ui_unless_it_is_asked_for():
    assert "ui" not in {each["metadata"]["name"] for each in objects("production", "Deployment")}


def test_try_has_no_keys_and_lets_only_its_own_pods_reach_the_gateway():
    (policy,) = (
        each["spec"]
        for each in objects("try", "NetworkPolicy")
        if each["metadata"]["name"] == "gateway-serves-clients"
    )
    (rule,) = policy["ingress"]
    own = {"podSelector": {"matchLabels": {"app.kubernetes.io/part-of": "pneumostream"}}}
    assert rule["from"] == [own]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_finished_job_is_gone_before_its_image_changes(overlay):
    for job in objects(overlay, "Job"):
        assert job["spec"]["ttlSecondsAfterFinished"] == 0, job["metadata"]["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_strategy_names_its_type(overlay):
    # Without one `kubectl apply` finds a difference, and says "configured", each time.
    for deployment in objects(overlay, "Deployment"):
        strategy = deployment["spec"].get("strategy", {"type": "RollingUpdate"})
        assert "type" in strategy, deployment["metadata"]["name"]


def test_the_broker_of_try_is_set_as_that_of_compose():
    (ours,) = (each for each in containers_on_kubernetes("try") if each.name == "kafka")
    (theirs,) = (each for each in containers_of_compose() if each.name == "kafka")
    assert ours.image == theirs.image
    folder = theirs.environment["KAFKA_LOG_DIRS"]
    assert ours.environment == {**theirs.environment, "KAFKA_LOG_DIRS": f"{folder}/log"}
    assert folder in ours.mounts


def test_the_readme_tells_of_each_component_and_overlay():
    readme = (ROOT / "deploy/k8s/README.md").read_text()
    for folder in ("components", "overlays"):
        for path in (ROOT / "deploy/k8s" / folder).iterdir():
            assert f"`{folder}/{path.name}`" in readme, path.name


def test_a_namespace_enforces_the_strictest_pod_security_standard():
    for overlay in OVERLAYS:
        (namespace,) = objects(overlay, "Namespace")
        assert yaml.safe_dump(namespace).count("enforce: restricted") == 1
