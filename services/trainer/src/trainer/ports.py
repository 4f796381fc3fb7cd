"""What training needs of the outside world."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from shared.contracts.train import TrainEvent
from trainer.core.arrays import Floats
from trainer.core.heads import LinearHead
from trainer.core.precision import Kept


class Images(Protocol):
    """The folder of labelled pictures."""

    def names(self) -> Sequence[str]:
        """List the picture files, relative, with forward slashes, sorted."""
        ...

    def read(self, name: str) -> bytes:
        """Give one file's bytes."""
        ...


class Backbone(Protocol):
    """The frozen network up to its pooled features."""

    @property
    def fingerprint(self) -> str:
        """Name the weights: what cached features are filed under."""
        ...

    def pooled(self, batches: Iterable[Floats]) -> Iterator[Floats]:
        """Turn inputs [N, S, S, 1] into features [N, D], batch by batch, in order."""
        ...


class FeatureStore(Protocol):
    """Features that were computed before, by key and picture."""

    def load(self, key: str) -> Mapping[str, Floats]:
        """Give what is stored: sha256 of the picture → float32 [D]."""
        ...

    def append(self, key: str, rows: Mapping[str, Floats]) -> None:
        """Add rows, all or none."""
        ...


class Engine(Protocol):
    """An exported graph: grey input [N, S, S, 1] to logits."""

    def logits(self, batches: Iterable[Floats]) -> Iterator[Floats]:
        """Give logits float32 [N, C], batch by batch, in order."""
        ...


class Served(Engine, Protocol):
    """A graph on its way into a bundle."""

    @property
    def kept(self) -> Kept:
        """Say what of it is still float."""
        ...

    def quantised(self, pixels: Floats, kept: Kept) -> "Served":
        """Give its int8 form, calibrated on inputs [N, S, S, 1], with `kept` left in float."""
        ...

    def save(self, path: Path) -> None:
        """Write the graph, and its weights beside it."""
        ...


class Exporter(Protocol):
    """Makes the served graph of the backbone and a head."""

    def export(self, head: LinearHead) -> Served:
        """Give the graph in float."""
        ...

    def save_parent(self, head: LinearHead, path: Path) -> None:
        """Write the float model that a later training starts from (a .keras file)."""
        ...


class Progress(Protocol):
    """Somebody who waits."""

    def expect(self, steps: int) -> None:
        """Say how many pictures must still go through a network, all stages together."""
        ...

    def stage(self, name: str) -> None:
        """Say what happens now."""
        ...

    def advance(self, steps: int) -> None:
        """Say that so many are done."""
        ...


class JobEvents(Protocol):
    """Where the state of a job is told."""

    async def publish(self, event: TrainEvent) -> None:
        """Return when the broker has confirmed. Raises BrokerUnavailableError."""
        ...
