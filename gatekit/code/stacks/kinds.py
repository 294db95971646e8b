"""Finds the kinds of layers of a stack, and the texts that create each layer from its kind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from gatekit._version import __version__
from gatekit.cell.block.built_block import BuiltBlock
from gatekit.cell.block.stack import Stack, cell_of
from gatekit.cell.errors import ConfigError, listed
from gatekit.cell.graph import Cell
from gatekit.code import blocks
from gatekit.code.blocks.emit import BlockText
from gatekit.code.cell_text import CellText
from gatekit.code.identifiers import slug
from gatekit.code.layout import StackedWeight, WeightLayout
from gatekit.code.notations import FRAMEWORKS

from .around import AroundText, around_text
from .spelling import Spelling

MakeText = Callable[[Cell, bool], CellText]


@dataclass(frozen=True)
class Kind:
    """Layers that share a class or functions.

    Attributes:
        prefix: the prefix of the names of its functions.
        cell: its cell as text.
        block: the block around the cell, or None.
    """

    prefix: str
    cell: CellText
    block: BlockText | None

    @property
    def title(self) -> str:
        """The name of its class."""
        return self.cell.title if self.block is None else self.block.title

    @property
    def sized(self) -> bool:
        """Whether its sizes are arguments."""
        return self.cell.sized if self.block is None else self.block.sized


@dataclass(frozen=True)
class LayerText:
    """A layer: its kind, the texts of its input's width and units, and whether it is last."""

    kind: Kind
    features: str
    units: str
    last: bool


@dataclass(frozen=True)
class StackText:
    """The texts of a stack that a frame puts together.

    Attributes:
        built: the stack with its operations.
        spelling: writes the operations.
        title: the name of the class.
        about: the docstring of the file, as paragraphs.
        kinds: the kinds of layers.
        layers: the layers.
        sizes: the arguments for sizes, with their values; empty if sizes are fixed.
        features: the width of the input.
        dropout: the rate of dropout after each layer, if the file draws it.
        helpers: helper functions: source by name.
        layout: how weights are arranged; names start with the number of the layer.
        around: what a model has around the layers.
    """

    built: Stack
    spelling: Spelling
    title: str
    about: list[str]
    kinds: tuple[Kind, ...]
    layers: tuple[LayerText, ...]
    sizes: Mapping[str, int]
    features: int
    dropout: float
    helpers: Mapping[str, str]
    layout: WeightLayout
    around: AroundText | None = None

    @property
    def noisy(self) -> bool:
        """Whether the file draws noise in training."""
        return bool(self.dropout) or any(map(noisy, self.kinds))

    @property
    def turned(self) -> bool:
        """Whether blocks read time in both directions."""
        block = self.kinds[0].block
        return block is not None and block.directions > 1

    @property
    def ends(self) -> bool:
        """Whether the last block returns only the last step of each direction."""
        around = self.built.around
        return around is not None and around.reads == "last" and self.turned


def noisy(kind: Kind) -> bool:
    """Return whether a layer draws noise in training."""
    return kind.cell.draws_noise or (kind.block is not None and kind.block.draws_noise)


def write(stack: Stack, make: MakeText, to: str) -> StackText:
    """Return a stack's texts.

    Args:
        stack: the stack with its sizes.
        make: returns a cell as text; its sizes are arguments if requested and possible.
        to: the framework.

    Raises:
        ConfigError: a layer has several inputs, or a part of it cannot be written as code.
    """
    for cell in stack.cells:
        if len(cell.inputs) > 1:
            raise ConfigError(
                f"the cell {cell.spec.name!r} reads {listed(cell.inputs)}, but a layer in a stack "
                "gets one input; omit layers to write the cell alone"
            )
    kinds: dict[str, Kind] = {}
    names = []
    # The last block of a stack has weights that the others lack; its class serves all of them, so
    # start with the last.
    for layer in reversed(stack.layers):
        name, kind = _kind(layer, make, to, kinds)
        kinds.setdefault(name, kind)
        names.append(name)
    names.reverse()
    ordered = list(dict.fromkeys(names))
    for name in ordered:
        # The default sizes are those of the first layer of a kind.
        fed = cell_of(stack.layers[names.index(name)]).features
        kinds[name] = replace(kinds[name], cell=replace(kinds[name].cell, features=fed))
    of = [kinds[name] for name in names]
    first, sized = stack.layers[0], all(kind.sized for kind in of)
    block = of[0].block
    if block is not None:
        sizes = block.sizes
        sized &= all(k.block is not None and k.block.tied == block.tied for k in of)
    else:
        sizes = {"features": cell_of(first).features, "units": cell_of(first).units}
        sized &= stack.directions == 1
        sized &= not any("features" in kind.cell.width for kind in of)
    spelling = Spelling(to)
    around = None if stack.around is None else around_text(stack, stack.around, to, spelling)
    # The sizes of a model are numbers where its layers are created.
    sized &= around is None
    layers = []
    for index, (kind, layer) in enumerate(zip(of, stack.layers, strict=True)):
        cell, below = cell_of(layer), of[index - 1].cell.width.replace("self.", "")
        for name, value in of[index - 1].cell.constants.items():
            below = re.sub(rf"\b{name}\b", str(value), below)
        features = ("features" if index == 0 else below) if sized else str(cell.features)
        units = "units" if sized else str(cell.units)
        layers.append(LayerText(kind, features, units, index + 1 == len(of)))
    helpers: dict[str, str] = {}
    for kind in of:
        helpers.update(kind.cell.helpers)
        helpers.update(kind.block.helpers if kind.block else {})
        helpers.update(kind.cell.parallel.helpers if kind.cell.parallel else {})
    if stack.dropout and to == "jax":
        helpers["dropout"] = FRAMEWORKS[to].helpers["dropout"]
    helpers.update(around.helpers if around else {})
    titles = {kind.title for kind in of}
    title = f"{of[0].title}Stack" if len(titles) == 1 else "Stack"
    title = "Model" if around else title
    about = _about(title, [kinds[name] for name in ordered], of, around, stack.directions)
    return StackText(
        built=stack,
        spelling=spelling,
        title=title,
        about=about,
        kinds=tuple(kinds[name] for name in ordered),
        layers=tuple(layers),
        sizes=sizes if sized else {},
        features=first.width if isinstance(first, BuiltBlock) else first.features,
        dropout=stack.dropout,
        helpers=helpers,
        layout=_layout(stack.layers, of, spelling),
        around=around,
    )


