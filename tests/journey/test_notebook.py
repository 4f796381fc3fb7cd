"""The notebook runs from top to bottom against a whole system, as a reader would run it."""

import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "first-steps.ipynb"


def outputs(notebook) -> list[str]:
    return [
        output.get("text") or output["data"]["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
    ]


def test_the_notebook_is_committed_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert outputs(notebook) == []
    assert all(cell.get("execution_count") is None for cell in notebook.cells)


def test_every_cell_of_the_notebook_does_what_its_text_says(stack, monkeypatch, tmp_path):
    monkeypatch.setenv("PNEUMO_URL", stack.gateway.url)
    # Nothing of the user's own Jupyter: this Python as the kernel, a folder that goes away.
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("JUPYTER_PATH", str(Path(sys.prefix) / "share" / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    )
    client.execute()
    told = outputs(notebook)
    assert any(text.startswith("('viral', ") for text in told), told
    assert "{'NORMAL': (8, 0), 'bacterial': (8, 0), 'viral': (8, 0)}" in told
    assert any("total=24" in text for text in told), told
    assert any('route="/v1/predictions"' in text for text in told), told
