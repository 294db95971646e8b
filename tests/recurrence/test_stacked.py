"""The stacked executor against the reference, on problems: values and gradients in float64."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gatekit import Gate, ops

from .cells import CORE, ODD, built, lstm_with
from .problems import (
    BATCH,
    EXECUTORS,
    TIME,
    Given,
    assert_close,
    difference,
    loss,
    outputs,
    values_and_gradients,
)

EVERYTHING = {"mask": True, "training": True, "drop": True}


# As Keras traces a layer; to convert what a layer calls takes longer than to compute it.
_traced = functools.partial(tf.function, autograph=False)


def _agree(given: Given, mode: str = "eager") -> None:
    def fast(tensors: Any) -> Any:
        return values_and_gradients(EXECUTORS["stacked"], given, tensors)

    found = (_traced(fast) if mode == "graph" else fast)(given.tensors)
    for one, other in zip(
        found, values_and_gradients(EXECUTORS["reference"], given, given.tensors), strict=True
    ):
        assert_close(one, other)


@pytest.mark.parametrize("name", CORE)
def test_bundled_cell(name: str) -> None:
    _agree(Given(built(name), **EVERYTHING))


# What depends on the cell is as with masks and noise, below.
@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", ODD)
def test_odd_cell(name: str) -> None:
    _agree(Given(built(name)))


# A graph costs ten times as much as eager mode.
@pytest.mark.parametrize("name", ODD)
@pytest.mark.one_in(2, slow=2)
def test_odd_cell_masked_dropped_and_zoned(name: str) -> None:
    in_graphs = ("zoneout", "power_law", "norm_sum_group", "maps", "raw_input")
    _agree(Given(built(name), **EVERYTHING), "graph" if name in in_graphs else "eager")


# --- what custom gradients lose -----------------------------------------------------------------


def _given(name: str) -> Given:
    return Given(built(name), **EVERYTHING)


@pytest.mark.one_in(5)
@pytest.mark.parametrize("name", ["lstm", "norm_sum_group", "parameters", "raw_input", "maps"])
def test_no_argument_loses_its_gradient_in_a_graph(name: str) -> None:
    given = _given(name)

    @_traced
    def gradients(tensors: Any) -> Any:
        return values_and_gradients(EXECUTORS["stacked"], given, tensors)[1]

    silent = [n for n, g in gradients(given.tensors).items() if not np.any(g)]
    assert silent == []


@pytest.mark.parametrize("executor", EXECUTORS)
def test_loops_have_second_derivatives(executor: str) -> None:
    given = Given(built("gru"))
    rng = np.random.default_rng(1)
    x = given.tensors["input:x"]
    direction = tf.constant(rng.normal(size=x.shape))

    def slope(x: Any) -> Any:
        _, first = values_and_gradients(EXECUTORS[executor], given, {**given.tensors, "input:x": x})
        return tf.reduce_sum(tf.sin(first["weight:update.h_prev"]))

    with tf.GradientTape() as tape:
        tape.watch(x)
        value = slope(x)
    exact = tf.reduce_sum(tape.gradient(value, x) * direction)
    step = 1e-5
    measured = (slope(x + step * direction) - slope(x - step * direction)) / (2 * step)
    assert difference(exact, measured) < 1e-8


@pytest.mark.parametrize("executor", EXECUTORS)
def test_gradient_sees_the_same_zoneout_as_the_values(executor: str) -> None:
    given = _given("zoneout")
    rng = np.random.default_rng(2)
    directions = {n: tf.constant(rng.normal(size=t.shape)) for n, t in given.tensors.items()}
    run = EXECUTORS[executor]

    def at(distance: float) -> Any:
        moved = {n: t + distance * directions[n] for n, t in given.tensors.items()}
        return loss(outputs(run(given.problem(moved))))

    _, gradients = values_and_gradients(run, given, given.tensors)
    exact = sum(float(tf.reduce_sum(gradients[n] * d)) for n, d in directions.items())
    measured = float(at(1e-5) - at(-1e-5)) / 2e-5
    assert difference(exact, measured) < 1e-7


# --- gates are called ---------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["eager", "graph"])
@pytest.mark.parametrize("executor", EXECUTORS)
def test_both_loops_call_a_gate_that_is_swapped_in(executor: str, mode: str) -> None:
    calls: list[tuple[int, ...]] = []

    class Spy(Gate):
        """A gate that notes the shapes it is called with."""

        uses_tensorflow = True

        def activate(self, pre: Any) -> Any:
            calls.append(tuple(pre.shape))
            return ops.sigmoid(pre)

    cell = built({**lstm_with(), "gates": {**lstm_with()["gates"], "forget": Spy()}})
    given = Given(cell)
    calls.clear()

    def forward(tensors: Any) -> Any:
        return outputs(EXECUTORS[executor](given.problem(tensors)))

    def with_gradient(tensors: Any) -> Any:
        return values_and_gradients(EXECUTORS[executor], given, tensors)[1]

    graph = mode == "graph"
    (_traced(forward) if graph else forward)(given.tensors)
    in_forward = len(calls)
    assert in_forward == (1 if graph else TIME)
    assert set(calls) == {(BATCH, 8)}
    (_traced(with_gradient) if graph else with_gradient)(given.tensors)
    assert len(calls) == 2 * in_forward
