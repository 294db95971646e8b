"""The first section: the table with intervals, the verdicts, the sentences for a paper."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gatekit.compare.comparison import Comparison, Row
from gatekit.compare.grouping.label import group_label, printable
from gatekit.compare.numbers import p_value
from gatekit.compare.output.sentence import is_for_paper, sentences
from gatekit.compare.output.table import notes
from gatekit.compare.output.table_text import heading, table_cells, tasks_cells, tasks_heading
from gatekit.compare.several import several_tasks
from gatekit.compare.stats.difference import is_decided

from .context import Section, Sheet
from .groups import looks, swatch
from .markup import Markup, join, table, tag
from .strip import Scale, strip

_MOST_OPEN = 12
_LONG = 18


def summary(sheet: Sheet) -> Section:
    """Return the table of the comparison with its verdicts, sentences and notes."""
    comparison = sheet.comparison
    parts: list[Markup | None] = []
    if comparison.exit_code:
        said = "No run has an outcome yet" if comparison.study.runs else "This study has no runs"
        parts.append(tag("p", f"{said}: there is nothing to compare.", class_="warning"))
    if comparison.rows:
        parts.append(_table(comparison))
    parts += [_over_tasks(comparison), _verdicts(comparison), _sentences(comparison)]
    said_below = [tag("li", note) for note in notes(comparison)]
    if said_below:
        parts.append(tag("ul", *said_below, class_="notes"))
    return Section("summary", "Summary", join(parts))


def _table(comparison: Comparison) -> Markup:
    titles = heading(comparison)
    tested = any(row.difference and row.difference.test for row in comparison.rows)
    columns = [*titles[:4], *(["p (Holm)"] if tested else []), *titles[4:]]
    head = [tag("th", title, scope="col") for title in columns]
    scales = _scales(comparison.rows)
    several = len(scales) > 1
    longest = max(len(row.name if several else row.group.label) for row in comparison.rows)
    body, last = [], None
    for place, (row, look, cells) in enumerate(
        zip(comparison.rows, looks(comparison.rows), table_cells(comparison), strict=True)
    ):
        if several and row.block != last:
            said = printable(group_label(dict(row.block), "other keys"))
            body.append(tag("tr", tag("th", said, colspan=len(columns)), class_="block"))
        last = row.block
        values, gaps = scales[row.block]
        label = printable(row.name or row.group.label) if several else cells[0]
        name = tag("button", swatch(look), label, type="button", data_group=place, class_="name")
        parts = [
            tag("th", name, scope="row"),
            tag("td", cells[1]),
            _measured(_value_strip(row, comparison.rows, values, cells[2]), cells[2]),
            _measured(_gap_strip(row, gaps, cells[3]), cells[3]),
            tag("td", _p(row)) if tested else None,
            *(tag("td", cell) for cell in cells[4:]),
        ]
        body.append(tag("tr", *parts, class_=look))
    inner = tag(
        "table",
        tag("thead", tag("tr", *head)),
        tag("tbody", *body),
        class_=f"groups{' long' if longest > _LONG else ''}",
    )
    return tag("div", inner, class_="scroll")


def _measured(drawn: Markup | None, said: str) -> Markup:
    inner = drawn if drawn is not None else tag("span", class_="strip")
    return tag("td", tag("div", inner, tag("span", said), class_="measured"))


def _scales(rows: Sequence[Row]) -> dict[object, tuple[Scale, Scale]]:
    found: dict[object, tuple[Scale, Scale]] = {}
    for block in {row.block for row in rows}:
        inside = [row for row in rows if row.block == block]
        values = [value for row in inside for value in _values(row)]
        gaps = [0.0, *(value for row in inside for value in _gaps(row))]
        found[block] = (Scale(values), Scale(gaps))
    return found


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


def _value_strip(row: Row, rows: Sequence[Row], scale: Scale, said: str) -> Markup | None:
    if row.summary is None or not row.summary.values:
        return None
    rule = next(
        (o.summary.mean for o in rows if o.is_baseline and o.block == row.block and o.summary), None
    )
    found = row.summary
    return strip(scale, found.values, found.mean, found.interval, said, rule=rule)


def _gap_strip(row: Row, scale: Scale, said: str) -> Markup | None:
    found = row.difference
    if found is None or found.mean is None:
        return None
    undecided = not _is_decided(row)
    values = [value for value in found.values if math.isfinite(value)]
    return strip(scale, values, found.mean, found.interval, said, rule=0.0, open_=undecided)


def _is_decided(row: Row) -> bool:
    found = row.difference
    return found is not None and not found.refused and not found.blocked and is_decided(found)


def _p(row: Row) -> str:
    found = row.difference
    return "" if found is None or found.p_holm is None else p_value(found.p_holm).removeprefix("= ")


def _over_tasks(comparison: Comparison) -> Markup | None:
    several = several_tasks(comparison)
    if several is None:
        return None
    titles = tasks_heading(several)
    return join(
        [
            tag("h3", f"Over {len(several.tasks)} tasks"),
            table(["variant", *titles[1:]], tasks_cells(several), "plain"),
        ]
    )


def _verdicts(comparison: Comparison) -> Markup | None:
    said = []
    for row, look in zip(comparison.rows, looks(comparison.rows), strict=True):
        if (verdict := row.verdict) is not None:
            strong = "decided" if _is_decided(row) else None
            said.append(tag("li", swatch(look), f"{printable(verdict)}.", class_=strong))
    if not said:
        return None
    return _folded("Verdicts", tag("ul", *said, class_="verdicts"), len(said))


def _sentences(comparison: Comparison) -> Markup | None:
    found = sentences(comparison)
    if not found:
        return None
    differences = [row.difference for row in comparison.rows if row.difference is not None]
    quoted = [
        tag(
            "div",
            tag("blockquote", sentence),
            tag("button", "copy", type="button", class_="copy", aria_label="copy the sentence"),
            class_="quote",
        )
        if is_for_paper(difference)
        else tag("p", sentence)
        for sentence, difference in zip(found, differences, strict=True)
    ]
    return _folded("For the paper", join(quoted), len(found))


def _folded(title: str, body: Markup, count: int) -> Markup:
    heading_ = tag("summary", tag("h3", title), f" {count}" if count > 1 else None)
    return tag("details", heading_, body, open=count <= _MOST_OPEN)
