"""The story of a fast training: a new head on the replay memory and the uploads, and its trial."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from shared.contracts.bundle import Manifest
from shared.contracts.dataset import DatasetImage
from shared.preprocessing import ImageError
from trainer.core.arrays import Floats, Mask
from trainer.core.dataset import Example, TooFewError
from trainer.core.figures import ThresholdRule, all_figures
from trainer.core.gate import Contestant, Trial
from trainer.core.heads import LinearHead
from trainer.core.holdback import hold_back
from trainer.core.probabilities import Calibrated, widen_calibration
from trainer.core.refit import Pull, refit_head
from trainer.core.replay import Remembered, Replay, ReplayLimits, extend
from trainer.core.views import CLEAN
from trainer.ports import FeatureStore, Headed, Progress
from trainer.service.features import Features
from trainer.service.pixels import Pixels
from trainer.service.remembering import pseudonym

_PASSES = 3
"""Read, shown to the network, and three in ten of them to both graphs: about so often."""
_NOTHING_NEW = "There is no upload to learn from that the current model has not met."
_EXACT = 1e-2
"""How far features, kept as float16, times the head may lie from the graph's own logits."""


@dataclass(frozen=True, slots=True)
class Current:
    """The model that a training starts from and must not fall behind."""

    manifest: Manifest
    graph: Headed
    replay: Replay

    @property
    def contestant(self) -> Contestant:
        """Give it as the gate sees it."""
        return contestant_of(self.manifest)


@dataclass(frozen=True, slots=True)
class Uploads:
    """The labelled uploads as rows.

    learned: what the head is fitted to. known: what the current head was fitted to already: fitted
    to it again at every training, it would come to know it by heart. held_back: what the model is
    judged by; fresh: bool, those of them that no model before has met.
    """

    learned: Remembered
    known: Remembered
    held_back: Remembered
    held_back_examples: tuple[Example, ...]
    fresh: Mask


@dataclass(frozen=True, slots=True)
class Refitted:
    """A candidate, not yet written, and the pictures that both models answered."""

    graph: Headed
    contestant: Contestant
    replay: Replay
    trial: Trial
    learned: tuple[int, ...]
    """Uploads of every class that the head was fitted to."""
    metrics: dict[str, float]


def contestant_of(manifest: Manifest) -> Contestant:
    """Give a model as it decides."""
    calibration, decision = manifest.calibration, manifest.decision
    bias = calibration.bias or (0.0,) * len(manifest.classes)
    rule = ThresholdRule(manifest.classes.index(decision.reference_class), decision.threshold)
    return Contestant(
        manifest.version, manifest.classes, Calibrated(calibration.temperature, bias), rule
    )


class Refitting:
    """Makes candidates of one current model. The same pictures give the same candidate."""

    def __init__(self, pixels: Pixels, store: FeatureStore, progress: Progress) -> None:
        self._pixels = pixels
        self._store = store
        self._progress = progress

    def refit(self, current: Current, images: Sequence[DatasetImage], version: str) -> Refitted:
        """Raises TooFewError where there is nothing to learn from."""
        classes = widened_classes(current.manifest.classes, images)
        self._progress.expect(_PASSES * len(images))
        examples = self._decodable(examples_of(images, classes, current.replay))
        uploads = self._uploads(current, examples, classes)
        if not len(uploads.learned):
            raise TooFewError(_NOTHING_NEW)
        self._progress.stage("fitting the head")
        head = _fit(current, uploads, len(classes))
        graph = current.graph.with_head(head)
        self._progress.stage("held-back uploads")
        held_back = self._answers(graph, uploads, head)
        old = current.replay.held.without(uploads.held_back.pictures.tolist())
        held = old.answered_by(head).joined(held_back)
        contestant = _decide(current, head, held, classes, version)
        learned = uploads.learned.joined(uploads.known)
        replay = extend(current.replay, head, classes, learned, uploads.held_back, ReplayLimits())
        return Refitted(
            graph,
            contestant,
            replay,
            _trial(old, uploads, held.logits),
            tuple(np.bincount(uploads.learned.labels, minlength=len(classes)).tolist()),
            _metrics(contestant, replay, uploads),
        )

    def _decodable(self, examples: Sequence[Example]) -> tuple[Example, ...]:
        self._progress.stage("reading the uploads")
        found = []
        for example in examples:
            self._progress.advance(1)
            try:
                self._pixels.grey(example)
            except ImageError:
                continue
            found.append(example)
        return tuple(found)

    def _uploads(
        self, current: Current, examples: tuple[Example, ...], classes: tuple[str, ...]
    ) -> Uploads:
        self._progress.stage("features of the uploads")
        if not examples:
            raise TooFewError("There is no upload that can be read.")
        features = Features(self._pixels, current.graph, self._store, self._progress)
        seen = features.of(examples, CLEAN)
        labels = np.array([example.label for example in examples], np.int64)
        groups = [example.patient for example in examples]
        mask = hold_back(labels, groups, frozenset(current.replay.held.patients.tolist()))
        pictures = np.array([example.sha256 for example in examples])
        known = current.replay.knows(pictures, [classes[label] for label in labels.tolist()])
        rows = Remembered(
            seen.astype(np.float16),
            current.graph.head.logits(seen),
            labels,
            pictures,
            np.array(groups),
        )
        back = np.flatnonzero(mask)
        chosen = tuple(examples[row] for row in back.tolist())
        answers = self._ask(current.graph, chosen, len(current.manifest.classes))
        return Uploads(
            rows.take(np.flatnonzero(~mask & ~known)),
            rows.take(np.flatnonzero(~mask & known)),
            replace(rows.take(back), logits=answers),
            chosen,
            ~known[back],
        )

    def _answers(self, graph: Headed, uploads: Uploads, head: LinearHead) -> Remembered:
        """Give the held-back uploads with the new graph's own answers, checked against the head."""
        rows = uploads.held_back.answered_by(head)
        answers = self._ask(graph, uploads.held_back_examples, head.kernel.shape[1])
        if len(rows) and np.abs(answers - rows.logits).max() > _EXACT:
            raise ArithmeticError("the new graph does not compute its own head")
        return rows

    def _ask(self, graph: Headed, examples: Sequence[Example], classes: int) -> Floats:
        parts = [np.zeros((0, classes), np.float32)]
        for (logits,) in graph.ask(self._pixels.batches(examples, CLEAN), "logits"):
            parts.append(logits)
            self._progress.advance(len(logits))
        return np.concatenate(parts)


