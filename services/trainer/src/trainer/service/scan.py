"""A folder becomes a data set: names are read, bytes hashed, damaged pictures set aside."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.preprocessing import ImageError, decode_grey
from trainer.core.dataset import Dataset, assemble
from trainer.core.labelling import Labelled, read_names, with_patients
from trainer.ports import Images

_SMALL_PX = 32


@dataclass(frozen=True, slots=True)
class Scan:
    """The data set, and the files that no decoder takes, each with its reason."""

    dataset: Dataset
    damaged: tuple[tuple[str, str], ...]


def scan(
    images: Images, further: Sequence[str] = (), patients: Mapping[str, str] | None = None
) -> Scan:
    """Read every picture once. Raises UnlabelledError.

    further: classes from folders of their own. patients: file name without suffix → patient.
    """
    layout, named = read_names(images.names(), further)
    labelled = with_patients(named, patients or {})
    files: list[tuple[Labelled, str]] = []
    damaged: list[tuple[str, str]] = []
    for one in labelled:
        content = images.read(one.name)
        try:
            decode_grey(content, _SMALL_PX)
        except ImageError as error:
            damaged.append((one.name, error.detail))
            continue
        files.append((one, hashlib.sha256(content).hexdigest()))
    return Scan(assemble(layout, files), tuple(damaged))
