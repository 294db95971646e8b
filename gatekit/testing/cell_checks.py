"""Checks of a whole cell, and its properties at initialisation."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import numpy as np

from gatekit.cell.errors import CellError
from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import Call, Expr, names, walk
from gatekit.cell.language.ops import FUNCTIONS

from .layer_checks import fed, inputs, make_layer, run, trained
from .outcome import CheckError, compare
from .owned_checks import problem_of, sequences
from .row_checks import note_stopped, stopped
from .subject import InCell

ROWS, STEPS = 16, 50
EDGE = 0.01
BOUNDED = [n for n, f in FUNCTIONS.items() if f.range and all(map(math.isfinite, f.range))]
SATURATED = 0.95
"""A gate is saturated if more than this share of its values is within EDGE of its bounds."""


def sizes_fit(subject: InCell) -> str | None:
    """The output is ``batch x time x width``, with the declared width, and finite."""
    layer = make_layer(subject)
    output = np.asarray(layer(fed(inputs(subject, ROWS, STEPS))))
    expected = (ROWS, STEPS, subject.cell.output.width)
    if output.shape != expected:
        raise CheckError(f"the output has the shape {output.shape}, not {expected}")
    if not np.all(np.isfinite(output)):
        step = int(np.argmin(np.all(np.isfinite(output), axis=(0, 2))))
        raise CheckError(f"the output is not finite from step {step + 1} on, at initialisation")
    return f"{subject.cell.count():,} parameters at {subject.units} units"


def slopes_true(subject: InCell) -> str | None:
    """The gradient in all weights and inputs agrees with finite differences, in float64."""
    functions = subject.cell.spec.functions
    inside = {n for expr in _expressions(subject.cell) for n in stopped(expr, functions)}
    if inside:
        return note_stopped(inside)
    layer = make_layer(subject)
    x = inputs(subject)
    output, slopes = run(layer, x)
    rng = np.random.default_rng(2)
    weights = np.random.default_rng(5).normal(size=output["output"].shape)
    step = 1e-6
    variables = trained(layer)
    ways = {n: rng.normal(size=s.shape) for n, s in slopes.items()}
    before = {n: v.numpy() for n, v in variables.items()}
    ends = []
    for sign in (1.0, -1.0):
        for name, variable in variables.items():
            variable.assign(before[name] + sign * step * ways[name])
        moved = {n: v + sign * step * ways[f"input {n}"] for n, v in x.items()}
        ends.append(float(np.sum(weights * np.asarray(layer(fed(moved))))))
    expected = (ends[0] - ends[1]) / (2 * step)
    came = float(sum(np.sum(np.asarray(s) * ways[n]) for n, s in slopes.items()))
    compare(
        f"the gradient along a random direction is {came:.6g}, but finite differences give "
        f"{expected:.6g}",
        came,
        expected,
        1e-5,
    )
    return None


def _expressions(cell: Cell) -> Iterator[Expr]:
    """Yield the expressions of a cell's signals, states and reads."""
    for node in cell.nodes:
        yield from (read.expr for read in node.reads)
        if node.expr is not None:
            yield node.expr
    for made in cell.gate_expressions.values():
        yield from () if made is None else (made[0], *made[1].values())


def not_saturated(subject: InCell) -> str | None:
    """At initialisation, with normal inputs, no gate is saturated."""
    shares = {}
    values = _gates(subject)
    for name in filter(functools.partial(_is_bounded, subject), values):
        value = values[name]
        lowest, highest = float(np.min(value)), float(np.max(value))
        low = 0.0 if lowest >= 0 else -1.0
        if lowest < -1 or highest > 1:
            continue
        shares[name] = float(np.mean((value < low + EDGE) | (value > 1 - EDGE)))
        if shares[name] > SATURATED:
            raise CheckError(
                f"the gate {name} is within {EDGE} of its bounds for {shares[name]:.0%} of its "
                "values"
            )
    listing = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    return f"at a bound: {listing}" if listing else "no gate with bounds"


def memory_length(subject: InCell) -> str | None:
    """Report after how many steps the role ``forget`` keeps half of a state, at initialisation."""
    try:
        gate = subject.spec.role("forget")
    except CellError:
        return "no gate plays the role forget (roles: {forget: GATE})"
    value = _gates(subject)[gate]
    if np.min(value) < 0 or np.max(value) > 1 or np.max(value) == 0:
        return f"the values of {gate} are not shares between 0 and 1"
    share = np.clip(np.mean(value, axis=(0, 1)), 1e-6, 1 - 1e-6)
    half = np.log(0.5) / np.log(share)
    # The states that the gate keeps: their equations read the gate and the state's own past.
    states = [
        name for name, expr in subject.spec.equations if {gate, f"{name}_prev"} <= {*names(expr)}
    ]
    which = f" of {' and '.join(states)}" if states else ""
    return (
        f"half{which} is left after {np.median(half):.1f} steps (units from {half.min():.1f} to "
        f"{half.max():.1f}), by the gate {gate}"
    )


def _is_bounded(subject: InCell, gate: str) -> bool:
    """Return whether the gate is an expression that contains a bounded function."""
    expressions = subject.cell.gate_expressions[gate]
    return expressions is not None and any(
        isinstance(part, Call) and part.function in BOUNDED for part in walk(expressions[0])
    )


def _gates(subject: InCell) -> dict[str, np.ndarray]:
    """Return the values of all gates at initialisation, ``time x batch x units``."""
    return sequences(problem_of(subject, ROWS, STEPS), *subject.cell.gates)
