"""The broker's storage: formatted once, recognised ever after, never another cluster's."""

import base64
import json
import re
import secrets
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from embedded.errors import StorageError
from embedded.kafka.jars import KAFKA_VERSION
from embedded.kafka.properties import BrokerConfig

_FORMAT_TIMEOUT_S = 180


@dataclass(frozen=True, slots=True)
class StorageMark:
    """Our note beside the storage: whose it is, and which Kafka wrote it last."""

    cluster_id: str
    kafka_version: str


def ensure_storage(config: BrokerConfig, jvm: Sequence[str]) -> StorageMark:
    """Format the storage at its first use; later only check that it is ours and not newer.

    jvm: command that runs a class of the broker's class path.
    Raises StorageError for the storage of another cluster or a newer Kafka, or a failed format.
    """
    if "," in str(config.folder):
        raise StorageError(
            f"Kafka cannot store under a path with a comma ({config.folder}): "
            "choose another data folder with PNEUMO_DATA."
        )
    mark_path = config.folder / "storage.json"
    mark = _read_mark(mark_path)
    cluster_id = _formatted_cluster(config.log_dir)
    if cluster_id is not None:
        _ensure_ours(config.folder, mark, cluster_id)
    wanted = config.cluster_id or new_cluster_id()
    current = StorageMark(mark.cluster_id if mark else wanted, KAFKA_VERSION)
    config.folder.mkdir(parents=True, exist_ok=True)
    # The mark comes first: a format that is cut short is then taken up again under the same id.
    mark_path.write_text(json.dumps(asdict(current)) + "\n")
    if cluster_id is None:
        _format(config, jvm, current.cluster_id)
    return current


def _ensure_ours(folder: Path, mark: StorageMark | None, cluster_id: str) -> None:
    if mark is None or mark.cluster_id != cluster_id:
        raise StorageError(
            f"{folder} holds the storage of another Kafka cluster ({cluster_id}): "
            "move it away, or choose another data folder with PNEUMO_DATA."
        )
    if _numbers(mark.kafka_version) > _numbers(KAFKA_VERSION):
        raise StorageError(
            f"{folder} was written by Kafka {mark.kafka_version}, newer than this {KAFKA_VERSION}: "
            "update the project, or choose another data folder with PNEUMO_DATA."
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _read_mark(path: Path) -> StorageMark | None:
    try:
        return StorageMark(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        raise StorageError(
            f"{path} is damaged: move {path.parent} away to start with an empty broker."
        ) from None


def _formatted_cluster(log_dir: Path) -> str | None:
    try:
        text = (log_dir / "meta.properties").read_text()
    except FileNotFoundError:
        return None
    found = re.search(r"^cluster\.id=(\S+)", text, re.MULTILINE)
    return found.group(1) if found else ""


def new_cluster_id() -> str:
    """Give a Kafka Uuid: 16 random bytes in base64; no leading dash, which options would eat."""
    while (text := base64.urlsafe_b64encode(secrets.token_bytes(16)).decode()[:22])[0] == "-":
        continue
    return text


def _format(config: BrokerConfig, jvm: Sequence[str], cluster_id: str) -> None:
    command = [*jvm, "kafka.tools.StorageTool", "format", "--ignore-formatted"]
    command += ["--cluster-id", cluster_id, "--config", str(config.properties_path)]
    try:
        subprocess.run(  # noqa: S603 - a fixed command on our own paths
            command, check=True, capture_output=True, text=True, timeout=_FORMAT_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise StorageError(
            f"Formatting {config.log_dir} took over {_FORMAT_TIMEOUT_S} s."
        ) from None
    except subprocess.CalledProcessError as error:
        lines = [*error.stdout.splitlines(), *error.stderr.splitlines()] or ["no output"]
        raise StorageError(f"Formatting {config.log_dir} failed: {lines[-1].strip()}") from None
