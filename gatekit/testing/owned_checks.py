"""Checks of what a gate owns: projections and states that do nothing, and states that grow."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.first_values import draw
from gatekit.cell.graph import Cell, Node
from gatekit.cell.learned import MAPS
from gatekit.recurrence.call import LayerCall, first_states, prepare
from gatekit.recurrence.executors import reference
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
    """Each projection and own state of a gate influences the gate's value within 30 steps.

    Random numbers are added to it at each step. The weights are random, too, because a weight that
    starts at zero may hide a part at initialisation.
    """
    cell = subject.cell
    owned = {gate.name: _owned(cell, gate) for gate in _gates(subject)}
    parts = [_label(part) for each in owned.values() for part in each]
    if not parts:
        return "owns no projection and no state"
    problem = problem_of(subject, ROWS, STEPS, noise=0.3)
    values = sequences(problem, *owned)
    rng = np.random.default_rng(1)
    for gate, each in owned.items():
        for part, what in each.items():
            shift = tf.constant(rng.normal(size=(STEPS, ROWS, cell.widths[part])))
            moved = sequences(replace(problem, perturbations={part: shift}), gate)[gate]
            change = float(np.max(np.abs(moved - values[gate])))
            if change <= LEAST * (1 + float(np.max(np.abs(values[gate])))):
                raise CheckError(
                    f"the {what} {_label(part)} does not influence its gate's value: random "
                    f"numbers that are added to it change the value by at most {change:.2g} in "
                    f"{STEPS} steps",
                    "use it in the value, or remove it",
                )
    return ", ".join(parts)


def states_bounded(subject: InCell) -> str | None:
    """Over 200 steps, at initialisation, no own state overflows or grows geometrically.

    A power of the number of steps grows by one factor whenever the steps double. So a state grows
    geometrically if it grows by more than 4 from step 100 to 200, and by more than from 50 to 100.
    """
    own = {key for gate in _gates(subject) for _, key in gate.own_states}
    # A gate that reads own_prev has its value as a state. In a cell that is a signal like others.
    own |= {GATE} if subject.kind == "gates" else set()
    states = [state.name for state in subject.cell.states if state.name in own]
    if not states:
        return "owns no state"
    remedy = "keep a share below 1 of the previous value, or bound it with ops.tanh or ops.minimum"
    notes = []
    for key, values in sequences(problem_of(subject, ROWS, LONG), *states).items():
        sizes = np.max(np.abs(values), axis=(1, 2))
        if not np.all(np.isfinite(sizes)):
            step = int(np.argmin(np.isfinite(sizes))) + 1
            raise CheckError(f"the state {_label(key)} is not finite from step {step} on", remedy)
        early, half, end = (max(1.0, float(sizes[n - 1])) for n in (LONG // 4, LONG // 2, LONG))
        grown = f"{half:.3g} at step {LONG // 2}, {end:.3g} at step {LONG}"
        if end / half > FACTOR and math.log(end / half) > 1.4 * math.log(half / early):
            rate = (end / half) ** (2 / LONG)
            raise CheckError(
                f"the state {_label(key)} grows by the factor {rate:.3g} per step: {grown}", remedy
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


def _gates(subject: InCell) -> list[Node]:
    """Return the gates to check: the subject, or every gate of a cell."""
    gates = [node for node in subject.cell.nodes if node.kind == "gate"]
    return gates if subject.kind == "cells" else [node for node in gates if node.name == GATE]


def _owned(cell: Cell, gate: Node) -> dict[str, str]:
    """Return the kind, in words, of each projection and state of a gate by its key."""
    parts = [node.name for node in cell.nodes if node.kind == "projection"]
    own = {part: "projection" for part in parts if part.startswith(f"{gate.name}.")}
    return {**own, **{key: "state" for _, key in gate.own_states}}


def _label(key: str) -> str:
    return key.removeprefix(f"{GATE}.")
