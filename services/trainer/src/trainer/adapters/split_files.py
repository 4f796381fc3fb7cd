"""Who lies in which part, as a file that other programs read."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.core.dataset import Dataset

COLUMNS = ("file", "sha256", "class", "patient", "part")


@dataclass(frozen=True, slots=True)
class SuffixError(OSError):
    """The file's name does not say which form it shall have."""

    name: str

    def __str__(self) -> str:
        return f"{self.name} ends in neither .csv nor .json"


def store_split(dataset: Dataset, parts: Sequence[str], path: Path) -> None:
    """Write a row a picture, by file name. parts: one an example. Raises OSError, SuffixError."""
    if path.suffix not in (".csv", ".json"):
        raise SuffixError(path.name)
    rows = sorted(
        (example.name, example.sha256, dataset.classes[example.label], example.patient, part)
        for example, part in zip(dataset.examples, parts, strict=True)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        if path.suffix == ".csv":
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerows([COLUMNS, *rows])
        else:
            pictures = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
            content = {"data_sha256": dataset.sha256, "pictures": pictures}
            json.dump(content, stream, indent=1, ensure_ascii=False)
            stream.write("\n")
