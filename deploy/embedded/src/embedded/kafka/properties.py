"""The broker's server.properties: one loopback node that is broker and controller."""

from dataclasses import dataclass
from pathlib import Path

from shared.contracts.topics import MAX_RECORD_BYTES

NODE_ID = 1


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """Where one embedded broker lives: its folder and its two loopback ports."""

    folder: Path
    port: int = 9092
    controller_port: int = 9093
    host: str = "127.0.0.1"

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
    settings = _address(config) | _one_node() | _quick() | _small()
    return "".join(f"{key}={_escaped(value)}\n" for key, value in settings.items())


def container_environment(port: int) -> dict[str, str]:
    """Give the same settings as the variables that Apache's image turns into properties.

    The image has its own folders; it listens on all of the container's addresses.
    """
    config = BrokerConfig(Path("/var/lib/kafka/data"), port, controller_port=port + 1)
    settings = _address(config) | _one_node() | _quick() | _small()
    settings["listeners"] = f"PLAINTEXT://:{port},CONTROLLER://:{config.controller_port}"
    return {f"KAFKA_{key.replace('.', '_').upper()}": value for key, value in settings.items()}


def _address(config: BrokerConfig) -> dict[str, str]:
    broker = f"PLAINTEXT://{config.bootstrap_servers}"
    controller = f"CONTROLLER://{config.host}:{config.controller_port}"
    return {
        "process.roles": "broker,controller",
        "node.id": str(NODE_ID),
        # Static voters: the address stays out of the storage, so ports may change later.
        "controller.quorum.voters": f"{NODE_ID}@{config.host}:{config.controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{broker},{controller}",
        "advertised.listeners": broker,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(config.log_dir),
    }


def _one_node() -> dict[str, str]:
    return {
        "auto.create.topics.enable": "false",
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "2",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
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