def widened_classes(known: tuple[str, ...], images: Sequence[DatasetImage]) -> tuple[str, ...]:
    """Give the classes with those that only uploads have, sorted, behind them."""
    return (*known, *sorted({image.label for image in images} - set(known)))


def examples_of(
    images: Sequence[DatasetImage], classes: tuple[str, ...], replay: Replay
) -> list[Example]:
    """Give uploads as examples whose patient is a group: a pseudonym, or the picture's own hash.

    A picture that is remembered as held out belongs to the patient it was held out with.
    """
    held = dict(zip(replay.held.pictures.tolist(), replay.held.patients.tolist(), strict=True))
    examples = []
    for image in images:
        own = image.sha256 if image.patient is None else pseudonym(image.patient)
        group = held.get(image.sha256, own)
        examples.append(Example(image.sha256, image.sha256, classes.index(image.label), group))
    return examples


def _fit(current: Current, uploads: Uploads, classes: int) -> LinearHead:
    ours = [*uploads.learned.pictures.tolist(), *uploads.known.pictures.tolist()]
    old = current.replay.learned.without(ours).joined(uploads.known)
    return refit_head(
        current.graph.head,
        old.features.astype(np.float32),
        uploads.learned.features.astype(np.float32),
        uploads.learned.labels,
        classes,
        Pull(),
    )


def _trial(old: Remembered, uploads: Uploads, logits: Floats) -> Trial:
    """Put both models' answers side by side: on what is remembered, then on held-back uploads.

    logits: the candidate's, in that order.
    """
    rows = old.joined(uploads.held_back)
    nothing, held_back = np.zeros(len(old), np.bool_), len(uploads.held_back)
    return Trial(
        rows.labels,
        rows.patients,
        np.concatenate([nothing, np.ones(held_back, np.bool_)]),
        np.concatenate([nothing, uploads.fresh]),
        rows.logits,
        logits,
    )


def _decide(
    current: Current, head: LinearHead, held: Remembered, classes: tuple[str, ...], version: str
) -> Contestant:
    """Give the new head the calibration and the threshold of the current one.

    They were fitted to many more answers than are remembered, and the new head answers these
    alike; fitted anew they would be moved by chance alone. Only a class that uploads brought needs
    a bias of its own: it is fitted to its held-back pictures and to remembered ones under every
    look.
    """
    before = current.contestant
    if len(classes) == len(before.classes):
        return Contestant(version, classes, before.calibrated, before.rule)
    looks = current.replay.looks.answered_by(head)
    rows = looks.joined(held.take(np.flatnonzero(held.labels >= len(before.classes))))
    calibrated = widen_calibration(before.calibrated, rows.logits, rows.labels)
    return Contestant(version, classes, calibrated, before.rule)


def _metrics(contestant: Contestant, replay: Replay, uploads: Uploads) -> dict[str, float]:
    figures: dict[str, float] = {
        "uploads_learned": float(len(uploads.learned)),
        "uploads_held_back": float(len(uploads.held_back)),
        "replay_learned": float(len(replay.learned)),
    }
    for name, rows in (("clean", replay.held), ("looks", replay.looks)):
        probabilities = contestant.calibrated.probabilities(rows.logits)
        there = all_figures(probabilities, rows.labels, contestant.classes, contestant.rule)
        figures |= {
            f"validation_{name}_{figure}": value
            for figure, value in there.items()
            if not np.isnan(value)
        }
    return figures
