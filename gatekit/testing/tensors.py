"""Calls a row-wise function alone, with tensors such as a running cell would pass."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.first_values import draw
from gatekit.cell.graph.draft import FEEDBACK
from gatekit.cell.learned import MAPS
from gatekit.recurrence.call import LayerCall, prepare, state_shapes
from gatekit.recurrence.executors.reference import one_step

from .outcome import CheckError
from .subject import GATE, UNITS, Subject

ROWS = 15
STEPS = 3
Values = dict[str, Tensor]


def wake() -> None:
    """Make TensorFlow search for its devices now, and print its messages about them."""
    tf.zeros([])


def arguments(subject: Subject, dtype: tf.DType = tf.float64, seed: int = 0) -> Values:
    """Return values for the arguments after some steps of the small cell.

    Args:
        subject: a gate or an output unit.
        dtype: the type of the tensors.
        seed: the seed of the values.

    Returns:
        Tensors ``ROWS x width``; a history is ``ROWS x length x width``; parameters and constants
        have no rows.
    """
    rng = np.random.default_rng(seed)
    env = _env(subject, rng)
    cell = subject.cell
    back = subject.kind != "gates" and cell.output.spec.unit.feeds_back
    if in_loop := FEEDBACK if back else GATE * (subject.kind == "gates"):
        bound, width = cell.node(in_loop).arguments, cell.node(in_loop).width
    else:
        bound, width = cell.output.arguments, cell.output.width
        for name, length in cell.output.histories:
            env[f"{name}_history"] = tf.constant(rng.normal(size=(ROWS, length, UNITS)))
    values: Values = {}
    for argument, key in bound:
        size = (ROWS, cell.widths.get(key, width))  # of a projection, or of pre
        value = env[key] if key in env else tf.constant(2 * rng.normal(size=size))
        values[argument] = tf.cast(value, dtype) if tf.is_tensor(value) else value
    return values


def _env(subject: Subject, rng: np.random.Generator) -> Values:
    """Return all values by key after some steps, in float64."""
    cell = subject.cell
    weights: Values = {}
    for name, value in draw(cell, int(rng.integers(1, 10**6))).items():
        parameter = cell.parameters.get(name)
        kind = parameter.map if parameter is not None else None
        noise = 0.3 * rng.normal(size=value.shape)
        weights[name] = (
            MAPS[kind].function(tf.constant(value + noise)) if kind else tf.constant(value + noise)
        )
    drawn = [{n: rng.normal(size=(ROWS, w)) for n, w in cell.inputs.items()} for _ in range(STEPS)]
    shapes = state_shapes(cell, ROWS)
    first: Values = {name: tf.zeros(shape, tf.float64) for name, shape in shapes.items()}
    first |= {s.name: tf.constant(np.full((ROWS, s.width), s.initial)) for s in cell.states}
    call = LayerCall(
        cell=cell,
        weights=weights,
        inputs={n: tf.constant(np.stack([x[n] for x in drawn], 1)) for n in cell.inputs},
        first=first,
        matmul_dtype=tf.float64,
    )
    problem = prepare(call)
    states = dict(problem.states)
    env: Values = {}
    for step in range(STEPS):
        inputs = {name: sequence[step] for name, sequence in problem.inputs.items()}
        before = {f"{name}_prev": value for name, value in states.items()}
        try:
            new = one_step(problem, tf.constant(0), inputs, None, states)
        except tf.errors.OpError as error:
            message = " ".join(str(error.message).split()).split("} ")[-1][:120]
            raise CheckError(
                f"with {ROWS} rows, its shape does not fit the other signals: {message}"
            ) from error
        states = {s.name: new[s.name] for s in cell.states}
        env = {**new, **before}
    return env


def has_rows(value: Tensor) -> bool:
    """Return whether a value is a tensor with a batch axis."""
    return bool(tf.is_tensor(value)) and len(value.shape) >= 2 and value.shape[0] == ROWS


def floating(values: Values) -> list[str]:
    """Return the arguments that are tensors of numbers."""
    return [name for name, value in values.items() if tf.is_tensor(value)]


def with_steps(values: Values) -> Values:
    """Return the same values as ``time x batch x width``."""
    rows = [STEPS, ROWS // STEPS]
    return {
        name: tf.reshape(v, [*rows, *v.shape[1:]]) if has_rows(v) else v
        for name, v in values.items()
    }


def rows_of(values: Values, rows: list[int]) -> Values:
    """Return the values of some rows only."""
    return {n: tf.gather(v, rows) if has_rows(v) else v for n, v in values.items()}


def changed(values: Values, other: Values, where: np.ndarray) -> Values:
    """Return the values, replaced by those of ``other`` where ``where`` (``ROWS x 1``) is true."""
    mixed = dict(values)
    for name, value in values.items():
        if has_rows(value):
            mask = tf.reshape(where, [ROWS] + [1] * (len(value.shape) - 1))
            mixed[name] = tf.where(mask, other[name], value)
    return mixed


def call(subject: Subject, values: Mapping[str, Tensor]) -> Values:
    """Return the result of the row-wise function: ``value``, and each new state by name.

    The steps that `arguments` runs have already checked that the function returns tensors of the
    right width, and the states that it declares.

    Args:
        subject: a gate or an output unit.
        values: the arguments.
    """
    returned = subject.instance.compute(values)
    value, states = returned if isinstance(returned, tuple) else (returned, {})
    return {"value": value, **states}
