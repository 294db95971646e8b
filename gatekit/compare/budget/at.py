"""Compare at an equal budget: ``--at seconds=600``, ``steps=2000``, ``tokens=1e6``, ..."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.cell.errors import ConfigError
from gatekit.compare.numbers import count_of, exact
from gatekit.compare.options import UNITS
from gatekit.compare.study import Study
from gatekit.faults import Fault, Kind, Place
from gatekit.runs.record import RunRecord
from gatekit.runs.result import Result, Score

from .evaluations import COSTS, Evaluations, best_so_far, read_evaluations

LATE = "LATE"
"""The state of a run without an evaluation within the budget."""


@dataclass(frozen=True, slots=True)
class Budget:
    """An amount of training: a cost of ``COSTS``, and how much of it."""

    cost: str
    amount: float

    def __str__(self) -> str:
        return f"{exact(self.amount)} {UNITS[self.cost]}"

    @property
    def typed(self) -> str:
        """Return the budget as it is typed."""
        return f"{self.cost}={exact(self.amount)}"


def read_budget(text: str | Budget) -> Budget:
    """Return the budget of ``--at``.

    Raises:
        ConfigError: the cost is unknown, or the amount is not a positive number.
    """
    if isinstance(text, Budget):
        return text
    cost, _, typed = text.partition("=")
    try:
        amount = float(typed)
    except ValueError:
        amount = math.nan
    if cost not in COSTS or not 0 < amount < math.inf:
        expected = f"a cost ({', '.join(COSTS)}) with a positive number"
        raise ConfigError(Fault(Kind.WRONG, Place(("at",)), text, expected))
    return Budget(cost, amount)


def at_budget(study: Study, budget: Budget) -> tuple[Study, tuple[str, ...]]:
    """Return a study in which each run ends at the budget, and notes on what that means.

    A run's score is its best validation metric so far, at the last evaluation within the budget. A
    run counts as diverged only if it diverged within the budget. A run that ended earlier keeps its
    score. A run without an evaluation within the budget has no outcome.

    Args:
        study: the result of ``load``.
        budget: the budget.

    Raises:
        ConfigError: a run's cost is unknown.
    """
    name = f"validation at {budget}"
    evaluations = [read_evaluations(run) for run in study.runs]
    runs, early = [], 0
    for run, known in zip(study.runs, evaluations, strict=True):
        if run.result is None:
            runs.append(run)
        elif known is None:
            runs.append(_late(run, "metrics.jsonl has no evaluation"))
        else:
            runs.append(_ended(run, run.result, known, budget, name))
            early += known.end[budget.cost] < budget.amount and not known.diverged
    late = sum(run.state == LATE for run in runs)
    return dataclasses.replace(study, runs=tuple(runs)), _notes(budget, early, late)


def _ended(
    run: RunRecord,
    result: Result,
    known: Evaluations,
    budget: Budget,
    name: str,
) -> RunRecord:
    costs = known.on(budget.cost)
    within = int((costs <= budget.amount).sum())
    if known.diverged and known.end[budget.cost] <= budget.amount:
        ended = dataclasses.replace(result, chosen=name)
        return dataclasses.replace(run, result=ended)
    if not within:
        first = Budget(budget.cost, float(f"{costs[0]:.3g}"))
        return _late(run, f"its first evaluation is at {first}, after {budget}")
    best = best_so_far(known.values[:within], result.metric.sign)
    # The first of equal values is the best, as in training.
    place = int((known.values[:within] == best[-1]).argmax())
    compared = float(best[-1])
    ends = dataclasses.replace(
        result,
        state="COMPLETED",
        reason=None,
        best=_score(known, place, {name: compared}),
        last=_score(known, within - 1, {name: compared}),
        chosen=name,
    )
    return dataclasses.replace(run, state="COMPLETED", reason=None, result=ends)


def _score(known: Evaluations, place: int, compared: dict[str, float]) -> Score:
    return Score(int(known.epochs[place]), float(known.values[place]), None, compared)


def _late(run: RunRecord, reason: str) -> RunRecord:
    return dataclasses.replace(run, state=LATE, reason=reason, result=None)


def _notes(budget: Budget, early: int, late: int) -> tuple[str, ...]:
    notes = [
        f"at {budget}: each run's best validation score so far; test scores exist only at a run's"
        " best epoch, so they are not compared"
    ]
    if early:
        notes.append(
            f"{count_of(early, 'run')} ended before {budget} and"
            f" {'keeps its' if early == 1 else 'keep their'} final score"
        )
    if late:
        notes.append(
            f"{count_of(late, 'run')} without an evaluation within {budget}: choose a larger budget"
        )
    if budget.cost == "seconds":
        notes.append("seconds include compilation and evaluations, and depend on the machine")
    return tuple(notes)


def are_late(runs: Sequence[RunRecord]) -> bool:
    """Return whether runs lack an outcome only because the budget is too small for them."""
    return bool(runs) and all(run.state == LATE for run in runs)
