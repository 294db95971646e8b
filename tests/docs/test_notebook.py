"""The notebook runs in a kernel, with what it shows, and is stored without outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .pages import ROOT

NOTEBOOK = ROOT / "docs/quickstart.ipynb"


def test_the_notebook_is_stored_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) > 5
    assert [c["source"] for c in code if c["outputs"] or c["execution_count"]] == []


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    import nbformat

    # Settings of kernels and histories are the user's own.
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    book = nbformat.read(NOTEBOOK, as_version=4)
    where = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(book, kernel_name="python3", resources=where).execute()
    shown = [_shown(cell) for cell in book.cells if cell.cell_type == "code"]
    assert "<math" in shown[1]
    assert "<svg" in shown[2]
    assert "executor" in shown[3]
    assert "\\n" not in shown[3]
    assert "4 completed" in shown[4]
    assert "test mse" in shown[5]
    figure = next(c for c in book.cells if "comparison.figure()" in c.source)
    assert [o for o in figure.outputs if "image/png" in o.get("data", {})] != []
    assert (tmp_path / "notebook.html").is_file()
    assert "validation mse" in shown[-1]


def _shown(cell: Any) -> str:
    """Return all that a cell shows, as text."""
    found = []
    for output in cell.outputs:
        found.append(output.get("text", ""))
        found += [value for value in output.get("data", {}).values() if isinstance(value, str)]
    return "\n".join(found)
