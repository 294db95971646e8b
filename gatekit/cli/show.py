"""``gatekit show``, and the ``key=value`` arguments of ``show``, ``code`` and ``cite``."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekit.cell.errors import ConfigError, GatekitError
from gatekit.cli.options import Parser, check_ending
from gatekit.cli.output import print_text, write_file, write_json

if TYPE_CHECKING:
    from gatekit.cell.block.built_block import BuiltBlock
    from gatekit.cell.block.reading import BlockSpec
    from gatekit.cell.graph import Cell
    from gatekit.cell.schema import CellSpec, OutputUnitSpec


FEATURES = 32
"""The default width of the input."""


@dataclass(frozen=True)
class Overrides:
    """The cell and the sizes that the arguments describe.

    Args:
        name: the cell's name as typed, such as ``lstm``.
        cell: the cell, with its gates swapped.
        output_unit: the output unit.
        units: the layer's units.
        features: the width of the input.
        plugins: files of additional plugins.
        words: the command line, as Hydra gets it.
        block: the block around the recurrent layer.
        width: the model's width.
        dropout: the rate of dropout between layers, or in blocks.
        layers: the cell of each layer.
        plain: the cell without swapped gates; None if none is swapped, or other arguments need one.
        config: all keys with their values.
    """

    name: str
    cell: CellSpec
    output_unit: OutputUnitSpec
    units: int
    features: int
    plugins: tuple[str, ...]
    words: tuple[str, ...]
    block: BlockSpec
    width: int
    dropout: float
    layers: tuple[CellSpec, ...]
    plain: CellSpec | None = None
    config: Mapping[str, Any] = field(default_factory=dict)


def read_overrides(arguments: Sequence[str], command: str = "show") -> Overrides:
    """Return the cell and its sizes that ``key=value`` arguments describe.

    The arguments are the keys of ``gatekit train``, so the words of one command can be reused
    with another. There is one further key, ``features=N``.

    Args:
        arguments: the words of the command line.
        command: the command, for messages.

    Raises:
        GatekitError: an argument is not allowed, or no cell is named.
    """
    from gatekit.cell.block.reading import read_block
    from gatekit.cell.schema import read_output_unit
    from gatekit.registry import cell_names, components
    from gatekit.registry.cells import in_file
    from gatekit.study.config import validate
    from gatekit.study.hydra.composing import configuration, opened
    from gatekit.study.line import overrides, plugin_files, refuse_several
    from gatekit.study.resolve import plain
    from gatekit.study.variant import cell_of, mixers_of, named_gates

    cells = [w.removeprefix("cell=") for w in arguments if w.startswith("cell=") or "=" not in w]
    if len(cells) > 1 and {*cells} <= {*cell_names()}:
        raise ConfigError(f"{command} takes one cell, not {len(cells)}: {', '.join(cells)}")
    sizes = [word for word in arguments if word.startswith("features=")]
    words = overrides([word for word in arguments if word not in sizes])
    name = next((w[5:] for w in reversed(words) if w.startswith("cell=")), None)
    hybrid = any(word.lstrip("+").startswith("mixers=") for word in words)
    if name is None and not hybrid and not any(w.startswith("experiment=") for w in words):
        raise ConfigError(f"{command}: no cell is named; cell=NAME is expected")
    plugins = tuple(plugin_files(words))
    refuse_several(words, alone=True)
    with opened(plugins) as hydra:
        composed = configuration(hydra, words)
    known = components.load(plugins)
    chosen = composed.hydra.runtime.choices
    with in_file(name, plugins, words, chosen):
        config = validate(plain(composed, known.task_defaults()))
        config["cell"] = named_gates(config["cell"], composed, known)
        one = config["mixers"] is None
        mixers = [cell_of(config, known)] if one else mixers_of(config, known)
        output_unit = read_output_unit(config["output_unit"], known.catalogue)
        block = read_block(config["block"], known.catalogue)
    plain_cell = None
    if any(config["swap"].values()) and config["mixers"] is None:
        with contextlib.suppress(GatekitError):
            plain_cell = cell_of({**config, "swap": {}}, known)
    return Overrides(
        name or str(mixers[0].name),
        mixers[0],
        output_unit,
        config["units"],
        _features(sizes),
        plugins,
        tuple(words),
        block,
        config["width"] or config["units"],
        config["dropout"],
        tuple(mixers * (config["layers"] // len(mixers))),
        plain_cell,
        config,
    )


def _features(sizes: Sequence[str]) -> int:
    text: Any = sizes[-1].partition("=")[2] if sizes else str(FEATURES)
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"features={text}: a positive integer is expected")
    return int(text)


def show(parser: Parser) -> int:
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
