"""``gatekit code``: a cell as code, with weights of a run and a test beside it."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gatekit.cli.main import EXIT_REFUSED, main
from gatekit.runs.config import dumped


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_code_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "cell=lstm", "swap.forget=power_law", "units=8", "--to", "jax"]) == 0
    text = capsys.readouterr().out
    assert "import jax" in text
    assert "UNITS = 8\n" in text


def test_json_names_the_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "cell=gru", "--to", "numpy", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["weights"]["weight_h"] == ["reset.h_prev", "update.h_prev"]
    assert "import numpy as np" in found["code"]


def test_the_test_beside_passes_and_notices_a_change(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["code", "cell=gru", "units=4", "--to", "numpy", "-o", "own.py", "--test"]) == 0
    tests = (place / "test_own.py").read_text()
    text = (place / "own.py").read_text()

    def passes(source: str) -> None:
        module = types.ModuleType("own")
        exec(source, vars(module))
        monkeypatch.setitem(sys.modules, "own", module)
        found: dict[str, Any] = {}
        exec(tests, found)
        found["test_outputs"]()

    passes(text)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        passes(text.replace("(1 - update)", "(1.001 - update)"))


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["--test"], "type -o FILE.py"),
        (["--with-weights", "abc"], "type -o FILE.py"),
        (["-o", "my-cell.txt"], "-o cell.py"),
        (["--with-weights", "abc", "-o", "a.py"], "omit cell=gru"),
        (["layers=2"], "writes one recurrent layer"),
        (["block.conv=4"], "omit block.conv"),
    ],
)
def test_refusals(words: list[str], remedy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "cell=gru", *words]) == EXIT_REFUSED
    assert remedy in capsys.readouterr().err


def test_weights_of_a_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file with its weights gives the outputs of the run's layer, in single precision."""
    from gatekit import RNN
    from gatekit.cell.schema import read_output_unit
    from gatekit.registry import catalogue

    layer = RNN("gru", 6, return_sequences=True, seed=3)
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    expected = np.asarray(layer(x))
    folder = place / "experiments/mine/runs/0123456789abcdef"
    folder.mkdir(parents=True)
    unit = read_output_unit("hidden", catalogue()).canonical()
    about = {"cell": {"name": "gru", **layer.spec.canonical()}, "units": 6, "output_unit": unit}
    (folder / "config.yaml").write_text(dumped({**about, "plugins": []}))
    # A variable's name has no sign that TensorFlow's scopes forbid: candidate.reset_times_h_prev.
    weights = {f"rnn_0/{v.name}": np.asarray(v) for v in layer.named_weights.values()}
    np.savez(folder / "weights.npz", **weights, **{"head/bias": np.zeros(2)})
    assert main(["code", "--with-weights", str(folder), "--to", "numpy", "-o", "own.py"]) == 0
    assert 'np.load("own.npz")' in capsys.readouterr().out
    module: dict[str, Any] = {}
    exec((place / "own.py").read_text(), module)
    with np.load(place / "own.npz") as archive:
        y, _ = module["forward"](dict(archive), x)
    np.testing.assert_allclose(y, expected, 1e-6, 1e-6)
    assert main(["code", "--with-weights", str(folder), "--layer", "rnn_1", "-o", "a.py"])
    assert "type --layer rnn_0" in capsys.readouterr().err
    (folder / "config.yaml").write_text(dumped({**about, "plugins": [], "block": "modern"}))
    assert main(["code", "--with-weights", str(folder), "-o", "a.py"]) == EXIT_REFUSED
    assert "inside blocks (modern)" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["own.py", "test_own.py"])
def test_a_file_of_another_author_is_not_overwritten(
    name: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["code", "cell=gru", "--to", "numpy", "-o", "own.py", "--test"]
    (place / name).write_text("mine = 1\n")
    assert main(words) == EXIT_REFUSED
    assert "own_cell.py" in capsys.readouterr().err
    assert [path.name for path in place.iterdir()] == [name]
    assert (place / name).read_text() == "mine = 1\n"
    (place / name).unlink()
    assert main(words) == main(words) == 0  # its own files are
