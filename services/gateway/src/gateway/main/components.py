"""The gateway's components, without their HTTP routes."""

from dataclasses import dataclass

from gateway.adapters.broker_probe import KafkaProbe
from gateway.adapters.dicom_processes import DicomProcesses
from gateway.adapters.group_lag import KafkaGroupLag
from gateway.main.control_plane import ControlPlane
from gateway.service.predictions import PredictionService
from gateway.subscribers.cluster import ClusterView
from shared.kafka.topic_reader import TopicReader
from shared.observability.tracing import Tracer


@dataclass(frozen=True, slots=True)
class Components:
    """Constructed, but not running: the probe, the lag monitor and the readers are started later.

    tracer: None without traces.
    """

    predictions: PredictionService
    control: ControlPlane
    cluster: ClusterView
    probe: KafkaProbe
    lag: KafkaGroupLag
    decoders: DicomProcesses
    readers: tuple[TopicReader, ...]
    tracer: Tracer | None

    def readiness(self) -> dict[str, bool]:
        """Return whether every topic has been read up to its end once."""
        return {"topics": all(reader.caught_up.is_set() for reader in self.readers)}

    def dependencies(self) -> dict[str, bool]:
        """Return whether the broker, which predictions depend on, is reachable.

        Without it predictions are refused and other routes still work. They do not need the
        registry.
        """
        return {"broker": self.probe.reachable}

    def health(self) -> dict[str, bool]:
        """Return all conditions for serving predictions."""
        return self.dependencies() | self.readiness()
