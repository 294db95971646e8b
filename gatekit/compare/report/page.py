"""The report as one self-contained HTML file: sections, style, script."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from importlib import resources

from markupsafe import Markup

from gatekit._version import __version__

from .axis import axis
from .cells import cells
from .context import Builder, Section, Sheet
from .curves import curves
from .differences import differences
from .failures import failures
from .gates import gates
from .markup import data, html
from .origin import environments, reproduce
from .runs import parallel, runs
from .summary import summary

SECTIONS: tuple[Builder, ...] = (
    summary,
    axis,
    curves,
    gates,
    parallel,
    runs,
    failures,
    cells,
    differences,
    environments,
    reproduce,
)
"""The sections of the page in order; one with nothing to show returns None."""

SCRIPTS = ("base.js", "chart.js", "axis.js", "curves.js", "parallel.js", "table.js", "start.js")
"""The files that are joined, in this order, to the page's script."""


def page(
    sheet: Sheet,
    reload_seconds: float | None = None,
    kept: dict[Builder, Section | None] | None = None,
) -> str:
    """Return the report as HTML.

    The page's content security policy allows one script and one style, by their hashes, and
    nothing else. Every string is escaped. The same runs give the same page.

    Args:
        sheet: the input of the report.
        reload_seconds: interval at which an open page reloads itself; None means never.
        kept: the sections of an earlier page of the same input. Only learning curves, which grow
            while a run is in progress, change. It is filled in.
    """
    kept = {} if kept is None else kept
    for make in SECTIONS:
        if make not in kept or make is curves:
            kept[make] = make(sheet)
    sections = [section for make in SECTIONS if (section := kept[make]) is not None]
    style, script = _read("report.css"), _script()
    shown = {section.key: section.data for section in sections if section.data is not None}
    name = sheet.comparison.study.name
    return html(
        "page.html",
        policy=_policy(style, script),
        version=__version__,
        name=name,
        facts=_facts(sheet),
        reload_seconds=reload_seconds,
        sections=sections,
        data=data({**shown, "study": name}),
        style=Markup(style),
        script=Markup(script),
    )


def _facts(sheet: Sheet) -> list[str]:
    """Return how many runs there are, in which states, of which tasks, and the metrics."""
    comparison = sheet.comparison
    states = Counter(run.state for run in comparison.study.runs)
    facts = [
        f"{_count(len(comparison.study.runs), 'run')} in {_count(len(comparison.rows), 'group')}"
    ]
    if set(states) - {"COMPLETED"}:
        facts.append(", ".join(f"{count} {state}" for state, count in sorted(states.items())))
    if sheet.waiting:
        facts.append(f"{sheet.waiting} more are planned and have not started")
    tasks = {run.result.task for run in comparison.study.runs if run.result}
    facts += [f"task {', '.join(sorted(tasks))}"] if tasks else []
    measured = {(row.summary.split, row.summary.metric) for row in comparison.rows if row.summary}
    for split, metric in sorted(measured, key=lambda pair: (pair[0], pair[1].name)):
        unit = f" in {metric.unit}" if metric.unit else ""
        better = "lower" if metric.direction == "min" else "higher"
        chance = "" if metric.chance is None else f"; chance is {metric.chance:.4g}"
        facts.append(f"{split} {metric.name}{unit}, {better} is better{chance}")
    return facts


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _read(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _script() -> str:
    inner = "\n".join(_read(name) for name in SCRIPTS)
    return f'"use strict";\n(() => {{\n{inner}}})();\n'


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}';"
        " base-uri 'none'; form-action 'none'"
    )


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
