"""Checks of what gates and output units own: parts that do nothing, and states that grow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.first_values import draw
from gatekit.cell.graph import Cell
from gatekit.cell.learned import MAPS
from gatekit.cell.schema import OUTPUT_UNIT
from gatekit.recurrence.call import LayerCall, first_states, prepare
from gatekit.recurrence.emission import apply_unit
from gatekit.recurrence.executors import reference
from gatekit.recurrence.masking import history
from gatekit.recurrence.problem import Problem

from .layer_checks import inputs
from .outcome import CheckError
from .subject import GATE, InCell

ROWS = 4
STEPS = 30
"""The steps within which a projection or state must influence its gate's value."""
LEAST = 1e-12
"""The smallest change of a value, relative to the largest value, that counts as an influence."""
LONG = 200
"""The steps over which states may grow."""
FACTOR = 4.0
"""A state may always grow by this factor from half of the steps to all of them."""


def owned_matters(subject: InCell) -> str | None:
    """Each projection and own state influences the gate's value or the output within 30 steps.

    Random numbers are added to it at each step. The weights are random, too, because a weight that
    starts at zero may hide a part at initialisation.
    """
    cell = subject.cell
    owners = [OUTPUT_UNIT] if subject.kind == "output_units" else _gates(subject)
    owned = {owner: _owned(cell, owner) for owner in owners}
    parts = [_label(part) for each in owned.values() for part in each]
    if not parts:
        return "owns no projection" + (" and no state" if subject.kind != "output_units" else "")
    problem = problem_of(subject, ROWS, STEPS, noise=0.3)
    rng = np.random.default_rng(1)
    for owner, each in owned.items():
        value = _value(problem, owner, {}) if each else np.zeros(0)
        for part, what in each.items():
            width = cell.widths.get(part) or cell.node(part).width
            shift = tf.constant(rng.normal(size=(STEPS, ROWS, width)))
            change = float(np.max(np.abs(_value(problem, owner, {part: shift}) - value)))
            if change <= LEAST * (1 + float(np.max(np.abs(value)))):
                of = "the output" if owner == OUTPUT_UNIT else "its gate's value"
                raise CheckError(
                    f"the {what} {_label(part)} does not influence {of}: random "
                    f"numbers that are added to it change the value by at most {change:.2g} in "
                    f"{STEPS} steps"
                )
    return ", ".join(parts)


def _value(problem: Problem, owner: str, shifts: Mapping[str, Tensor]) -> np.ndarray:
    """Return the value of a gate, or the output, with numbers added to what it owns.

    Args:
        problem: the call.
        owner: the gate, or `OUTPUT_UNIT`.
        shifts: what is added, ``time x batch x width`` by name.
    """
    cell = problem.cell
    output, shifted = cell.output, replace(problem, perturbations=shifts)
    if owner != OUTPUT_UNIT:
        return sequences(shifted, owner)[owner]
    env = {name: tf.constant(s) for name, s in sequences(shifted, *output.signals).items()}
    env = {**problem.inputs, **env}
    for name, length in output.histories:
        earlier = tf.zeros([ROWS, length - 1, env[name].shape[-1]], tf.float64)
        env[f"{name}_history"], _ = history(env[name], earlier, length, None)
    y = apply_unit(cell, env, problem.weights, tf.float64, problem.inputs["x"], shifts)
    return np.asarray(y)


def states_bounded(subject: InCell) -> str | None:
    """Over 200 steps, at initialisation, no own state overflows or grows geometrically.

    A power of the number of steps grows by one factor whenever the steps double. So a state grows
    geometrically if it grows by more than 4 from step 100 to 200, and by more than from 50 to 100.
    """
    own = {key for gate in _gates(subject) for _, key in subject.cell.node(gate).own_states}
    # A gate that reads own_prev has its value as a state. In a cell that is a signal like others.
    own |= {GATE} if subject.kind == "gates" else set()
    states = [state.name for state in subject.cell.states if state.name in own]
    if not states:
        return "owns no state"
    notes = []
    for key, values in sequences(problem_of(subject, ROWS, LONG), *states).items():
        sizes = np.max(np.abs(values), axis=(1, 2))
        if not np.all(np.isfinite(sizes)):
            step = int(np.argmin(np.isfinite(sizes))) + 1
            raise CheckError(f"the state {_label(key)} is not finite from step {step} on")
        early, half, end = (max(1.0, float(sizes[n - 1])) for n in (LONG // 4, LONG // 2, LONG))
        grown = f"{half:.3g} at step {LONG // 2}, {end:.3g} at step {LONG}"
        if end / half > FACTOR and math.log(end / half) > 1.4 * math.log(half / early):
            rate = (end / half) ** (2 / LONG)
            raise CheckError(
                f"the state {_label(key)} grows by the factor {rate:.3g} per step: {grown}"
            )
        if end > 1.5 * half:
            notes.append(f"{_label(key)} grows with the number of steps: {grown}")
    return "; ".join(notes) or None


def problem_of(subject: InCell, rows: int, steps: int, noise: float = 0.0) -> Problem:
    """Return a call of the subject's cell on random inputs, with its weights at initialisation.

    Args:
        subject: a gate in its small cell, or a cell.
        rows: the sequences.
        steps: the steps of each.
        noise: the standard deviation of noise on the weights.
    """
    cell, rng = subject.cell, np.random.default_rng(0)
    weights: dict[str, Tensor] = {}
    for name, value in draw(cell, 1).items():
        parameter = cell.parameters.get(name)
        raw = tf.constant(value + noise * rng.normal(size=value.shape))
        weights[name] = (
            MAPS[parameter.map].function(raw) if parameter is not None and parameter.map else raw
        )
    call = LayerCall(
        cell=cell,
        weights=weights,
        inputs=inputs(subject, rows, steps),
        first=first_states(cell, rows, weights, tf.float64),
        return_sequences=True,
        matmul_dtype=tf.float64,
    )
    problem: Problem = prepare(call)
    return problem


def sequences(problem: Problem, *names: str) -> dict[str, np.ndarray]:
    """Return signals of a call by name, ``time x batch x width``."""
    wanted = replace(problem, wanted=names)
    # Calling tf.function warns if many functions are traced; a concrete function does not.
    traced = tf.function(lambda: reference.run(wanted).sequences, autograph=False)
    found = traced.get_concrete_function()()
    return {name: np.asarray(value) for name, value in found.items()}


def _gates(subject: InCell) -> list[str]:
    """Return the gates to check: the subject, or every gate of a cell."""
    gates = subject.cell.gates
    return gates if subject.kind == "cells" else [name for name in gates if name == GATE]


def _owned(cell: Cell, owner: str) -> dict[str, str]:
    """Return the kind, in words, of each projection and state of a gate or output unit by key."""
    own = {p: "projection" for p in cell.projections if p.startswith(f"{owner}.")}
    states = () if owner == OUTPUT_UNIT else cell.node(owner).own_states
    return {**own, **{key: "state" for _, key in states}}


def _label(key: str) -> str:
    return key.removeprefix(f"{GATE}.").removeprefix(f"{OUTPUT_UNIT}.")
