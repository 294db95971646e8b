"""Equal layers of one trace share a function: the same numbers, and one trace for all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from seams import dispatch
from seams import shared_cells_built_cell as built_cell

import gatekit
from gatekit import Gate, ops

X = np.random.default_rng(0).normal(size=(3, 7, 4))


def layers(cell: Any, depth: int, **options: Any) -> list[Any]:
    """Return equal layers with weights of their own."""
    made = [
        gatekit.RNN(cell, 4, return_sequences=True, seed=seed, dtype="float64", **options)
        for seed in range(depth)
    ]
    for layer in made:
        layer.build((None, None, 4))
    return made


def step(stack: list[Any], training: bool = True, **options: Any) -> Any:
    """Return a function that gives the outputs and the gradients of all weights and the input."""
    weights = [v for layer in stack for v in layer.trainable_variables]

    @tf.function(**options)
    def run(x: Any, mask: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x
            for layer in stack:
                y = layer(y, mask=mask, training=training)
            loss = tf.reduce_sum(y * y)
        return y, tape.gradient(loss, [x, *weights])

    return run


@pytest.mark.one_in(3)
@pytest.mark.parametrize("executor", ["fused", "reference", "affine"])
def test_a_shared_trace_gives_the_same_bits(executor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = {"fused": "layer_norm_gru", "reference": "gru", "affine": "mingru"}[executor]
    options = {"executor": executor, "zoneout": {"h": 0.3}, "recurrent_dropout": 0.2}
    if executor == "affine":
        options.pop("recurrent_dropout")
    mask = tf.constant(np.arange(7)[None] < np.array([[7], [4], [0]]))
    shared = step(layers(cell, 2, **options))(tf.constant(X), mask)
    monkeypatch.setattr(dispatch, "solved", lambda problem, solve, executor: solve(problem))
    alone = step(layers(cell, 2, **options))(tf.constant(X), mask)
    for one, other in zip(tf.nest.flatten(shared), tf.nest.flatten(alone), strict=True):
        np.testing.assert_array_equal(one, other)


def test_memories_that_turn_share_a_trace_with_resets() -> None:
    cell = {"defaults": ["retnet"], "constants": {"heads": 2}}
    stack = layers(cell, 3, executor="chunk")
    resets = np.zeros((3, 7), bool)
    resets[0, 3], resets[1, 0] = True, True

    def run(x: Any) -> Any:
        for layer in stack:
            x = layer(x, resets=resets)
        return x

    np.testing.assert_allclose(tf.function(run)(X), run(X), rtol=1e-9, atol=1e-9)


def counting(calls: list[str]) -> type[Gate]:
    """Return a gate that notes each time its Python code runs on a graph's tensors."""

    class Counting(Gate):
        reads = ("x", "h_prev")
        uses_tensorflow = True

        def activate(self, pre: Any) -> Any:
            if not isinstance(pre, tf.__internal__.EagerTensor):
                calls.append("traced")
            return ops.sigmoid(pre)

    return Counting


def cell_with(gate: Any) -> dict[str, Any]:
    return {
        "name": "counted",
        "gates": {
            "forget": gate,
            "candidate": {"activation": "tanh(pre)", "reads": ["x", "h_prev"]},
        },
        "equations": {"h": "forget * h_prev + (1 - forget) * candidate"},
        "emits": "h",
    }


def test_the_number_of_traces_does_not_grow_with_depth() -> None:
    def traces(depth: int) -> int:
        calls: list[str] = []
        stack = layers(cell_with({"kind": "forget"}), depth, swap={"forget": counting(calls)()})
        calls.clear()
        step(stack).get_concrete_function(tf.constant(X), None)
        return len(calls)

    assert traces(1) < traces(2) == traces(6)


def test_equal_cells_are_built_once_and_others_are_not_taken_for_them() -> None:
    one, other = layers("gru", 2)
    assert one.cell is other.cell
    assert layers("gru", 1, zoneout={"h": 0.1})[0].cell is not one.cell
    first: list[str] = []
    second: list[str] = []
    # Two classes of one name, as when a notebook's cell runs again after a change.
    a, b = (
        layers(cell_with({"kind": "forget"}), 1, swap={"forget": counting(calls)()})[0]
        for calls in (first, second)
    )
    assert a.spec.canonical() == b.spec.canonical()
    assert a.cell is not b.cell
    step([a, b]).get_concrete_function(tf.constant(X), None)
    assert first
    assert second
    assert built_cell(one.spec, 5, 4, one.output_unit).units == 5
