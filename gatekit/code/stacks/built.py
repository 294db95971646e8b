"""A stack of recurrent layers, or of blocks, with its sizes; and what a model has around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gatekit.cell.block.built import BuiltBlock, build_block
from gatekit.cell.block.parts import Parts
from gatekit.cell.block.reading import BlockSpec
from gatekit.cell.block.sequence import Operation, PartWeight, SequenceProgram, X
from gatekit.cell.errors import ConfigError, listed
from gatekit.cell.graph import Cell, build
from gatekit.cell.language.expression import Call, Name
from gatekit.cell.language.ops import FUNCTIONS
from gatekit.cell.schema import CellSpec, OutputUnitSpec


@dataclass(frozen=True)
class Around:
    """What a model has before and after its layers, and how its task scores it.

    Attributes:
        task: the name of the task.
        tokens: the number of tokens; None if the input is numbers.
        features: the width of the input; None if the input is tokens.
        outputs: the width of the output.
        reads: what the head reads: ``every`` step, the ``last``, the ``mean`` of all, or ``all`` of
            them side by side.
        steps: the length of all sequences if the head reads all steps side by side, otherwise 1.
        loss: ``mse``, ``categorical``, ``bits`` or ``squared``.
        metric: ``mse``, ``rmse``, ``accuracy``, ``nll``, ``bits``, ``perplexity`` or
            ``most_active``.
        bias: whether the head has a bias.
        per_sequence: whether the loss is divided by the number of sequences, not of steps.
    """

    task: str
    tokens: int | None
    features: int | None
    outputs: int
    reads: Literal["every", "last", "mean", "all"]
    steps: int
    loss: str
    metric: str
    bias: bool = True
    per_sequence: bool = False


def embedding(tokens: int, width: int) -> SequenceProgram:
    """Return the embedding of a model: a vector of a table for each token."""
    table = PartWeight("embeddings", "", (tokens, width), "uniform", (400,))
    op = Operation(
        name="embedding",
        of=X,
        fed=1,
        width=width,
        weights=(table,),
        equation=Call("embed", (Name("embeddings"), X)),
        count=tokens * width,
        summary=f"{tokens} x {width}",
        text="embedding({0})",
    )
    return SequenceProgram((op,), Name(op.name), width, 0, FUNCTIONS)


def linear(name: str, fed: int, width: int, bias: bool = True) -> SequenceProgram:
    """Return the map of a model's input, or its head."""
    parts = Parts("model", width, width, {"x": fed}, None)
    return parts.program(parts.dense(name, X, width, bias=bias))


@dataclass(frozen=True)
class Stack:
    """Layers one after the other.

    Attributes:
        layers: the cell of each layer, or the block around it; all are cells, or all are blocks.
            With two directions, each layer is followed by the one that reads time backwards.
        dropout: the rate of dropout after each layer that is not a block.
        adds: whether each layer, or each pair of directions, adds its input to its output.
        directions: 2 if every second layer reads time backwards.
        around: what a model has around the layers; None if the stack is written alone.
    """

    layers: tuple[Cell | BuiltBlock, ...]
    dropout: float = 0.0
    adds: tuple[bool, ...] = ()
    directions: int = 1
    around: Around | None = None

    @property
    def ends(self) -> tuple[SequenceProgram, ...]:
        """What a model computes before its layers, if anything, and its head."""
        if self.around is None:
            return ()
        around, lowest = self.around, self.layers[0]
        width = lowest.width if isinstance(lowest, BuiltBlock) else cell_of(lowest).features
        emitted = sum(map(output_width, self.layers[-self.directions :])) * around.steps
        head = linear("head", emitted, around.outputs, around.bias)
        if around.tokens is not None:
            return embedding(around.tokens, width), head
        if isinstance(lowest, BuiltBlock) and around.features is not None:
            return linear("input", around.features, width), head
        return (head,)

    def __post_init__(self) -> None:
        """Refuse cells with several inputs, because a layer below has one output.

        Raises:
            ConfigError: a cell has inputs besides x.
        """
        for layer in self.layers:
            cell = cell_of(layer)
            if len(cell.inputs) > 1:
                raise ConfigError(
                    f"the cell {cell.spec.name!r} reads {listed(cell.inputs)}, but a layer in a "
                    "stack gets one input; omit layers to write the cell alone"
                )


def output_width(layer: Cell | BuiltBlock) -> int:
    """Return the width of what a layer emits."""
    return layer.output_width if isinstance(layer, BuiltBlock) else layer.output.width


def cell_of(layer: Cell | BuiltBlock) -> Cell:
    """Return the cell of a layer, or of the block around it."""
    return layer.cell if isinstance(layer, BuiltBlock) else layer


def build_stack(
    cells: Sequence[CellSpec],
    unit: OutputUnitSpec,
    block: BlockSpec,
    *,
    units: int,
    features: int,
    width: int,
    dropout: float = 0.0,
    directions: int = 1,
    residual: bool = False,
    every: bool = True,
) -> Stack:
    """Return a stack with its sizes.

    Args:
        cells: the cell of each layer.
        unit: the output unit of each layer.
        block: the block around each layer.
        units: the units of each cell.
        features: the width of the input, if there are no blocks.
        width: the model's width, if there are blocks.
        dropout: the rate of dropout after each layer, or within the blocks.
        directions: 2 if each layer also reads time backwards.
        residual: whether layers without blocks add their input, where the widths are equal.
        every: whether every step of the last layer is read; otherwise it adds no input.

    Raises:
        GatekitError: a layer cannot have these sizes, or has several inputs.
    """
    layers: list[Cell | BuiltBlock] = []
    for index, spec in enumerate(cells):
        if block.plain:
            layers += [build(spec, units, features, unit)] * directions
            features = sum(map(output_width, layers[-directions:]))
            continue
        last = index + 1 == len(cells)
        layers.append(
            build_block(
                block,
                spec,
                unit,
                width=width,
                units=units,
                dropout=dropout,
                directions=directions,
                last=last,
            )
        )
    if not block.plain:
        return Stack(tuple(layers))
    adds = adding(layers, directions, residual, every)
    return Stack(tuple(layers), dropout, adds, directions)


def adding(
    layers: Sequence[Cell | BuiltBlock], directions: int, residual: bool, every: bool
) -> tuple[bool, ...]:
    """Return whether each layer adds its input, or each pair of directions does."""
    adds = []
    for place in range(0, len(layers), directions):
        emitted = sum(map(output_width, layers[place : place + directions]))
        fits = residual and emitted == cell_of(layers[place]).features
        adds.append(fits and (every or place + directions < len(layers)))
    return tuple(adds)
