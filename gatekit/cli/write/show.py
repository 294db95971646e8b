"""``gatekit show``: show a cell's equations, states, stages, weights and reference."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from gatekit.cell.errors import GatekitError
from gatekit.cli.arguments import Parser
from gatekit.cli.options import check_ending
from gatekit.cli.output import print_text, write_file, write_json
from gatekit.cli.overrides import Overrides, read_overrides

if TYPE_CHECKING:
    from gatekit.cell.block.built_block import BuiltBlock
    from gatekit.cell.graph import Cell


def run(parser: Parser) -> int:
    """Show a cell."""
    from gatekit.cell.block.show import describe as describe_block
    from gatekit.cell.block.show import text as block_text
    from gatekit.cell.show.describe import describe, text
    from gatekit.cell.show.parallel import text as parallel_text
    from gatekit.cell.show.program import text as program_text
    from gatekit.registry import bibliography

    parser.add_overrides()
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="write everything as JSON")
    form.add_argument("--latex", action="store_true", help="write the equations as LaTeX")
    form.add_argument(
        "--parallel",
        action="store_true",
        help="show whether all steps can be computed together, how, and with which executor",
    )
    form.add_argument(
        "--program",
        action="store_true",
        help="show a step as a list of operations, in the order of computation",
    )
    parser.add_argument(
        "--diagram",
        type=Path,
        metavar="FILE.svg",
        help="draw the cell's graph, and the block around it",
    )
    options = parser.read()
    check_ending("--diagram", options.diagram, ".svg")
    asked = read_overrides(options.overrides, parser.command)
    block = build_around(asked)
    cell = build_cell(asked) if block is None else block.cell
    works = bibliography(asked.plugins)
    description = describe(cell, works, _plain(asked))
    if block is not None:
        description["block"] = describe_block(block)
    if options.json:
        write_json(description)
    elif options.parallel:
        print_text(parallel_text(description["name"], description["parallel"]))
    elif options.program:
        print_text(program_text(description["name"], description["program"]))
    else:
        print_text(description["latex"] if options.latex else text(description))
        if block is not None and not options.latex:
            print_text("\n" + block_text(description["block"]))
    if options.diagram is not None:
        from gatekit.cell.show.diagram.block import block_diagram
        from gatekit.cell.show.diagram.drawing import diagram

        drawing = diagram(cell, works) if block is None else block_diagram(block, works)
        write_file(options.diagram, drawing)
    return 0


def _plain(asked: Overrides) -> Cell | None:
    """Return the cell without swapped gates, in the same place; None if it cannot be built."""
    if asked.plain is None:
        return None
    without = dataclasses.replace(asked, cell=asked.plain)
    with contextlib.suppress(GatekitError):
        block = build_around(without)
        return build_cell(without) if block is None else block.cell
    return None


def build_around(asked: Overrides, last: bool = False) -> BuiltBlock | None:
    """Return the block that the overrides describe around their cell; None if it is plain.

    Args:
        asked: the cell, its block and its sizes.
        last: whether the block is the last of a stack; only then does it have the dropout.

    Raises:
        GatekitError: the parts do not fit together.
    """
    from gatekit.cell.block.built_block import build_block

    if asked.block.plain:
        return None
    return build_block(
        asked.block,
        asked.cell,
        asked.output_unit,
        width=asked.width,
        units=asked.units,
        dropout=asked.dropout if last else 0.0,
        last=last,
    )


def build_cell(asked: Overrides) -> Cell:
    """Return the cell that the overrides describe, with its sizes.

    Raises:
        GatekitError: the parts do not fit together.
    """
    from gatekit.cell.graph import build
    from gatekit.registry.cells import in_file

    with in_file(asked.name, asked.plugins, asked.words):
        return build(asked.cell, asked.units, asked.features, asked.output_unit)
