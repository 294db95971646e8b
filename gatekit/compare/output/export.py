"""Export a comparison as JSON, CSV or Markdown."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.row import Row
from gatekit.compare.grouping.group import all_settings
from gatekit.compare.grouping.label import printable
from gatekit.compare.several import Variant, several_tasks
from gatekit.compare.stats.statistics import Interval

from .table import answer, footer
from .table_text import heading, table_cells, tasks_cells, tasks_heading

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def records(comparison: Comparison) -> list[dict[str, Any]]:
    """Return one plain record per group, best first; unknown values are None, never NaN."""
    several = several_tasks(comparison)
    over = {} if several is None else {v.name: v for v in several.variants}
    return [
        {
            **_record(row, over.get(row.group.variant)),
            "at": None if comparison.at is None else comparison.at.typed,
            "tuned": _tuned(row, comparison.tuned),
        }
        for row in comparison.rows
    ]


def to_json(comparison: Comparison, further: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """Return the records as JSON.

    Args:
        comparison: the comparison.
        further: more fields of a group, by its label.
    """
    more = further or {}
    joined = [{**one, **more.get(one["group"], {})} for one in records(comparison)]
    return json.dumps(joined, indent=1, allow_nan=False, default=str)


def to_csv(comparison: Comparison) -> str:
    """Return the records as CSV for spreadsheets.

    An apostrophe is put in front of cells that a spreadsheet would read as a formula.
    """
    flat = [{k: v for k, v in record.items() if _is_cell(v)} for record in records(comparison)]
    return csv_text(list(flat[0]) if flat else _columns(), flat)


def csv_text(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as CSV in which no cell is a formula.

    Args:
        names: the columns.
        rows: one mapping per row.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([_safe(name) for name in names])
    writer.writerows([_safe(row.get(name)) for name in names] for row in rows)
    return buffer.getvalue()


def to_markdown(comparison: Comparison) -> str:
    """Return the answer, the table and notes as Markdown; special characters are escaped."""
    titles = heading(comparison)
    lines = [*(f"- {_escaped(text)}" for text, _ in answer(comparison)), ""]
    lines += [_row(titles), "|:--|" + "--:|" * (len(titles) - 1)]
    lines += [_row(texts) for texts in table_cells(comparison)]
    several = several_tasks(comparison)
    if several is not None:
        titles = tasks_heading(several)
        lines += ["", _row(titles), "|:--|" + "--:|" * (len(titles) - 1)]
        lines += [_row(texts) for texts in tasks_cells(several)]
    items = [f"- {_escaped(text)}" for text, _ in footer(comparison)]
    return "\n".join([*lines, "", *items]) + "\n"


def _record(row: Row, over: Variant | None) -> dict[str, Any]:
    summary, diff = row.summary, row.difference
    judged = None if diff is None or diff.decision == "none" else diff
    test = diff.test if diff else None
    tasks = over.difference if over else None
    missing = row.group.missing_states()
    return {
        "group": row.group.label,
        "n": summary.n if summary else 0,
        "mean": summary.mean if summary else None,
        "low": _low(summary.interval if summary else None),
        "high": _high(summary.interval if summary else None),
        "metric": summary.metric.name if summary else None,
        "split": summary.split if summary else None,
        "unit": summary.metric.unit if summary else None,
        "direction": summary.metric.direction if summary else None,
        "interval": summary.interval.method if summary and summary.interval else None,
        "bootstrap_low": _low(summary.bootstrap if summary else None),
        "bootstrap_high": _high(summary.bootstrap if summary else None),
        "median": summary.median if summary else None,
        "interquartile_mean": summary.interquartile_mean if summary else None,
        "standard_deviation": summary.standard_deviation if summary else None,
        "diverged": summary.diverged if summary else 0,
        "mean_finished": summary.mean_finished if summary else None,
        "missing": sum(missing.values()),
        "parameters": summary.parameters if summary else None,
        "recurrent_parameters": summary.recurrent_parameters if summary else None,
        "state_size": summary.state_size if summary else None,
        "token_flops": summary.token_flops if summary else None,
        "step_seconds": summary.step_seconds if summary else None,
        "baseline": diff.baseline if diff else None,
        "is_baseline": row.is_baseline,
        "pairs": diff.pairs if diff else None,
        "difference": diff.mean if diff else None,
        "difference_low": _low(diff.interval if diff else None),
        "difference_high": _high(diff.interval if diff else None),
        "difference_bootstrap_low": _low(diff.bootstrap if diff else None),
        "difference_bootstrap_high": _high(diff.bootstrap if diff else None),
        "better": diff.better if diff else None,
        "worse": diff.worse if diff else None,
        "probability_of_improvement": diff.improvement if diff else None,
        "seeds_needed": diff.seeds_needed if diff else None,
        "effect_size": diff.effect_size if diff else None,
        "test": test.test if test else None,
        "comparisons": test.comparisons if test else None,
        "smallest_p": test.smallest_p if test else None,
        "p_difference": judged.test.p if judged and judged.test else None,
        "alpha": test.alpha if test else None,
        "look": test.look.number if test and test.look else None,
        "look_seeds": test.look.seeds if test and test.look else None,
        "most_seeds": test.look.most if test and test.look else None,
        "margin": diff.margin if diff else None,
        "p_not_worse": judged.not_worse if judged else None,
        "p_equivalent": judged.equivalent if judged else None,
        "p": diff.p if diff else None,
        "decision": diff.decision if diff else "none",
        "mean_rank": over.rank if over else None,
        "normalised": over.mean if over else None,
        "normalised_low": _low((over.bootstrap or over.interval) if over else None),
        "normalised_high": _high((over.bootstrap or over.interval) if over else None),
        "normalised_interquartile_mean": over.interquartile_mean if over else None,
        "normalised_interquartile_low": _low(over.interquartile_interval if over else None),
        "normalised_interquartile_high": _high(over.interquartile_interval if over else None),
        "optimality_gap": over.optimality_gap if over else None,
        "optimality_gap_low": _low(over.gap_interval if over else None),
        "optimality_gap_high": _high(over.gap_interval if over else None),
        "normalised_difference": tasks.mean if tasks else None,
        "normalised_difference_low": _low(tasks.interval if tasks else None),
        "normalised_difference_high": _high(tasks.interval if tasks else None),
        "normalised_p": tasks.test.p if tasks and tasks.test else None,
        "normalised_decision": tasks.decision if tasks else None,
        "confounded": diff.confounded if diff else None,
        "verdict": row.verdict,
        "values": [_finite(outcome) for outcome in row.group.outcomes],
        "seeds": [run.seed for run in row.group.runs],
        "runs": [run.id for run in row.group.runs],
        "missing_runs": [
            {"id": run.id, "seed": run.seed, "state": run.state, "reason": run.reason}
            for run in row.group.missing
        ],
        "paired_seeds": list(diff.seeds) if diff else [],
        "differences": [_finite(value) for value in diff.values] if diff else [],
        "keys": {key: value for key, value in row.group.values.items() if value is not None},
        "refused": list(diff.refused) if diff else [],
        "blocked": list(diff.blocked) if diff else [],
        "differs_in": list(diff.differs_in) if diff else [],
        "flags": [*(summary.flags if summary else ()), *(diff.notes if diff else ())],
    }


def _tuned(row: Row, keys: Sequence[str]) -> dict[str, Any]:
    """Return the values that were chosen for a group by validation."""
    chosen = row.group.runs
    return {key: all_settings(chosen[0]).get(key) for key in keys} if chosen else {}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _low(interval: Interval | None) -> float | None:
    return None if interval is None else interval.low


def _high(interval: Interval | None) -> float | None:
    return None if interval is None else interval.high


def _columns() -> list[str]:
    return ["group", "n", "mean", "low", "high", "metric"]


def _is_cell(value: Any) -> bool:
    return not isinstance(value, list | dict)


def _safe(value: Any) -> str:
    text = "" if value is None else str(value)
    if text[:1] in "=+-@\t\r" and text and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def _row(texts: list[str]) -> str:
    return "| " + " | ".join(_escaped(text) for text in texts) + " |"


def _escaped(text: str) -> str:
    # Escape Markdown with backslashes and HTML with entities; a single bracket makes no link.
    text = re.sub(r"([\\`*_|~$])", r"\\\1", printable(text))
    text = re.sub(r"\]([(\[:])", r"]\\\1", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
