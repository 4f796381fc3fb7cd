"""The gateway's components, before HTTP is put on top."""

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
    """Made and connected; the probe, the eye on the lag and the readers do not run yet.

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
        """Name what must hold for serving: that every topic was read up to its end once."""
        return {"topics": all(reader.caught_up.is_set() for reader in self.readers)}

    def dependencies(self) -> dict[str, bool]:
        """Name what predictions need of others; without it they are refused, and all else goes on.

        The registry is not among it.
        """
        return {"broker": self.probe.reachable}

    def health(self) -> dict[str, bool]:
        """Name all that must hold for taking predictions now."""
        return self.dependencies() | self.readiness()
