"""From a built cell to the text of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gatekit.cell.errors import ConfigError, alternatives
from gatekit.cell.graph import Cell
from gatekit.cell.show.works import NO_WORKS, Work

from . import frameworks
from .frames import FRAMES
from .parts import Parts, make_parts
from .products import Layout
from .sizes import SizeTexts, formulas, multiples

FRAMEWORKS = {
    "torch": frameworks.TORCH,
    "jax": frameworks.JAX,
    "keras": frameworks.KERAS,
    "numpy": frameworks.NUMPY,
}


@dataclass(frozen=True)
class Generated:
    """A cell's code.

    Attributes:
        text: the file.
        layout: how the weights of the cell are arranged in it.
        title: the name of its class.
        sized: whether units and features are arguments.
        units, features: the sizes.
    """

    text: str
    layout: Layout
    title: str
    sized: bool
    units: int
    features: int


def generate(cell: Cell, to: str = "torch", known: Mapping[str, Work] = NO_WORKS) -> Generated:
    """Return a cell as one self-contained file of a framework.

    Args:
        cell: the built cell.
        to: ``torch``, ``jax``, ``keras`` or ``numpy``.
        known: works by key, as in `gatekit.registry.bibliography`.

    Raises:
        ConfigError: there is no such framework, or a part of the cell cannot be written as code.
    """
    if to not in FRAMEWORKS:
        raise ConfigError(f"--to {to}{alternatives(to, FRAMEWORKS, 'frameworks')}")
    access, frame = FRAMES[to]

    def parts(of: Cell, sizes: SizeTexts) -> Parts:
        return make_parts(of, FRAMEWORKS[to], access, sizes, known)

    cells = multiples(cell)
    numbers = []
    for each in cells:
        sizes = SizeTexts()
        parts(each, sizes)
        numbers.append(sizes.seen)
    texts = formulas(cells, numbers)
    if texts is None:
        made = parts(cell, SizeTexts())
    else:
        # At its own sizes, widths may be equal by chance.
        made = parts(cells[0], SizeTexts(texts))
        other = parts(cells[1], SizeTexts(texts)).parallel
        if made.parallel != other:
            # The analysis has numbers in place of sizes.
            made = replace(made, parallel=None)
        made = replace(made, units=cell.units, features=cell.features)
    title = f"{made.title}Cell" if to == "keras" else made.title
    return Generated(frame(made), made.layout, title, made.sized, cell.units, cell.features)
