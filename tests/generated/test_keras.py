"""Files for Keras on each of its backends: the values, and what is drawn in training."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from reference.peers import library
from seams import built_cell

import gatekit
from gatekit.code import Generated, generate

from . import on_backend
from .block_cases import LONG_MASK, block_case, of_preset
from .cases import MASK, case, of
from .on_backend import RATE, WIDTH
from .test_blocks import keras_states

# A matrix, a count, inputs of their own, another width of the output, a norm, a polar pair.
CELLS = ("gru", "delta_net", "mlstm", "phased_lstm", "layer_norm_gru", "lru")
BLOCKS = ("modern", "gla")
SEEN = {"activation": "pre", "bias": False, "reads": ["x"]}
NOISY: dict[str, dict[str, Any]] = {
    "dropped": {"gates": {"h": SEEN}, "dropout": RATE},
    "recurrent": {"gates": {"h": {**SEEN, "reads": ["h_prev"]}}, "recurrent_dropout": RATE},
    "zoned": {
        "gates": {"seen": SEEN},
        "equations": {"h": "seen + 0 * h_prev"},
        "zoneout": {"h": RATE},
    },
    "noisy": {
        "gates": {"h": {**SEEN, "activation": "tanh(pre)", "reads": ["x", "h_prev"]}},
        "dropout": RATE,
        "recurrent_dropout": RATE,
        "zoneout": {"h": RATE},
    },
}


def write_noisy(folder: Path) -> None:
    """Write cells whose outputs show what is drawn."""
    for name, config in NOISY.items():
        cell = built_cell({"name": name, "emits": "h", **config}, WIDTH, WIDTH, "hidden", None, ())
        (folder / f"{name}.py").write_text(generate(cell, "keras").text)


def write_values(folder: Path) -> int:
    """Write cells and blocks with what gatekit computes, and return how many there are."""
    cells = {name: of(name) for name in CELLS}
    cells["projection"] = case("lstm", output_unit="projection")
    cells["held"] = case("lstm", zoneout={"h": 0.1, "c": 0.3}, dropout=0.2, recurrent_dropout=0.3)
    cells["held_memory"] = case("gla", zoneout={"S": 0.2})
    for name, own in cells.items():
        made, _ = own.file("keras")
        x = np.concatenate(own.inputs, axis=-1)
        over_time = made.title.removesuffix("Cell") if made.noisy else "RNN"
        save(folder / f"values_{name}", made, own, x, MASK, [], over_time)
    blocks = {name: of_preset(name) for name in BLOCKS}
    blocks["held"] = block_case("modern", {"defaults": ["lstm"], "zoneout": {"h": 0.2}})
    for name, block in blocks.items():
        made, module = block.file("keras")
        layer = getattr(module, made.title)(dtype="float64")
        layer.build(block.x.shape)
        first = [np.asarray(s) for s in keras_states(block, layer)]
        save(folder / f"values_block_{name}", made, block, block.x, LONG_MASK, first, "")
    return len(cells) + len(blocks)


def save(
    path: Path, made: Generated, own: Any, x: Any, mask: Any, first: list[Any], over_time: str
) -> None:
    """Write a file, and the values beside it."""
    path.with_suffix(".py").write_text(made.text)
    values = {f"weight/{name}": w for name, w in made.layout.pack(own.weights).items()}
    values.update({f"state/{i}": state for i, state in enumerate(own.states)})
    values.update({f"first/{i}": state for i, state in enumerate(first)})
    counts = {"states": len(own.states), "firsts": len(first)}
    titles = {"title": made.title, "over_time": over_time}
    np.savez(path.with_suffix(".npz"), x=x, mask=mask, y=own.y, **titles, **counts, **values)


@pytest.mark.slow
def test_noise_on_tensorflow(tmp_path: Path) -> None:
    write_noisy(tmp_path)
    assert keras.backend.backend() == "tensorflow"
    on_backend.noise_is_right(tmp_path)


@pytest.mark.weekly
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_values_and_noise_on(backend: str, tmp_path: Path) -> None:
    library(backend)
    write_noisy(tmp_path)
    count = write_values(tmp_path)
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_ENABLE_X64": "1"}
    command = [sys.executable, on_backend.__file__, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == [backend, str(count)]


def test_a_cell_is_built_at_the_width_of_its_input() -> None:
    space: dict[str, Any] = {"__name__": "file"}
    exec(gatekit.code("lstm", to="keras"), space)
    cell = space["LSTMCell"](units=4)
    keras.layers.RNN(cell)(np.zeros((2, 3, 5), "float32"))
    assert cell.weight_x.shape == (5, 16)
    assert type(cell).from_config(cell.get_config()).features == 5
