"""How far the images of late lie from those that the served model learned from, as a metric."""

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from inference_worker.core.drift import DriftLimits, InputWindow
from shared.clock import Clock
from shared.contracts.bundle import InputReference
from shared.input_features import Features


class InputDrift(Collector):
    """Keeps the window of one version at a time, per process; computes its indices when scraped."""

    def __init__(
        self, registry: CollectorRegistry, clock: Clock, *, limits: DriftLimits | None = None
    ) -> None:
        self._clock = clock
        self._limits = limits or DriftLimits()
        self._version: str | None = None
        self._window: InputWindow | None = None
        registry.register(self)

    def model_swapped(self, version: str, reference: InputReference | None) -> None:
        """Begin anew with `version`; without a reference it has no index."""
        self._version = version
        self._window = None if reference is None else InputWindow(reference, self._limits)

    def images_seen(self, version: str, images: Sequence[Features]) -> None:
        """Count images that were decoded for the version served; others count no more."""
        if self._window is None or version != self._version:
            return
        now_s = self._clock.monotonic_s()
        for features in images:
            self._window.add(features, now_s)

    def collect(self) -> Iterator[Metric]:
        """Give a series a feature, none while there are too few images."""
        metric = GaugeMetricFamily(
            "pneumo_drift_index",
            "Population stability index of late inputs against those of training.",
            labels=["version", "feature"],
        )
        if self._window is not None and self._version is not None:
            for feature, index in self._window.indices(self._clock.monotonic_s()).items():
                metric.add_metric([self._version, feature], index)
        yield metric
