"""The cells of a comparison's table as strings, shared by all formats."""

from __future__ import annotations

from collections.abc import Container

from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.reasons import corrected
from gatekit.compare.deciding.row import Row, Summary, metric_text
from gatekit.compare.grouping.label import printable
from gatekit.compare.numbers import (
    number,
    p_value,
    shared_decimals,
    with_interval,
    with_own_decimals,
)
from gatekit.compare.several import SeveralTasks, VariantOverTasks
from gatekit.compare.views.table import Table

_LONGEST = 30
_ALWAYS = 4
COSTS = ("parameters", "state", "FLOPs/token", "ms/step")
"""The last columns, which are omitted on a narrow terminal."""
_MOST_METRICS = 3


def groups_table(comparison: Comparison) -> Table:
    """Return the table of groups, without p values and costs if no group has them.

    State and FLOPs per token are shown if ``match`` equalised them.
    """
    summaries = [row.summary for row in comparison.rows if row.summary is not None]
    metrics = dict.fromkeys(f"{s.split} {metric_text(s.metric)}" for s in summaries)
    if len(metrics) > 1:
        metrics = dict.fromkeys(s.measured for s in summaries)
    metric = " / ".join(metrics) if 0 < len(metrics) <= _MOST_METRICS else "metric"
    name = printable(_baseline_name(comparison) or "")
    versus = f" from {name if name and len(name) <= _LONGEST else 'baseline'}"
    titles = ("group", "n", printable(metric), f"difference{versus}", "p", *COSTS)
    cells = _all_cells(comparison)
    shown = [i for i in range(len(titles)) if i < _ALWAYS or any(row[i] for row in cells)]
    rows = tuple(tuple(row[i] for i in shown) for row in cells)
    return Table("", tuple(titles[i] for i in shown), rows)


def _baseline_name(comparison: Comparison) -> str | None:
    """Return the name of the baseline; None if there is none, or several with different names.

    If each task has its own baseline, it is the name without the task.
    """
    rows = [row for row in comparison.rows if row.is_baseline]
    if len(rows) == 1:
        return rows[0].group.label
    names = {row.name or row.group.variant for row in rows}
    return names.pop() if len(names) == 1 else None


def _all_cells(comparison: Comparison) -> list[list[str]]:
    summaries = [row.summary for row in comparison.rows if row.summary is not None]
    differences = [row.difference for row in comparison.rows if row.difference is not None]
    means = shared_decimals((s.mean, s.interval) for s in summaries if s.mean is not None)
    # A difference without an interval is shown with the digits of the means.
    spread = [(d.mean, i) for d in differences if d.mean is not None and (i := corrected(d))]
    gaps = shared_decimals(spread) if spread else means
    budgets = {row.group.budget for row in comparison.rows}
    return [_cells(row, means, gaps, budgets) for row in comparison.rows]


def _cells(row: Row, means: int, gaps: int, budgets: Container[str | None]) -> list[str]:
    summary = row.summary
    label = printable(row.group.label)
    if summary is None:
        return [label, count_text(row), "no outcome", *[""] * (1 + len(COSTS) + 1)]
    return [
        label,
        count_text(row),
        _mean(summary, means),
        _difference(row, gaps),
        _p(row),
        _parameters(row),
        _size(summary.state_size) if "state" in budgets else "",
        _size(summary.token_flops) if "flops" in budgets else "",
        "" if summary.step_seconds is None else number(1000 * summary.step_seconds),
    ]


def count_text(row: Row) -> str:
    """Return the number of runs with an outcome: ``3``, or ``18/20`` if two are missing."""
    n = 0 if row.summary is None else row.summary.n
    total = n + len(row.group.missing)
    return str(n) if total == n else f"{n}/{total}"


def _size(count: float | None) -> str:
    return "varies" if count is None else f"{count:,.0f}"


def _parameters(row: Row) -> str:
    counts = {result.parameters for result in row.group.results}
    if counts == {None}:
        return ""
    count = None if row.summary is None else row.summary.parameters
    return "varies" if count is None else f"{count:,}"


