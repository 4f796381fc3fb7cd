import numpy as np

from trainer.adapters.package_pictures import package_pictures


def test_every_kind_has_pictures_of_the_size_asked_for() -> None:
    kinds = package_pictures(64)
    counts = {kind: len(pictures) for kind, pictures in kinds.items()}
    assert counts["photographs and their quarters"] >= 50
    assert counts["scanned pages"] == 2
    assert counts["microscopy and retina"] == 4
    assert counts["CT, MR, ultrasound and bone scan"] >= 10
    for pictures in kinds.values():
        assert all(one.shape == (64, 64) and one.dtype == np.uint8 for one in pictures)


def test_no_slice_is_blank_and_none_occurs_twice() -> None:
    slices = package_pictures(64)["CT, MR, ultrasound and bone scan"]
    assert min(float(one.std()) for one in slices) > 5
    assert len({one.tobytes() for one in slices}) == len(slices)


def test_quarters_make_up_the_whole() -> None:
    whole, *quarters = package_pictures(64)["photographs and their quarters"][:5]
    assert abs(np.mean(quarters) - whole.mean()) < 1
