"""The unrolled executor: no loop in its graph, and a known length (LiteRT: test_layer_export)."""

from __future__ import annotations

from typing import Any

import pytest
import tensorflow as tf

from .layers import FEATURES, layer


def _concrete(rnn: Any, time: int = 4) -> Any:
    spec = tf.TensorSpec((2, time, FEATURES), rnn.variable_dtype)
    return tf.function(lambda x: rnn(x)).get_concrete_function(spec)


@pytest.mark.parametrize("cell", ["lstm", "gru", "on_lstm", "peephole", "mingru"])
def test_there_is_no_loop(cell: str) -> None:
    def loops(executor: str) -> bool:
        graph = _concrete(layer(cell, executor=executor)).graph
        return any(op.type in ("While", "StatelessWhile") for op in graph.get_operations())

    assert not loops("unroll")
    assert loops("reference")


def test_an_unknown_number_of_steps_is_refused() -> None:
    made = layer("lstm", executor="unroll")
    # Keras and AutoGraph wrap the error that is raised while tracing.
    with pytest.raises(Exception, match="needs a known number of steps"):
        tf.function(lambda x: made(x)).get_concrete_function(
            tf.TensorSpec((2, None, FEATURES), tf.float64)
        )
