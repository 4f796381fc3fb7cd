"""Stage: the domain guard, fitted to the features of the graph that will be served."""

from collections.abc import Iterator, Sequence

import numpy as np

from shared.domain_guard import DomainGuard
from trainer.core.arrays import Floats, Grey
from trainer.core.augmentation import augmented_view
from trainer.core.dataset import Example
from trainer.core.guarding import fit_guard
from trainer.core.recipe import Recipe
from trainer.core.strangers import make_strange
from trainer.core.views import CLEAN, View, generator_of
from trainer.ports import InferenceGraph, Progress
from trainer.service.pixels import Pixels

_CHEST, _SOURCES, _HELD = 1001, 1002, 1003
"""Numbers of views that nothing else uses."""
_AUGMENTED_SOURCES = 0.6

DOMAIN_OUTPUT = "domain"


class Guarding:
    """Looks at training and validation pictures through the served graph."""

    def __init__(self, pixels: Pixels, recipe: Recipe, progress: Progress) -> None:
        self._pixels = pixels
        self._recipe = recipe
        self._progress = progress

    def cost(self, train: int, held: int) -> int:
        """Give how many pictures `fit` sends through the graph, about."""
        return train // 3 + train + 2 * held

    def fit(
        self, served: InferenceGraph, train: Sequence[Example], held: Sequence[Example]
    ) -> tuple[DomainGuard, dict[str, float]]:
        """Give the guard, and the share of validation radiographs that it would refuse."""
        self._progress.stage("domain guard")
        donors = [self._pixels.grey(example) for example in train]
        policy, seed = self._recipe.policy, self._recipe.view_seed
        chest, sources, altered = (
            augmented_view(number, policy, seed, donors) for number in (_CHEST, _SOURCES, _HELD)
        )
        clean_held = self._features(served, held, CLEAN)
        altered_held = self._features(served, held, altered)
        radiographs = (
            self._features(served, train[::3], CLEAN),
            self._features(served, train[::2], chest),
        )
        foreign = self._features(served, train[1::2], strange_view(sources))
        both_held = np.concatenate([clean_held, altered_held])
        guard = fit_guard(np.concatenate(radiographs), foreign, both_held)
        return guard, {
            "false_rejection_clean": refused(guard, clean_held),
            "false_rejection_augmented": refused(guard, altered_held),
            "strangers_refused": refused(guard, foreign),
        }

    def _features(self, served: InferenceGraph, examples: Sequence[Example], view: View) -> Floats:
        return np.concatenate(list(self._stream(served, examples, view)))

    def _stream(
        self, served: InferenceGraph, examples: Sequence[Example], view: View
    ) -> Iterator[Floats]:
        for (part,) in served.ask(self._pixels.batches(examples, view), DOMAIN_OUTPUT):
            yield part
            self._progress.advance(len(part))


def strange_view(sources: View) -> View:
    """Make strangers, most of them of augmented pictures: looks alone must not give them away."""

    def change(grey: Grey, sha256: str) -> Grey:
        rng = generator_of(sha256, _SOURCES)
        source = sources.change(grey, sha256) if rng.random() < _AUGMENTED_SOURCES else grey
        return make_strange(source, rng)

    return View(f"strange {sources.name}", change)


def refused(guard: DomainGuard, features: Floats) -> float:
    """Give the share of pictures, 0..1, that the guard calls out of domain."""
    return float((guard.strangeness(features) > 0).any(axis=1).mean())
