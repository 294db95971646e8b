"""The unrolled executor: no loop in its graph, nothing that LiteRT lacks, a known length."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from .layers import FEATURES, inputs_for, layer
from .problems import difference


def _concrete(made: Any, time: int = 4) -> Any:
    spec = tf.TensorSpec((2, time, FEATURES), made.variable_dtype)
    return tf.function(lambda x: made(x)).get_concrete_function(spec)


@pytest.mark.parametrize("cell", ["lstm", "gru", "on_lstm", "peephole", "mingru"])
def test_there_is_no_loop(cell: str) -> None:
    def loops(executor: str) -> bool:
        graph = _concrete(layer(cell, executor=executor)).graph
        return any(op.type in ("While", "StatelessWhile") for op in graph.get_operations())

    assert not loops("unroll")
    assert loops("reference")


@pytest.mark.parametrize("cell", ["lstm", "gru", "peephole", "mingru"])
def test_litert_runs_it_by_its_own_operations(cell: str) -> None:
    made = layer(cell, executor="unroll", dtype="float32", return_sequences=True)
    x = inputs_for(made, batch=2, time=4)
    # What holds the variables for the converter, which follows TensorFlow's modules only.
    holder = tf.Module()
    holder.weights = [variable.value for variable in made.named_weights.values()]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([_concrete(made)], holder)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    model = converter.convert()
    with warnings.catch_warnings():
        # TensorFlow tells that the interpreter moves to a package of its own.
        warnings.simplefilter("ignore")
        interpreter = tf.lite.Interpreter(model_content=model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.asarray(x))
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    assert difference(found, made(x)) < 1e-6


def test_an_unknown_number_of_steps_is_refused() -> None:
    made = layer("lstm", executor="unroll")
    # Keras and AutoGraph wrap the error that is raised while tracing.
    with pytest.raises(Exception, match="needs a known number of steps"):
        tf.function(lambda x: made(x)).get_concrete_function(
            tf.TensorSpec((2, None, FEATURES), tf.float64)
        )


def test_no_step_at_all() -> None:
    made = layer("lstm", executor="unroll", return_sequences=True)
    assert made(tf.zeros((2, 0, FEATURES), tf.float64)).shape == (2, 0, made.units)
