"""MathML from the LaTeX that `latex` writes, for pages that do not load a library."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, tostring

_NAME = re.compile(r"\\operatorname(?=\{)")
# A function's name does not touch the letter after it.
_FUNCTION = re.compile(r"\\(tanh|exp|log|sin|cos|min|max)(?=\\(?!left)[a-z])")
# A template of a plugin may ask for others, such as a link.
_ATTRIBUTES = {"mathvariant", "stretchy", "fence", "form", "width"}


def mathml(lines: Iterable[str]) -> str:
    """Return equations as one MathML element, aligned at their ``&=``.

    Unknown commands, which a plugin's template may contain, are shown as LaTeX.

    Args:
        lines: LaTeX, ``left &= right`` each, as `equations.equations` returns them.
    """
    math = Element("math", display="block")
    table = SubElement(math, "mtable", displaystyle="true")
    for line in lines:
        row = SubElement(table, "mtr")
        left, equals, right = line.partition("&=")
        for cell in (left, "=", right) if equals else ("", "", left):
            SubElement(row, "mtd").append(_element(cell))
    return tostring(math, encoding="unicode")


def expression(latex: str) -> str:
    """Return one expression as MathML, or as its LaTeX source if it cannot be read."""
    return tostring(_element(latex), encoding="unicode")


def _element(latex: str) -> Element:
    from latex2mathml.converter import convert_to_element

    written = _FUNCTION.sub(r"\\\1\\,", _NAME.sub(r"\\mathrm", latex.strip()))
    try:
        row = convert_to_element(written)[0]
    except Exception:  # the library raises errors of many kinds
        row = Element("mtext")
        row.text = latex
        return row
    for each in row.iter():
        # The library writes signs as references.
        each.text = html.unescape(each.text or "")
        each.attrib = {key: value for key, value in each.attrib.items() if key in _ATTRIBUTES}
    return row
