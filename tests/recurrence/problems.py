"""Random problems for executors, and what an executor makes of them, gradients included."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from seams import BuiltCell as Cell
from seams import Problem, Solution, reference, stacked

TIME, BATCH = 5, 3
Run = Callable[[Problem], Solution]
Tensors = dict[str, Any]


class Given:
    """Everything a problem differentiates, by name, and how a problem is made of it.

    Args:
        cell: the cell.
        mask: whether a random mask covers steps, one row wholly.
        training: whether zoneout draws.
        drop: whether recurrent reads are dropped.
        dtype: the type of all numbers.
    """

    def __init__(
        self,
        cell: Cell,
        mask: bool = False,
        training: bool = False,
        drop: bool = False,
        dtype: Any = tf.float64,
        seed: int = 0,
    ) -> None:
        rng = np.random.default_rng(seed)
        if drop:
            cell = replace(cell, spec=replace(cell.spec, recurrent_dropout=0.5))
        self.cell, self.training, self.dtype = cell, training, dtype
        self.tensors: Tensors = {}
        for weight in cell.weights:
            self.put(f"weight:{weight.name}", 0.5 * rng.normal(size=weight.shape))
        for name, width in cell.inputs.items():
            self.put(f"input:{name}", rng.normal(size=(TIME, BATCH, width)))
        for name in cell.shifted:
            self.put(f"input:{name}_prev", rng.normal(size=(TIME, BATCH, cell.inputs[name])))
        if cell.uses_t:
            self.put("input:t", np.tile(np.arange(1.0, TIME + 1)[:, None, None], (1, BATCH, 1)))
        for state in cell.states:
            value = 0.5 * rng.normal(size=(BATCH, state.width))
            self.put(f"state:{state.name}", _possible(state.name, value))
        self.mask = tf.constant(rng.random((TIME, BATCH, 1)) < 0.6) if mask else None
        if self.mask is not None:
            self.mask &= tf.constant([True] * (BATCH - 1) + [False])[None, :, None]
        self.drops: Tensors = {}
        for node in cell.nodes if drop else ():
            for read in node.reads:
                if not read.hoisted and not read.map.row_wise:
                    kept = 2.0 * rng.integers(0, 2, (BATCH, read.width_in))
                    self.drops[read.text] = tf.constant(kept, dtype)

    def put(self, name: str, value: NDArray[Any]) -> None:
        self.tensors[name] = tf.constant(value, self.dtype)

    def problem(self, tensors: Tensors) -> Problem:
        """Return the problem with these tensors in it."""

        def of(kind: str) -> Tensors:
            start = f"{kind}:"
            return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}

        return Problem(
            cell=self.cell,
            weights=of("weight"),
            inputs=of("input"),
            mask=self.mask,
            states=of("state"),
            dropout_masks=self.drops,
            seed=tf.constant([5, 7]),
            training=self.training,
            wanted=self.cell.output.signals,
            matmul_dtype=self.dtype,
        )


def _possible(state: str, value: NDArray[Any]) -> NDArray[Any]:
    """Return the value within the state's range: some states cannot take every number."""
    if state == "n":  # a sum of exponentials
        return 1 + np.abs(value)
    if state.endswith(".k"):  # a time that has passed
        return -np.abs(value)
    return value


EXECUTORS: Mapping[str, Run] = {
    "reference": reference.run,
    "stacked": stacked.run,
}


def outputs(solution: Solution) -> Tensors:
    """Return everything that an executor returns, by name."""
    sequences = {f"sequence {k}": v for k, v in solution.sequences.items()}
    return {**sequences, **{f"last {k}": v for k, v in solution.states.items()}}


def loss(values: Mapping[str, Any]) -> Any:
    """Return a weighted sum of all numbers, weighted differently each."""
    total: Any = 0.0
    for index, value in enumerate(values.values()):
        weights = np.random.default_rng(index).normal(size=value.shape)
        # In float64, because outputs and states differ in type under a mixed policy.
        total = total + tf.reduce_sum(weights * tf.cast(value, tf.float64))
    return total


def values_and_gradients(run: Run, given: Given, tensors: Tensors) -> tuple[Tensors, Tensors]:
    """Return an executor's outputs and the gradient of their weighted sum in every tensor."""
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        found = outputs(run(given.problem(tensors)))
        total = loss({name: _kept(given, name, value) for name, value in found.items()})
    return found, tape.gradient(total, tensors, unconnected_gradients="zero")


def _kept(given: Given, name: str, value: Any) -> Any:
    """Return an output without what a masked step computes, which reaches nothing in a layer."""
    state = name.rpartition(" ")[2] in [state.name for state in given.cell.states]
    drop = given.mask is not None and name.startswith("sequence ") and not state
    return tf.where(given.mask, value, tf.zeros_like(value)) if drop else value


def difference(found: Any, expected: Any) -> float:
    """Return the largest difference, relative to one more than the largest magnitude."""
    a, b = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert a.shape == b.shape
    if a.size == 0:
        return 0.0
    return float(np.max(np.abs(a - b)) / (1 + np.max(np.abs(b))))


def assert_close(
    found: Mapping[str, Any], expected: Mapping[str, Any], tolerance: float = 1e-12
) -> None:
    """Assert that all entries are finite and agree."""
    assert list(found) == list(expected), (list(found), list(expected))
    for name in expected:
        assert np.all(np.isfinite(expected[name])), name
    worst = {name: difference(found[name], expected[name]) for name in expected}
    too_far = {name: d for name, d in worst.items() if not d <= tolerance}
    assert not too_far, too_far
