"""Generates the text of a file from a built cell, a block around one, or a stack of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gatekit.cell.block.built_block import BuiltBlock
from gatekit.cell.block.stack import Stack
from gatekit.cell.errors import ConfigError
from gatekit.cell.graph import Cell
from gatekit.cell.show.works import NO_WORKS, Work
from gatekit.faults import Place, unknown_name

from . import blocks, stacks
from .cell_text import Access, CellText, arguments, cell_text
from .fla import language_model
from .frames import FRAMES
from .layout import WeightLayout
from .notations import FLA, FRAMEWORKS, Framework
from .sizes import SizeTexts, formulas, multiples, size_constants, with_constants
from .stacks.kinds import StackText

# What of a cell's text differs between sizes.
_OF_SIZES = ("about", "units", "features", "layout", "constants")


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
        files: all files of a language model in flash-linear-attention's layout, by name; ``text``
            is the first. Empty for other code.
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
        to: ``torch``, ``jax``, ``keras`` or ``numpy``; or ``fla`` for a whole language model in the
            layout of flash-linear-attention.
        known: works by key, as in `gatekit.registry.bibliography`.

    Raises:
        ConfigError: there is no such framework, or a part cannot be written as code.
    """
    if to == "fla":
        return _language_model(built, known)
    if to not in FRAMEWORKS:
        raise ConfigError(unknown_name(Place(("to",)), to, FRAMEWORKS, "frameworks"))
    access, frame = FRAMES[to]
    if isinstance(built, Stack):
        return _stacked(built, to, known)
    if isinstance(built, BuiltBlock):
        cell = built.cell
        text_of_cell = _cell_text(cell, to, known)
        around = blocks.write(built, text_of_cell, to, access)
        if not around.sized:
            text_of_cell = _cell_text(cell, to, known, False)
        sizes = {"width": built.width, **({} if around.tied else {"units": cell.units})}
        text = blocks.FRAMES[to](text_of_cell, around)
        given = sizes if around.sized else {}
        return Generated(text, around.layout, around.title, given, built.width, True)
    if to in ("jax", "numpy"):
        # Functions of a cell alone get sizes as arguments, or from the weights.
        access = replace(access, size=str, first_size=str, constants=True)
    text_of_cell = _cell_text(built, to, known, access=access)
    title = f"{text_of_cell.title}Cell" if to == "keras" else text_of_cell.title
    return Generated(
        frame(text_of_cell),
        text_of_cell.layout,
        title,
        text_of_cell.sizes,
        sum(built.inputs.values()),
        noisy=text_of_cell.draws_noise,
    )


def stack_text(
    built: Stack, to: str, known: Mapping[str, Work], kernels: bool = False
) -> StackText:
    """Return the texts of a stack.

    Args:
        built: the stack.
        to: the framework.
        known: works by key.
        kernels: whether memories are computed by the kernels of flash-linear-attention.

    Raises:
        ConfigError: a part of a layer cannot be written as code.
    """
    access = FRAMES[to][0]
    of_cells = isinstance(built.layers[0], Cell)
    if of_cells and to in ("jax", "numpy"):
        # Layers of the same kind may have inputs of different widths.
        access = replace(access, size=_features_alone, first_size=_features_alone)
    framework = FLA if kernels else FRAMEWORKS[to]
    return stacks.write(
        built,
        lambda cell, sized: _cell_text(cell, to, known, sized, access, framework),
        to,
        access,
    )


def _features_alone(size: str) -> str:
    return size if size == "features" else size.upper()


def _stacked(built: Stack, to: str, known: Mapping[str, Work]) -> Generated:
    stacked = stack_text(built, to, known)
    text = stacks.FRAMES[to](stacked)
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
    made = language_model(stack, lambda layers: stack_text(layers, "torch", known, kernels=True))
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


def _cell_text(
    cell: Cell,
    to: str,
    known: Mapping[str, Work],
    sized: bool = True,
    access: Access | None = None,
    framework: Framework | None = None,
) -> CellText:
    """Return a cell as text; its sizes are arguments if requested and possible."""
    notation, access = framework or FRAMEWORKS[to], access or FRAMES[to][0]

    def written(
        of: Cell, texts: Sequence[str] | None = None, names: Sequence[str] = ()
    ) -> tuple[CellText, list[float]]:
        sizes = SizeTexts(texts)
        return cell_text(of, notation, access, sizes, known, names), sizes.seen

    cells = multiples(cell) if sized else []
    numbers = [written(each)[1] for each in cells]
    texts = formulas([(each.units, each.features) for each in cells], numbers)
    if texts is None:
        return written(cell)[0]
    # Do not use the cell's own sizes: there, widths may be equal by chance.
    text, other = (written(each, texts)[0] for each in cells[:2])
    if text.parallel != other.parallel:
        # The parallel form contains numbers that depend on the sizes.
        text = replace(text, parallel=None)
    if text.unknown_sizes:
        return written(cell)[0]
    text = replace(text, units=cell.units, features=cell.features)

    def of(names: Sequence[str]) -> CellText | None:
        """Return the text with constants as arguments, or None if a number depends on them."""
        values = {name: int(cell.constants[name]) for name in names}
        varied = multiples(cell, names)
        others = [written(each, None, names)[1] for each in varied]
        found = with_constants(cells, numbers, varied, others, values)
        if found is None:
            return None
        one, two = (written(each, found, names)[0] for each in varied[:2])
        one = replace(one, about=text.about, units=cell.units, features=cell.features)
        one = replace(one, constants=values)
        two = replace(two, **{name: getattr(one, name) for name in _OF_SIZES})
        wins = [each.parallel and each.parallel.wins for each in (one, text)]
        return one if one == two and wins[0] == wins[1] and not one.unknown_sizes else None

    names = arguments(size_constants(cell), notation) if access.constants else []
    if (whole := of(names) if names else text) is not None:
        return whole
    names = [name for name in names if len(names) > 1 and of([name])]
    return (of(names) if names else None) or text
