"""HTML elements as strings; every plain string is escaped when it becomes markup."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from gatekit.compare.grouping.label import printable

_VOID = frozenset({"meta", "input", "br", "circle", "line", "path", "rect"})


class Markup(str):
    """A string that is already HTML."""

    __slots__ = ()


def text(value: str) -> Markup:
    """Return a string as HTML, with control and format characters as escape sequences."""
    shown = "\n".join(printable(line) for line in value.replace("\t", "    ").split("\n"))
    return Markup(escape(shown))


def join(parts: Iterable[str | None]) -> Markup:
    """Return the concatenated parts; plain strings are escaped."""
    return Markup("".join(_inner(part) for part in parts if part is not None))


def tag(element: str, *children: str | None, **attributes: str | float | bool | None) -> Markup:
    """Return an element.

    Args:
        element: name of the element.
        children: markup, or plain strings, which are escaped; None is skipped.
        attributes: ``class_`` means ``class``, ``aria_label`` means ``aria-label``. True gives an
            attribute without a value; False and None omit the attribute.
    """
    said = ""
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        name = key.rstrip("_").replace("_", "-")
        said += f" {name}" if value is True else f' {name}="{text(_value(value))}"'
    if element in _VOID:
        return Markup(f"<{element}{said}/>")
    return Markup(f"<{element}{said}>{join(children)}</{element}>")


def table(
    titles: Sequence[str], rows: Iterable[Sequence[str]], class_: str | None = None
) -> Markup:
    """Return a table; the first cell of each row is its heading."""
    head = tag("tr", *(tag("th", title, scope="col") for title in titles))
    body = [
        tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:]))
        for row in rows
    ]
    inner = tag("table", tag("thead", head), tag("tbody", *body), class_=class_)
    return tag("div", inner, class_="scroll")


def facts(pairs: Iterable[Sequence[str]]) -> Markup:
    """Return names with their values, in as many columns as fit."""
    entries = [tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs]
    return tag("dl", *entries, class_="facts-of")


def data(value: Any) -> Markup:
    """Return plain data as JSON for a ``script`` element, which it cannot close."""
    written = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        written = written.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(written)


def number(value: float, digits: int = 7) -> float | int:
    """Return a number rounded to ``digits`` significant digits; an integer if it is whole."""
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded


def _inner(part: str) -> str:
    return part if isinstance(part, Markup) else text(part)


def _value(value: str | float | bool) -> str:
    return value if isinstance(value, str) else f"{value:g}"
