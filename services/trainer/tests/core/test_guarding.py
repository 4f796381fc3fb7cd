import numpy as np

from trainer.core.guarding import fit_guard


def test_the_guard_refuses_the_foreign_and_the_far_and_keeps_what_it_was_held_to() -> None:
    rng = np.random.default_rng(0)

    def cloud(size: int, shift: float) -> np.ndarray:
        return rng.normal(shift, 1, (size, 30)).astype(np.float32)

    held = cloud(400, 0)
    guard = fit_guard(cloud(600, 0), cloud(300, 2), held)
    assert (guard.strangeness(held) > 0).any(axis=1).mean() < 0.04
    assert (guard.strangeness(cloud(200, 2)) > 0).any(axis=1).mean() > 0.95
    assert (guard.strangeness(cloud(200, -8))[:, 1] > 0).all()


def test_a_feature_that_never_changes_does_no_harm() -> None:
    features = np.random.default_rng(0).normal(0, 1, (40, 6)).astype(np.float32)
    features[:, 2] = 1
    guard = fit_guard(features, features + 3, features)
    assert np.isfinite(guard.strangeness(features)).all()
    assert (guard.strangeness(features) > 0).any(axis=1).mean() < 0.1
