"""What the story needs from outside, one or two methods each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared.contracts.bundle import Manifest
from shared.contracts.models import ModelRecord
from shared.contracts.predict import Expired, Failed, Succeeded

Pixels = NDArray[np.float32]
Outcome = Succeeded | Failed | Expired


class ModelRefusedError(Exception):
    """The bundle is whole or not, but it must not be served; the running model stays."""


class ModelUnavailableError(Exception):
    """No bundle could be had just now, neither from the registry nor from the cache; may pass."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What the engine says of N images.

    logits: float32 [N, C], raw, in manifest order. strangeness: float32 [N, 2], above 0 where a
    look of the domain guard's says that this is no image for the model; None without a guard.
    """

    logits: Pixels
    strangeness: Pixels | None


class Engine(Protocol):
    """A loaded model."""

    @property
    def manifest(self) -> Manifest:
        """The bundle's manifest: classes, preprocessing, thresholds."""
        ...

    def predict(self, pixels: Pixels, *, alone: bool = False) -> Scores:
        """Score float32 [N, S, S, 1] in [-1, 1]. Not re-entrant.

        alone: one image, and nothing else waits in this worker, so all its CPUs may work on this
        call; the scores are the same but for rounding.

        Raises RuntimeError if the engine fails.
        """
        ...


class EngineLoader(Protocol):
    """Compiles a verified bundle."""

    def load(self, bundle: Path) -> Engine:
        """Compile, warm up, check the goldens. Raises ModelRefusedError."""
        ...


class BundleSource(Protocol):
    """Where bundles come from."""

    async def current(self) -> tuple[ModelRecord, Path]:
        """Give the current model and its bundle's directory. Raises ModelUnavailableError."""
        ...

    async def announced(self) -> ModelRecord:
        """Ask which model is current, without fetching it. Raises ModelUnavailableError."""
        ...

    async def fetch(self, version: str) -> tuple[ModelRecord, Path]:
        """Give one version. Raises ModelUnavailableError, ModelRefusedError."""
        ...

    def remember(self, record: ModelRecord) -> None:
        """Note that this version is served now, for a start without the registry."""
        ...


class OutcomePublisher(Protocol):
    """Tells the world how requests ended."""

    async def publish(self, outcomes: Sequence[Outcome]) -> None:
        """Return when the broker has confirmed each. Raises BrokerUnavailableError."""
        ...
