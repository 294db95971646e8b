r"""How many iterations Newton's method needs, and the largest Lyapunov exponent, in NumPy.

If the number K* of iterations is small at every length, a cell can be computed in parallel in time.
It stays small if the largest Lyapunov exponent is below zero (Gonzalez et al. 2025,
arXiv:2508.16817).

- *Newton* uses the exact Jacobian if it is small for each unit. The states of earlier blocks are
  known, and K* is the largest number of any block. An affine cell needs one iteration.
- *quasi-Newton* is for all other cells. It uses the diagonal of each state's own Jacobian (Gonzalez
  et al. 2024, arXiv:2407.19115). Its K* shows how far a cell is from a diagonal Jacobian.

Derivatives are finite differences, so the numbers are only for inspection: no executor uses them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gatekit.cell.analysis.affine import analyse as affine_states
from gatekit.cell.analysis.chunk import analyse as chunks
from gatekit.cell.errors import GatekitError
from gatekit.cell.first_values import draw, generator
from gatekit.cell.graph import Cell, build
from gatekit.cell.program.numpy_step import Array

from .stepping import Stepping
from .structure import UnitJacobian, analyse

LENGTHS = (256, 1024, 4096)
UNITS, FEATURES = 8, 4
RELATIVE = 1e-4
MOST = 50
_STEP = 1e-6
_ELEMENTS = 2**18
"""The most numbers of one signal that are computed in one operation."""
_WORK = 8_000_000
"""The most numbers that one quasi-Newton iteration may compute; the LSTM needs 5 million."""


@dataclass(frozen=True)
class Iterations:
    """The iterations of a cell with given weights.

    Attributes:
        method: ``newton`` or ``quasi-newton``; empty if there is a reason.
        of: for each length, the iterations until each state is within 1e-4 of its solution,
            relative to the solution's largest absolute value; None for more than 50, or if a
            shorter length has None. Lengths that would take too long are missing.
        lyapunov: the largest Lyapunov exponent, per step; None if it is unknown or not finite.
        reason: why nothing was computed; empty otherwise.
    """

    method: str
    of: Mapping[int, int | None]
    lyapunov: float | None = None
    reason: str = ""


def at_start(cell: Cell, lengths: Sequence[int] = LENGTHS) -> Iterations:
    """Return the iterations of a cell with 8 units, 4 features and weights drawn from seed 0.

    The inputs are one sequence of independent normal numbers.

    Args:
        cell: the built cell, of any size.
        lengths: the lengths; a shorter sequence is the beginning of the longest one.
    """
    if affine_states(cell).affine or not chunks(cell).reason:
        return Iterations("newton", dict.fromkeys(lengths, 1))
    try:
        small = build(cell.spec, UNITS, FEATURES, cell.output.spec)
        weights = draw(small, 0)
    except GatekitError as why:
        return Iterations("", {}, reason=f"the cell cannot have {UNITS} units: {why}")
    inputs = {
        name: generator(0, f"input {name}").normal(size=(max(lengths), width))
        for name, width in small.inputs.items()
    }
    try:
        with np.errstate(all="ignore"):
            stepping = Stepping(small, weights, inputs)
            fine = measurable(stepping, lengths)
            if not fine:
                return Iterations("", {}, reason="it has too many states to perturb one by one")
            stepping.shorten(max(fine))
            return iterations(stepping, fine)
    except Exception as why:
        # A gate of TensorFlow, or one that cannot compute with these inputs.
        return Iterations("", {}, reason=f"NumPy cannot compute it ({type(why).__name__}: {why})")


def measurable(stepping: Stepping, lengths: Sequence[int], work: int = _WORK) -> list[int]:
    """Return the lengths at which iterations are counted in a few seconds.

    Args:
        stepping: the cell's step.
        lengths: the lengths to choose from.
        work: the most numbers that one quasi-Newton iteration may compute.
    """
    if not analyse(stepping.cell).reason:
        return list(lengths)
    moved = sum(state.width for state in stepping.cell.states)
    signals = sum(node.width for node in stepping.cell.nodes if not node.hoisted)
    return [length for length in lengths if moved * signals * length <= work]


def iterations(stepping: Stepping, lengths: Sequence[int]) -> Iterations:
    """Return the iterations and the Lyapunov exponent of one sequence.

    Args:
        stepping: the cell's step with its weights and inputs.
        lengths: at most as long as the inputs.
    """
    with np.errstate(all="ignore"):
        truth, lyapunov = follow(stepping)
        if affine_states(stepping.cell).affine or not chunks(stepping.cell).reason:
            return Iterations("newton", dict.fromkeys(lengths, 1), lyapunov)
        form = analyse(stepping.cell)
        names = [state.name for state in stepping.cell.states]
        counts: dict[int, int | None] = dict.fromkeys(lengths, 1)
        groups = [block.states for block in form.blocks] or [tuple(names)]
        for group in groups:
            of_group = _of_group(stepping, form, group, truth, lengths)
            for length, count in of_group.items():
                before = counts[length]
                counts[length] = None if before is None or count is None else max(before, count)
    return Iterations("quasi-newton" if form.reason else "newton", counts, lyapunov)


def follow(stepping: Stepping) -> tuple[dict[str, Array], float | None]:
    r"""Return the states after each step, ``time x width``, and the largest Lyapunov exponent.

    $\lambda = \frac1T \sum_t \ln \lVert J_t v_{t-1} \rVert / \lVert v_{t-1} \rVert$ with
    $v_t = J_t v_{t-1}$, starting from a vector of equal positive entries.
    """
    states = {name: np.array(value)[None, None] for name, value in stepping.first.items()}
    size = np.sqrt(sum(v.size for v in states.values()))
    tangent = {name: np.full(v.shape, 1 / size) for name, v in states.items()}
    steps: dict[str, list[Array]] = {name: [] for name in states}
    growth = 0.0
    for step in range(stepping.steps):
        both = {n: np.concatenate([s, s + _STEP * tangent[n]]) for n, s in states.items()}
        new = stepping(both, slice(step, step + 1))
        states = {name: value[:1] for name, value in new.items()}
        moved = {name: (value[1:] - value[:1]) / _STEP for name, value in new.items()}
        norm = float(np.sqrt(sum(np.square(v).sum() for v in moved.values())))
        growth += float(np.log(norm))
        tangent = {name: v / norm for name, v in moved.items()} if norm else tangent
        for name, value in states.items():
            steps[name].append(value[0, 0])
    exponent = growth / max(stepping.steps, 1)
    whole = {name: np.stack(values) for name, values in steps.items()}
    return whole, exponent if np.isfinite(exponent) else None


def _of_group(
    stepping: Stepping,
    form: UnitJacobian,
    group: Sequence[str],
    truth: Mapping[str, Array],
    lengths: Sequence[int],
) -> dict[int, int | None]:
    """Return the iterations of states that are solved together, by length."""
    counts: dict[int, int | None] = dict.fromkeys(lengths)
    for length in sorted(lengths):
        known = {name: value[:length] for name, value in truth.items()}
        counts[length] = _counted(stepping, form, group, known)
        if counts[length] is None:
            break
    return counts


def _counted(
    stepping: Stepping, form: UnitJacobian, group: Sequence[str], truth: Mapping[str, Array]
) -> int | None:
    """Return the iterations until the states are close to the solution; None for more than 50."""
    first, length = stepping.first, len(truth[group[0]])
    states = {name: np.broadcast_to(first[name], truth[name].shape) for name in group}
    known = {name: _before(value, first[name]) for name, value in truth.items()}
    bounds = {name: RELATIVE * np.abs(truth[name]).max(initial=0.0) for name in group}
    for count in range(MOST + 1):
        errors = {name: np.abs(states[name] - truth[name]).max(initial=0.0) for name in group}
        if all(errors[name] <= bounds[name] for name in group):
            return count
        previous = {**known, **{n: _before(s, first[n]) for n, s in states.items()}}
        new = stepping(previous, slice(0, length))
        rows = (_diagonal if form.reason else _per_unit)(stepping, previous, new, group)
        updates = _solved(rows, [new[name] - states[name] for name in group])
        states = {name: states[name] + u for name, u in zip(group, updates, strict=True)}
    return None


def _before(states: Array, first: Array) -> Array:
    return np.concatenate([first[None], states[:-1]])


def _per_unit(
    stepping: Stepping,
    previous: Mapping[str, Array],
    new: Mapping[str, Array],
    group: Sequence[str],
) -> list[list[Array]]:
    r"""Return $\partial f^i / \partial s^j$ of each unit, perturbing all units together."""
    columns = []
    for name in group:
        step = _STEP * (1 + np.abs(previous[name]))
        moved = stepping({**previous, name: previous[name] + step}, slice(0, len(step)))
        columns.append([(moved[other] - new[other]) / step for other in group])
    return [list(row) for row in zip(*columns, strict=True)]


def _diagonal(
    stepping: Stepping,
    previous: Mapping[str, Array],
    new: Mapping[str, Array],
    group: Sequence[str],
) -> list[list[Array | None]]:
    """Return the diagonal of each state's own Jacobian, perturbing each unit separately."""
    rows: list[list[Array | None]] = [[None] * len(group) for _ in group]
    for place, name in enumerate(group):
        old = previous[name]
        step, width = _STEP * (1 + np.abs(old)), old.shape[-1]
        together = max(1, _ELEMENTS // max(1, len(old) * max(stepping.cell.widths.values())))
        slopes = []
        for begin in range(0, width, together):
            units = np.arange(begin, min(begin + together, width))
            moved = np.repeat(old[None], len(units), 0)
            moved[np.arange(len(units)), :, units] += step.T[units]
            after = stepping({**previous, name: moved}, slice(0, len(old)))[name]
            moved_units = after[np.arange(len(units)), :, units]
            slopes.append((moved_units - new[name].T[units]) / step.T[units])
        rows[place][place] = np.concatenate(slopes).T
    return rows


def _solved(rows: Sequence[Sequence[Array | None]], rest: Sequence[Array]) -> list[Array]:
    r"""Return $\delta_i[t] = \sum_j a_{ij}[t]\, \delta_j[t-1] + r_i[t]$, starting from zero."""
    coupled = any(a is not None for i, row in enumerate(rows) for j, a in enumerate(row) if i != j)
    if len(rest) > 1 and not coupled:
        # The concatenated states need only one product per step.
        diagonal = np.concatenate([row[k] for k, row in enumerate(rows)], -1)
        (whole,) = _solved([[diagonal]], [np.concatenate(rest, -1)])
        return np.split(whole, np.cumsum([r.shape[-1] for r in rest])[:-1], -1)
    if len(rest) == 1:
        (a,), solution, one = rows[0], np.empty_like(rest[0]), np.zeros(rest[0].shape[1:])
        for step, right in enumerate(rest[0]):
            one = right if a is None else a[step] * one + right
            solution[step] = one
        return [solution]
    every = [np.empty_like(r) for r in rest]
    now = [np.zeros(r.shape[1:]) for r in rest]
    for step in range(len(rest[0])):
        now = [
            r[step] + sum(a[step] * d for a, d in zip(row, now, strict=True) if a is not None)
            for row, r in zip(rows, rest, strict=True)
        ]
        for out, value in zip(every, now, strict=True):
            out[step] = value
    return every
