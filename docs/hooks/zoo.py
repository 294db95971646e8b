"""Pages of cells show the cell as a PyTorch module, folded; it is generated with the site."""

from __future__ import annotations

from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

import gatekit

ZOO = "zoo/"


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Return the page of a cell with its module below."""
    path = page.file.src_uri
    if not path.startswith(ZOO):
        return html
    return html + folded(path.removeprefix(ZOO).removesuffix(".md"))


def folded(cell: str) -> str:
    """Return the module of a cell as an element that opens; the search leaves it out."""
    code = highlight(gatekit.code(cell, to="torch"), PythonLexer(), HtmlFormatter())
    title = f"The cell in PyTorch: <code>gatekit code cell={cell} --to torch</code>"
    return f"<details data-search-exclude><summary>{title}</summary>{code}</details>"
