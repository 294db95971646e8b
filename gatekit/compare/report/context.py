"""The input and the output of every section of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from gatekit.compare.comparison import Comparison, Row


@dataclass(frozen=True)
class Sheet:
    """The input of a report.

    Attributes:
        comparison: the result of ``compare``.
        command: the command line of the comparison.
        trained: the command lines that started the runs.
        x: a swept key; if given, the metric is drawn over its values.
        waiting: number of planned runs that have not started.
        plugins: plugin files outside the folders that gatekit scans.
    """

    comparison: Comparison
    command: str
    trained: Sequence[str] = ()
    x: str | None = None
    waiting: int = 0
    plugins: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        """Return the groups, best first; sections refer to them by index."""
        return self.comparison.rows


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        key: the anchor, and the name of ``data`` in the page's script.
        title: the heading, and the entry in the page's menu.
        body: HTML below the heading.
        data: plain data for the page's script, without NaN.
    """

    key: str
    title: str
    body: Markup
    data: Mapping[str, Any] | None = None


Builder = Callable[[Sheet], Section | None]
"""Builds a section; returns None if the study has nothing to show in it."""
