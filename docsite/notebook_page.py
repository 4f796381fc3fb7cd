"""A notebook as a page: its text as it is, its code as code, and no outputs, since it has none."""

import json
from collections.abc import Iterator


def notebook_page(notebook: str) -> str:
    """Give the Markdown of a notebook's JSON."""
    cells = json.loads(notebook)["cells"]
    return "\n\n".join(_parts(cells)) + "\n"


def _parts(cells: list[dict[str, object]]) -> Iterator[str]:
    for cell in cells:
        lines = cell["source"]
        source = "".join(lines) if isinstance(lines, list) else str(lines)
        yield source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```"
