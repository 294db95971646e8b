"""The report as one self-contained HTML file: sections, style, script."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from markupsafe import Markup

from gatekit._version import __version__
from gatekit.registry.discovery import named_only

from .cells import cells
from .context import Builder, Sheet
from .curves import curves
from .facts import kicker
from .figures import axis, figures
from .gates import gates
from .markup import data, html
from .origin import environments, reproduce
from .runs import failures, runs
from .settings import differences
from .summary import answer, summary

SECTIONS: tuple[Builder, ...] = (
    summary,
    axis,
    curves,
    figures,
    gates,
    runs,
    failures,
    cells,
    differences,
    environments,
    reproduce,
)
"""The sections of the page in order; one with nothing to show returns None."""

SCRIPTS = ("base.js", "axes.js", "marks.js", "chart.js", "table.js", "start.js")
"""The files that are joined, in this order, to the page's script."""


@named_only()
def page(sheet: Sheet, served: str = "") -> str:
    """Return the report as HTML.

    The page's content security policy allows one script and one style, by their hashes, and
    nothing else. Every string is escaped. The same runs always produce the same page.

    Args:
        sheet: the input of the report.
        served: the name of this version of the page, if ``gatekit serve`` shows it; it then loads
            the script and the style of the server, which show the runs in progress.
    """
    sections = [section for make in SECTIONS if (section := make(sheet)) is not None]
    style, script = _read("report.css"), _script()
    shown = {section.key: section.data for section in sections if section.data is not None}
    name = sheet.comparison.study.name
    return html(
        "page.html",
        policy=policy(bool(served)),
        served=served,
        version=__version__,
        name=name,
        answer=answer(sheet),
        kicker=kicker(sheet),
        sections=sections,
        data=data({**shown, "study": name, "groups": sheet.entries}),
        style=Markup(style),
        script=Markup(script),
    )


def _read(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _script() -> str:
    inner = "\n".join(_read(name) for name in SCRIPTS)
    return f'"use strict";\n(() => {{\n{inner}}})();\n'


def policy(served: bool = False) -> str:
    """Return the content security policy of the page."""
    own = " 'self'" if served else ""
    return (
        f"default-src 'none'; script-src '{_hash(_script())}'{own};"
        f" style-src '{_hash(_read('report.css'))}'{own};"
        f"{' connect-src' * served}{own}{';' * served} base-uri 'none'; form-action 'none'"
    )


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
