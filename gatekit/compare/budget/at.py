"""Compare at an equal budget: ``--at seconds=600``, ``steps=2000`` or ``flops=1e12``."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.cell.errors import ConfigError
from gatekit.compare.study import Study
from gatekit.runs.record import Run
from gatekit.runs.result import Result, Score

from .evaluations import COSTS, UNITS, Evaluations, best_so_far, read_evaluations

LATE = "LATE"
"""The state, in a comparison at a budget, of a run without an evaluation within it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """An amount of training: a cost of ``COSTS``, and how much of it."""

    cost: str
    amount: float

    def __str__(self) -> str:
        return f"{self.amount:g} {UNITS[self.cost]}"

    @property
    def typed(self) -> str:
        """Return the budget as it is typed."""
        return f"{self.cost}={self.amount:g}"


def read_budget(text: str | Budget) -> Budget:
    """Return the budget of ``--at``.

    Args:
        text: ``seconds=600``, ``steps=2000`` or ``flops=1e12``.

    Raises:
        ConfigError: it is not one of these, or not positive.
    """
    if isinstance(text, Budget):
        return text
    cost, _, typed = text.partition("=")
    try:
        amount = float(typed)
    except ValueError:
        amount = math.nan
    if cost not in COSTS or not 0 < amount < math.inf:
        raise ConfigError(
            f"at={text}: a budget is a cost and a positive number: seconds=600, steps=2000 or"
            " flops=1e12"
        )
    return Budget(cost, amount)


def at_budget(study: Study, budget: Budget) -> tuple[Study, tuple[str, ...]]:
    """Return a study in which each run ends at the budget, and notes on what that means.

    A run's score is its best validation metric so far, at the last evaluation within the budget. A
    run that diverged within the budget has diverged, and one that diverged later has not. A run
    that ended earlier keeps its score. A run without an evaluation within the budget has no
    outcome.

    Args:
        study: what ``load`` returned.
        budget: the budget.

    Raises:
        ConfigError: a run's cost is unknown.
    """
    name = f"validation at {budget}"
    runs, early = [], 0
    for run in study.runs:
        known = read_evaluations(run)
        if run.result is None:
            runs.append(run)
        elif known is None:
            runs.append(_late(run, f"no evaluation in metrics.jsonl; none at {budget}"))
        else:
            runs.append(_ended(run, run.result, known, budget, name))
            early += _reach(known, budget.cost, run) < budget.amount and not known.diverged
    late = sum(run.state == LATE for run in runs)
    return dataclasses.replace(study, runs=tuple(runs)), _notes(budget, early, late)


def _ended(run: Run, result: Result, known: Evaluations, budget: Budget, name: str) -> Run:
    costs = known.on(budget.cost, run)
    within = int((costs <= budget.amount).sum())
    diverged = known.diverged and _reach(known, budget.cost, run) <= budget.amount
    if diverged:
        ended = dataclasses.replace(result, chosen=name)
        return dataclasses.replace(run, result=ended)
    if not within:
        first = Budget(budget.cost, float(f"{costs[0]:.3g}"))
        return _late(run, f"its first evaluation is at {first}, after {budget}")
    best = best_so_far(known.values, result.metric.sign)[within - 1]
    # The first of equal values is the best, as in training.
    place = int((known.values[:within] == best).argmax())
    ends = dataclasses.replace(
        result,
        state="COMPLETED",
        reason=None,
        best=_score(known, place, name),
        last=_score(known, within - 1, name),
        chosen=name,
    )
    return dataclasses.replace(run, state="COMPLETED", reason=None, result=ends)


def _score(known: Evaluations, place: int, name: str) -> Score:
    value = float(known.values[place])
    return Score(int(known.epochs[place]), value, None, {name: value})


def _reach(known: Evaluations, cost: str, run: Run) -> float:
    known.on(cost, run)
    return known.end[cost]


def _late(run: Run, reason: str) -> Run:
    return dataclasses.replace(run, state=LATE, reason=reason, result=None)


def _notes(budget: Budget, early: int, late: int) -> tuple[str, ...]:
    notes = [
        f"at {budget}: each run's best validation score so far; test scores exist only at a run's"
        " best epoch, so they are not compared"
    ]
    if early:
        notes.append(
            f"{early} {_runs(early)} ended before {budget} and {'has' if early == 1 else 'have'}"
            " the score of the end"
        )
    if late:
        notes.append(
            f"{late} {_runs(late)} without an evaluation within {budget}: choose a larger budget"
        )
    if budget.cost == "seconds":
        notes.append("seconds include compilation and evaluations, and depend on the machine")
    return tuple(notes)


def _runs(count: int) -> str:
    return "run" if count == 1 else "runs"


def late(runs: Sequence[Run]) -> bool:
    """Return whether runs lack an outcome only because the budget is too small for them."""
    return bool(runs) and all(run.state == LATE for run in runs)
