"""Times to a threshold and best of k trials, as tables and as plain data."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.cell.terminal import escaped
from gatekit.compare.grouping.label import printable
from gatekit.compare.numbers import count_of, decimals, exact, p_value, with_interval
from gatekit.compare.options import UNITS
from gatekit.compare.rows import picked
from gatekit.compare.stats.intervals import Interval
from gatekit.compare.stats.paired_tests import MIN_SEEDS
from gatekit.compare.views.table import Table

from .reach import Reached
from .trials import BestOfK

_REACHED = """
median=survival.median low=survival.low high=survival.high costs observed times=survival.times
survival=survival.share seeds observed_minus_expected=earlier test=test.test
comparisons=test.comparisons p=test.p smallest_p=test.smallest_p
"""
_SHOWN = (1, 2, 3, 5, 10, 20, 50, 100)


def reach_table(groups: Sequence[Reached], threshold: float, cost: str) -> Table:
    """Return a row for each group, with the verdicts as notes."""
    names = {one.row.summary.metric.name for one in groups if one.row.summary}
    metric = names.pop() if len(names) == 1 else "metric"
    unit = UNITS[cost]
    verdicts = filter(None, map(reach_verdict, groups))
    return Table(
        printable(f"{unit} until validation {metric} {exact(threshold)}"),
        ("group", "reached", f"median {unit}", "95 %", "p"),
        tuple(tuple(reach_cells(one)) for one in groups),
        tuple(map(printable, verdicts)),
        (reach_note(groups),),
    )


def reach_note(groups: Sequence[Reached]) -> str:
    """Return a note on medians, on runs that never reach the threshold, and on looks."""
    note = (
        "medians are Kaplan-Meier estimates with log-log intervals; a run that did not reach the"
        " threshold is censored at its end, a diverged run at the end of the longest run"
    )
    tests = [one.row.difference.test for one in groups if one.row.difference]
    if any(test is not None and test.interim is not None for test in tests):
        note += "; these p values are not corrected for the looks at the study"
    return note


def reach_cells(one: Reached) -> list[str]:
    """Return a group's label, count of runs at the threshold, median, interval and p value."""
    return [
        printable(one.row.group.label),
        f"{sum(one.observed)} of {len(one.costs)}",
        _median(one),
        _interval(one),
        "" if one.test is None else p_value(one.test.p).removeprefix("= "),
    ]


def reach_record(one: Reached, threshold: float, cost: str) -> dict[str, object]:
    """Return the time to a threshold of one group as plain data."""
    return {
        "threshold": threshold,
        "cost": cost,
        "reached": sum(one.observed),
        "runs": len(one.costs),
        **picked(one, _REACHED),
        "decision": "none" if one.row.is_baseline else one.decision,
    }


def trials_table(variants: Sequence[BestOfK]) -> Table:
    """Return the expected scores of the best of k trials, a row for each variant and k."""
    rows = [
        (
            printable(one.row.group.label),
            str(k),
            with_interval(one.outcome[k - 1], interval, decimals(interval, first)),
        )
        for one in variants
        for first in one.outcome[:1]
        for k in _places(one)
        for interval in [_interval_at(one, k)]
    ]
    summary = next((one.row.summary for one in variants if one.row.summary), None)
    what = summary.measured if summary else "score"
    notes = [
        "k trials are drawn without replacement; [low, high] is the 95 % bootstrap interval over"
        " trials, if there are at least ten, for k up to half of them"
    ]
    notes += [
        f"{one.row.group.label}: {one.diverged} of {one.trials} trials diverged and count as the"
        " worst"
        for one in variants
        if one.diverged
    ]
    notes += [
        f"{one.row.group.label}: left out {count_of(one.left_out, 'trial')} with a missing run"
        for one in variants
        if one.left_out
    ]
    return Table(
        printable(f"expected {what} of the best of k trials, chosen by validation"),
        ("group", "k", "expected"),
        tuple(rows),
        notes=tuple(map(printable, notes)),
    )


def trials_record(one: BestOfK) -> dict[str, object]:
    """Return the expected scores of the best of k trials of one variant as plain data."""
    shown = picked(one, "trials left_out diverged k=trials validation expected=outcome low high")
    return shown | {"k": list(range(1, one.trials + 1))}


def _places(one: BestOfK) -> list[int]:
    return sorted({*(k for k in _SHOWN if k <= one.trials), one.trials})


def _interval_at(one: BestOfK, k: int) -> Interval | None:
    if one.low is None or one.high is None or k > len(one.low):
        return None
    return Interval(one.low[k - 1], one.high[k - 1], 0.95, "bootstrap")


def _median(one: Reached) -> str:
    return "not reached" if one.survival.median is None else f"{one.survival.median:.4g}"


def _interval(one: Reached) -> str:
    known = one.survival
    if known.low is None:
        return "-"
    end = "open" if known.high is None else f"{known.high:.4g}"
    return f"{known.low:.4g} to {end}"


def reach_verdict(one: Reached) -> str:
    """Return the verdict on a group as a sentence; empty for a baseline."""
    diff = one.row.difference
    if diff is None:
        return ""
    label, baseline = escaped(one.row.group.label), escaped(diff.baseline)
    stopped = (*diff.refused, *diff.blocked)
    if stopped:
        return f"no verdict on {label} against {baseline}: {'; '.join(stopped)}."
    if one.test is None:
        needed = f"from {one.seeds} seeds; a verdict needs {MIN_SEEDS}"
        return f"no verdict on {label} against {baseline} {needed}."
    claim = {
        "earlier": f"{label} reaches the threshold earlier than {baseline}",
        "later": f"{label} reaches the threshold later than {baseline}",
    }.get(one.decision, f"{label} and {baseline} are not told apart")
    test = one.test
    family = f" over {test.comparisons} comparisons" if test.comparisons > 1 else ""
    end = ""
    if test.smallest_p is not None and test.smallest_p >= 0.05:
        end = f"; with so few seeds, no p value is below {test.smallest_p:.2g}"
    return f"{claim} (n = {one.seeds} seeds, {test.test} p {p_value(test.p)}{family}){end}."