def _kind(
    layer: Cell | BuiltBlock, make: MakeText, to: str, known: Mapping[str, Kind]
) -> tuple[str, Kind]:
    """Return the key of a layer's kind, and the kind."""
    cell = cell_of(layer)
    name = json.dumps(cell.spec.canonical(), sort_keys=True, default=str)
    if name in known:
        return name, known[name]
    text = make(cell, True)
    block = None
    titles = {"Model", *(kind.cell.title for kind in known.values())}
    title, number = text.title, 1
    while title in titles:
        number += 1
        title = f"{text.title}{number}"
    prefix = f"{slug(cell.spec.name or 'cell')}{number if number > 1 else ''}_"
    text = replace(text, title=title)
    if isinstance(layer, BuiltBlock):
        block = blocks.write(layer, text, to, f"{prefix}cell_")
        if not block.sized:
            text = replace(make(cell, False), title=title)
        block = replace(block, title=f"{title}Block")
    kind = Kind(prefix, text, block)
    if not kind.sized:
        name = f"{name} {cell.units} {cell.features}"
    return name, known.get(name, kind)


def _about(
    title: str,
    kinds: Sequence[Kind],
    layers: Sequence[Kind],
    around: AroundText | None,
    directions: int,
) -> list[str]:
    layers = layers[::directions]
    counts = [(name, len(list(run))) for name, run in groupby(k.title for k in layers)]
    listing = ", ".join(f"{count} of {name}" if count > 1 else name for name, count in counts)
    paragraphs = [f"{title}: {len(layers)} layers one after the other: {listing}."]
    if around is not None:
        before, after, task = around.about
        several = f"{len(layers)} layers" if len(layers) > 1 else "a layer"
        inner = f"{several} of {counts[0][0]}" if len(counts) == 1 else f"{several}: {listing}"
        inner += ", in both directions of time" if directions > 1 else ""
        paragraphs = [f"{title}: {before}; {inner}; {after}.", task]
    elif len(counts) == 1:
        paragraphs = [f"{title}: {len(layers)} layers of {counts[0][0]}, one after the other."]
    last = f"Written by gatekit {__version__}."
    for kind in kinds:
        of_kind = kind.cell.about if kind.block is None else kind.block.about
        paragraphs += [paragraph for paragraph in of_kind if not paragraph.startswith(last)]
    return [*paragraphs, f"{last} License of this file: MIT."]


def _layout(
    layers: Sequence[Cell | BuiltBlock], kinds: Sequence[Kind], spelling: Spelling
) -> WeightLayout:
    """Return the weights of all layers; only the last block has the weights of ``finish``."""
    stacked = [*spelling.weights]
    final = layers[-1].finish if isinstance(layers[-1], BuiltBlock) else None
    after = {op.name for op in final.ops} if final is not None else set()
    for index, (layer, kind) in enumerate(zip(layers, kinds, strict=True)):
        lacks = after if isinstance(layer, BuiltBlock) and layer.finish is None else set()
        layout = kind.cell.layout if kind.block is None else kind.block.layout
        for stack in layout.stacks:
            if stack.weights[0].partition("/")[0] not in lacks or kind.block is None:
                names = tuple(f"{index}/{name}" for name in stack.weights)
                stacked.append(StackedWeight(f"layers.{index}.{stack.attribute}", names))
    return WeightLayout(tuple(stacked))
