"""What the story needs from outside, one or two methods each."""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from inference_worker.core.dead_letter_budget import Exhausted
from inference_worker.core.handovers import Committed
from inference_worker.core.requests import PredictRequest
from inference_worker.core.retries import FailedAttempt, TryAgain
from shared.contracts.accepted import AcceptedRequest
from shared.contracts.bundle import Manifest
from shared.contracts.dead_letters import Attempt, Cause, DeadLetter
from shared.contracts.models import ModelRecord, RefusalCode
from shared.contracts.predict import Expired, Failed, Succeeded

Pixels = NDArray[np.float32]
Outcome = Succeeded | Failed | Expired
T = TypeVar("T")
RecordKind = Literal["retry", "dead_letter", "outcome"]
Partition = tuple[str, int]
"""Topic and number, as aiokafka's TopicPartition, which is such a tuple."""


class ModelRefusedError(Exception):
    """The model cannot be served by this worker now; the running model stays.

    code: what clients read. The error's own text is for the log: it may name paths.
    """

    def __init__(self, code: RefusalCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class StuckConsumerError(Exception):
    """A consumer gets nothing although there is more; only a fresh process is known to help."""


class StepOverdueError(Exception):
    """A step on these requests took longer than `bound_s`; its thread is given up.

    in_engine: the engine is held by that thread for ever.
    """

    def __init__(
        self, requests: tuple[PredictRequest, ...], bound_s: float, *, in_engine: bool
    ) -> None:
        super().__init__(f"no result within {bound_s:g} s")
        self.requests = requests
        self.in_engine = in_engine


class StuckEngineError(Exception):
    """The engine does not return from a batch of several images; the process must end."""


class ModelUnavailableError(Exception):
    """The registry did not name a model or did not deliver its bundle; may pass."""


class CacheFailedError(Exception):
    """The disk of the cache did not take or give a file; what is served is not affected."""


class BeginStep(Protocol):
    """Called in the computing thread before each step."""

    def __call__(self, requests: Sequence[PredictRequest], *, in_engine: bool) -> None:
        """Name the requests whose images the step works on."""
        ...


class Compute(Protocol):
    """Runs what decodes and infers, off the loop, one job after the other."""

    async def run(self, work: Callable[[BeginStep], T]) -> T:
        """Give what `work` returns. Raises StepOverdueError, and what `work` raises."""
        ...


@dataclass(frozen=True, slots=True)
class Scores:
    """What the engine says of N images.

    logits: float32 [N, C], raw, in manifest order. strangeness: float32 [N, 2], above 0 where a
    look of the domain guard's says that this is no image for the model; None without a guard.
    meaningless: why no answer means anything, whatever the image; empty if a model computed it.
    maps: float32 [N, G, G, C], whose mean over G × G is the logit; None where nobody asked, or the
    model has none.
    """

    logits: Pixels
    strangeness: Pixels | None
    meaningless: tuple[str, ...] = ()
    maps: Pixels | None = None


class Engine(Protocol):
    """A loaded model."""

    @property
    def manifest(self) -> Manifest:
        """The bundle's manifest: classes, preprocessing, thresholds."""
        ...

    def predict(self, pixels: Pixels, *, alone: bool = False, explained: bool = False) -> Scores:
        """Score float32 [N, S, S, 1] in [-1, 1]. Not re-entrant.

        alone: one image, and nothing else waits in this worker, so all its CPUs may work on this
        call; the scores are the same but for rounding. explained: with maps; the scores are the
        same to the bit.

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

    async def announced(self) -> ModelRecord:
        """Ask which model is current, without fetching it. Raises ModelUnavailableError."""
        ...

    async def fetch(self, version: str) -> tuple[ModelRecord, Path]:
        """Give one version. Raises ModelUnavailableError, ModelRefusedError."""
        ...

    def remembered(self) -> tuple[ModelRecord, Path] | None:
        """Give the model that this worker served last, if its bundle is still here."""
        ...

    def remember(self, record: ModelRecord) -> None:
        """Note that this version is served now, for a start without the current model.

        Raises CacheFailedError; what was remembered before then still is.
        """
        ...


class OutcomePublisher(Protocol):
    """Tells the world how requests ended."""

    async def publish(self, outcomes: Sequence[Outcome]) -> None:
        """Return when the broker has confirmed each.

        Raises BrokerUnavailableError, RecordRefusedError.
        """
        ...


class LetterPublisher(Protocol):
    """Puts requests that failed where they are tried again, or where an operator finds them."""

    async def try_again(
        self, request: PredictRequest, fate: TryAgain, attempts: Sequence[Attempt]
    ) -> None:
        """Return when the broker has confirmed it.

        Raises BrokerUnavailableError, RecordRefusedError.
        """
        ...

    async def give_up(self, letter: DeadLetter, image: bytes) -> None:
        """Return when the broker has confirmed as much of it as it takes.

        Raises BrokerUnavailableError; RecordRefusedError if it takes nothing of it.
        """
        ...


class OffsetSource(Protocol):
    """What the broker knows of offsets; (topic, partition) names a partition.

    Every method is bounded in time and raises BrokerUnavailableError.
    """

    async def committed(self, partitions: Sequence[Partition]) -> dict[Partition, Committed]:
        """Give what the group committed last."""
        ...

    async def bounds(self, partitions: Sequence[Partition]) -> dict[Partition, tuple[int, int]]:
        """Give the first offset held and the offset of the record to come."""
        ...


class AcceptedSource(Protocol):
    """Accepted requests whose clients hold an id, for longer than their records are kept."""

    def entries(
        self, is_wanted: Callable[[AcceptedRequest], bool]
    ) -> AsyncGenerator[list[AcceptedRequest], None]:
        """Give those that are wanted, some thousands at a time. Raises BrokerUnavailableError."""
        ...

    async def answered(self, ids: Collection[str], since_ms: int) -> set[str]:
        """Give those of the ids that have an outcome. since_ms: when the oldest was made, unix ms.

        Raises BrokerUnavailableError.
        """
        ...


class AttemptTraces(Protocol):
    """Tells of attempts to whoever follows traces."""

    def attempted(
        self,
        requests: Sequence[PredictRequest],
        results: Sequence[Outcome | FailedAttempt],
        began_ms: int,
    ) -> Mapping[str, str]:
        """Tell of one attempt on each, which ends now; gives the sampled traces' ids by request.

        began_ms: when it began, unix milliseconds.
        """
        ...


class AnswerCounts(Protocol):
    """Counts what becomes of records beside their outcomes."""

    def record_unreadable(self) -> None:
        """Count a record that is no request."""
        ...

    def retried(self) -> None:
        """Count a request that is to be tried again."""
        ...

    def dead_lettered(self, cause: Cause) -> None:
        """Count a request given up."""
        ...

    def record_refused(self, kind: RecordKind) -> None:
        """Count a record that the broker refuses for good."""
        ...

    def budget_exhausted(self, reason: Exhausted) -> None:
        """Count a pause because too many requests became dead letters."""
        ...

    def tried_with_care(self) -> None:
        """Count a record taken alone because its partition's last owner died."""
        ...

    def waiting(self, requests: int) -> None:
        """Note how many more (or fewer) requests wait for their next attempt."""
        ...
