"""The report as one self-contained HTML file: sections, style, script."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from importlib import resources
from string import Template

from gatekit._version import __version__
from gatekit.compare.grouping.label import printable

from .axis import axis
from .cells import cells
from .context import Builder, Section, Sheet
from .curves import curves
from .differences import differences
from .failures import failures
from .gates import gates
from .markup import Markup, data, join, tag, text
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
"""The sections of the page, in this order; a section with nothing to show returns None."""

SCRIPTS = ("base.js", "chart.js", "axis.js", "curves.js", "parallel.js", "table.js", "start.js")
"""The files that are joined, in this order, to the page's script."""


def page(sheet: Sheet, reload_seconds: float | None = None) -> str:
    """Return the report as HTML.

    The page's content security policy allows one script and one style, by their hashes, and
    nothing else. Every label is escaped. The same runs give the same page.

    Args:
        sheet: the input of the report.
        reload_seconds: interval at which an open page reloads itself; None means never.
    """
    built = [section for make in SECTIONS if (section := make(sheet)) is not None]
    style, script = _read("report.css"), _script()
    known = {section.key: section.data for section in built if section.data is not None}
    filled = {
        "policy": text(_policy(style, script)),
        "version": text(__version__),
        "title": text(f"{sheet.comparison.study.name}: report"),
        "name": text(sheet.comparison.study.name),
        "facts": _facts(sheet),
        "live": _live(reload_seconds),
        "menu": join(tag("a", section.title, href=f"#{section.key}") for section in built),
        "sections": join(_section(section) for section in built),
        "data": data({**known, "study": sheet.comparison.study.name}),
        "style": style,
        "script": script,
    }
    return Template(_read("page.html")).substitute(filled)


def _section(section: Section) -> Markup:
    heading = tag("h2", section.title)
    return tag("section", heading, section.body, id=section.key, aria_label=section.title)


def _facts(sheet: Sheet) -> Markup:
    comparison = sheet.comparison
    states = Counter(run.state for run in comparison.study.runs)
    said = [
        f"{_count(len(comparison.study.runs), 'run')} in {_count(len(comparison.rows), 'group')}"
    ]
    if set(states) - {"COMPLETED"}:
        said.append(", ".join(f"{count} {state}" for state, count in sorted(states.items())))
    if sheet.waiting:
        said.append(f"{sheet.waiting} more are planned and have not started")
    tasks = {run.result.task for run in comparison.study.runs if run.result}
    said += [f"task {', '.join(sorted(tasks))}"] if tasks else []
    measured = {(row.summary.split, row.summary.metric) for row in comparison.rows if row.summary}
    for split, metric in sorted(measured, key=lambda pair: (pair[0], pair[1].name)):
        unit = f" in {metric.unit}" if metric.unit else ""
        better = "lower" if metric.direction == "min" else "higher"
        chance = "" if metric.chance is None else f"; chance is {metric.chance:.4g}"
        said.append(f"{split} {metric.name}{unit}, {better} is better{chance}")
    return join(tag("span", printable(fact)) for fact in said)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _live(seconds: float | None) -> Markup:
    if seconds is None:
        return Markup("")
    box = tag("input", type="checkbox", id="live", checked=True, data_seconds=seconds)
    said = f" reload every {seconds:g} s while the sweep runs"
    return tag("p", tag("label", box, said), class_="live")


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
