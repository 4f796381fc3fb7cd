"""Stage: cached views of the frozen blocks, a linear probe on them, then fine-tuning."""

from collections.abc import Iterator, Sequence

import numpy as np

from trainer.core.arrays import Floats, Halves, Labels
from trainer.core.augmentation import augmented_view
from trainer.core.dataset import Example
from trainer.core.heads import LinearHead
from trainer.core.history import Held, Tuned
from trainer.core.probe import fit_head
from trainer.core.recipe import Recipe
from trainer.core.views import CLEAN, View
from trainer.ports import Backbone, Progress, Tuner, ViewStore
from trainer.service.pixels import BATCH, Pixels


class Learner:
    """Trains on one set of pictures; what is found in the store is not computed again."""

    def __init__(
        self,
        pixels: Pixels,
        backbone: Backbone,
        store: ViewStore,
        tuner: Tuner,
        progress: Progress,
    ) -> None:
        self._pixels = pixels
        self._backbone = backbone
        self._store = store
        self._tuner = tuner
        self._progress = progress

    def cost(self, examples: int, held: int, recipe: Recipe) -> int:
        """Give how many pictures go through a network, in whole or in part."""
        learning = recipe.learning
        learned = examples * (1 + learning.probe_views + 2 * learning.epochs)
        return learned + held * (1 + learning.epochs)

    def learn(
        self,
        examples: Sequence[Example],
        held: Sequence[Example],
        classes: int,
        recipe: Recipe,
        seed: int,
    ) -> Tuned:
        """Give the trained weights of everything behind the frozen blocks, head included.

        held: pictures that every epoch is scored on, for its history; nothing is chosen by it.
        """
        views = self._views(examples, recipe)
        labels = _labels(examples)
        # The weights do not depend on what is held; their history does.
        pictures = _names(held)
        key = f"{self._key(examples, recipe)} | {recipe.learning} seed {seed} | held {pictures}"
        known = self._store.load_tuned(key)
        if known is not None:
            self._progress.stage("trained weights found in the cache")
            learning = recipe.learning
            self._progress.advance((learning.probe_views + learning.epochs) * len(examples))
            self._progress.advance((1 + learning.epochs) * len(held))
            self._progress.learned(known.epochs)
            return known
        head = self._probe(views, labels, classes, recipe)
        # The clean view is for the probe alone.
        learning = recipe.learning
        self._progress.stage(f"fine-tuning, epoch 0 of {learning.epochs}")
        checkpoints = self._store.checkpoints(key)
        scored = Held(self._held_maps(held), _labels(held))
        tuned = self._tuner.fine_tune(
            head, views[1:], labels, scored, learning, seed, self._progress, checkpoints
        )
        self._store.store_tuned(key, tuned)
        checkpoints.clear()
        return tuned

    def _held_maps(self, held: Sequence[Example]) -> Halves:
        key = f"{self._backbone.fingerprint} | {self._pixels.spec!r} | held {_names(held)}"
        return self._view(key, held, CLEAN)

    def _key(self, examples: Sequence[Example], recipe: Recipe) -> str:
        # A donor may be any of the pictures, so a view is a matter of all of them.
        pictures = " ".join(f"{example.sha256[:16]} {example.label}" for example in examples)
        parts = (self._backbone.fingerprint, self._pixels.spec, recipe.policy, recipe.view_seed)
        return " | ".join((*map(repr, parts), pictures))

    def _views(self, examples: Sequence[Example], recipe: Recipe) -> list[Halves]:
        donors = [self._pixels.grey(example) for example in examples]
        numbers = range(1, recipe.learning.epochs + 1)
        augmented = [augmented_view(n, recipe.policy, recipe.view_seed, donors) for n in numbers]
        views = [CLEAN, *augmented]
        key = self._key(examples, recipe)
        found = []
        for number, view in enumerate(views):
            self._progress.stage(f"frozen features, view {number + 1} of {len(views)}")
            found.append(self._view(f"{key} | {view.name}", examples, view))
        return found

    def _view(self, key: str, examples: Sequence[Example], view: View) -> Halves:
        known = self._store.load_maps(key)
        if known is not None:
            self._progress.advance(len(examples))
            return known
        batches = self._counted(self._backbone.stem(self._pixels.batches(examples, view)))
        return self._store.store_maps(key, batches, len(examples))

    def _probe(
        self, views: Sequence[Halves], labels: Labels, classes: int, recipe: Recipe
    ) -> LinearHead:
        self._progress.stage("linear probe")
        learning = recipe.learning
        seen = [self._pooled(view) for view in views[: learning.probe_views]]
        strength = learning.probe_strength
        repeated = np.tile(labels, len(seen))
        return fit_head(np.concatenate(seen), repeated, strength=strength, classes=classes)

    def _pooled(self, maps: Halves) -> Floats:
        batches = (maps[start : start + BATCH] for start in range(0, len(maps), BATCH))
        return np.concatenate(list(self._counted(self._backbone.pooled_from_stem(batches))))

    def _counted(self, batches: Iterator[Floats]) -> Iterator[Floats]:
        for batch in batches:
            yield batch
            self._progress.advance(len(batch))


def _labels(examples: Sequence[Example]) -> Labels:
    return np.array([example.label for example in examples], np.int64)


def _names(examples: Sequence[Example]) -> str:
    return " ".join(example.sha256[:16] for example in examples)
