"""Cells, code and comparisons work where neither TensorFlow nor Keras is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import processes
from compare.synthetic import write_study

ROOT = Path(__file__).parents[1]
WITHOUT = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from gatekit.cli.main import main
for typed in sys.argv[1:]:
    code = main(typed.split())
    if code:
        sys.exit(f"{typed}: {code}")
"""
COMMANDS = {
    "cells --tier certified": "peephole ",
    "gates": "power_law ",
    "tasks adding": "chance",
    "show cell=gru units=64 features=32": "18,624 parameters",
    "show cell=lstm swap.forget=power_law --latex": "aligned",
    "code cell=gru --to torch": "class GRU(nn.Module)",
    "code cell=lstm block=modern width=8 --to jax": "def apply(",
    "compare demo": "lstm",
    "report demo": "",
    "status demo": "COMPLETED",
}
"""Commands that train nothing, each with a part of what it prints."""


def test_what_trains_nothing_needs_no_tensorflow(tmp_path: Path) -> None:
    write_study(tmp_path / "experiments", {"lstm": (1.0, 1.1), "gru": (0.9, 1.2)})
    done = processes.run(
        [sys.executable, "-c", WITHOUT, *COMMANDS],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [shown for shown in COMMANDS.values() if shown not in done.stdout] == []
    assert (tmp_path / "demo.html").is_file()


def test_what_needs_tensorflow_says_so(tmp_path: Path) -> None:
    done = processes.run(
        [sys.executable, "-c", WITHOUT, "check lstm"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "check needs TensorFlow, which is not installed" in done.stderr
    assert "Traceback" not in done.stderr
