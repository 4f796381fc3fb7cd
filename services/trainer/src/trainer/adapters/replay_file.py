"""A bundle's replay memory on disk."""

from dataclasses import fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from trainer.core.replay import REPLAY_FILE, Remembered, Replay, ReplayError

_PARTS = ("learned", "held", "looks", "parent")
_COLUMNS = tuple(field.name for field in fields(Remembered))
_MISSING = "The bundle holds no replay memory; `python -m trainer replay` adds one."


def store_replay(bundle: Path, replay: Replay) -> None:
    """Write it as npz, the same memory to the same bytes."""
    arrays: dict[str, Any] = {"classes": np.array(replay.classes)}
    arrays["lessons"] = replay.lessons
    for part in _PARTS:
        for column in _COLUMNS:
            arrays[f"{part}_{column}"] = getattr(getattr(replay, part), column)
    np.savez_compressed(bundle / REPLAY_FILE, **arrays)


def load_replay(bundle: Path) -> Replay:
    """Read what `store_replay` wrote. Raises ReplayError if there is none, or something else."""
    try:
        with np.load(bundle / REPLAY_FILE, allow_pickle=False) as stored:
            parts = {
                part: Remembered(**{column: stored[f"{part}_{column}"] for column in _COLUMNS})
                for part in _PARTS
            }
            # A memory that was written before there were lessons has met no upload.
            lessons = stored["lessons"] if "lessons" in stored else np.zeros(0, np.uint64)
            return Replay(
                tuple(stored["classes"].tolist()),
                parts["learned"],
                parts["held"],
                parts["looks"],
                parts["parent"],
                lessons,
            )
    except FileNotFoundError as error:
        raise ReplayError(_MISSING) from error
    except (KeyError, ValueError, OSError, EOFError, BadZipFile) as error:
        raise ReplayError("The bundle's replay memory cannot be read.") from error
