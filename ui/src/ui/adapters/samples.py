"""Sample images for people who have no radiograph at hand."""

from pathlib import Path

from ui.adapters.gateway import ChosenImage

_MAX_SAMPLES = 3
_SMALL = "224px"


def find_samples(folder: Path | None) -> tuple[ChosenImage, ...]:
    """Return the small sample images of a folder, at most three; none if it cannot be read."""
    if folder is None:
        return ()
    try:
        paths = sorted(path for path in folder.glob("*.jpeg") if _SMALL in path.stem)
        return tuple(
            ChosenImage(f"sample-{path.name}", path.name, path.read_bytes())
            for path in paths[:_MAX_SAMPLES]
        )
    except OSError:
        return ()
