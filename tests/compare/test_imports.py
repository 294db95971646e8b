"""What comparing costs to import: nothing until it is used, and TensorFlow never."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import processes
import pytest

import gatekit.compare

from .synthetic import write_study
from .test_comparison import LSTM, RNN

HEAVY = ("numpy", "scipy", "matplotlib", "rich", "tensorflow", "keras", "yaml")


def loaded(code: str) -> set[str]:
    text = f"import sys\n{code}\nprint('loaded', *[m for m in {HEAVY} if m in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = processes.run(
        [sys.executable, "-c", text], capture_output=True, text=True, env=environment, check=True
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_the_room_imports_nothing_until_it_is_used() -> None:
    assert loaded("import gatekit.compare") == loaded("import gatekit")


def test_loading_needs_yaml_alone(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM})
    code = f"from gatekit.compare import load; load('demo', {str(tmp_path)!r})"
    assert loaded(code) - loaded("import gatekit") <= {"yaml"}


def test_comparing_and_drawing_never_import_tensorflow(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    code = f"from gatekit.compare import compare; c = compare('demo', {str(tmp_path)!r})"
    assert not loaded(code) & {"matplotlib", "rich", "tensorflow", "keras"}
    code += "\nfrom gatekit.compare.output import table\ntable.print_table(c)"
    code += "\nfrom gatekit.compare.figures import draw"
    code += f"\ndraw('curves', c, {str(tmp_path / 'a')!r}, command='')"
    assert not loaded(code) & {"tensorflow", "keras"}


def test_the_room_offers_load_and_compare() -> None:
    from gatekit import load
    from gatekit.compare import compare

    assert gatekit.compare.load is load
    assert gatekit.compare.compare is compare
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        gatekit.compare.nothing  # noqa: B018
