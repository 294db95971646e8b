"""``gatekit code``: a cell as code, with weights of a run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference.peers import library
from seams import EXIT_REFUSED, main
from seams import dumped_config as dumped


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_code_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "cell=lstm", "swap.forget=power_law", "units=8", "--to", "jax"]) == 0
    text = capsys.readouterr().out
    assert "import jax" in text
    assert "units: int = 8" in text


def test_json_names_the_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "cell=gru", "--to", "jax", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["weights"]["weight_h"] == ["reset.h_prev", "update.h_prev"]
    assert "import jax.numpy as jnp" in data["code"]


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["--with-weights", "abc"], "-o FILE.py is needed"),
        (["-o", "my-cell.txt"], "the name of a Python module"),
        (["--with-weights", "abc", "-o", "a.py"], "omit cell=gru"),
        (["layers=2", "residual=true"], "residual=true: gatekit code writes layers"),
        (["block=modern", "features=3"], "a block reads the model's width"),
        (
            ["block=modern", "bidirectional=true"],
            "gatekit code writes one block",
        ),
        (["block=plain", "dropout=0.1"], "dropout=0.1: gatekit code writes one recurrent layer"),
    ],
)
def test_refusals(words: list[str], remedy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "cell=gru", *words]) == EXIT_REFUSED
    assert remedy in capsys.readouterr().err


def written(folder: Path, x: Any, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return what the JAX file of a run's layer computes, written with the weights."""
    library("jax")
    assert main(["code", "--with-weights", str(folder), "--to", "jax", "-o", "own.py"]) == 0
    assert 'np.load("own.npz")' in capsys.readouterr().out
    module: dict[str, Any] = {}
    exec(Path("own.py").read_text(), module)
    with np.load("own.npz") as archive:
        y, _ = module["apply"](dict(archive), x)
    return y


def test_weights_of_a_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file with its weights gives the outputs of the run's layer, in single precision."""
    from seams import read_output_unit

    from gatekit import RNN
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
    actual = written(folder, x, capsys)
    np.testing.assert_allclose(actual, expected, 1e-6, 1e-6)
    assert main(["code", "--with-weights", str(folder), "--layer", "rnn_1", "-o", "a.py"])
    assert "type --layer rnn_0" in capsys.readouterr().err


def test_weights_of_a_run_with_blocks(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first block of two, without the norm after the last one."""
    from seams import read_output_unit

    from gatekit import BlockLayer
    from gatekit.registry import catalogue

    layer = BlockLayer("modern", "gru", 6, return_sequences=True, seed=3, name="block_0")
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    expected = np.asarray(layer(x))
    folder = place / "experiments/mine/runs/0123456789abcdef"
    folder.mkdir(parents=True)
    about = {
        "cell": {"name": "gru", **layer.spec.canonical()},
        "output_unit": read_output_unit("hidden", catalogue()).canonical(),
        "block": {"kind": "modern"},
        "plugins": [],
    }
    sizes = {"width": 4, "units": 6, "layers": 2, "dropout": 0.0, "bidirectional": False}
    (folder / "config.yaml").write_text(dumped({**about, **sizes}))
    weights = {}
    for part in layer._layers:
        weights.update({f"block_0/{part.name}/{v.name}": np.asarray(v) for v in part.weights})
    np.savez(folder / "weights.npz", **weights, **{"input/bias": np.zeros(2)})
    actual = written(folder, x, capsys)
    np.testing.assert_allclose(actual, expected, 1e-5, 1e-6)
    assert main(["code", "--with-weights", str(folder), "--layer", "block_7", "-o", "a.py"])
    assert "type --layer block_0" in capsys.readouterr().err


def run_of(place: Path, **keys: Any) -> Path:
    """Return the folder of a run of one layer of a GRU and one of an LSTM, without a block."""
    from seams import read_output_unit

    from gatekit import RNN
    from gatekit.registry import catalogue

    layers = [RNN("gru", 4, seed=1), RNN("lstm", 4, seed=2)]
    cells = [{"name": n, **each.spec.canonical()} for n, each in zip("gl", layers, strict=True)]
    weights: dict[str, Any] = {}
    for index, layer in enumerate(layers):
        layer.build((None, None, 3 + index))
        for weight in layer.named_weights.values():
            weights[f"rnn_{index}/{weight.name}"] = np.asarray(weight)
    folder = place / "experiments/mine/runs/0123456789abcdef"
    folder.mkdir(parents=True)
    unit = read_output_unit("hidden", catalogue()).canonical()
    about = {"cell": cells[0], "mixers": cells, "units": 4, "output_unit": unit, "plugins": []}
    (folder / "config.yaml").write_text(dumped({**about, **keys}))
    np.savez(folder / "weights.npz", **weights)
    return folder


def test_each_layer_of_a_hybrid_has_a_cell_of_its_own(place: Path) -> None:
    words = ["code", "--with-weights", str(run_of(place)), "--to", "jax", "--layer"]
    for layer, gate in (("rnn_0", "update"), ("rnn_1", "forget")):
        assert main([*words, layer, "-o", f"{layer}.py"]) == 0
        assert gate in (place / f"{layer}.py").read_text()


def test_all_layers_of_a_hybrid_are_one_file(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from gatekit import RNN

    folder = run_of(place, dropout=0.0)
    library("jax")
    words = ["code", "--with-weights", str(folder), "--to", "jax", "-o", "own.py"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "params = [{} for _ in range(2)]" in printed
    expected = x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    for name, seed in (("gru", 1), ("lstm", 2)):
        expected = np.asarray(RNN(name, 4, return_sequences=True, seed=seed)(expected))
    found: dict[str, Any] = {"x": x}
    sys.path.insert(0, str(place))
    try:
        exec(printed, found)
    finally:
        sys.path.remove(str(place))
        del sys.modules["own"]
    np.testing.assert_allclose(found["y"], expected, 1e-6, 1e-6)
    again = run_of(place / "residual", residual=True, dropout=0.0)
    assert main(["code", "--with-weights", str(again), "--to", "jax", "-o", "a.py"]) == 0
    # The second layer has an input of its own width.
    assert Path("a.py").read_text().count("x = x + y") == 1


def test_a_plugin_that_a_runs_files_name_is_not_loaded(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "program.py").write_text("open('harm', 'w').close()\n")
    folder = run_of(place, plugins=["program.py"])
    words = ["code", "--with-weights", str(folder), "--to", "jax", "--layer", "rnn_0"]
    assert main([*words, "-o", "own.py"]) == 0
    assert not (place / "harm").exists()
    main([*words, "-o", "own.py", "plugins=[program.py]"])
    assert (place / "harm").exists()


def test_a_file_of_another_author_is_not_overwritten(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "own.py"
    words = ["code", "cell=gru", "-o", name]
    (place / name).write_text("mine = 1\n")
    assert main(words) == EXIT_REFUSED
    assert "own.py exists" in capsys.readouterr().err
    assert [path.name for path in place.iterdir()] == [name]
    assert (place / name).read_text() == "mine = 1\n"
    (place / name).unlink()
    assert main(words) == main(words) == 0  # its own files are
