"""Exported models: SavedModel by every executor, LiteRT by its own operations alone."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from .layers import inputs_for, layer
from .problems import difference

TIME = 5
# Gates, a row-wise memory, a scan over units, a matrix memory, further inputs, a shift of x, a
# gate with a state. All of the zoo was tried once; the converter takes seconds for each.
SAVED = ("gru", "lstm", "mingru", "mlstm", "phased_lstm", "power_law", "qrnn", "rhn")
LITERT = ("gla", "gru", "lstm", "mingru", "on_lstm", "peephole", "slstm", "time_aware_lstm")


@pytest.fixture(autouse=True)
def _forget_graphs() -> Iterator[None]:
    """Free what exporting traced: it holds every step of every cell."""
    yield
    keras.backend.clear_session()
    gc.collect()


def _model(rnn: Any, time: int | None) -> keras.Model:
    given = {
        name: keras.Input((time, width), dtype="float32", name=name)
        for name, width in rnn.cell.inputs.items()
    }
    arguments: Any = given if len(given) > 1 else given["x"]
    return keras.Model(arguments, rnn(arguments))


@pytest.mark.slow
@pytest.mark.one_in(1, slow=4)
@pytest.mark.parametrize("cell", SAVED)
def test_a_saved_model_serves_the_same(cell: str, tmp_path: Path) -> None:
    rnn = layer(cell, dtype="float32", return_sequences=True)
    _model(rnn, None).export(tmp_path, verbose=False)
    served = tf.saved_model.load(tmp_path)
    for batch, time in ((3, TIME), (1, 2 * TIME)):
        x = inputs_for(rnn, batch, time)
        assert difference(served.serve(x), rnn(x)) < 1e-6


@pytest.mark.slow
@pytest.mark.one_in(1, slow=4)
@pytest.mark.parametrize("cell", LITERT)
def test_litert_runs_it_by_its_own_operations(cell: str, tmp_path: Path) -> None:
    rnn = layer(cell, executor="unroll", dtype="float32", return_sequences=True)
    path = tmp_path / "model.tflite"
    _model(rnn, TIME).export(
        path,
        format="litert",
        verbose=False,
        target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]},
    )
    x = inputs_for(rnn, 2, TIME)
    assert difference(_by_litert(path, x), rnn(x)) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["reference", "scan", "unroll"])
def test_every_executor_goes_into_a_saved_model(executor: str, tmp_path: Path) -> None:
    rnn = layer("mingru", executor=executor, dtype="float32", return_sequences=True)
    _model(rnn, TIME).export(tmp_path, verbose=False)
    served, x = tf.saved_model.load(tmp_path), inputs_for(rnn, 2, TIME)
    assert difference(served.serve(x), rnn(x)) < 1e-6


def _by_litert(path: Path, x: Any) -> Any:
    """Return what LiteRT's interpreter computes."""
    with warnings.catch_warnings():
        # TensorFlow tells that the interpreter moves to a package of its own.
        warnings.simplefilter("ignore")
        interpreter = tf.lite.Interpreter(str(path))
    runner = interpreter.get_signature_runner()
    names = list(runner.get_input_details())
    arrays = {name: np.asarray(v) for name, v in x.items()} if isinstance(x, dict) else {"x": x}
    # One input goes by whatever name the exporter gave it.
    given = arrays if len(arrays) > 1 else {names[0]: np.asarray(arrays["x"])}
    (found,) = runner(**given).values()
    return found
