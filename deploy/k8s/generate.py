"""`python deploy/k8s/generate.py`: the manifests that say what is declared elsewhere, written anew.

Topics are those of shared.contracts.topics, alert and recording rules those of deploy/prometheus.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from shared.contracts.topics import ALL_TOPICS, TopicSpec

HERE = Path(__file__).parent
RULES = HERE.parent / "prometheus" / "rules"
PART_OF = {"app.kubernetes.io/part-of": "pneumostream"}
_NOTE = "# Written by deploy/k8s/generate.py: change what it reads, not this.\n"


def topics() -> Iterator[Mapping[str, Any]]:
    """Give a Strimzi KafkaTopic for each topic, three copies of which two confirm."""
    for topic in ALL_TOPICS:
        yield _topic(topic)


def _topic(topic: TopicSpec) -> Mapping[str, Any]:
    config = {"min.insync.replicas": "2", **topic.config}
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaTopic",
        "metadata": {"name": topic.name, "labels": {"strimzi.io/cluster": "pneumo"}},
        "spec": {"partitions": topic.partitions, "replicas": 3, "config": config},
    }


def rules() -> Iterator[Mapping[str, Any]]:
    """Give a PrometheusRule for each file of rules."""
    for file in sorted(RULES.glob("*.yml")):
        yield {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": f"pneumo-{file.stem.replace('_', '-')}", "labels": PART_OF},
            "spec": yaml.safe_load(file.read_text(encoding="utf-8")),
        }


def manifests() -> Mapping[Path, str]:
    """Give what each generated file holds."""
    return {
        HERE / "components" / "strimzi" / "topics.yaml": _written(topics()),
        HERE / "components" / "monitoring" / "prometheus-rules.yaml": _written(rules()),
    }


def _written(documents: Iterator[Mapping[str, Any]]) -> str:
    return _NOTE + yaml.safe_dump_all(list(documents), sort_keys=False, width=1000)


if __name__ == "__main__":
    for path, text in manifests().items():
        path.write_text(text, encoding="utf-8")
