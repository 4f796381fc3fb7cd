import json
from pathlib import Path

import pytest

from embedded.errors import StorageError
from embedded.kafka.jars import KAFKA_VERSION
from embedded.kafka.properties import BrokerConfig
from embedded.kafka.storage import ensure_storage

# Formatting must not be reached by these: this "java" fails.
NO_JVM = ("false",)


def formatted(folder: Path, *, cluster_id: str, mark: dict[str, str] | str | None) -> BrokerConfig:
    config = BrokerConfig(folder)
    config.log_dir.mkdir(parents=True)
    (config.log_dir / "meta.properties").write_text(f"node.id=1\ncluster.id={cluster_id}\n")
    if mark is not None:
        text = mark if isinstance(mark, str) else json.dumps(mark)
        (folder / "storage.json").write_text(text)
    return config


def test_our_own_storage_is_opened_again(tmp_path: Path) -> None:
    mark = {"cluster_id": "ours", "kafka_version": KAFKA_VERSION}
    config = formatted(tmp_path, cluster_id="ours", mark=mark)
    assert ensure_storage(config, NO_JVM).cluster_id == "ours"


def test_storage_of_an_older_kafka_is_taken_over(tmp_path: Path) -> None:
    mark = {"cluster_id": "ours", "kafka_version": "4.2.1"}
    config = formatted(tmp_path, cluster_id="ours", mark=mark)
    assert ensure_storage(config, NO_JVM).kafka_version == KAFKA_VERSION


@pytest.mark.parametrize(
    ("mark", "sentence"),
    [
        (None, "another Kafka cluster"),
        ({"cluster_id": "theirs", "kafka_version": KAFKA_VERSION}, "another Kafka cluster"),
        ({"cluster_id": "ours", "kafka_version": "99.0.0"}, r"written by Kafka 99\.0\.0"),
        ("{", "is damaged"),
        ({"cluster": "ours"}, "is damaged"),
    ],
)
def test_foreign_storage_is_refused(
    tmp_path: Path, mark: dict[str, str] | str | None, sentence: str
) -> None:
    config = formatted(tmp_path, cluster_id="ours", mark=mark)
    with pytest.raises(StorageError, match=sentence):
        ensure_storage(config, NO_JVM)


def test_a_comma_in_the_path_is_refused_because_kafka_would_split_it(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="comma"):
        ensure_storage(BrokerConfig(tmp_path / "a,b"), NO_JVM)


def test_a_failed_format_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"Formatting .* failed: no output"):
        ensure_storage(BrokerConfig(tmp_path), NO_JVM)
