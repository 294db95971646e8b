"""How the fused executor arranges a cell: stages, products, hoisted signals, and use of memory.

Terms: a *read* is a gate's linear read of an expression. A *group* consists of reads of the same
expression that get the same kind of addend. A *product* consists of the groups of one expression at
one stage. A gate's *input part* is the sum of its reads of inputs and its bias. A signal that reads
no state is *hoisted*: it is computed for all steps before the loop. A *sequence* is a hoisted value
that each step reads. *Row-wise* operations treat each row of the batch by itself and have no matrix
product.

Two cells as `scheduler.make` arranges them. All gates of an LSTM read h_prev, so a step has one
product. The candidate of a GRU waits for its reset gate, so it needs a second product::

    LSTM  stage 0  nothing to compute               product h_prev -> input forget output candidate
          stage 1  these four gates, then c, h
    GRU   stage 0  nothing to compute               product h_prev -> reset update
          stage 1  reset, update                    product reset*h_prev -> candidate
          stage 2  candidate, h

Values of a step are in mappings with these keys:

| key | value |
|---|---|
| ``NAME``, ``NAME_prev`` | a signal or new state, and the state before the step |
| ``z:GATE:TEXT`` | the term that one read of a gate adds to its pre-activation |
| ``STAGE:TEXT`` | a product: u' among gradients, and z' of all its groups among saved values |
| ``a:STAGE:TEXT:KIND`` | a group: the pre-activations, or addends, of its gates side by side |
| ``part:GROUP``, ``part:GATE`` | an input part, of a group or of a gate by itself |
| ``part:GATE:TEXT`` | one read of inputs, if the gate normalises the sum of its reads |
| ``input_columns`` | the inputs and a one for the bias, if they enter the products of a step |
| ``parts`` | the input parts of all groups, if one product before the loop computes them |
| ``u:TEXT``, ``d:KEY`` | saved by the backward loop: a read's operand, a value's gradient |

The KIND of a group is what is added to its product: ``part`` (input parts), ``bias`` (only biases),
or ``alone`` (nothing).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gatekit.cell.graph import BuiltRead, Cell, Node
from gatekit.cell.language.expression import Expr
from gatekit.cell.program import Linear
from gatekit.recurrence.executors.choose import Setting
from gatekit.recurrence.packing import compiled

Member = tuple[Node, BuiltRead]
"""A gate, and one of its reads."""

INPUT_COLUMNS = "input_columns"
"""The key of the inputs and a one for the bias, if they enter the products of each step."""


@dataclass(frozen=True)
class Group:
    """Recurrent reads of one expression whose products get the same kind of addend.

    Args:
        key: the key under which the pre-activations of the members are saved side by side.
        text: the expression that is read.
        expr: the parsed expression.
        stage: the stage at whose end the product is computed.
        members: the reads, with their gates.
        widths: the width of each gate.
        width: the sum of the widths.
        part: the key of the sequence of the gates' input parts side by side, or None.
        biased: whether the gates have no input part, but a bias.
    """

    key: str
    text: str
    expr: Expr
    stage: int
    members: tuple[Member, ...]
    widths: Mapping[str, int]
    width: int
    part: str | None
    biased: bool


@dataclass(frozen=True)
class StepProduct:
    """One matrix product in each step: all groups that read one expression at one stage.

    Args:
        key: its key.
        text: the expression that is read.
        expr: the parsed expression.
        stage: the stage at whose end it is computed.
        groups: the groups, in the order of the matrix's columns; those with an input part last.
        width: the sum of the groups' widths.
        takes_input: whether its operand also has the inputs, and a one for the bias.
    """

    key: str
    text: str
    expr: Expr
    stage: int
    groups: tuple[Group, ...]
    width: int
    takes_input: bool


@dataclass(frozen=True)
class Stage:
    """The row-wise part of a step, between the products of the previous stage and its own.

    Args:
        arrivals: the groups whose products the previous stage computed.
        nodes: the signals that are computed, in order.
        products: the products that are computed at its end, from values of this stage and earlier
            ones.
        needs: the keys of values that it reads from outside the stage.
        row_wise_weights: the weights that are used row by row: norms, biases, diagonals, ...
        gives: the keys of its values that are read outside the stage.
    """

    arrivals: tuple[Group, ...]
    nodes: tuple[Node, ...]
    products: tuple[StepProduct, ...]
    needs: tuple[str, ...]
    row_wise_weights: tuple[str, ...]
    gives: tuple[str, ...]


@dataclass(frozen=True)
class LoopSchedule:
    """The schedule of one cell for one set of wanted signals.

    Args:
        stages: the parts of a step, in order. There is one more than there are consecutive
            recurrent products, because the last stage has no product.
        input_columns: the reads of inputs that enter the products of each step; empty if they are
            computed before the loop, or if there are none.
        standalone_inputs: gates of the loop whose input part is a separate sequence, because it
            belongs to no product.
        by_products: hoisted gates that return their pre-activation and read the same inputs as the
            gates of all groups: the product for the input parts computes them, too.
        input_products: the reads of inputs that share a product before the loop, by value.
        widths: the width of each sequence, in the order in which they are side by side.
        extra_sequences: the sequences that are not a group's input part; the row-wise part reads
            them and computes their gradients.
        unfused_reads: reads by linear maps without a matrix whose weight gradients are computed
            after the loop.
        saved_operands: the operands that the backward loop saves for products after the loop, by
            key: the expression of a read, and its width.
        weights_cached: whether all weights stay in the cache; see `weights_stay_cached`.
        many_summands: whether any pre-activation is more than one product; see `LoopLayout`.
    """

    stages: tuple[Stage, ...]
    input_columns: tuple[BuiltRead, ...]
    standalone_inputs: tuple[Node, ...]
    by_products: tuple[Node, ...]
    input_products: Mapping[str, tuple[Linear, ...]]
    widths: Mapping[str, int]
    extra_sequences: tuple[str, ...]
    unfused_reads: tuple[Member, ...]
    saved_operands: Mapping[str, tuple[Expr, int]]
    weights_cached: bool
    many_summands: bool

    @property
    def products(self) -> tuple[StepProduct, ...]:
        """The products of a step."""
        return tuple(product for stage in self.stages for product in stage.products)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups of all products."""
        return tuple(group for product in self.products for group in product.groups)

    @property
    def row_wise_weights(self) -> tuple[str, ...]:
        """The weights that are used row by row, whose gradients are summed in the backward loop."""
        return tuple(
            dict.fromkeys(name for stage in self.stages for name in stage.row_wise_weights)
        )

    @property
    def unfused_weights(self) -> tuple[str, ...]:
        """The weights of linear maps whose gradients are computed after the loop."""
        names = (name for _, read in self.unfused_reads for name in read.weights.values())
        return tuple(dict.fromkeys(names))

    @property
    def with_input_part(self) -> list[Node]:
        """The gates whose input part belongs to a product."""
        return with_input_part(self.groups)

    @property
    def one_input_product(self) -> bool:
        """Whether one product before the loop computes the input parts of all groups."""
        gates = self.with_input_part
        return bool(gates) and read_alike(gates)

    def group_of(self, gate: str) -> Group | None:
        """Return the group in whose product a gate's input part and bias are added, or None."""
        for group in self.groups:
            if (group.part or group.biased) and any(n.name == gate for n, _ in group.members):
                return group
        return None

    def gradient_key(self, sequence: str) -> str:
        """Return the key under which the backward loop saves a sequence's gradient."""
        for group in self.groups:
            if group.part == sequence:
                return f"d:{group.key}"
        return f"d:{sequence}"


