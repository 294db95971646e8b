"""HTML from templates, in which every string is escaped, and data for the page's script.

The templates are in ``templates``, one for each section of the page; they hold the structure, and
the modules of the sections compute what to show. A string that is not `Markup` is escaped, and its
control and format characters are shown as escapes.
"""

from __future__ import annotations

import json
import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gatekit.compare.grouping.label import printable, value_text

# A long name may break after these signs, but not inside a word or a number.
_PIECES = re.compile(r"[^_=/,]*[_=/,]+|[^_=/,]+")
_LONG = 22
_P_VALUE = re.compile(r"\bp ([=<]) ")


def html(template: str, **values: Any) -> Markup:
    """Return a template filled in."""
    return Markup(_ENVIRONMENT.get_template(template).render(values))


def text(value: object) -> object:
    """Return a string with control and format characters as escapes, but with its lines.

    None becomes an empty string; other values are returned unchanged. `html` calls this for every
    value in a template.
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return "" if value is None else value
    return "\n".join(printable(line) for line in value.replace("\t", "    ").split("\n"))


def data(value: Any) -> Markup:
    """Return plain data as JSON that cannot close the ``script`` element around it."""
    written = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        written = written.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(written)


def number(value: float, digits: int = 7) -> float | int:
    """Return a number rounded to ``digits`` significant digits; an integer if it is whole."""
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded


def _line(value: object) -> str | Markup:
    """Return a label in one line."""
    return value if isinstance(value, Markup) else printable(str(value))


def _soft(value: object) -> Markup:
    """Return a label in one line; its long words may break after ``_``, ``=``, ``/`` and commas."""
    words = _P_VALUE.sub("p\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", printable(str(value))).split(
        " "
    )
    pieces = [_PIECES.findall(word) if len(word) > _LONG else [word] for word in words]
    return Markup(" ").join(Markup("<wbr>").join(word) for word in pieces)


def _value(value: object) -> str:
    """Return a setting in one line, empty for None."""
    return "" if value is None else printable(value_text(value))


_ENVIRONMENT = Environment(
    loader=PackageLoader(__package__),
    autoescape=True,
    finalize=text,
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {"line": _line, "value": _value, "soft": _soft}
