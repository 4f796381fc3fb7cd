"""What training needs of the outside world."""

from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shared.contracts.models import ModelRecord
from shared.contracts.train import Terminal, TrainEvent
from trainer.core.arrays import Floats, Halves, Kernels, Labels
from trainer.core.heads import LinearHead
from trainer.core.history import Checkpoint, Epoch, Held, Tuned
from trainer.core.orders import JobLine, JobOrder, JobResult
from trainer.core.recipe import Learning


class Images(Protocol):
    """The folder of labelled pictures."""

    def names(self) -> Sequence[str]:
        """List the picture files, relative, with forward slashes, sorted."""
        ...

    def read(self, name: str) -> bytes:
        """Give one file's bytes."""
        ...


class FeatureSource(Protocol):
    """A network up to its pooled features."""

    @property
    def fingerprint(self) -> str:
        """Name the weights: what cached features are filed under."""
        ...

    def pooled(self, batches: Iterable[Floats]) -> Iterator[Floats]:
        """Turn inputs [N, S, S, 1] into features [N, D], batch by batch, in order."""
        ...


class Backbone(FeatureSource, Protocol):
    """The network as it was published, up to its pooled features."""

    def stem(self, batches: Iterable[Floats]) -> Iterator[Floats]:
        """Turn inputs into the maps of the blocks that are never trained, [N, s, s, 64]."""
        ...

    def pooled_from_stem(self, batches: Iterable[Halves]) -> Iterator[Floats]:
        """Turn those maps into features [N, D]."""
        ...


class FeatureStore(Protocol):
    """Features that were computed before, by key and picture."""

    def load(self, key: str) -> Mapping[str, Floats]:
        """Give what is stored: sha256 of the picture → float32 [D]."""
        ...

    def append(self, key: str, rows: Mapping[str, Floats]) -> None:
        """Add rows, all or none."""
        ...


class Checkpoints(Protocol):
    """Where one training goes on after it was killed."""

    def load(self) -> Checkpoint | None:
        """Give the checkpoint of the last whole epoch, or None."""
        ...

    def store(self, checkpoint: Checkpoint) -> None:
        """Keep it in the place of the one before, all or none."""
        ...

    def clear(self) -> None:
        """Forget it."""
        ...


class ViewStore(Protocol):
    """Maps of whole views and trained weights that were computed before, by key."""

    def load_maps(self, key: str) -> Halves | None:
        """Give what is stored, float16 [N, s, s, 64] and still on disk, or None."""
        ...

    def store_maps(self, key: str, batches: Iterable[Floats], count: int) -> Halves:
        """Keep `count` rows, all or none, and give them back."""
        ...

    def load_tuned(self, key: str) -> Tuned | None:
        """Give trained weights and their history, or None."""
        ...

    def store_tuned(self, key: str, tuned: Tuned) -> None:
        """Keep trained weights and their history, all or none."""
        ...

    def checkpoints(self, key: str) -> Checkpoints:
        """Give the place of one training's checkpoint."""
        ...


class InferenceGraph(Protocol):
    """An exported graph: grey input [N, S, S, 1] to `logits`, `cam` and `domain`."""

    def ask(self, batches: Iterable[Floats], *outputs: str) -> Iterator[tuple[Floats, ...]]:
        """Give the named outputs, batch by batch, in order."""
        ...


class Served(InferenceGraph, Protocol):
    """A graph on its way into a bundle."""

    def quantised(self, pixels: Floats) -> "Served":
        """Give its int8 form, calibrated on inputs [N, S, S, 1]."""
        ...

    def save(self, path: Path) -> None:
        """Write the graph, and its weights beside it."""
        ...


class Headed(FeatureSource, InferenceGraph, Protocol):
    """A served graph, opened at its head; also answers `features`: what the head sees, [N, D]."""

    @property
    def head(self) -> LinearHead:
        """The head that makes its class maps."""
        ...

    def with_head(self, head: LinearHead) -> "Headed":
        """Give the graph with another head over the very same features."""
        ...

    def save(self, path: Path) -> None:
        """Write the graph, and its weights beside it."""
        ...