def with_input_part(groups: Iterable[Group]) -> list[Node]:
    """Return the gates whose input part belongs to a product."""
    return [node for group in groups if group.part for node, _ in group.members]


def read_alike(gates: list[Node]) -> bool:
    """Return whether all gates read the same inputs, each through a matrix."""
    reads = [[r for r in gate.reads if r.hoisted] for gate in gates]
    texts = {tuple(r.text for r in own) for own in reads}
    return len(texts) == 1 and texts != {()} and all(r.map.has_matrix() for o in reads for r in o)


# Bytes of weights that stay in a core's cache.
_CACHED = 2**21


@dataclass(frozen=True)
class LoopLayout:
    """How a loop reads and writes memory; chosen when it is traced, and without effect on results.

    Args:
        packed: whether residuals are one row per step, instead of a list for each value. Under XLA
            a row is written in place, and each additional array costs another copy in each step. In
            graph mode a list takes the tensors themselves, without a copy.
        hoist_inside: whether hoisted signals are computed within each step instead of before the
            loop. They have no gradient then. Under XLA, whole forward passes of an LSTM with
            weights of 0.1, 0.4, 1.6 and 8.4 MB took 0.36x, 0.51x, 0.63x and 1.05x of the time.
        prefetch_forward: whether the forward loop reads a step's sequences one step early.
            Otherwise XLA slices the row again inside every kernel, which is slow if nothing else of
            a step is written to memory.
        prefetch_backward: whether the backward loop reads a step's residuals one step early. Under
            XLA, a row that is a loop variable is in memory once; otherwise it is sliced again
            inside every kernel. Prefetching is faster if a pre-activation is more than one product
            (peephole 1.17x, sLSTM 1.32x), and costs a copy if it is not (LSTM 0.91x).
    """

    packed: bool
    hoist_inside: bool = False
    prefetch_forward: bool = False
    prefetch_backward: bool = False


def layout_with_gradient(schedule: LoopSchedule) -> LoopLayout:
    """Return the layout of loops that save residuals or read them."""
    return LoopLayout(packed=compiled(), prefetch_backward=schedule.many_summands)


def layout_without_gradient(schedule: LoopSchedule) -> LoopLayout:
    """Return the layout of a loop that saves only outputs."""
    packed = compiled()
    inside = schedule.weights_cached and packed
    return LoopLayout(packed=packed, hoist_inside=inside, prefetch_forward=not inside)


def weights_stay_cached(cell: Cell, setting: Setting) -> bool:
    """Return whether inputs should enter each step's product, instead of one before the loop.

    Before the loop, they are one large product, whose result is written for all steps and read
    again. In each step, they make the step's product larger, but need neither an addition nor a
    pass for the bias. On a CPU this is faster as long as the weights stay in the second level
    cache. Whole forward passes of an LSTM in graph mode took 0.79x of the time with 0.4 MB of
    weights (batch 32, 64 features, 128 units), 0.90x with 1.6 MB (128, 256), 1.19x with 8.4 MB
    (512, 512).
    """
    if setting.device != "cpu":
        return False
    size = {"float64": 8, "float32": 4}.get(setting.compute, 2)
    return size * sum(math.prod(w.shape) for w in cell.weights) <= _CACHED
