"""Generates the text of a file from a built cell, a block around one, or a stack of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gatekit.cell.block.built_block import BuiltBlock
from gatekit.cell.block.stack import Stack
from gatekit.cell.errors import ConfigError
from gatekit.cell.graph import Cell
from gatekit.cell.show.works import NO_WORKS, Work
from gatekit.faults import Place, unknown_name

from . import blocks, stacks
from .access import ACCESS
from .cell_text import CellText, arguments, cell_text
from .frames import block_file, cell_file, stack_file
from .layout import WeightLayout
from .notations import FRAMEWORKS
from .sizes import agreed, at_sizes, size_constants
from .stacks.kinds import StackText
from .transformers import language_model


@dataclass(frozen=True)
class Generated:
    """The code of a cell, of a block around one, or of a stack.

    Attributes:
        text: the file.
        layout: how the weights are arranged in the file.
        title: the name of the class.
        sizes: the arguments for sizes, with their values; empty if sizes are fixed.
        features: the total width of the inputs.
        block: whether this is a block or a stack of blocks.
        noisy: whether a cell or a stack draws noise in training; always false for a block.
        layers: the number of layers of a stack; 0 for a cell or a block.
        files: all files of a language model for transformers, by name; ``text`` is the first. Empty
            for other code.
    """

    text: str
    layout: WeightLayout
    title: str
    sizes: Mapping[str, int]
    features: int
    block: bool = False
    noisy: bool = False
    layers: int = 0
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def sized(self) -> bool:
        """Whether sizes are arguments."""
        return bool(self.sizes)


def generate(
    built: Cell | BuiltBlock | Stack, to: str = "torch", known: Mapping[str, Work] = NO_WORKS
) -> Generated:
    """Return a cell, a block around one, or a stack, as one self-contained file of a framework.

    Args:
        built: the built cell, block, or stack.
        to: ``torch``, ``jax`` or ``keras``; or ``transformers`` for a whole language model.
        known: works by key, as in `gatekit.registry.bibliography`.

    Raises:
        ConfigError: there is no such framework, or a part cannot be written as code.
    """
    if to == "transformers":
        return _language_model(built, known)
    if to not in FRAMEWORKS:
        known_to = (*FRAMEWORKS, "transformers")
        raise ConfigError(unknown_name(Place(("to",)), to, known_to, "frameworks"))
    if isinstance(built, Stack):
        return _stacked(built, to, known)
    if isinstance(built, BuiltBlock):
        cell = built.cell
        text_of_cell = _cell_text(cell, to, known)
        around = blocks.write(built, text_of_cell, to)
        if not around.sized:
            text_of_cell = _cell_text(cell, to, known, False)
        text = block_file(text_of_cell, around, to)
        return Generated(text, around.layout, around.title, around.sizes, built.width, True)
    text_of_cell = _cell_text(built, to, known)
    title = f"{text_of_cell.title}Cell" if to == "keras" else text_of_cell.title
    return Generated(
        cell_file(text_of_cell, to),
        text_of_cell.layout,
        title,
        text_of_cell.sizes,
        sum(built.inputs.values()),
        noisy=text_of_cell.draws_noise,
    )


def _stack_text(built: Stack, to: str, known: Mapping[str, Work]) -> StackText:
    return stacks.write(built, lambda cell, sized: _cell_text(cell, to, known, sized), to)


def _stacked(built: Stack, to: str, known: Mapping[str, Work]) -> Generated:
    stacked = _stack_text(built, to, known)
    text = stack_file(stacked, to)
    return Generated(
        text,
        stacked.layout,
        stacked.title,
        stacked.sizes,
        stacked.features,
        not isinstance(built.layers[0], Cell),
        stacked.noisy,
        len(built.layers),
    )


def _language_model(built: Cell | BuiltBlock | Stack, known: Mapping[str, Work]) -> Generated:
    stack = built if isinstance(built, Stack) else Stack((built,))
    made = language_model(stack, lambda layers: _stack_text(layers, "torch", known))
    text = next(iter(made.files.values()))
    blocks_inside = not isinstance(stack.layers[0], Cell)
    return Generated(
        text,
        made.layout,
        made.title,
        {},
        0,
        blocks_inside,
        layers=len(stack.layers),
        files=made.files,
    )


def _cell_text(cell: Cell, to: str, known: Mapping[str, Work], sized: bool = True) -> CellText:
    """Return a cell as text; its sizes are arguments if requested and possible."""
    notation, access = FRAMEWORKS[to], ACCESS[to]
    fixed = cell_text(cell, notation, access, known)
    if not sized:
        return fixed
    names = arguments(size_constants(cell), notation)
    for constants in [names, []] if names else [[]]:
        own = {name: getattr(fixed, name) for name in ("about", "units", "features", "layout")}
        own["constants"] = {name: int(cell.constants[name]) for name in constants}
        cells = at_sizes(cell, constants)
        text = agreed(replace(cell_text(c, notation, access, known), **own) for c in cells)
        if text is not None and not text.unknown_sizes:
            return text
    return fixed
