"""Apache's own Kafka image through Testcontainers, for tests where a Docker engine answers."""

from collections.abc import Iterator
from contextlib import contextmanager

from embedded.kafka.jars import KAFKA_VERSION
from embedded.kafka.properties import container_environment
from embedded.ports import LOOPBACK, free_ports

_START_TIMEOUT_S = 120


@contextmanager
def container_broker() -> Iterator[str]:
    """Give the address of a broker in a container, with the settings of the embedded one.

    Raises what Testcontainers raises where no Docker engine answers.
    """
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - a tests-only extra
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy  # noqa: PLC0415

    (port,) = free_ports(1)
    container = DockerContainer(f"apache/kafka:{KAFKA_VERSION}").with_bind_ports(port, port)
    for name, value in container_environment(port).items():
        container = container.with_env(name, value)
    ready = LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(_START_TIMEOUT_S)
    with container.waiting_for(ready):
        yield f"{LOOPBACK}:{port}"
