"""Equations of the site: blocks of ```math become MathML, which browsers show without a script."""

from __future__ import annotations

import re
from typing import Any

from latex2mathml.converter import convert

BLOCK = re.compile(r"^```math\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"\\mathrm\{((?:[^{}\\]|\\_)*)\}")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return a page's text with its equations as MathML."""
    return BLOCK.sub(lambda block: f'\n<div class="equation">{mathml(block[1])}</div>\n', markdown)


def mathml(latex: str) -> str:
    r"""Return LaTeX as MathML.

    The converter knows ``align*`` and not ``aligned``, and writes ``\mathrm{input}`` letter by
    letter where ``\text{input}`` stays one word.
    """
    words = NAME.sub(lambda name: rf"\text{{{name[1]}}}".replace(r"\_", "_"), latex)
    return convert(words.replace("{aligned}", "{align*}"), display="block")
