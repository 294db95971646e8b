"""A cell twice: as gatekit's reference executor computes it, and as a generated file."""

from __future__ import annotations

import types
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf
from seams import BuiltCell as Cell
from seams import call, hold

import gatekit
from gatekit.code import Generated, generate

UNITS, FEATURES, BATCH, STEPS = 8, 5, 3, 4
CLOSE = 1e-10
# Not valid: the last step, one in the middle, and the first.
MASK = np.array([[1, 1, 1, 0], [1, 0, 1, 1], [0, 1, 1, 1]], bool)

# Between them: matrix states, heads, counts and inputs of their own, norms, several linear maps.
DOZEN = (
    *("gru", "delta_net", "rwkv6", "slstm", "hyper_lstm", "exp_rnn", "group_lstm"),
    *("power_law_lstm", "mamba", "layer_norm_gru", "phased_lstm", "on_lstm"),
)


@dataclass(frozen=True)
class Drawn:
    """What the reference executor draws in training, in its order."""

    masks: list[Any] = field(default_factory=list)
    holds: list[Any] = field(default_factory=list)

    def recorded(self) -> ExitStack:
        """Return a context in which draws are recorded."""

        def recording(function: Callable[..., Any], found: list[Any]) -> Callable[..., Any]:
            def wrapped(*args: Any) -> Any:
                found.append(function(*args).numpy())
                return tf.constant(found[-1])

            return wrapped

        stack = ExitStack()
        for module, name, found in (
            (call, "dropout_mask", self.masks),
            (hold, "bernoulli", self.holds),
        ):
            drawing = recording(getattr(module, name), found)
            stack.enter_context(mock.patch.object(module, name, drawing))
        return stack


@dataclass(frozen=True)
class Case:
    """A cell with random weights and inputs, and what the reference executor gives.

    Attributes:
        mask: the valid steps, or None.
        first: the states before the first step, or None for the cell's own.
        drawn: what was drawn in training, or None at inference.
    """

    cell: Cell
    weights: dict[str, Any]
    inputs: list[Any]
    mask: Any
    first: list[Any] | None
    drawn: Drawn | None
    y: Any
    states: list[Any]
    gradients: dict[str, Any]

    def loss_scale(self) -> Any:
        """Return by what the outputs are multiplied in the loss whose gradients are compared."""
        return scale(self.y.shape)

    def file(self, to: str) -> tuple[Generated, Any]:
        """Return the generated file, and the module that it is."""
        generated = generate(self.cell, to)
        return generated, run(generated.text)


def scale(shape: Any) -> Any:
    """Return fixed numbers."""
    return np.random.default_rng(5).normal(size=shape)


def run(text: str) -> Any:
    """Return a generated file as a module."""
    module = types.ModuleType("generated")
    exec(compile(text, "generated.py", "exec"), vars(module))
    return module


def case(
    cell: Any,
    *,
    gradients: bool = False,
    mask: bool = True,
    given: bool = False,
    training: bool = False,
    **options: Any,
) -> Case:
    """Return a cell's case.

    Args:
        cell: the cell, as `gatekit.RNN` takes it.
        gradients: whether gradients are computed.
        mask: whether steps are masked.
        given: whether the initial states are given; otherwise they are the cell's own.
        training: whether dropout and zoneout draw.
        options: of `gatekit.RNN`.
    """
    layer = gatekit.RNN(
        cell,
        UNITS,
        return_sequences=True,
        return_state=True,
        executor="reference",
        seed=1,
        dtype="float64",
        **options,
    )
    rng = np.random.default_rng(0)
    widths = {
        "x": FEATURES,
        **{k: FEATURES if w == "features" else w for k, w in layer.spec.inputs},
    }
    arrays = {n: rng.normal(size=(BATCH, STEPS, w)) for n, w in widths.items()}
    inputs = arrays if len(arrays) > 1 else arrays["x"]
    layer.build({n: a.shape for n, a in arrays.items()} if len(arrays) > 1 else inputs.shape)
    weights = {}
    for name, variable in layer.named_weights.items():
        # Weights that start at 0 would hide faults.
        weights[name] = np.asarray(variable) + 0.1 * rng.normal(size=variable.shape)
        variable.assign(weights[name])
    first = None
    if given:
        first = [rng.uniform(0.1, 0.9, s.shape) for s in layer.get_initial_state(BATCH)]
    drawn = Drawn() if training else None
    called = {"initial_state": first, "mask": tf.constant(MASK) if mask else None}
    with tf.GradientTape() as tape, drawn.recorded() if drawn else nullcontext():
        y, *states = layer(inputs, training=training, **called)
        loss = tf.reduce_sum(y * scale(y.shape)) + sum(tf.reduce_sum(tf.sin(s)) for s in states)
    found = {}
    if gradients:
        values = [v.value for v in layer.named_weights.values()]
        made = tape.gradient(loss, values, unconnected_gradients="zero")
        found = dict(zip(weights, (np.asarray(g) for g in made), strict=True))
    ordered = [arrays[name] for name in layer.cell.inputs]
    outputs = [np.asarray(s) for s in states]
    return Case(
        layer.cell,
        weights,
        ordered,
        MASK if mask else None,
        first,
        drawn,
        np.asarray(y),
        outputs,
        found,
    )


@cache
def of(name: str) -> Case:
    """Return the case of a bundled cell, with gradients; several tests share it."""
    return case(name, gradients=True)


def shaped(states: list[Any], like: Any) -> Any:
    """Return states in the shapes that a file has for them."""
    return tuple(s.reshape(tuple(own.shape)) for s, own in zip(states, like, strict=True))


def assert_same(case: Case, y: Any, states: Any) -> None:
    """Compare outputs and states, matrices as vectors."""
    np.testing.assert_allclose(np.asarray(y), case.y, CLOSE, CLOSE)
    assert len(states) == len(case.states)
    for own, theirs in zip(states, case.states, strict=True):
        flat = np.asarray(own).reshape(theirs.shape)
        np.testing.assert_allclose(flat, theirs, CLOSE, CLOSE)


def assert_gradients(case: Case, made: Generated, gradients: dict[str, Any]) -> None:
    """Compare gradients by the names of the generated file."""
    expected = made.layout.pack(case.gradients)
    for name, own in gradients.items():
        limit = CLOSE * (1 + np.abs(expected[name]).max())
        np.testing.assert_allclose(np.asarray(own), expected[name], 0, limit, err_msg=name)
