"""Runs generated Keras files on the backend that Keras was imported with; gatekit is not imported.

``python on_backend.py FOLDER`` checks the files of a folder, as `write` has written them.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

# Off TensorFlow, Keras' own operations round double precision to single.
CLOSE = 1e-10 if keras.backend.backend() == "tensorflow" else 1e-5
ROWS, STEPS, WIDTH = 400, 4, 4
RATE = 0.25


def values_agree(folder: Path) -> int:
    """Compare every file with the values beside it, and return how many there are."""
    paths = sorted(folder.glob("values_*.py"))
    for path in paths:
        module = runpy.run_path(str(path))
        with np.load(path.with_suffix(".npz")) as archive:
            given = dict(archive)
        title, over_time = str(given.pop("title")), str(given.pop("over_time"))
        layer = module[title](dtype="float64")
        if over_time:
            options = {"return_sequences": True, "return_state": True, "dtype": "float64"}
            layer = (module.get(over_time) or keras.layers.RNN)(layer, **options)
        layer.build(given["x"].shape)
        for weight in layer.weights:
            weight.assign(given[f"weight/{weight.name}"])
        first = [given[f"first/{i}"] for i in range(given["firsts"])]
        called = {"initial_state": first} if first else {}
        y, *states = layer(given["x"], mask=given["mask"], **called)
        states = states if over_time else states[0]
        np.testing.assert_allclose(array(y), given["y"], CLOSE, CLOSE, err_msg=path.stem)
        last = [given[f"state/{i}"] for i in range(given["states"])]
        for own, theirs in zip(states[len(states) - len(last) :], last, strict=True):
            flat = array(own).reshape(theirs.shape)
            np.testing.assert_allclose(flat, theirs, CLOSE, CLOSE, err_msg=path.stem)
    return len(paths)


def array(value: Any) -> Any:
    """Return a tensor as an array."""
    return keras.ops.convert_to_numpy(value)


def layer_of(folder: Path, name: str, **options: Any) -> Any:
    """Return the layer of a file with noise, whose matrices are the identity."""
    module = runpy.run_path(str(folder / f"{name}.py"))
    [over_time] = [v for v in module.values() if issubclass_of(v, keras.layers.RNN)]
    [cell] = [v for n, v in module.items() if n == f"{over_time.__name__}Cell"]
    layer = over_time(cell(WIDTH, WIDTH), return_sequences=True, **options)
    layer.build((None, None, WIDTH))
    for weight in layer.weights:
        weight.assign(np.eye(WIDTH))
    return layer


def issubclass_of(value: Any, kind: type) -> bool:
    """Return whether a value is a class of a kind."""
    return isinstance(value, type) and issubclass(value, kind)


def same_mask_at_all_steps(y: Any, start: float) -> None:
    """Check values that are dropped once, or once more at each step if they start from 1."""
    kept = y[:, 0] != 0
    assert abs(kept.mean() - (1 - RATE)) < 0.05
    assert not (kept == kept[0]).all()
    scale = 1 / (1 - RATE)
    power = np.arange(1, STEPS + 1) if start else np.ones(STEPS)
    expected = kept[:, None] * (scale**power)[:, None]
    np.testing.assert_allclose(y, expected, 1e-5, 1e-6)


def dropout_holds_one_mask(folder: Path) -> None:
    """The input's dropout: the sequence itself is returned, times the mask."""
    layer = layer_of(folder, "dropped", seed=1)
    x = np.ones((ROWS, STEPS, WIDTH), "float32")
    same_mask_at_all_steps(array(layer(x, training=True)), 0.0)
    np.testing.assert_allclose(array(layer(x)), x, 1e-6)
    assert not (array(layer(x, training=True)) == array(layer(x, training=True))).all()


def recurrent_dropout_holds_one_mask(folder: Path) -> None:
    """The state is the last one times the mask: another mask at some step would show zeros."""
    layer = layer_of(folder, "recurrent", seed=1)
    x = np.zeros((ROWS, STEPS, WIDTH), "float32")
    first = [np.ones((ROWS, WIDTH), "float32")]
    y = array(layer(x, initial_state=first, training=True))
    same_mask_at_all_steps(y, 1.0)
    np.testing.assert_allclose(array(layer(x, initial_state=first)), 1.0, 1e-6)


def zoneout_draws_at_each_step(folder: Path) -> None:
    """The state is the step's input, or the last state; at inference it is the mean of these."""
    layer = layer_of(folder, "zoned", seed=1)
    steps = np.arange(1.0, STEPS + 1, dtype="float32")
    x = np.broadcast_to(steps[:, None], (ROWS, STEPS, WIDTH))
    y = array(layer(x, training=True))
    earlier = np.concatenate([np.zeros_like(y[:, :1]), y[:, :-1]], axis=1)
    held = y == earlier
    assert (held | (y == x)).all()
    np.testing.assert_allclose(held.mean((0, 2)), RATE, 0, 0.05)
    # Held at two steps in a row as often as independent draws are.
    assert abs((held[:, 1] & held[:, 2]).mean() - RATE**2) < 0.03
    mean, expected = 0.0, []
    for step in steps:
        mean = RATE * mean + (1 - RATE) * step
        expected.append(mean)
    inference = np.broadcast_to(np.asarray(expected)[:, None], y.shape)
    np.testing.assert_allclose(array(layer(x)), inference, 1e-5)
    np.testing.assert_allclose(y.mean((0, 2)), expected, 0, 0.1)


def fits(folder: Path) -> None:
    """A model with all three is trained, saved and loaded; a seed gives its draws again."""
    x = np.random.default_rng(0).normal(size=(8, STEPS, WIDTH)).astype("float32")
    losses = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        layer = layer_of(folder, "noisy", seed=3)
        model = keras.Sequential([keras.Input((STEPS, WIDTH)), layer])
        model.compile("sgd", "mse")
        losses.append(model.fit(x, x, epochs=2, verbose=0, shuffle=False).history["loss"])
    assert losses[0] == losses[1]
    assert losses[0][0] != losses[0][1]
    again = type(layer).from_config(layer.get_config())
    assert (again.seed, again.cell.units) == (3, WIDTH)


def noise_is_right(folder: Path) -> None:
    """Check all kinds of noise."""
    dropout_holds_one_mask(folder)
    recurrent_dropout_holds_one_mask(folder)
    zoneout_draws_at_each_step(folder)
    fits(folder)


if __name__ == "__main__":
    noise_is_right(Path(sys.argv[1]))
    sys.stdout.write(f"{keras.backend.backend()} {values_agree(Path(sys.argv[1]))}\n")
