"""``gatekit show``: show a cell's equations, states, stages, weights and reference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gatekit.cli.arguments import Parser
from gatekit.cli.commands import COMMANDS
from gatekit.cli.output import write, write_file, write_json
from gatekit.cli.overrides import Overrides, read_overrides, with_values

if TYPE_CHECKING:
    from gatekit.cell.graph import Cell


def run(name: str, argv: Sequence[str]) -> int:
    """Show a cell.

    Args:
        name: the command's name.
        argv: its arguments.

    Returns:
        0.
    """
    from gatekit.cell.show.describe import describe, text
    from gatekit.registry import bibliography

    parser = Parser(name, COMMANDS[name].summary)
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="KEY=VALUE",
        help="cell=NAME units=64 features=32 output_unit=NAME swap.ROLE=GATE "
        "cell.gates.GATE.OPTION=VALUE plugins=[FILE.py]",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="write everything as JSON")
    form.add_argument("--latex", action="store_true", help="write the equations as LaTeX")
    parser.add_argument("--diagram", type=Path, metavar="FILE.svg", help="draw the cell's graph")
    options = parser.read(argv)
    asked = read_overrides(options.overrides)
    cell, works = build_cell(asked), bibliography(tuple(asked.plugins))
    description = describe(cell, works)
    if options.json:
        write_json(description)
    else:
        write(description["latex"] if options.latex else text(description))
    if options.diagram is not None:
        from gatekit.cell.show.diagram.drawing import diagram

        write_file(options.diagram, diagram(cell, works))
    return 0


def build_cell(overrides: Overrides) -> Cell:
    """Return the cell that the overrides describe, with its sizes.

    Raises:
        GatekitError: a name is unknown, or the parts do not fit together.
    """
    from gatekit.cell.graph import build
    from gatekit.cell.schema import read_cell, read_output_unit, swap
    from gatekit.registry import catalogue, cell_config

    plugins = tuple(overrides.plugins)
    known = catalogue(plugins)
    config = with_values(cell_config(overrides.cell, known, plugins), overrides.cell_values, "cell")
    for role, gate in overrides.swap.items():
        config = swap(config, role, gate, known)
    unit = with_values({"kind": overrides.output_unit}, overrides.output_values, "output_unit")
    return build(
        read_cell(config, known), overrides.units, overrides.features, read_output_unit(unit, known)
    )