def _mean(summary: Summary, places: int) -> str:
    if summary.mean is not None:
        return with_interval(summary.mean, summary.interval, places)
    diverged = f"{summary.diverged} of {summary.n} diverged"
    if summary.mean_finished is None:
        return diverged
    return f"{diverged}, rest {number(summary.mean_finished)}"


def _difference(row: Row, places: int) -> str:
    diff = row.difference
    if row.is_baseline:
        return "baseline"
    if diff is None:
        return ""
    if diff.refused:
        return "not comparable"
    if diff.pairs == 0:
        return "no common seed"
    if diff.mean is None:
        way = f"worse on {diff.worse}" if diff.direction <= 0 else f"better on {diff.better}"
        return f"{way} of {diff.n} seeds"
    return with_interval(diff.mean, corrected(diff), places, sign="+")


def _p(row: Row) -> str:
    diff = row.difference
    if diff is None or diff.p is None:
        return ""
    return p_value(diff.p).removeprefix("= ")


def tasks_table(several: SeveralTasks) -> Table:
    """Return the table over all tasks, best rank first."""
    scores = ("normalised score",) if several.normalised else ()
    known = [(v.mean, v.interval) for v in several.variants if v.mean is not None]
    places = shared_decimals(known)
    lines = []
    for variant in several.variants:
        score = "-"
        if variant.mean is not None:
            score = with_interval(variant.mean, variant.interval, places)
        parts = (score,) if several.normalised else ()
        lines.append((printable(variant.name), f"{variant.rank:.2f}", *parts))
    return Table("", (f"over {len(several.tasks)} tasks", "mean rank", *scores), tuple(lines))


def tasks_differences(several: SeveralTasks) -> list[list[str]]:
    """Return the difference from the baseline over all tasks, and p, for each variant."""
    cells = []
    for variant in several.variants:
        diff = variant.difference
        if diff is None:
            cells.append(["baseline" if variant.is_baseline else "-", ""])
            continue
        size = with_own_decimals(diff.mean, diff.interval, sign="+")
        cells.append([size, "" if diff.test is None else p_value(diff.test.p).removeprefix("= ")])
    return cells


def _baseline(several: SeveralTasks) -> str:
    return next((v.name for v in several.variants if v.is_baseline), "the baseline")


def tasks_notes(several: SeveralTasks) -> list[str]:
    """Return the notes on the table over all tasks."""
    notes = []
    if several.normalised:
        notes.append(
            "normalised score: 0 is chance, 1 is the baseline's mean; all tasks have equal weight"
        )
    notes += [_over_tasks(v, several) for v in several.variants if v.difference is not None]
    ranking = several.ranking
    if ranking.p is not None and ranking.critical_difference is not None:
        differ = "differ" if ranking.p < 1 - ranking.level else "are not told apart"
        notes.append(
            f"mean ranks {differ} (Friedman p {p_value(ranking.p)}); critical difference"
            f" {ranking.critical_difference:.2f} (Nemenyi at {1 - ranking.level:.2g})"
        )
    return [*notes, *several.notes]


def _over_tasks(variant: VariantOverTasks, several: SeveralTasks) -> str:
    diff = variant.difference
    assert diff is not None
    baseline = _baseline(several)
    claim = {
        "better": f"{variant.name} is better than {baseline}",
        "worse": f"{variant.name} is worse than {baseline}",
        "open": f"{variant.name} and {baseline} are not told apart",
    }.get(diff.decision, f"no verdict on {variant.name} against {baseline} from {diff.seeds} seeds")
    if diff.opposed:
        claim += ", because the mean and most seeds disagree"
    size = with_own_decimals(diff.mean, diff.interval, sign="+")
    text = f"over {len(several.normalised)} tasks, {claim}: normalised score {size}"
    if diff.test is None:
        return text
    family = diff.test.comparisons
    over = f" over {family} comparisons" if family > 1 else ""
    return f"{text}, n = {diff.seeds} seeds, {diff.test.test} p {p_value(diff.test.p)}{over}"
