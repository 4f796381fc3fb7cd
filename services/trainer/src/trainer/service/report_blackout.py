"""Shows the folder with its lungs blacked out, to the served graph and to a probe."""

import numpy as np

from trainer.core.dataset import Dataset
from trainer.core.evaluation_blackout import VIEWS, Blackout, judged, probe
from trainer.core.views import View
from trainer.service.pixels import Pixels
from trainer.service.subject import Subject

MODEL, PROBE = "served model", "probe"


def blackouts(subject: Subject, train: tuple[Pixels, Dataset] | None) -> tuple[Blackout, ...]:
    """Judge every view. train: what the probe learns from; without it there is none."""
    found = []
    for view in VIEWS:
        subject.progress.stage(view.name)
        found.extend(_one(subject, train, view))
    return tuple(sorted(found, key=lambda one: one.judge != MODEL))


def _one(subject: Subject, train: tuple[Pixels, Dataset] | None, view: View) -> list[Blackout]:
    labels, classes = subject.labels, subject.manifest.classes
    logits, features = subject.ask("logits", "domain", view=view)
    found = [judged(view.name, MODEL, subject.probabilities(logits), labels, classes)]
    if train is not None:
        pixels, dataset = train
        parts = subject.engine.ask(pixels.batches(dataset.examples, view), "domain")
        learned = np.concatenate([part for (part,) in parts])
        said = probe(learned, dataset.labels, features, len(classes))
        found.append(judged(view.name, PROBE, said, labels, classes))
    return found
