from pathlib import Path

import numpy as np
import pytest

from trainer.adapters.replay_file import load_replay, store_replay
from trainer.core.heads import LinearHead
from trainer.core.replay import (
    REPLAY_FILE,
    Remembered,
    Replay,
    ReplayError,
    ReplayLimits,
    choose,
    extend,
)

HEAD = LinearHead(np.eye(4, 2, dtype=np.float32), np.array([0.5, 0.0], np.float32))


def rows(names: str, labels: list[int] | None = None) -> Remembered:
    count = len(names)
    rng = np.random.default_rng(count)
    return Remembered(
        rng.random((count, 4)).astype(np.float16),
        rng.random((count, 2)).astype(np.float32),
        np.array(labels or [0] * count, np.int64),
        np.array(list(names), np.str_),
        np.array([name.upper() for name in names], np.str_),
    )


REPLAY = Replay(("x", "y"), rows("abcd", [0, 1, 0, 1]), rows("efg"), rows("e"), rows("ef"))


def test_it_is_read_as_it_was_written_and_to_the_same_bytes(tmp_path: Path) -> None:
    store_replay(tmp_path, REPLAY)
    first = (tmp_path / REPLAY_FILE).read_bytes()
    read = load_replay(tmp_path)
    assert read.classes == REPLAY.classes
    for part in ("learned", "held", "looks", "parent"):
        for column in ("features", "logits", "labels", "pictures", "patients"):
            expected = getattr(getattr(REPLAY, part), column)
            actual = getattr(getattr(read, part), column)
            assert (actual == expected).all()
            assert actual.dtype == expected.dtype
    store_replay(tmp_path, read)
    assert (tmp_path / REPLAY_FILE).read_bytes() == first


@pytest.mark.parametrize("content", [None, b"", b"no archive"])
def test_what_is_no_memory_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / REPLAY_FILE).write_bytes(content)
    with pytest.raises(ReplayError) as error:
        load_replay(tmp_path)
    assert str(tmp_path) not in str(error.value)


def test_an_archive_of_something_else_is_no_memory(tmp_path: Path) -> None:
    np.savez(tmp_path / REPLAY_FILE, classes=np.array(["x"]))
    with pytest.raises(ReplayError, match="cannot be read"):
        load_replay(tmp_path)


def test_classes_take_turns_when_rows_are_chosen() -> None:
    labels = np.array([0] * 10 + [1] * 2)
    pictures = np.array([f"{number:02}" for number in range(12)])
    assert choose(labels, pictures, 4).tolist() == [0, 1, 10, 11]
    assert choose(labels, pictures, 6).tolist() == [0, 1, 2, 3, 10, 11]
    assert len(choose(labels, pictures, 99)) == 12


def test_what_was_chosen_does_not_depend_on_the_order() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 50)
    pictures = np.array([f"{number:02}" for number in range(50)])
    chosen = set(pictures[choose(labels, pictures, 20)].tolist())
    order = rng.permutation(50)
    again = pictures[order][choose(labels[order], pictures[order], 20)]
    assert set(again.tolist()) == chosen


def test_an_extended_memory_answers_with_the_new_head_and_knows_a_picture_once() -> None:
    learned, held = rows("ax", [1, 1]), rows("gy", [1, 0])
    after = extend(REPLAY, HEAD, ("x", "y"), learned, held, ReplayLimits())
    assert sorted(after.learned.pictures.tolist()) == list("abcdx")
    assert sorted(after.held.pictures.tolist()) == list("efgy")
    # As it is labelled now.
    assert after.learned.labels[after.learned.pictures == "a"].tolist() == [1]
    for part in (after.learned, after.held, after.looks, after.parent):
        exact = HEAD.logits(part.features.astype(np.float32))
        assert part.logits == pytest.approx(exact)


def test_it_does_not_grow_beyond_its_limits() -> None:
    limits = ReplayLimits(learned=3, held=2, looks=1, parent=1)
    after = extend(REPLAY, HEAD, ("x", "y"), rows("xyz"), rows("uvw"), limits)
    assert (len(after.learned), len(after.held)) == (3, 2)
    assert after.knows(np.array(["x", "u"]), ["x", "x"]).all()
    assert limits.rows(train=2, kept=5) == 2 + 2 + 1 + 1


def test_it_knows_a_picture_under_the_label_it_was_met_with() -> None:
    after = extend(REPLAY, HEAD, ("x", "y"), rows("mn", [0, 1]), rows("o"), ReplayLimits())
    pictures = np.array(["m", "n", "o", "m", "q"])
    known = after.knows(pictures, ["x", "y", "x", "y", "x"])
    assert known.tolist() == [True, True, True, False, False]
    assert not REPLAY.knows(pictures, ["x"] * 5).any()


def test_a_memory_from_before_there_were_lessons_can_be_read(tmp_path: Path) -> None:
    store_replay(tmp_path, REPLAY)
    with np.load(tmp_path / REPLAY_FILE) as stored:
        arrays = {name: stored[name] for name in stored.files if name != "lessons"}
    np.savez_compressed(tmp_path / REPLAY_FILE, **arrays)
    assert not len(load_replay(tmp_path).lessons)
