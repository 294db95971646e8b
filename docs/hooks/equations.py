"""Equations of the site: blocks of ```math become MathML, which needs no script."""

from __future__ import annotations

import re
from typing import Any

from gatekit.cell.show.mathml import mathml

BLOCK = re.compile(r"^```math\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FRAME = re.compile(r"\\(?:begin|end)\{aligned\}")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return a page with its equations as MathML."""
    return BLOCK.sub(
        lambda block: f'\n<div class="equation" data-search-exclude>{equations(block[1])}</div>\n',
        markdown,
    )


def equations(latex: str) -> str:
    """Return the lines of an ``aligned`` environment, or one line, as MathML."""
    lines = (line.strip() for line in FRAME.sub("", latex).split(r"\\"))
    return mathml(line for line in lines if line)
