"""Which uploads a training never sees, so that its model can be judged by them."""

import hashlib
from collections.abc import Collection, Sequence

import numpy as np

from trainer.core.arrays import Labels, Mask

SHARE = 0.3
_DIGITS = 8


def hold_back(
    labels: Labels, groups: Sequence[str], known: Collection[str] = (), *, share: float = SHARE
) -> Mask:
    """Mark the uploads that are held back, bool [N].

    groups: the patient where known, else the picture's hash; a group is wholly in or wholly out.
    known: groups that were held back elsewhere. Chance is the group's own hash, so that whatever
    else is uploaded, nothing that was learned is held back later; only of a class of which chance
    holds back nothing, its first group is.
    """
    drawn = {name for name in groups if name in known or _place(name) < share}
    for label in np.unique(labels):
        there = {groups[row] for row in np.flatnonzero(labels == label).tolist()}
        if len(there) > 1 and not there & drawn:
            drawn.add(min(there, key=_place))
    return np.array([name in drawn for name in groups], np.bool_)


def _place(group: str) -> float:
    """Give a number in [0, 1) that depends on the name alone."""
    digits = hashlib.sha256(group.encode()).hexdigest()[:_DIGITS]
    return float(int(digits, 16) / 16**_DIGITS)
