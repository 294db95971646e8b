"""A stack of recurrent layers or blocks, and the model around it, as one list of operations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any, Literal, TypeVar

from gatekit.cell.graph import Cell, build
from gatekit.cell.language.expression import Call, Expr, Name, Number
from gatekit.cell.schema import CellSpec, OutputUnitSpec

from .built_block import BuiltBlock, build_block, flops_of, state_of
from .parts import Parts
from .reading import BlockSpec
from .sequence import Drop, Embed, Operation, PartWeight, Recur, X

_Op = TypeVar("_Op", bound=Operation)
_FIRST_EMBEDDING = 400
"""The fan of an embedding, whose initial values are between -1/20 and 1/20."""


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
            ``most_active``; empty if unknown.
        bias: whether the head has a bias.
        per_sequence: whether the loss is divided by the number of sequences, not of steps.
        head: the initial values of the head: ``glorot``, ``torch``, ``kaiming``, or their bound.
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
    head: str | float = "glorot"


@dataclass(frozen=True)
class Stack:
    """Layers one after the other.

    Attributes:
        layers: the cell of each layer, or the block around it; all are cells, or all are blocks.
            With two directions, each layer is followed by the one that reads time backwards.
        dropout: the rate of dropout after each layer that is not a block.
        residual: whether layers that are not blocks add their input, where the widths are equal and
            every step is read.
        directions: 2 if every second layer reads time backwards.
        around: what a model has around the layers; None if the stack is written alone.
    """

    layers: tuple[Cell | BuiltBlock, ...]
    dropout: float = 0.0
    residual: bool = False
    directions: int = 1
    around: Around | None = None

    @property
    def cells(self) -> list[Cell]:
        """The cell of each layer."""
        return [cell_of(layer) for layer in self.layers]

    @property
    def ops(self) -> tuple[Operation, ...]:
        """All operations, in the order of computation. They are named as a run's Keras layers."""
        return (*self.before, *chain.from_iterable(self.rows), *self.after)

    @property
    def recurrent(self) -> list[Recur]:
        """The recurrent layers of all directions, or the blocks."""
        return [op for row in self.rows for op in row if isinstance(op, Recur)]

    @cached_property
    def before(self) -> tuple[Operation, ...]:
        """The embedding of tokens, or the map of the input to the width of blocks."""
        around, lowest = self.around, self.layers[0]
        if around is None:
            return ()
        width = lowest.width if isinstance(lowest, BuiltBlock) else lowest.features
        if around.tokens is not None:
            return (_embedding(around.tokens, width),)
        if isinstance(lowest, BuiltBlock) and around.features is not None:
            return (_linear("input", X, around.features, width),)
        return ()

    @cached_property
    def rows(self) -> tuple[tuple[Operation, ...], ...]:
        """The operations of each layer; those of both directions are a row."""
        rows: list[tuple[Operation, ...]] = []
        value: Expr = Name(self.before[-1].name) if self.before else X
        for first in range(0, len(self.layers), self.directions):
            rows.append(tuple(self._row(first, value)))
            value = Name(rows[-1][-1].name)
        return tuple(rows)

    @cached_property
    def after(self) -> tuple[Operation, ...]:
        """What the head reads, unless it reads every step, and the head."""
        around, last = self.around, self.rows[-1][-1]
        if around is None:
            return ()
        value, width = Name(last.name), last.width
        reading = {
            "last": Call("ends" if self.directions > 1 else "last_step", (X,)),
            "mean": Call("mean_valid", (X, Name("mask"))),
            "all": Call("all_steps", (X, Number(width * around.steps))),
        }.get(around.reads)
        read: list[Operation] = []
        if reading is not None:
            wide = width * around.steps
            read = [_op(Operation, f"{around.reads}_steps", value, width, wide, equation=reading)]
            value, width = Name(read[0].name), wide
        head = _linear("head", value, width, around.outputs, around.bias)
        if around.head != "glorot":
            bound = around.head if isinstance(around.head, float) else 0.0
            drawn = [replace(w, first="uniform", fan=(width,), bound=bound) for w in head.weights]
            if around.head == "kaiming":
                drawn[0] = replace(drawn[0], first="normal")
            head = replace(head, weights=tuple(drawn))
        return (*read, head)

    def _row(self, first: int, value: Expr) -> Iterator[Operation]:
        layers, index = self.layers[first : first + self.directions], first // self.directions
        block = isinstance(layers[0], BuiltBlock)
        names = ["forward", "backward"] if len(layers) > 1 else ["block" if block else "rnn"]
        fed = layers[0].width if isinstance(layers[0], BuiltBlock) else layers[0].features
        for name, layer in zip(names, layers, strict=True):
            of = f"{name}_{index}", value, fed, output_width(layer)
            yield _op(Recur, *of, cell=layer, backwards=name == "backward", **_costs(layer))
        name, width = of[0], sum(map(output_width, layers))
        if len(layers) > 1:
            both = tuple(Name(f"{name}_{index}") for name in names)
            name = f"rnn_{index}"
            yield _op(Operation, name, Call("concat", both), width, width)
        whole = self.around is None or self.around.reads != "last"
        every = whole or first + self.directions < len(self.layers)
        if self.residual and not block and every and width == fed:
            added = value + Name(name)
            name = f"residual_{index}"
            yield _op(Operation, name, added, width, width)
        if self.dropout and not block:
            yield _op(Drop, f"dropout_{index}", Name(name), width, width, rate=self.dropout)

    def training_flops(self, sequences: float, length: float) -> float:
        r"""Return the floating-point operations of a training step of a model, backward included.

        $3 B (L \sum_k f_k + 2 w)$ with $B$ sequences of $L$ valid steps, the layers' operations
        $f_k$ in a step, and the $w$ weights of the head's matrix, which counts $L$ times if every
        step has a target. The backward pass counts twice the forward pass. Embeddings, the loss,
        the optimizer and evaluations are not counted.

        Args:
            sequences: sequences of a training step, on average.
            length: valid steps of a sequence, on average.

        Reference: Kaplan et al., "Scaling laws for neural language models" (2020), arXiv:2001.08361
        """
        *read, head = self.after
        forward = length * sum(op.flops for op in self.recurrent)
        forward += (1 if read else length) * 2 * head.fed * head.width
        return 3 * sequences * forward


