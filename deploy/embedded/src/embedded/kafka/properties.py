"""The broker's server.properties: a loopback node, broker and controller, alone or one of three."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.contracts.topics import MAX_RECORD_BYTES

_COPIES = 3
_CONFIRMING = 2
"""Of three copies: a record is confirmed by two, so any one broker may die."""


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """Where one embedded broker lives: its folder and its two loopback ports.

    peers: controller ports of the cluster's other nodes by their ids; none for a broker alone.
    rack: what replicas are spread over, as `broker.rack`.
    cluster_id: the storage's, a Kafka Uuid; None: a new one at the first format.
    """

    folder: Path
    port: int = 9092
    controller_port: int = 9093
    host: str = "127.0.0.1"
    node_id: int = 1
    peers: Mapping[int, int] = field(default_factory=dict)
    rack: str | None = None
    cluster_id: str | None = None

    @property
    def voters(self) -> str:
        """Give the quorum's members as `controller.quorum.voters` names them."""
        ports = sorted({**self.peers, self.node_id: self.controller_port}.items())
        return ",".join(f"{node}@{self.host}:{port}" for node, port in ports)

    @property
    def bootstrap_servers(self) -> str:
        """Give the address that clients take."""
        return f"{self.host}:{self.port}"

    @property
    def log_dir(self) -> Path:
        """Give the folder of partitions and metadata, formatted before first use."""
        return self.folder / "log"

    @property
    def properties_path(self) -> Path:
        """Give the path of the rendered server.properties."""
        return self.folder / "server.properties"


def render_properties(config: BrokerConfig) -> str:
    """Give the text of server.properties; keys in a fixed order, one per line."""
    settings = _address(config) | _copies(len(config.peers) + 1) | _quick() | _small()
    return "".join(f"{key}={_escaped(value)}\n" for key, value in settings.items())


def container_environment(port: int) -> dict[str, str]:
    """Give the same settings as the variables that Apache's image turns into properties.

    The image has its own folders; it listens on all of the container's addresses.
    """
    config = BrokerConfig(Path("/var/lib/kafka/data"), port, controller_port=port + 1)
    settings = _address(config) | _copies(1) | _quick() | _small()
    settings["listeners"] = f"PLAINTEXT://:{port},CONTROLLER://:{config.controller_port}"
    return {f"KAFKA_{key.replace('.', '_').upper()}": value for key, value in settings.items()}


def _address(config: BrokerConfig) -> dict[str, str]:
    broker = f"PLAINTEXT://{config.bootstrap_servers}"
    controller = f"CONTROLLER://{config.host}:{config.controller_port}"
    settings = {
        "process.roles": "broker,controller",
        "node.id": str(config.node_id),
        # Static voters: the address stays out of the storage, so ports may change later.
        "controller.quorum.voters": config.voters,
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{broker},{controller}",
        "advertised.listeners": broker,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(config.log_dir),
    }
    return settings if config.rack is None else settings | {"broker.rack": config.rack}


def _copies(nodes: int) -> dict[str, str]:
    copies = str(min(nodes, _COPIES))
    confirming = str(_CONFIRMING if nodes >= _COPIES else 1)
    return {
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": confirming,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": confirming,
        "transaction.state.log.num.partitions": "2",
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": confirming,
        "share.coordinator.state.topic.num.partitions": "1",
        "message.max.bytes": str(MAX_RECORD_BYTES),
    }


def _quick() -> dict[str, str]:
    return {
        # Kafka 4 lingers 5 ms over each offset commit by default: half of a prediction's time.
        "group.coordinator.append.linger.ms": "0",
        "group.initial.rebalance.delay.ms": "0",
        # Workers ask for 6 s; tests of lost workers ask for less.
        "group.min.session.timeout.ms": "1000",
        # After a crash the broker may only come back once its old session has run out.
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "1000",
        # Requests are kept for ten minutes only: the default look every five is too rare.
        "log.retention.check.interval.ms": "60000",
    }


def _small() -> dict[str, str]:
    return {
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "4",
        # The cleaner takes its whole buffer from the heap at start; the default is 128 MiB.
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
        "log.index.size.max.bytes": str(1024 * 1024),
    }


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\")
