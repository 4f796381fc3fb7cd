"""Pictures that are no chest radiograph, from a folder: one folder a kind."""

from collections import defaultdict
from pathlib import Path

from shared.preprocessing import ImageError, decode_grey
from trainer.adapters.image_folder import ImageFolder
from trainer.core.arrays import Grey


def foreign_pictures(folder: Path, size_px: int) -> dict[str, tuple[Grey, ...]]:
    """Give pictures uint8 [S, S] by kind, each once; what no decoder takes is left out."""
    images = ImageFolder(folder)
    seen: set[bytes] = set()
    found: dict[str, list[Grey]] = defaultdict(list)
    for name in images.names():
        kind, _, rest = name.partition("/")
        content = images.read(name)
        if not rest or content in seen:
            continue
        seen.add(content)
        try:
            found[kind].append(decode_grey(content, size_px))
        except ImageError:
            continue
    return {kind: tuple(pictures) for kind, pictures in found.items()}
