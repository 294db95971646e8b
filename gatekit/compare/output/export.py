"""Export a comparison as JSON, CSV, or a LaTeX table (booktabs)."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gatekit.compare.answer import answer
from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.finding import find
from gatekit.compare.deciding.row import Row, added_by
from gatekit.compare.grouping.group import all_settings
from gatekit.compare.grouping.label import printable
from gatekit.compare.rows import picked
from gatekit.compare.several import VariantOverTasks, several_tasks
from gatekit.compare.views.table import Table

from .table import footer
from .table_cells import groups_table, tasks_table

_HEADINGS = ("group", "n", "mean", "low", "high", "metric")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def records(comparison: Comparison) -> list[dict[str, Any]]:
    """Return one plain record per group, best first; unknown values are None, never NaN."""
    several = several_tasks(comparison)
    over = {} if several is None else {v.name: v for v in several.variants}
    return [
        {
            **_record(row, over.get(row.group.variant)),
            "at": None if comparison.at is None else comparison.at.typed,
            "incomplete": len(comparison.awaited),
            "added": added,
            "tuned": _tuned(row, comparison.tuned),
        }
        for row, added in zip(comparison.rows, added_by(comparison.rows), strict=True)
    ]


def to_json(comparison: Comparison) -> str:
    """Return the records as JSON."""
    return json.dumps(records(comparison), indent=1, allow_nan=False, default=str)


def to_csv(comparison: Comparison) -> str:
    """Return the records as CSV; a cell that a spreadsheet would read as a formula is quoted."""
    flat = [
        {k: v for k, v in record.items() if not isinstance(v, list | tuple | dict)}
        for record in records(comparison)
    ]
    return csv_text(list(flat[0]) if flat else _HEADINGS, flat)


def csv_text(names: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Return rows as CSV in which no cell is a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([_safe(name) for name in names])
    writer.writerows([_safe(row.get(name)) for name in names] for row in rows)
    return buffer.getvalue()


_NUMBERS = """
group=group.label n=summary.n mean=summary.mean low=summary.interval.low high=summary.interval.high
metric=summary.metric.name split=summary.split unit=summary.metric.unit
direction=summary.metric.direction interval=summary.interval.method
median=summary.median standard_deviation=summary.standard_deviation
diverged=summary.diverged mean_finished=summary.mean_finished missing=group.missing
parameters=summary.parameters recurrent_parameters=summary.recurrent_parameters
state_size=summary.state_size token_flops=summary.token_flops step_seconds=summary.step_seconds
step_seconds_low=summary.step_seconds_low step_seconds_high=summary.step_seconds_high
step_processor_seconds=summary.step_processor_seconds
baseline=difference.baseline is_baseline pairs=difference.pairs difference=difference.mean
difference_low=difference.interval.low difference_high=difference.interval.high
better=difference.better worse=difference.worse spread=difference.spread
spread_baseline=difference.spread_baseline probability_of_improvement=difference.improvement
seeds_needed=difference.seeds_needed effect_size=difference.effect_size test=difference.test.test
comparisons=difference.test.comparisons smallest_p=difference.test.smallest_p
p_difference=difference.test.p alpha=difference.test.alpha look=difference.test.interim.number
look_seeds=difference.test.interim.seeds most_seeds=difference.test.interim.most
margin=difference.margin p_not_worse=difference.not_worse p_equivalent=difference.equivalent
unseen_failures=difference.unseen_failures p=difference.p
decision=difference.decision at_chance=summary.at_chance seed_correlation=difference.correlation
"""
_OVER_TASKS = """
mean_rank=rank normalised=mean normalised_low=interval.low normalised_high=interval.high
normalised_difference=difference.mean normalised_difference_low=difference.interval.low
normalised_difference_high=difference.interval.high normalised_p=difference.test.p
normalised_decision=difference.decision
"""

_FOUND = "corrected_low=interval.low corrected_high=interval.high why=why.value"


def _record(row: Row, over: VariantOverTasks | None) -> dict[str, object]:
    summary, diff, group = row.summary, row.difference, row.group
    numbers = picked(row, _NUMBERS) | {"missing": len(group.missing)}
    if summary is None:
        numbers |= {"n": 0, "diverged": 0, "at_chance": False}
    if diff is None or diff.decision == "none":
        # A group may lack a verdict although it was tested, for example if runs are missing.
        numbers |= dict.fromkeys(("p_difference", "p_not_worse", "p_equivalent"))
        numbers["decision"] = "none"
    return {
        **numbers,
        **picked(over, _OVER_TASKS),
        **picked(row, "confounded=difference.confounded verdict"),
        **picked(
            find(row), "corrected_low=interval.low corrected_high=interval.high why=why.value"
        ),
        "values": [_finite(outcome) for outcome in group.outcomes],
        "seeds": [run.seed for run in group.runs],
        "runs": [run.id for run in group.runs],
        "missing_runs": [picked(run, "id seed state reason") for run in group.missing],
        "paired_seeds": list(diff.seeds) if diff else [],
        "differences": [_finite(value) for value in diff.values] if diff else [],
        "keys": {key: value for key, value in group.values.items() if value is not None},
        "refused": list(diff.refused) if diff else [],
        "blocked": list(diff.blocked) if diff else [],
        "differs_in": list(diff.differs_in) if diff else [],
        "flags": [*(summary.flags if summary else ()), *(diff.notes if diff else ())],
    }


def _tuned(row: Row, keys: Sequence[str]) -> dict[str, object]:
    """Return the values that were chosen for a group by validation."""
    chosen = row.group.runs
    return {key: all_settings(chosen[0]).get(key) for key in keys} if chosen else {}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _safe(value: object) -> str:
    text = "" if value is None else str(value)
    if text[:1] in "=+-@\t\r" and text and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # After the end of a row, LaTeX would read a bracket as an option of the line break.
    "[": "{[}",
    "]": "{]}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}
_NEGATIVE = re.compile(r"(?<![\w.])-(?=\d)")


def to_latex(comparison: Comparison) -> str:
    """Return the table for a paper that loads ``booktabs``; the notes follow as comments."""
    lines = _tabular(groups_table(comparison))
    several = several_tasks(comparison)
    if several is not None:
        lines += ["", *_tabular(tasks_table(several))]
    texts = (*answer(comparison, several).lines, *footer(comparison, several, all_notes=True))
    lines += [f"% {text}" for text in texts]
    return "\n".join(lines) + "\n"


def _tabular(table: Table) -> list[str]:
    return [
        rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
        r"\toprule",
        _line(table.columns),
        r"\midrule",
        *map(_line, table.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _line(texts: Sequence[str]) -> str:
    return " & ".join(map(latex_text, texts)) + r" \\"


def latex_text(text: str) -> str:
    """Return text with LaTeX's special characters escaped and minus signs in math mode."""
    safe = "".join(_SPECIAL.get(character, character) for character in printable(text))
    return _NEGATIVE.sub("$-$", safe)
