"""A .keras file with the same bytes for the same model."""

import json
import re
import tempfile
import zipfile
from pathlib import Path

import keras

_THEN = (1980, 1, 1, 0, 0, 0)
_OBJECT_ID = re.compile(r'"shared_object_id": (\d+)')


def save_keras(model: keras.Model, path: Path) -> None:
    """Save without what changes from run to run: the date, and addresses in memory as ids."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        changing = Path(folder) / path.name
        model.save(changing)
        with zipfile.ZipFile(changing) as source, zipfile.ZipFile(path, "w") as target:
            for name in sorted(source.namelist()):
                content = source.read(name)
                if name == "metadata.json":
                    content = json.dumps(json.loads(content) | {"date_saved": ""}).encode()
                if name == "config.json":
                    content = _with_counted_ids(content.decode()).encode()
                target.writestr(zipfile.ZipInfo(name, _THEN), content)


def _with_counted_ids(config: str) -> str:
    numbers: dict[str, int] = {}

    def counted(match: re.Match[str]) -> str:
        number = numbers.setdefault(match[1], len(numbers) + 1)
        return f'"shared_object_id": {number}'

    return _OBJECT_ID.sub(counted, config)
