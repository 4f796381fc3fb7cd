"""The dashboards' files: written from the boards, and read as Grafana reads them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana.drawing import draw
from grafana.questions import Board

DASHBOARDS = Path(__file__).parent / "dashboards"


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a file's panel."""

    board: str
    panel: str
    query: str


def texts(boards: Sequence[Board]) -> Mapping[str, str]:
    """Give each file's name and its text, the same for the same boards."""
    return {
        f"{board.name}.json": json.dumps(draw(board), cls=JSONEncoder, indent=1, sort_keys=True)
        + "\n"
        for board in boards
    }


def stale(boards: Sequence[Board], folder: Path = DASHBOARDS) -> Sequence[str]:
    """Name the files that are missing, old, or of no board."""
    wanted = texts(boards)
    found = {path.name: path.read_text() for path in folder.glob("*.json")}
    return sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))


def write(boards: Sequence[Board], folder: Path = DASHBOARDS) -> Sequence[str]:
    """Bring the folder up to date; gives the names of what changed."""
    wanted = texts(boards)
    changed = stale(boards, folder)
    for name in changed:
        if name in wanted:
            (folder / name).write_text(wanted[name])
        else:
            (folder / name).unlink()
    return changed


def asked(folder: Path = DASHBOARDS) -> Iterator[Asked]:
    """Give every query of every file, in reading order."""
    for path in sorted(folder.glob("*.json")):
        for panel in panels(path):
            for target in panel["targets"]:
                yield Asked(path.stem, panel["title"], target["expr"])


def panels(path: Path) -> Sequence[Mapping[str, Any]]:
    """Give the panels of a file that ask something: all but the headings."""
    found: Sequence[Mapping[str, Any]] = json.loads(path.read_text())["panels"]
    return [panel for panel in found if panel["type"] != "row"]
