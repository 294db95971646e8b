"""Shows a cell: its equations as text and formulas, its graph as a picture."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gatekit.cell.calls import checked_call
from gatekit.cell.errors import GatekitError
from gatekit.cell.notebook import Drawing, Text, table

if TYPE_CHECKING:
    from gatekit.cell.graph import Cell
    from gatekit.cell.schema import CellSpec


@checked_call()
def show(
    cell: str | Mapping[str, Any] | CellSpec | Cell | Any,
    units: int = 64,
    features: int = 32,
    *,
    output_unit: object = "hidden",
    swap: Mapping[str, Any] | None = None,
    plugins: Sequence[str] = (),
) -> Shown:
    """Return a cell as ``gatekit show`` prints it; a notebook typesets the equations.

    Args:
        cell: a cell's name, its mapping as in conf/cell, a `gatekit.RNN`, or a built cell.
        units: the layer's units; a `gatekit.RNN` keeps its own.
        features: the width of the input; a built layer keeps its own.
        output_unit: the output unit, by name or with options.
        swap: gates by role, such as ``{"forget": "power_law"}``.
        plugins: additional plugin files to load.

    Raises:
        GatekitError: a name is unknown, or the parts do not fit together.
    """
    from gatekit.code.entry import built_cell
    from gatekit.registry import bibliography

    built = built_cell(cell, units, features, output_unit, swap, plugins)
    plain = None
    if swap:
        with contextlib.suppress(GatekitError):
            plain = built_cell(cell, units, features, output_unit, None, plugins)
    return Shown.of(built, bibliography(tuple(plugins)), plain)


@checked_call()
def diagram(
    cell: str | Mapping[str, Any] | CellSpec | Cell | Any,
    units: int = 64,
    features: int = 32,
    *,
    output_unit: object = "hidden",
    swap: Mapping[str, Any] | None = None,
    block: object = "plain",
    plugins: Sequence[str] = (),
) -> Drawing:
    """Return a cell's graph as an SVG that a notebook shows; ``save("gru.svg")`` writes it.

    Args:
        cell: a cell's name, its mapping as in conf/cell, a `gatekit.RNN`, or a built cell.
        units: the layer's units; a `gatekit.RNN` keeps its own.
        features: the width of the input; a built layer keeps its own.
        output_unit: the output unit, by name or with options.
        swap: gates by role, such as ``{"forget": "power_law"}``.
        block: the block around the cell: a name, or ``{"kind": NAME, option: value}``; the width of
            the block is ``features``.
        plugins: additional plugin files to load.

    Raises:
        GatekitError: a name is unknown, or the parts do not fit together.
    """
    from gatekit.cell.block.built_block import build_block
    from gatekit.cell.block.reading import read_block
    from gatekit.cell.schema import read_output_unit
    from gatekit.cell.show.diagram.block import block_diagram
    from gatekit.cell.show.diagram.drawing import diagram as drawn
    from gatekit.code.entry import built_cell
    from gatekit.registry import bibliography, catalogue

    built, works = (
        built_cell(cell, units, features, output_unit, swap, plugins),
        bibliography(tuple(plugins)),
    )
    known = catalogue(tuple(plugins))
    around = read_block(block, known)
    if around.plain:
        return Drawing(drawn(built, works))
    unit = read_output_unit(output_unit, known)
    whole = build_block(around, built.spec, unit, width=features, units=built.units)
    return Drawing(block_diagram(whole, works))


class Shown(Text):
    """A cell as text; a notebook shows its equations as formulas.

    Attributes:
        data: everything about the cell as plain data.
    """

    __slots__ = ("_equations", "data")
    data: dict[str, Any]
    _equations: str

    @classmethod
    def of(cls, cell: Cell, known: Mapping[str, Any], plain: Cell | None = None) -> Shown:
        """Return a built cell as text.

        Args:
            cell: the built cell.
            known: works by key, as in `gatekit.registry.bibliography`.
            plain: the same cell without swapped gates, if gates were swapped.
        """
        from gatekit.cell.show.describe import describe, text
        from gatekit.cell.show.equations import equations
        from gatekit.cell.show.mathml import mathml

        data = describe(cell, known, plain)
        shown = cls(text(data))
        shown.data, shown._equations = data, mathml(equations(cell))
        return shown

    @property
    def latex(self) -> str:
        """The equations as one ``aligned`` environment."""
        return str(self.data["latex"])

    def _repr_html_(self) -> str:
        d = self.data
        head = [("reference", d["reference"] or ""), ("notes", d["notes"] or "")]
        head += [("parameters", f"{d['parameters']:,}")]
        states = [(s["name"], " x ".join(map(str, s["shape"])), s["initial"]) for s in d["states"]]
        title = f"{d['name']}: {d['units']} units, {d['features']} features"
        return (
            table([row for row in head if row[1]], title=title)
            + self._equations
            + table(states, ("state", "width", "starts at"))
        )
