"""Gates that build, and that the suite refuses; and a run whose gate fails as it is trained."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from seams import (
    main,
)

from gatekit.testing import FAIL, gate_checks

Write = Callable[[str, str], Path]

GATE = '''
from gatekit import Gate, hookimpl, ops
BEFORE

class Mine(Gate):
    """Mine: ``value = sigmoid(pre)``."""

    STATES

    def activate(self, pre):
        RETURN


@hookimpl
def gatekit_gates():
    return {"mine": Mine}
'''


def gate(returned: str = "return ops.sigmoid(pre)", before: str = "", states: str = "") -> str:
    """Return the source of a plugin with one gate."""
    if "import tensorflow" in returned:
        states = f"{states}\n    uses_tensorflow = True"
    lines = {"BEFORE": before, "STATES": states, "RETURN": returned}
    text = GATE
    for place, value in lines.items():
        text = text.replace(place, value)
    return text


# Gates that build, and that the suite refuses.
CHECKED: list[tuple[int, str, str, str]] = [
    (
        62,
        "differentiable",
        gate("import tensorflow as tf; return tf.round(ops.sigmoid(pre))"),
        "zero everywhere",
    ),
    (
        62,
        "gradient",
        gate("import tensorflow as tf; return pre + tf.stop_gradient(ops.exp(pre))"),
        "finite differences give",
    ),
    (
        63,
        "deterministic",
        gate("import tensorflow as tf; return pre * tf.random.uniform([1], dtype=pre.dtype)"),
        "called again",
    ),
    (
        63,
        "makes_nothing",
        gate("SEEN.append(1); return ops.tanh(pre)", "SEEN = []"),
        "or its module",
    ),
    (64, "loads_alone", gate(before="print('hello')"), "printed 'hello"),
    (64, "loads_alone", gate(before="import random; random.seed(1)"), "Python's global random"),
    (64, "loads_alone", gate(before="import os; os.chdir('/')"), "the working folder"),
    (
        65,
        "loads_alone",
        gate(
            before="import threading; "
            "threading.Thread(target=lambda: __import__('time').sleep(3), daemon=True).start()"
        ),
        "started a thread",
    ),
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEKIT_DISABLE_PLUGIN_AUTOLOAD", raising=False)
    return tmp_path


@pytest.fixture
def write(place: Path) -> Write:
    """Write a file below the working folder and return its path."""

    def write(name: str, text: str) -> Path:
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def ids(rows: list[Any]) -> list[str]:
    """Return an id for each case of a table: its row, and a number."""
    return [f"row{row[0]}-{number}" for number, row in enumerate(rows)]


@pytest.mark.parametrize(("row", "check", "text", "says"), CHECKED, ids=ids(CHECKED))
def test_the_suite_refuses(row: int, check: str, text: str, says: str, write: Write) -> None:
    path = write("checked.py", text)
    before = (os.getcwd(), sys.stdout)
    (found,) = [c for c in gate_checks("mine", [str(path)]) if c.name == check]
    os.chdir(before[0])
    outcome = found.outcome()
    assert outcome.status == FAIL
    assert says in outcome.reason


def test_a_run_is_a_process_and_its_failure_has_the_authors_line(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write("plugins/mine.py", gate("import tensorflow; return ops.sigmoid(pre) * pre.none"))
    words = "cell=lstm swap.forget=mine task=adding task.length=4 units=2 trainer.steps=1"
    assert main(["train", *words.split()]) == 1
    told = capsys.readouterr().out
    assert re.search(rf'File "{path}", line \d+, in activate\n +import tensorflow; return', told)
    (status,) = path.parents[1].glob("experiments/*/runs/*/status.json")
    data = json.loads(status.read_text())
    assert data["state"] == "FAILED"
    assert data["pid"] != os.getpid()
