import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trainer.core.mixing import class_weights, draw_mixing
from trainer.core.recipe import Learning


@given(st.integers(0, 999), st.integers(1, 64))
def test_a_draw_permutes_the_batch_and_keeps_shares_between_half_and_one(
    seed: int, size: int
) -> None:
    mixing = draw_mixing(np.random.default_rng(seed), size, 10, Learning())
    assert sorted(mixing.partner.tolist()) == list(range(size))
    assert 0.5 <= mixing.share <= 1
    assert ((mixing.style >= 0) & (mixing.style <= 1)).all()
    assert set(np.unique(mixing.kept)) <= {np.float32(0), np.float32(1.25)}


def test_without_chances_nothing_is_mixed() -> None:
    still = Learning(mixup=0, mixstyle=0, dropout=0)
    mixing = draw_mixing(np.random.default_rng(0), 8, 3, still)
    assert mixing.share == 1
    assert (mixing.style == 1).all()
    assert (mixing.kept == 1).all()


def test_every_class_counts_alike() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    weights = class_weights(labels, 2)
    assert np.isclose(weights[0] * 90, weights[1] * 10)
    assert np.isclose(weights[labels].mean(), 1)
