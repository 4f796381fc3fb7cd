import numpy as np
import pytest

from trainer.core.arrays import Floats, Labels
from trainer.core.heads import LinearHead
from trainer.core.refit import Pull, refit_head, widened

RNG = np.random.default_rng(0)
WIDTH = 12
CENTRES = 3 * np.eye(4, WIDTH)


def draw(labels: Labels) -> Floats:
    noise = RNG.normal(0, 0.7, (len(labels), WIDTH))
    return (CENTRES[labels] + noise).astype(np.float32)


KNOWN = np.repeat(np.arange(3), 60)
REMEMBERED = draw(KNOWN)
HEAD = LinearHead((CENTRES[:3].T / 3).astype(np.float32), np.zeros(3, np.float32))


def accuracy(head: LinearHead, features: Floats, labels: Labels) -> float:
    return float((head.logits(features).argmax(axis=1) == labels).mean())


def test_without_anything_new_the_head_stands_still() -> None:
    # One upload that the head already answers as it is labelled, and a strong pull.
    sure = (20 * CENTRES[:1]).astype(np.float32)
    head = refit_head(HEAD, REMEMBERED, sure, np.array([0]), 3, Pull())
    assert head.logits(REMEMBERED) == pytest.approx(HEAD.logits(REMEMBERED), abs=0.02)


def test_a_new_class_is_learned_and_the_others_are_kept() -> None:
    new = np.full(60, 3)
    head = refit_head(HEAD, REMEMBERED, draw(new), new, 4, Pull())
    assert head.kernel.shape == (WIDTH, 4)
    assert accuracy(head, draw(new), new) > 0.95
    assert accuracy(head, REMEMBERED, KNOWN) >= accuracy(HEAD, REMEMBERED, KNOWN) - 0.01


def test_what_uploads_teach_is_learned() -> None:
    # A hospital where class 1 looks otherwise.
    there = np.full(80, 1)
    elsewhere = draw(there) + 4 * np.eye(WIDTH)[8].astype(np.float32)
    kernel = HEAD.kernel.copy()
    kernel[8] = [1.5, 0, 0]
    blind = LinearHead(kernel, HEAD.bias)
    before = accuracy(blind, elsewhere, there)
    head = refit_head(blind, REMEMBERED, elsewhere, there, 3, Pull(known=0.05))
    assert before < 0.5
    assert accuracy(head, elsewhere, there) > 0.9
    assert accuracy(head, REMEMBERED, KNOWN) > accuracy(blind, REMEMBERED, KNOWN) - 0.02


def test_the_stronger_the_pull_the_nearer_it_stays() -> None:
    labels = RNG.permutation(KNOWN)
    uploads = draw(KNOWN)
    moved = [
        np.abs(refit_head(HEAD, REMEMBERED, uploads, labels, 3, Pull(known)).kernel - HEAD.kernel)
        for known in (0.01, 0.1, 1.0, 10.0)
    ]
    sizes = [float(one.sum()) for one in moved]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 5 * sizes[-1]


def test_every_class_of_the_uploads_counts_alike() -> None:
    # The same picture, called 0 ninety times and 1 ten times: neither may win by number.
    picture = np.repeat(np.ones((1, WIDTH), np.float32), 100, axis=0)
    labels = np.array([0] * 90 + [1] * 10)
    head = refit_head(HEAD, REMEMBERED, picture, labels, 3, Pull(known=0.1))
    (first, second, _) = head.logits(picture[:1])[0]
    assert first == pytest.approx(second, abs=0.05)


def test_the_same_rows_give_the_same_head() -> None:
    new = np.full(10, 3)
    uploads = draw(new)
    one, same = (refit_head(HEAD, REMEMBERED, uploads, new, 4, Pull()) for _ in range(2))
    assert (one.kernel == same.kernel).all()
    assert (one.bias == same.bias).all()


def test_a_widened_head_answers_the_old_columns_as_before() -> None:
    wide = widened(HEAD, 5)
    assert (wide.logits(REMEMBERED)[:, :3] == HEAD.logits(REMEMBERED)).all()
    assert (wide.logits(REMEMBERED)[:, 3:] == 0).all()
