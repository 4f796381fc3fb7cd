"""Three brokers as children of this process, for tests: any one of them may die."""

from collections.abc import Sequence
from pathlib import Path

from embedded.kafka.process import RestartableBroker
from embedded.kafka.properties import BrokerConfig
from embedded.kafka.storage import new_cluster_id
from embedded.ports import free_ports

NODES = 3


class Cluster:
    """Three nodes, each broker and controller in a rack of its own; the storage outlives them."""

    def __init__(self, configs: Sequence[BrokerConfig]) -> None:
        self.brokers = tuple(RestartableBroker(config) for config in configs)

    @property
    def bootstrap_servers(self) -> str:
        """Give the addresses that clients take."""
        return ",".join(broker.bootstrap_servers for broker in self.brokers)

    def broker(self, node_id: int) -> RestartableBroker:
        """Give one node by the id that Kafka's metadata names it by."""
        return next(each for each in self.brokers if each.config.node_id == node_id)

    def start(self) -> None:
        """Start all and return once each answers. Raises what RestartableBroker.start does."""
        try:
            for broker in self.brokers:
                broker.launch()
            for broker in self.brokers:
                broker.wait_ready()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop each in order."""
        for broker in self.brokers:
            broker.stop()

    def kill(self) -> None:
        """End all at once."""
        for broker in self.brokers:
            broker.kill()


def new_cluster(folder: Path) -> Cluster:
    """Make a cluster on free ports in a folder of its own; not started yet."""
    free = free_ports(2 * NODES)
    ports, controllers = free[:NODES], free[NODES:]
    cluster_id = new_cluster_id()
    numbered = dict(enumerate(controllers, start=1))
    return Cluster(
        [
            BrokerConfig(
                folder / f"node-{node}",
                port,
                controller,
                node_id=node,
                peers={other: at for other, at in numbered.items() if other != node},
                rack=f"rack-{node}",
                cluster_id=cluster_id,
            )
            for (node, controller), port in zip(numbered.items(), ports, strict=True)
        ]
    )
