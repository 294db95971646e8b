"""The answer, and the first section: the table that is also a forest plot, and the matrix."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from gatekit.compare.answer import answer as answer_of
from gatekit.compare.answer import needed_text
from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.finding import is_answered
from gatekit.compare.deciding.notes import first_notes
from gatekit.compare.deciding.reasons import corrected
from gatekit.compare.deciding.row import Row, Summary, metric_text
from gatekit.compare.grouping.label import printable
from gatekit.compare.numbers import number
from gatekit.compare.output.table import notes
from gatekit.compare.output.table_cells import (
    groups_table,
    tasks_differences,
    tasks_table,
)
from gatekit.compare.views.groups import near_limits
from gatekit.compare.views.table import Table

from .context import Section, Sheet, css
from .facts import facts
from .markup import html
from .strip import Scale, axis, strip

_COSTS = ("parameters", "ms/step")
_GAPS, _BAR = 380, 60
"""Widths of the drawn differences and of the bars under costs."""
_MARKS = {
    "better": ("\N{BLACK UP-POINTING TRIANGLE}", "better than the baseline"),
    "worse": ("\N{BLACK DOWN-POINTING TRIANGLE}", "worse than the baseline"),
    "open": ("\N{MIDDLE DOT}", "not told apart from the baseline"),
    "equivalent": ("=", "equivalent to the baseline"),
    "not_worse": ("=", "no worse than the baseline by more than the margin"),
    "none": ("?", "no verdict"),
}


def summary(sheet: Sheet) -> Section:
    """Return the matrix over tasks, the table, verdicts, and notes."""
    comparison = sheet.comparison
    groups = groups_table(comparison)
    seeds = any(needed_text(row) for row in comparison.rows)
    body = html(
        "summary.html",
        matrix=_matrix(sheet),
        columns=_columns(groups.columns, seeds),
        blocks=_blocks(comparison, groups, seeds),
        tasks=_over_tasks(sheet),
        verdicts=_verdicts(comparison),
        notes=notes(comparison, sheet.several),
        starred=any(map(is_answered, comparison.rows)),
        facts=facts(sheet),
    )
    return Section("summary", "Summary", body)


def answer(sheet: Sheet) -> Markup:
    """Return the start of the page: the answer, with the notes that stand below every table."""
    comparison = sheet.comparison
    first, *lead = answer_of(comparison, sheet.several).lines
    remarks = [printable(note.text) for note in first_notes(comparison.remarks)]
    return html("answer.html", sentence=first, lead=lead, notes=remarks)


def _columns(titles: Sequence[str], seeds: bool) -> list[tuple[str, str]]:
    """Return the title and the CSS class of each column."""
    known = [(titles[0], "group"), (titles[1], "n"), (titles[2], "value"), (titles[3], "gap")]
    known += [("p", "p")] if "p" in titles else []
    known += [("seeds needed", "needed")] if seeds else []
    return known + [(title, "cost") for title in titles[4:] if title != "p"]


def _blocks(comparison: Comparison, groups: Table, seeds: bool) -> list[dict[str, Any]]:
    """Return the rows of each block of the table, best first."""
    titles = groups.columns
    rows: dict[object, list[tuple[Row, tuple[str, ...]]]] = {}
    for row, cells in zip(comparison.rows, groups.rows, strict=True):
        rows.setdefault(row.shared_keys, []).append((row, cells))
    several = len(rows) > 1
    places = {id(row): place for place, row in enumerate(comparison.rows)}
    blocks = []
    for inside in rows.values():
        own_rows = [row for row, _ in inside]
        near = near_limits([row.difference for row in own_rows if row.difference])
        gaps = Scale(near or [0.0, *(value for row in own_rows for value in _gaps(row))])
        metric = next((row.summary.metric for row in own_rows if row.summary), None)
        compared = metric is not None and any(row.difference for row in own_rows)
        most = {
            title: max((_cost(row, title) for row in own_rows), default=0.0) for title in titles
        }
        blocks.append(
            {
                "name": _block_name(own_rows[0]) if several else "",
                "metric": metric_text(metric) if metric and several else "",
                "gap_axis": axis(gaps, _GAPS, 0.0, -metric.sign) if metric and compared else "",
                "rows": [
                    {
                        "look": css(row),
                        "place": places[id(row)],
                        "label": row.name or row.group.label if several else cells[0],
                        "is_baseline": row.is_baseline,
                        "is_decided": is_answered(row),
                        "gap_strip": _gap_strip(row, gaps, cells[3]),
                        "shown": [*cells[:4], *_rest(row, titles, cells, seeds)],
                        "bars": {
                            title: round(_BAR * _cost(row, title) / most[title], 1)
                            for title in titles
                            if most[title] > 0
                        },
                        "range": _range(row.summary),
                        "chance": _chance(row.summary),
                    }
                    for row, cells in inside
                ],
            }
        )
    return blocks


def _block_name(row: Row) -> str:
    return row.group.part(dict(row.shared_keys), "other keys")


def _rest(row: Row, titles: Sequence[str], cells: Sequence[str], seeds: bool) -> list[str]:
    known = dict(zip(titles, cells, strict=True))
    parts = [known.pop("p")] if "p" in known else []
    return [*parts, *([needed_text(row)] if seeds else []), *list(known.values())[4:]]


def _cost(row: Row, title: str) -> float:
    """Return the number in a column of costs; 0 if it is unknown or the column has no cost."""
    if row.summary is None:
        return 0.0
    costs = {
        "parameters": row.summary.parameters,
        "state": row.summary.state_size,
        "FLOPs/token": row.summary.token_flops,
        "ms/step": row.summary.step_seconds,
    }
    return float(costs.get(title) or 0.0)


def _range(summary: Summary | None) -> str:
    """Return the range of the time of a step over runs and epochs."""
    if summary is None or summary.step_seconds_low is None or summary.step_seconds_high is None:
        return ""
    low, high = 1000 * summary.step_seconds_low, 1000 * summary.step_seconds_high
    return f"{number(low)} to {number(high)}" if low < high else ""


def _chance(summary: Summary | None) -> str:
    if summary is None or not (summary.at_chance or summary.near_chance):
        return ""
    return "at chance" if summary.at_chance else "near chance"


def _gaps(row: Row) -> list[float]:
    if row.difference is None or row.difference.mean is None:
        return []
    interval = corrected(row.difference)
    return [*row.difference.values, *((interval.low, interval.high) if interval else ())]


def _gap_strip(row: Row, scale: Scale, label: str) -> Markup | None:
    diff = row.difference
    if diff is None or diff.mean is None:
        return None
    return strip(
        scale,
        [value for value in diff.values if math.isfinite(value)],
        diff.mean,
        corrected(diff),
        label,
        width=_GAPS,
        rule=0.0,
        hollow=not is_answered(row),
    )


def _matrix(sheet: Sheet) -> Mapping[str, object] | None:
    """Return the mean of each variant on each task, with a mark for its verdict."""
    by_task: dict[object, list[Row]] = {}
    for row in sheet.rows:
        by_task.setdefault(row.shared_keys, []).append(row)
    blocks = list(by_task.values())
    if sheet.several is None or len(blocks) != len(sheet.several.tasks):
        return None
    known = {v.name: v for v in sheet.several.variants}
    rows: dict[str, dict[str, Any]] = {
        name: {"name": name, "cells": [None] * len(blocks)} for name in known
    }
    for place, block in enumerate(blocks):
        for row in block:
            name = row.group.variant
            entry = rows.setdefault(name, {"name": name, "cells": [None] * len(blocks)})
            entry |= {"look": css(row), "is_baseline": row.is_baseline}
            entry["cells"][place] = _cell(row)
            entry.setdefault("rows", []).append(row)
    for name, entry in rows.items():
        variant = known.get(name)
        entry["rank"] = "" if variant is None else f"{variant.rank:.2f}"
        entry["score"] = "" if variant is None or variant.mean is None else number(variant.mean)
        entry["costs"] = [_span(entry["rows"], title) for title in _COSTS]
    firsts = [block[0] for block in blocks]
    return {
        "tasks": [
            (
                _block_name(row).removeprefix("task="),
                metric_text(row.summary.metric) if row.summary else "",
            )
            for row in firsts
        ],
        "rows": list(rows.values()),
        "scored": bool(sheet.several.normalised),
        "costs": _COSTS,
    }


def _span(rows: Sequence[Row], title: str) -> str:
    """Return the cost of a variant; from the least to the most if tasks differ."""
    known = [cost for row in rows if (cost := _cost(row, title))]
    if not known:
        return ""
    size = (lambda cost: number(1000 * cost)) if title == "ms/step" else "{:,.0f}".format
    ends = dict.fromkeys(size(cost) for cost in (min(known), max(known)))
    return " to ".join(ends)


def _cell(row: Row) -> dict[str, str]:
    mean = None if row.summary is None else row.summary.mean
    text = "diverged" if row.summary is not None else "no outcome"
    way = "" if row.difference is None else row.difference.decision
    sign, words = _MARKS.get(way, ("", "the baseline"))
    chance = _chance(row.summary)
    return {
        "text": text if mean is None else number(mean),
        "way": way,
        "sign": sign,
        "words": f"{words}; {chance}" if chance else words,
        "chance": chance,
    }


def _over_tasks(sheet: Sheet) -> Mapping[str, object] | None:
    several = sheet.several
    if several is None:
        return None
    over = tasks_table(several)
    titles, rows = ["variant", *over.columns[1:]], [list(row) for row in over.rows]
    if any(variant.difference for variant in several.variants):
        titles += ["difference", "p"]
        rows = [[*a, *b] for a, b in zip(rows, tasks_differences(several), strict=True)]
    return {"count": len(several.tasks), "titles": titles, "rows": rows}


def _verdicts(comparison: Comparison) -> list[tuple[str, str, bool]]:
    """Return each verdict with the look of its group and whether it decides."""
    return [
        (verdict, css(row), is_answered(row))
        for row in comparison.rows
        if (verdict := row.verdict) is not None
    ]