class Parents(Protocol):
    """The float model that a bundle was rounded from, as graphs."""

    def exact(self) -> InferenceGraph:
        """Give it as it is."""
        ...

    def randomised(self, *, head_only: bool, seed: int) -> InferenceGraph:
        """Give it with the values of every kernel shuffled, or of the head's alone."""
        ...


class Exporter(Protocol):
    """Makes the served graph of the backbone and what was trained of it."""

    def export(self, tuned: Kernels) -> Served:
        """Give the graph in float."""
        ...

    def save_parent(self, tuned: Kernels, path: Path) -> None:
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

    def learned(self, epochs: Sequence[Epoch]) -> None:
        """Say how training went so far: every epoch that is done."""
        ...


class Tuner(Protocol):
    """Trains what comes behind the frozen blocks."""

    def fine_tune(
        self,
        start: LinearHead,
        views: Sequence[Halves],
        labels: Labels,
        held: Held,
        learning: Learning,
        seed: int,
        progress: Progress,
        checkpoints: Checkpoints,
    ) -> Tuned:
        """Give trained weights. views: the same pictures in the same order, one view an epoch.

        held: what every epoch is scored on; it changes nothing. checkpoints: where training
        goes on, to the same weights as if it had never stopped.
        """
        ...


@dataclass(frozen=True, slots=True)
class Ended:
    """The training process is over. code: its exit status; negative: the signal that ended it."""

    code: int


class Processes(Protocol):
    """Where a job's training happens, away from this process."""

    def run(self, folder: Path) -> AsyncGenerator[JobLine | Ended]:
        """Give every line as it is told, and at last how it ended; leaving early ends it."""
        ...


class Folders(Protocol):
    """What jobs leave on disk."""

    def jobs(self) -> Sequence[str]:
        """List the jobs that left something."""
        ...

    def begin(self, order: JobOrder) -> Path:
        """Give an empty folder that holds the order, durably."""
        ...

    def result(self, job_id: str) -> JobResult | None:
        """Give how the job's process ended; None before its end."""
        ...

    def candidate(self, job_id: str) -> Path:
        """Give where the candidate's bundle lies once there is a result."""
        ...

    def remove(self, job_id: str) -> None:
        """Forget a job."""
        ...


class DamagedSupplyError(Exception):
    """What came from the registry is not what its sha256 says; on the way, or stored so."""


class Supplies(Protocol):
    """What a training needs of the registry, on this disk."""

    @property
    def images_folder(self) -> Path:
        """Give where images lie by sha256."""
        ...

    async def fetch_bundle(self, record: ModelRecord) -> Path:
        """Give a model's bundle, verified.

        Raises RegistryUnavailableError, DamagedSupplyError, OSError.
        """
        ...

    def missing(self, names: Collection[str]) -> list[str]:
        """Name the images that are not here, and forget those that are not named."""
        ...

    async def fetch_image(self, sha256: str) -> None:
        """Fetch one image.

        Raises ControlRefusedError, RegistryUnavailableError, DamagedSupplyError, OSError.
        """
        ...


class JobMetrics(Protocol):
    """What is counted of jobs, and where the one under way stands."""

    def began(self, at_ms: int) -> None:
        """Note when the job under way was taken, unix ms."""
        ...

    def reached(self, progress: float) -> None:
        """Note how far the job under way is, 0 to 1."""
        ...

    def left(self) -> None:
        """Note that no job is under way: it ended, or was lost."""
        ...

    def ended(self, state: Terminal) -> None:
        """Count a job whose outcome the registry took."""
        ...

    def phase_took(self, phase: str, seconds: float) -> None:
        """Note how long a job was in a phase; phase: one of core.phases.PHASES."""
        ...


class JobEvents(Protocol):
    """Where the state of a job is told."""

    async def publish(self, event: TrainEvent) -> None:
        """Return when the broker has confirmed. Raises BrokerUnavailableError."""
        ...
