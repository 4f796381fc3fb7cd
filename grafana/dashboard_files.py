"""All dashboards, in the order in which people need them, and their committed JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.board_health import MODEL_HEALTH, OVERVIEW
from grafana.board_models import RETRAINING, WORKERS
from grafana.board_serving import KAFKA, PREDICTION_PATH
from grafana.panels import TAG

BOARDS: Sequence[Dashboard] = (
    OVERVIEW,
    PREDICTION_PATH,
    WORKERS,
    RETRAINING,
    MODEL_HEALTH,
    KAFKA,
)
DASHBOARDS = Path(__file__).parent / "dashboards"


@dataclass(frozen=True, slots=True)
class PromQuery:
    """PromQL, and which panel of which board, or which rule of which file, uses it."""

    board: str
    panel: str
    query: str


def render_dashboards(boards: Sequence[Dashboard] = BOARDS) -> Mapping[str, str]:
    """Return the text of each file by its name."""
    return {
        f"{str(board.uid).removeprefix(f'{TAG}-')}.json": json.dumps(
            board, cls=JSONEncoder, indent=1, sort_keys=True
        )
        + "\n"
        for board in boards
    }


def find_stale(folder: Path = DASHBOARDS) -> Sequence[str]:
    """Return the names of files that are missing, outdated or of no board."""
    wanted = render_dashboards()
    found = {path.name: path.read_text() for path in folder.glob("*.json")}
    return sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))


def write_dashboards(folder: Path = DASHBOARDS) -> Sequence[str]:
    """Bring the folder up to date; return the names of what changed."""
    wanted = render_dashboards()
    changed = find_stale(folder)
    for name in changed:
        if name in wanted:
            (folder / name).write_text(wanted[name])
        else:
            (folder / name).unlink()
    return changed


def read_panels(path: Path) -> Sequence[Mapping[str, Any]]:
    """Return the panels of a file, without headings."""
    found: Sequence[Mapping[str, Any]] = json.loads(path.read_text())["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def panel_queries(folder: Path = DASHBOARDS) -> Iterator[PromQuery]:
    """Yield every query of every file, in reading order."""
    for path in sorted(folder.glob("*.json")):
        for panel in read_panels(path):
            for target in panel["targets"]:
                yield PromQuery(path.stem, panel["title"], target["expr"])
