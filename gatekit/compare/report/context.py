"""What every section of a report is made from, and what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from gatekit.compare.comparison import Comparison, Row


@dataclass(frozen=True)
class Sheet:
    """What a report is about.

    Attributes:
        comparison: what ``compare`` returned.
        command: the command line that gives the comparison.
        trained: the command lines that made the runs.
        x: a swept key, over whose values the metric is drawn.
        waiting: how many runs were asked for and have not begun.
        plugins: files of plugins that are not found by themselves.
    """

    comparison: Comparison
    command: str
    trained: Sequence[str] = ()
    x: str | None = None
    waiting: int = 0
    plugins: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        """Return the groups, best first; a section numbers them in this order."""
        return self.comparison.rows


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        key: its anchor, and the name under which the page's script finds ``data``.
        title: its heading, and its name in the page's menu.
        body: HTML below the heading.
        data: what its script draws: plain data, without NaN.
    """

    key: str
    title: str
    body: Markup
    data: Mapping[str, Any] | None = None


Builder = Callable[[Sheet], Section | None]
"""Makes a section; None where a study has nothing to show there."""
