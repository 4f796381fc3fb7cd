"""A table that says whose pictures files are, where their names do not."""

import csv
from collections.abc import Mapping

from trainer.core.labelling import UnlabelledError

_PICTURE = ("file", "image", "image_id", "filename")
_PATIENT = ("patient", "patient_id")


def read_patients(text: str) -> Mapping[str, str]:
    """Read CSV with a header: file name without suffix → patient. Other columns are passed over.

    Raises UnlabelledError where a column is missing.
    """
    rows = csv.DictReader(text.splitlines())
    picture = _column(rows, _PICTURE)
    patient = _column(rows, _PATIENT)
    return {_stem(row[picture]): row[patient] for row in rows if row[picture] and row[patient]}


def _column(rows: "csv.DictReader[str]", known: tuple[str, ...]) -> str:
    for name in known:
        if name in (rows.fieldnames or ()):
            return name
    raise UnlabelledError(f"the table of patients has no column called {' or '.join(known)}")


def _stem(name: str) -> str:
    return name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
