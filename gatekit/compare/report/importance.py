"""The section of importance: how much of the variance each swept key explains."""

from __future__ import annotations

from gatekit.cell.errors import ConfigError
from gatekit.compare.importance import Importance, importance, importance_cells
from gatekit.compare.sources import sources

from .context import Section, Sheet
from .markup import html

_WIDE = 240
_MOST_ROWS = 15


def importance_section(sheet: Sheet) -> Section | None:
    """Return the shares of variance, for each task; None unless two or more keys differ.

    A study whose groups allow no shares has no such section, and ``compare --importance`` states
    the reason.
    """
    if sources(sheet.comparison):
        return None
    try:
        found = importance(sheet.comparison)
    except ConfigError:
        return None
    found = tuple(one for one in found if len({key for s in one.shares for key in s.keys}) > 1)
    if not found:
        return None
    body = html(
        "importance.html",
        parts=[{"one": one, "rows": _rows(one)} for one in found],
        notes=list(dict.fromkeys(note for one in found for note in one.notes)),
        wide=_WIDE,
    )
    return Section("importance", "Which keys matter", body)


def _rows(one: Importance) -> list[dict[str, object]]:
    """Return a row for each share: the largest effects, then the seeds and the rest."""
    pairs = list(zip(one.ordered, importance_cells(one), strict=True))
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
