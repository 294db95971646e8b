"""The first section: the table with intervals, the verdicts, the sentences for a paper."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from gatekit.compare.comparison import Comparison, Row
from gatekit.compare.numbers import p_value
from gatekit.compare.output.sentence import is_for_paper, sentences
from gatekit.compare.output.table import notes
from gatekit.compare.output.table_text import heading, table_cells, tasks_cells, tasks_heading
from gatekit.compare.several import several_tasks
from gatekit.compare.stats.difference import is_decided

from .context import Section, Sheet, looks
from .markup import html
from .strip import Scale, strip

_MOST_OPEN = 12
_LONG = 18


def summary(sheet: Sheet) -> Section:
    """Return the table of the comparison with its verdicts, sentences and notes."""
    comparison = sheet.comparison
    warning = ""
    if comparison.exit_code:
        warning = "This study has no runs"
        if comparison.study.runs:
            warning = "No run has an outcome yet"
    scales = _scales(comparison.rows)
    several = len(scales) > 1
    names = [row.name if several else row.group.label for row in comparison.rows]
    titles = heading(comparison)
    tested = any(row.difference and row.difference.test for row in comparison.rows)
    body = html(
        "summary.html",
        warning=warning,
        columns=[*titles[:4], *(["p"] if tested else []), *titles[4:]],
        rows=_rows(comparison, scales),
        tested=tested,
        long=max(map(len, names), default=0) > _LONG,
        tasks=_over_tasks(comparison),
        verdicts=_verdicts(comparison),
        sentences=_sentences(comparison),
        notes=notes(comparison),
        most_open=_MOST_OPEN,
    )
    return Section("summary", "Summary", body)


def _rows(
    comparison: Comparison, scales: Mapping[object, tuple[Scale, Scale]]
) -> list[dict[str, Any]]:
    """Return what the table shows of each group; a block of groups is named by its first row."""
    several = len(scales) > 1
    shown: list[dict[str, Any]] = []
    last = None
    for row, look, cells in zip(
        comparison.rows, looks(comparison.rows), table_cells(comparison), strict=True
    ):
        values, gaps = scales[row.block]
        shown.append(
            {
                "block": row.group.part(dict(row.block), "other keys")
                if several and row.block != last
                else None,
                "look": look,
                "label": row.name or row.group.label if several else cells[0],
                "cells": cells,
                "value_strip": _value_strip(row, comparison.rows, values, cells[2]),
                "gap_strip": _gap_strip(row, gaps, cells[3]),
                "p": _p(row),
            }
        )
        last = row.block
    return shown


def _scales(rows: Sequence[Row]) -> dict[object, tuple[Scale, Scale]]:
    scales: dict[object, tuple[Scale, Scale]] = {}
    for block in {row.block for row in rows}:
        inside = [row for row in rows if row.block == block]
        values = [value for row in inside for value in _values(row)]
        gaps = [0.0, *(value for row in inside for value in _gaps(row))]
        scales[block] = (Scale(values), Scale(gaps))
    return scales


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


def _value_strip(row: Row, rows: Sequence[Row], scale: Scale, label: str) -> Markup | None:
    if row.summary is None or not row.summary.values:
        return None
    rule = next(
        (o.summary.mean for o in rows if o.is_baseline and o.block == row.block and o.summary), None
    )
    summary = row.summary
    return strip(scale, summary.values, summary.mean, summary.interval, label, rule=rule)


def _gap_strip(row: Row, scale: Scale, label: str) -> Markup | None:
    diff = row.difference
    if diff is None or diff.mean is None:
        return None
    undecided = not _is_decided(row)
    values = [value for value in diff.values if math.isfinite(value)]
    return strip(scale, values, diff.mean, diff.interval, label, rule=0.0, hollow=undecided)


def _is_decided(row: Row) -> bool:
    return row.difference is not None and is_decided(row.difference)


def _p(row: Row) -> str:
    diff = row.difference
    return "" if diff is None or diff.p is None else p_value(diff.p).removeprefix("= ")


def _over_tasks(comparison: Comparison) -> dict[str, Any] | None:
    several = several_tasks(comparison)
    if several is None:
        return None
    titles = ["variant", *tasks_heading(several)[1:]]
    return {"count": len(several.tasks), "titles": titles, "rows": tasks_cells(several)}


def _verdicts(comparison: Comparison) -> list[tuple[str, str, bool]]:
    """Return each verdict with the look of its group and whether it decides."""
    return [
        (verdict, look, _is_decided(row))
        for row, look in zip(comparison.rows, looks(comparison.rows), strict=True)
        if (verdict := row.verdict) is not None
    ]


def _sentences(comparison: Comparison) -> list[tuple[str, bool]]:
    """Return each sentence with whether a paper can quote it."""
    texts = sentences(comparison)
    differences = [row.difference for row in comparison.rows if row.difference is not None]
    return [(s, is_for_paper(d)) for s, d in zip(texts, differences, strict=True)] if texts else []