def _op(kind: type[_Op], name: str, of: Expr, fed: int, width: int, **facts: Any) -> _Op:
    facts = {"summary": kind.kind, "text": f"{kind.kind}({{0}})", **facts}
    return kind(name=name, of=of, fed=fed, width=width, **facts)


def _costs(layer: Cell | BuiltBlock) -> dict[str, Any]:
    return {"count": layer.count(), "flops": flops_of(layer), "carried": state_of(layer)}


def _embedding(tokens: int, width: int) -> Operation:
    table = PartWeight("embeddings", "", (tokens, width), "uniform", (_FIRST_EMBEDDING,))
    equation = Call("embed", (Name(table.name), X))
    facts = {"weights": (table,), "equation": equation, "count": tokens * width}
    return _op(Embed, "embedding", X, 1, width, tokens=tokens, **facts)


def _linear(name: str, of: Expr, fed: int, width: int, bias: bool = True) -> Operation:
    parts = Parts("model", width, width, {"x": fed}, None)
    [op] = parts.program(parts.dense(name, X, width, bias=bias)).ops
    return replace(op, of=of)


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
    around: Around | None = None,
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
        residual: whether layers without blocks add their input; see `Stack`.
        around: what a model has around the layers.

    Raises:
        GatekitError: a layer cannot have these sizes.
    """
    layers: list[Cell | BuiltBlock] = []
    cells = [spec.at_layer(number, len(cells)) for number, spec in enumerate(cells, 1)]
    if block.plain:
        for spec in cells:
            layers += [build(spec, units, features, unit)] * directions
            features = sum(map(output_width, layers[-directions:]))
        return Stack(tuple(layers), dropout, residual, directions, around)
    for index, spec in enumerate(cells):
        sizes = {"width": width, "units": units, "directions": directions}
        last = index + 1 == len(cells)
        layers.append(build_block(block, spec, unit, **sizes, dropout=dropout, last=last))
    return Stack(tuple(layers), around=around)
