"""``gatekit show``: show a cell's equations, states, stages, weights and reference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gatekit.cli.arguments import Parser
from gatekit.cli.commands import COMMANDS
from gatekit.cli.options import add_overrides
from gatekit.cli.output import write, write_file, write_json
from gatekit.cli.overrides import Overrides, read_overrides

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
    from gatekit.cell.show.parallel import measured
    from gatekit.cell.show.parallel import text as parallel_text
    from gatekit.registry import bibliography

    parser = Parser(name, COMMANDS[name].summary)
    add_overrides(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="write everything as JSON")
    form.add_argument("--latex", action="store_true", help="write the equations as LaTeX")
    form.add_argument(
        "--parallel",
        action="store_true",
        help="show whether all steps can be computed together, how, by which executor, and in how "
        "many iterations of Newton's method",
    )
    parser.add_argument("--diagram", type=Path, metavar="FILE.svg", help="draw the cell's graph")
    options = parser.read(argv)
    asked = read_overrides(options.overrides, name)
    cell, works = build_cell(asked), bibliography(asked.plugins)
    description = describe(cell, works)
    if options.json or options.parallel:
        description["parallel"] |= measured(cell)
    if options.json:
        write_json(description)
    elif options.parallel:
        write(parallel_text(description["name"], description["parallel"]))
    else:
        write(description["latex"] if options.latex else text(description))
    if options.diagram is not None:
        from gatekit.cell.show.diagram.drawing import diagram

        write_file(options.diagram, diagram(cell, works))
    return 0


def build_cell(asked: Overrides) -> Cell:
    """Return the cell that the overrides describe, with its sizes.

    Raises:
        GatekitError: the parts do not fit together.
    """
    from gatekit.cell.graph import build
    from gatekit.registry.cells import in_file

    # What is typed is not in the file.
    with in_file(asked.name if asked.unchanged else None, asked.plugins):
        return build(asked.cell, asked.units, asked.features, asked.output_unit)
