"""A mistake in a call is shown in a few lines: your own line, and the message."""

from __future__ import annotations

import code
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatekit

MOST = 12
"""The most lines of a traceback and a message of one line."""

MISTAKES = {
    "a cell": "gatekit.RNN('lstmm', 8)",
    "a key of a cell": "gatekit.RNN('lstm', 8, swap={'forgett': {'bias': False}})",
    "an argument": "gatekit.RNN('lstm', 8, dropuot=1)",
    "a value": "gatekit.RNN('lstm', -8)",
    "a step's cell": "gatekit.Cell('lstmm', 8)",
    "a block": "gatekit.BlockLayer('nothing', 'lstm')",
    "a rank": "gatekit.RNN('lstm', 8)(np.zeros((2, 5), 'float32'))",
    "a width": "layer(np.zeros((2, 5, 7), 'float32'))",
    "a mask": "layer(np.zeros((2, 5, 4), 'float32'), mask=np.zeros((2, 6), bool))",
    "a state": "layer.step(np.zeros((2, 4), 'float32'), [np.zeros((2, 8))])",
    "a graph": "keras.Sequential([layer]).predict(np.zeros((2, 5, 7), 'float32'), verbose=0)",
    "a swept cell": "gatekit.train(cell=['lstm', 'gruu'])",
    "a key": "gatekit.plan(cell='lstm', taks='adding')",
    "a study": "gatekit.compare('nothing')",
    "a study to load": "gatekit.load('nothing')",
    "a cell to show": "gatekit.show('lstmm')",
    "a study to report": "gatekit.report('nothing')",
    "a framework": "gatekit.code('lstm', to='torhc')",
    "a module": "gatekit.convert.from_keras(3)",
    "a plugin": "gatekit.use_plugins('nothing.py')",
}


class _Prompt(code.InteractiveConsole):
    """Python's prompt, which keeps what it writes."""

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__(names)
        self.written = ""

    def write(self, data: str) -> None:
        self.written += data


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    import keras

    layer = gatekit.RNN("lstm", 8)
    layer(np.zeros((2, 5, 4), "float32"))
    return {"gatekit": gatekit, "keras": keras, "np": np, "layer": layer}


def shown(names: dict[str, Any], typed: str) -> list[str]:
    """Return the lines that a prompt shows after a mistake was typed."""
    prompt = _Prompt(dict(names))
    prompt.push(typed)
    return prompt.written.splitlines()


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # A command that failed in this process has set its own, which a prompt prefers to `write`.
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)


@pytest.mark.parametrize("typed", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_at_a_prompt_is_shown_in_a_few_lines(names: dict[str, Any], typed: str) -> None:
    lines = shown(names, typed)
    assert lines[0].startswith("Traceback")
    assert re.match(r"gatekit\.\S+Error: .", lines[-1]), lines
    assert len(lines) <= MOST


def test_all_frames_are_kept_for_those_who_ask(
    names: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEKIT_TRACEBACK", "full")
    assert len(shown(names, MISTAKES["a swept cell"])) > 3 * MOST


def test_an_error_of_your_own_keeps_its_frames(names: dict[str, Any]) -> None:
    def broken() -> None:
        raise KeyError("mine")

    lines = shown(names | {"broken": gatekit.cell.calls.border(broken)}, "broken()")
    assert any("in broken" in line for line in lines)


@pytest.mark.slow
def test_a_mistake_in_a_notebook_is_shown_in_a_few_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    from nbformat import v4

    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    first = "import keras, numpy as np\nimport gatekit\nlayer = gatekit.RNN('lstm', 8)\n"
    cells = [v4.new_code_cell(f"{first}_ = layer(np.zeros((2, 5, 4), 'float32'))")]
    cells += [v4.new_code_cell(typed) for typed in MISTAKES.values()]
    book = v4.new_notebook(cells=cells)
    where = {"metadata": {"path": str(tmp_path)}}
    client = nbclient.NotebookClient(
        book, kernel_name="python3", resources=where, allow_errors=True
    )
    client.execute()
    for cell in book.cells[1:]:
        (error,) = [output for output in cell.outputs if output.output_type == "error"]
        lines = "\n".join(error.traceback).splitlines()
        # the first line is a rule; a model's method adds a frame of Keras with its surroundings
        keras = 7 if "Sequential" in cell.source else 0
        assert len(lines[1:]) <= MOST + keras, cell.source
