"""The answer, and the first section: intervals with their numbers, sentences for a paper."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.row import Row, metric_text
from gatekit.compare.output.answer import (
    at_chance,
    decided_claims,
    headline,
    is_answered,
    seeds_needed,
    undecided_lines,
)
from gatekit.compare.output.sentence import is_for_paper, sentences
from gatekit.compare.output.table import notes
from gatekit.compare.output.table_cells import (
    decided_over_tasks,
    heading,
    table_cells,
    tasks_cells,
    tasks_differences,
    tasks_heading,
)

from .context import Section, Sheet, css
from .markup import html
from .strip import Scale, axis, strip

_MOST_OPEN = 6
_VALUES, _GAPS = 124, 230
"""Widths of the drawn values and of the drawn differences."""


def summary(sheet: Sheet) -> Section:
    """Return the table of the comparison, verdicts, sentences for a paper, and notes."""
    comparison = sheet.comparison
    seeds = any(seeds_needed(row) for row in comparison.rows)
    body = html(
        "summary.html",
        columns=_columns(heading(comparison), seeds),
        blocks=_blocks(comparison, seeds),
        tasks=_over_tasks(sheet),
        verdicts=_verdicts(comparison),
        sentences=_sentences(comparison),
        notes=notes(comparison, sheet.several),
        starred=bool(decided_claims(comparison)),
    )
    return Section("summary", "Summary", body)


def answer(sheet: Sheet) -> Markup:
    """Return the start of the page: the headline, the decided differences, and the open ones."""
    comparison = sheet.comparison
    return html(
        "answer.html",
        at_chance=at_chance(comparison),
        headline=headline(comparison),
        decided=[(css(row), claim, size) for row, claim, size in decided_claims(comparison)],
        over_tasks=[] if sheet.several is None else decided_over_tasks(sheet.several),
        undecided=undecided_lines(comparison),
        most_open=_MOST_OPEN,
    )


def _columns(titles: list[str], seeds: bool) -> list[tuple[str, str]]:
    """Return the title and the CSS class of each column."""
    known = [(titles[0], "group"), (titles[1], "n"), (titles[2], "value"), (titles[3], "gap")]
    known += [("p", "p")] if "p" in titles else []
    known += [("seeds needed", "needed")] if seeds else []
    return known + [(title, "cost") for title in titles[4:] if title != "p"]


def _blocks(comparison: Comparison, seeds: bool) -> list[dict[str, Any]]:
    """Return the rows of each block of the table, the baseline first, then the best group."""
    titles = heading(comparison)
    rows: dict[object, list[tuple[Row, list[str]]]] = {}
    for row, cells in zip(comparison.rows, table_cells(comparison), strict=True):
        rows.setdefault(row.shared_keys, []).append((row, cells))
    several = len(rows) > 1
    places = {id(row): place for place, row in enumerate(comparison.rows)}
    blocks = []
    for inside in rows.values():
        inside.sort(key=lambda item: not item[0].is_baseline)
        own_rows = [row for row, _ in inside]
        values = Scale(value for row in own_rows for value in _values(row))
        gaps = Scale([0.0, *(value for row in own_rows for value in _gaps(row))])
        metric = next((row.summary.metric for row in own_rows if row.summary), None)
        compared = metric is not None and any(row.difference for row in own_rows)
        blocks.append(
            {
                "name": own_rows[0].group.part(dict(own_rows[0].shared_keys), "other keys")
                if several
                else "",
                "metric": metric_text(metric) if metric and several else "",
                "value_axis": axis(values, _VALUES) if metric else "",
                "gap_axis": axis(gaps, _GAPS, 0.0, -metric.sign) if metric and compared else "",
                "rows": [
                    {
                        "look": css(row),
                        "place": places[id(row)],
                        "label": row.name or row.group.label if several else cells[0],
                        "is_baseline": row.is_baseline,
                        "is_decided": is_answered(row),
                        "cells": dict(zip(titles, cells, strict=True)),
                        "value_strip": _value_strip(row, own_rows, values, cells[2]),
                        "gap_strip": _gap_strip(row, gaps, cells[3]),
                        "shown": [*cells[:4], *_rest(row, titles, cells, seeds)],
                    }
                    for row, cells in inside
                ],
            }
        )
    return blocks


def _rest(row: Row, titles: Sequence[str], cells: Sequence[str], seeds: bool) -> list[str]:
    known = dict(zip(titles, cells, strict=True))
    parts = [known.pop("p")] if "p" in known else []
    return [*parts, *([seeds_needed(row)] if seeds else []), *list(known.values())[4:]]


def _values(row: Row) -> list[float]:
    if row.summary is None:
        return []
    interval = row.summary.interval
    return [*row.summary.values, *((interval.low, interval.high) if interval else ())]


def _gaps(row: Row) -> list[float]:
    if row.difference is None or row.difference.mean is None:
        return []
    interval = row.difference.interval
    return [*row.difference.values, *((interval.low, interval.high) if interval else ())]


def _value_strip(row: Row, block: Sequence[Row], scale: Scale, label: str) -> Markup | None:
    if row.summary is None or not row.summary.values:
        return None
    summary = row.summary
    rule = next((o.summary.mean for o in block if o.is_baseline and o.summary), None)
    return strip(
        scale, summary.values, summary.mean, summary.interval, label, width=_VALUES, rule=rule
    )


def _gap_strip(row: Row, scale: Scale, label: str) -> Markup | None:
    diff = row.difference
    if diff is None or diff.mean is None:
        return None
    return strip(
        scale,
        [value for value in diff.values if math.isfinite(value)],
        diff.mean,
        diff.interval,
        label,
        width=_GAPS,
        rule=0.0,
        hollow=not is_answered(row),
    )


def _over_tasks(sheet: Sheet) -> Mapping[str, object] | None:
    several = sheet.several
    if several is None:
        return None
    titles = ["variant", *tasks_heading(several)[1:]]
    rows = tasks_cells(several)
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


def _sentences(comparison: Comparison) -> list[tuple[str, bool]]:
    """Return each sentence with whether a paper can quote it."""
    texts = sentences(comparison)
    differences = [row.difference for row in comparison.rows if row.difference is not None]
    return [(s, is_for_paper(d)) for s, d in zip(texts, differences, strict=True)] if texts else []
