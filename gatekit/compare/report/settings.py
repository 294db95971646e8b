"""The section on settings: how groups differ from their baseline."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.compare.grouping.label import printable
from gatekit.compare.grouping.select import Selection
from gatekit.compare.why import SECTIONS, Change, Why, side_text, why

from .context import Section, Sheet, css
from .markup import html

_MOST_GROUPS = 60
_MOST_LINES = 200


def differences(sheet: Sheet) -> Section | None:
    """Return the settings in which groups differ, and ``gatekit why`` for each and its baseline."""
    if len(sheet.rows) < 2:
        return None
    study = sheet.comparison.study
    baselines = {row.group.label: row for row in sheet.rows if row.is_baseline}
    compared = [
        row
        for row in sheet.rows
        if row.difference is not None and row.difference.baseline in baselines
    ]
    pairs = []
    for row in compared[:_MOST_GROUPS]:
        assert row.difference is not None
        sides = [
            Selection(r.group.label, study, (*r.group.runs, *r.group.missing), r.group)
            for r in (baselines[row.difference.baseline], row)
        ]
        reasons = why(*sides)
        pairs.append((css(row), reasons, _changes(reasons), _seeds(reasons)))
    body = html(
        "differences.html",
        keys=list(dict.fromkeys(key for row in sheet.rows for key in row.group.values)),
        groups=[(row, css(row)) for row in sheet.rows],
        pairs=pairs,
        more=len(compared) - _MOST_GROUPS,
        most_lines=_MOST_LINES,
    )
    return Section("differences", "Differences in settings", body)


def _changes(reasons: Why) -> list[list[str]]:
    """Return a row for each change; the first row of a part has the name of the part."""
    rows: list[list[str]] = []
    for part in SECTIONS:
        changes: Sequence[Change] = getattr(reasons, part)
        for place, change in enumerate(changes):
            shown = (change.key, side_text(change.first), side_text(change.second))
            rows.append([part if place == 0 else "", *map(printable, shown)])
    return rows


def _seeds(reasons: Why) -> str:
    spread = reasons.spread
    if spread is None or spread.share is None:
        return ""
    sentence = f"Seeds alone explain {100 * spread.share:.0f} % of the difference in outcome"
    return f"{sentence}; {spread.chance_text}" if spread.chance_text else sentence
