"""The pages of the cells, written from the cells when the site is built.

``make zoo`` writes what of them is committed: the table docs/zoo.md and the drawings that other
pages show.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))  # the witnesses
sys.path.insert(0, str(Path(__file__).parent))

from cell_page import CellPage, index, page
from mkdocs.structure.files import File, Files
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from reference.cases import CASES, FILES
from reference.first import FIRST
from reference.peers import COMPARED

import gatekit
from gatekit.cell.analysis.affine import analyse
from gatekit.cell.graph import build
from gatekit.cell.schema import SECOND_HAND, read_output_unit
from gatekit.cell.show.describe import describe
from gatekit.cell.show.diagram.drawing import diagram
from gatekit.cell.show.works import cited
from gatekit.recurrence.executors.choose import choose
from gatekit.registry import bibliography, catalogue, load_cell

ROOT = Path(__file__).parents[2]
ZOO = "zoo/"
NAMES = sorted(path.stem for path in (ROOT / "conf/cell").glob("*.yaml"))
UNITS, FEATURES = 64, 64
HEAD = """# The zoo

These are the bundled cells, oldest first. `make zoo` generates this page. On the site
of `make docs` each cell has a page with its equations, drawing, initial values and code.
There are {cells} cells, and {certified} of them are certified (`gatekit cells --tier certified`);
{second} are second hand.

A certified cell has the same values and gradients as a recurrence in NumPy, to 10 digits or more in
float64. The recurrence was written from the paper or its authors' code, and not from the cell
([tests/reference](../tests/reference)). Its initial values follow the laws that its page lists.
For a cell marked second hand, the source was another's code or quotation. Cells marked unverified
were not checked against their papers ([the rule](cells.md#where-a-cell-comes-from)). If another
library has the cell, the cell's page names it; values and gradients agree to as many digits. The
parameter counts are those of the recurrent layer with the output unit `hidden`, with 64 units and
64 features.

<!-- browse -->

The page to browse has families, a family tree, filters and drawings; it is on the site, and opens
from disk. [Parallel in time](parallel.md) lists the parallel form of each cell.
`gatekit cite cell=NAME` prints BibTeX, and `gatekit cells --help` explains how to search.

"""


def witnesses() -> dict[str, str]:
    """Return the file of the witness of each cell, by the cell's name."""
    found: dict[str, str] = {}
    for name, case in CASES.items():
        found.setdefault(case.cell or name, str(FILES[name].relative_to(ROOT)))
    return found


def first_values(name: str) -> list[tuple[str, str, str]]:
    """Return the weights and states of a cell that start in a way of their own."""
    return [
        (weight, law.text + ("" if law.trained else ", not trained"), law.source)
        for weight, law in FIRST.get(name, {}).items()
    ]


def pages() -> Iterator[tuple[str, str]]:
    """Return the files of the zoo, by their path below docs, with what they hold."""
    known, works, found = catalogue(), bibliography(), witnesses()
    entries = []
    for name in NAMES:
        cell = build(load_cell(name, known), UNITS, FEATURES, read_output_unit("hidden", known))
        executor, affine = choose("auto", cell).executor, analyse(cell)
        peers = [library for library, cells in COMPARED.items() if name in cells]
        witness = found.get(name)
        description, cites = describe(cell, works), cited(dict(cell.spec.about), works)
        facts = (executor, affine.reason, witness, cites, peers, first_values(name))
        entries.append(CellPage(name, description, *facts))
        yield f"zoo/{name}.md", page(entries[-1])
        yield f"zoo/{name}.svg", diagram(cell, works)
    tiers = [entry.description["tier"] for entry in entries]
    certified, second = tiers.count(None), tiers.count(SECOND_HAND)
    head = HEAD.format(cells=len(entries), certified=certified, second=second)
    yield "zoo.md", head + index(entries, "../conf/cell")


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add a page and a drawing for each cell."""
    for path, content in pages():
        if path.startswith(ZOO):
            files.append(File.generated(config, path, content=content))
    return files


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


def committed() -> Iterator[tuple[Path, str]]:
    """Return the files that are committed, with what they hold."""
    docs = ROOT / "docs"
    shown = {path.name for path in (docs / "drawings").iterdir()}
    for path, content in pages():
        name = path.removeprefix(ZOO)
        if path == "zoo.md":
            yield docs / path, content
        elif name in shown:
            yield docs / "drawings" / name, content


def main() -> None:
    """Write the committed files."""
    for path, content in committed():
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
