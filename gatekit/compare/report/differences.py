"""The section of settings: all that differ, and each group against its baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gatekit.compare.comparison import Row
from gatekit.compare.grouping.label import printable, value_text
from gatekit.compare.grouping.select import Selection
from gatekit.compare.why import Change, Source, Why, why

from .context import Section, Sheet
from .groups import looks, swatch
from .markup import Markup, join, table, tag

_PARTS = ("configuration", "versions", "hardware", "data", "code", "seeds")
_MOST_GROUPS = 60
_MOST_LINES = 200


def differences(sheet: Sheet) -> Section | None:
    """Return the settings in which groups differ, and ``gatekit why`` for each and its baseline."""
    if len(sheet.rows) < 2:
        return None
    study = sheet.comparison.study
    baselines = {row.group.label: row for row in sheet.rows if row.is_baseline}
    styles = looks(sheet.rows)
    parts: list[Markup | None] = [_settings(sheet.rows, styles)]
    compared = [
        (row, look)
        for row, look in zip(sheet.rows, styles, strict=True)
        if row.difference is not None and row.difference.baseline in baselines
    ]
    for row, look in compared[:_MOST_GROUPS]:
        assert row.difference is not None
        other = baselines[row.difference.baseline]
        sides = [
            Selection(r.group.label, study, (*r.group.runs, *r.group.missing), r.group)
            for r in (other, row)
        ]
        parts.append(_pair(why(*sides), look, is_open=len(compared) == 1))
    if len(compared) > _MOST_GROUPS:
        parts.append(
            tag("p", f"and {len(compared) - _MOST_GROUPS} more; type `gatekit why` to see one.")
        )
    return Section("differences", "Differences of settings", join(parts))


def _settings(rows: Sequence[Row], styles: Sequence[str]) -> Markup | None:
    keys = list(dict.fromkeys(key for row in rows for key in row.group.values))
    if not keys:
        return None
    titles = ["group", *(printable(key) for key in keys)]
    body = [
        [
            join([swatch(look), printable(row.group.label)]),
            *(_value(row.group.values.get(key)) for key in keys),
        ]
        for row, look in zip(rows, styles, strict=True)
    ]
    return table(titles, body, "plain settings")


def _value(value: Any) -> str:
    return "" if value is None else printable(value_text(value))


def _pair(found: Why, look: str, is_open: bool) -> Markup:
    rows: list[list[str]] = []
    for part in _PARTS:
        changes: Sequence[Change] = getattr(found, part)
        for place, change in enumerate(changes):
            first, second = (printable(_side(side)) for side in (change.first, change.second))
            rows.append([part if place == 0 else "", printable(change.key), first, second])
    titles = ["", "key", printable(found.first), printable(found.second)]
    same = None if rows or found.sources else tag("p", "No recorded setting differs.")
    body = [
        table(titles, rows, "plain changes") if rows else same,
        *(_source(source) for source in found.sources),
        _seeds(found),
        *(tag("p", f"note: {note}", class_="caption") for note in found.notes),
    ]
    title = f"{printable(found.second)} against {printable(found.first)}"
    return tag("details", tag("summary", swatch(look), title), *body, open=is_open)


def _side(value: str | None) -> str:
    return "(none)" if value is None else value


def _source(source: Source) -> Markup:
    said = f"plugin {source.name}: {_side(source.first)}, then {_side(source.second)}"
    lines = [
        tag("span", line, class_={"+": "added", "-": "removed"}.get(line[:1]))
        for line in source.diff[:_MOST_LINES]
    ]
    shown = [part for line in lines for part in (line, "\n")]
    return join([tag("p", said), tag("pre", *shown, class_="diff") if lines else None])


def _seeds(found: Why) -> Markup | None:
    spread = found.spread
    if spread is None or spread.share is None:
        return None
    said = f"Seeds alone explain {100 * spread.share:.0f} % of the difference in outcome"
    if spread.chance is not None:
        chance = f"{100 * spread.chance:.2g} %" if spread.chance >= 1e-3 else "less than 0.1 %"
        said += f"; seeds alone cause a difference this large in {chance} of cases"
    return tag("p", f"{said}.")
