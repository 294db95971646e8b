"""The style of groups on the page: the same colours as in the figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gatekit.compare.comparison import Row
from gatekit.compare.figures.style import COLOURS, DASHES
from gatekit.compare.grouping.label import printable

_SHOWN = 7


def looks(rows: Sequence[Row]) -> list[str]:
    """Return the CSS class of each group: colour and dashes; baselines have the class ``ink``."""
    return styles([row.is_baseline for row in rows])


def styles(baselines: Sequence[bool]) -> list[str]:
    """Return the CSS class of each line: ``ink`` for baselines, otherwise colour and dashes."""
    found, position, inked = [], 0, 0
    for is_baseline in baselines:
        if is_baseline:
            found.append(f"ink d{inked % len(DASHES)}")
            inked += 1
        else:
            dashes = (position // len(COLOURS) + position) % len(DASHES)
            found.append(f"c{position % len(COLOURS)} d{dashes}")
            position += 1
    return found


def entries(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the groups for the page's script; it first shows the baselines and the best."""
    found = []
    for place, (row, look) in enumerate(zip(rows, looks(rows), strict=True)):
        shown = row.is_baseline or place < _SHOWN
        label = printable(row.group.label)
        found.append({"label": label, "look": look, "shown": shown, "baseline": row.is_baseline})
    return found
