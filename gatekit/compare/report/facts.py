"""What was trained, how often and for how long, and what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gatekit.compare.budget.at import LATE
from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.row import Row
from gatekit.compare.grouping.label import printable
from gatekit.compare.numbers import count_of
from gatekit.runs.record import RunRecord

from .context import Sheet
from .runs import ON_THE_WAY

Fact = tuple[str, str, str | None]
"""A title, a fact about the study, and the anchor of the section with more (None without one)."""

_MOST_TASKS, _MOST_KEYS = 3, 8
_FINE = ("COMPLETED", LATE, *ON_THE_WAY)


def kicker(sheet: Sheet) -> list[tuple[str, str | None]]:
    """Return the facts of the line above the answer, each with the anchor of its section."""
    runs = sheet.comparison.study.runs
    seconds = [r.result.seconds for r in runs if r.result and r.result.seconds is not None]
    parts = [
        (_runs(sheet.comparison, sheet.waiting), None),
        (_few(sorted({run.result.task for run in runs if run.result}), "task"), None),
        (_failed(runs), "failures"),
        (f"{_time(sum(seconds))} of training" if seconds else "", "runs"),
    ]
    return [(text, anchor) for text, anchor in parts if text]


def facts(sheet: Sheet) -> list[Fact]:
    """Return what else a reader wants to know about a study, in the order shown."""
    comparison = sheet.comparison
    runs = comparison.study.runs
    rows: list[tuple[str, str, str | None]] = [
        ("Metric", "; ".join(_metrics(comparison.rows)), None),
        ("Variants differ in", _differ(comparison.rows), "differences"),
        ("Trained for", _trained(runs), "runs"),
        ("Trained with", sheet.trained[0] if sheet.trained else "", "reproduce"),
    ]
    return [(title, text, anchor) for title, text, anchor in rows if text]


def _few(names: Sequence[str], what: str) -> str:
    """Return names, or how many there are."""
    return ", ".join(names) if len(names) <= _MOST_TASKS else count_of(len(names), what)


def _runs(comparison: Comparison, waiting: int) -> str:
    rows = comparison.rows
    text = f"{count_of(len(comparison.study.runs), 'run')} in {count_of(len(rows), 'group')}"
    seeds = {len(row.group.runs) + len(row.group.missing) for row in rows}
    if seeds:
        few, many = min(seeds), max(seeds)
        text += f", {count_of(few, 'seed') if few == many else f'{few} to {many} seeds'} each"
    if waiting:
        verbs = ("is", "has") if waiting == 1 else ("are", "have")
        text += f"; {waiting} more {verbs[0]} planned and {verbs[1]} not started"
    return text


def _failed(runs: Sequence[RunRecord]) -> str:
    states = Counter(run.state for run in runs if run.state not in _FINE)
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items()))


def _metrics(rows: Sequence[Row]) -> list[str]:
    """Return the metrics with their direction and chance level."""
    measured = {(row.summary.split, row.summary.metric) for row in rows if row.summary}
    texts = []
    for split, metric in sorted(measured, key=lambda pair: (pair[0], pair[1].name)):
        unit = f" in {metric.unit}" if metric.unit else ""
        better = "lower" if metric.direction == "min" else "higher"
        chance = "" if metric.chance is None else f" (chance: {metric.chance:.4g})"
        texts.append(f"{split} {metric.name}{unit}, {better} is better{chance}")
    return texts


def _differ(rows: Sequence[Row]) -> str:
    keys = list(dict.fromkeys(key for row in rows for key in row.group.values))
    more = f" and {len(keys) - _MOST_KEYS} more" if len(keys) > _MOST_KEYS else ""
    return ", ".join(map(printable, keys[:_MOST_KEYS])) + more


def _trained(runs: Sequence[RunRecord]) -> str:
    results = [run.result for run in runs if run.result is not None]
    steps = [result.steps for result in results if result.steps is not None]
    epochs = [result.last.epoch for result in results if result.last is not None]
    seconds = [result.seconds for result in results if result.seconds is not None]
    parts = [_range(epochs, "epoch")] if epochs else []
    parts += [_range(steps, "training step")] if steps else []
    if seconds:
        least, most = _time(min(seconds)), _time(max(seconds))
        each = f"{least} a run" if least == most else f"{least} to {most} a run"
        total = f", {_time(sum(seconds))} for all {len(seconds)} runs" if len(seconds) > 1 else ""
        parts.append(each + total)
    return "; ".join(parts)


def _range(values: Sequence[float], word: str) -> str:
    few, many = min(values), max(values)
    if few == many:
        return f"{few:,} {word}" + ("" if few == 1 else "s")
    return f"{few:,} to {many:,} {word}s"


def _time(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
