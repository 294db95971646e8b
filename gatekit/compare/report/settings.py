"""The sections on settings: which of them matter, and how groups differ from their baseline."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.cell.errors import ConfigError
from gatekit.compare.grouping.label import printable
from gatekit.compare.grouping.select import Selection
from gatekit.compare.importance import Importance, importance, importance_table
from gatekit.compare.sources import sources
from gatekit.compare.why import SECTIONS, Change, Why, side_text, why

from .context import Section, Sheet, css
from .markup import html

_WIDE = 240
_MOST_ROWS = 15


def importance_section(sheet: Sheet) -> Section | None:
    """Return the shares of variance, for each task; None unless two or more keys differ.

    There is no section if shares cannot be computed; ``compare --importance`` shows the reason.
    """
    if sources(sheet.comparison):
        return None
    try:
        parts = importance(sheet.comparison)
    except ConfigError:
        return None
    parts = tuple(one for one in parts if len({key for s in one.shares for key in s.keys}) > 1)
    if not parts:
        return None
    body = html(
        "importance.html",
        parts=[{"one": one, "rows": _rows(one)} for one in parts],
        notes=list(dict.fromkeys(note for one in parts for note in one.notes)),
        wide=_WIDE,
    )
    return Section("importance", "Which keys matter", body)


def _rows(one: Importance) -> list[dict[str, object]]:
    """Return a row for each share: the largest effects, then the seeds and the rest."""
    pairs = list(zip(one.ordered, importance_table(one).rows, strict=True))
    effects = [pair for pair in pairs if pair[0].keys][:_MOST_ROWS]
    return [
        {
            "cells": cells,
            "key": bool(share.keys),
            "width": f"{_WIDE * share.share:.1f}",
            "chance": None if share.by_chance is None else f"{_WIDE * share.by_chance:.1f}",
        }
        for share, cells in (*effects, *(pair for pair in pairs if not pair[0].keys))
    ]


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
