"""Whether a cell equals a Keras layer, whatever its names are, and how their weights correspond.

This module also has the orders in which other libraries stack gates.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gatekit.cell.graph import Cell, Node
from gatekit.cell.language.expression import Binary, Call, Expr, Name, Neg, Number, substitute, walk

# The order of the gates in the stacked weights of Keras, and in those of cuDNN and torch.
KERAS_ORDER = {
    "rnn": ("candidate",),
    "lstm": ("input", "forget", "candidate", "output"),
    "gru": ("update", "reset", "candidate"),
}
CUDNN_ORDER = {
    "lstm": ("input", "forget", "candidate", "output"),
    "gru": ("reset", "update", "candidate"),
}


@dataclass(frozen=True)
class KerasForm:
    """How a cell corresponds to a Keras layer.

    Args:
        layer: ``lstm``, ``gru``, or ``rnn`` for Keras' SimpleRNN.
        parts: the cell's gates by Keras' names. If the candidate of a GRU consists of two gates,
            ``candidate`` is the one that reads x, and ``recurrent`` the one that reads h.
        states: the cell's states, h first.
        reset_after: whether a GRU's reset gate acts after the recurrent product, as in cuDNN and
            torch.
    """

    layer: str
    parts: Mapping[str, str]
    states: tuple[str, ...]
    reset_after: bool = True


@dataclass(frozen=True)
class PartWeights:
    """The names of a gate's weights.

    Args:
        x: the matrix that multiplies x, features x units.
        h: the matrix that multiplies h, units x units.
        bias: the bias, or None.
        recurrent_bias: the bias that the reset gate multiplies, or None.
    """

    x: str
    h: str
    bias: str | None
    recurrent_bias: str | None = None


def part_weights(cell: Cell, form: KerasForm) -> dict[str, PartWeights]:
    """Return the names of each gate's weights, by Keras' name of the gate.

    Args:
        cell: the built cell.
        form: the corresponding Keras layer.
    """
    weights = {}
    for part in KERAS_ORDER[form.layer]:
        of_x = cell.node(form.parts[part])
        apart = part == "candidate" and "recurrent" in form.parts
        of_h = cell.node(form.parts["recurrent"]) if apart else of_x
        (x,) = [read.weights[""] for read in of_x.reads if read.text == "x"]
        (h,) = [read.weights[""] for read in of_h.reads if read.text != "x"]
        weights[part] = PartWeights(x, h, of_x.bias, of_h.bias if apart else None)
    return weights


def keras_form(cell: Cell) -> KerasForm | str:
    """Return the Keras layer that the cell equals, or the reason why it equals none.

    Args:
        cell: the built cell.
    """
    if cell.noises or any(state.zoneout for state in cell.states):
        return "it has noise" if cell.noises else "it has zoneout"
    if cell.output.signals != (cell.emits,) or cell.emits not in [s.name for s in cell.states]:
        return "the output unit reads more than the emitted state"
    for form in (_lstm(cell), _gru(cell), _gru_before(cell), _rnn(cell)):
        if form is not None:
            return form
    return "its equations are not those of Keras' LSTM, GRU or SimpleRNN"


def _lstm(cell: Cell) -> KerasForm | None:
    h, gates = cell.emits, _gates(cell)
    others = [state.name for state in cell.states if state.name != h]
    sigmoids = [n for n in gates if _is(cell, n, "sigmoid", ("x", f"{h}_prev"))]
    tanhs = [n for n in gates if _is(cell, n, "tanh", ("x", f"{h}_prev"))]
    if (len(others), len(sigmoids), len(tanhs), len(gates)) != (1, 3, 1, 4):
        return None
    if not _alike(cell, gates):
        return None
    (c,), (g,) = others, tanhs
    for i, f, o in itertools.permutations(sigmoids):
        memory = Name(f) * Name(f"{c}_prev") + Name(i) * Name(g)
        hidden = Name(o) * Call("tanh", (Name(c),))
        if _equations(cell, {c: memory, h: hidden}):
            parts = {"input": i, "forget": f, "candidate": g, "output": o}
            return KerasForm("lstm", parts, (h, c))
    return None


def _gru(cell: Cell) -> KerasForm | None:
    h, gates = cell.emits, _gates(cell)
    sigmoids = [n for n in gates if _is(cell, n, "sigmoid", ("x", f"{h}_prev"))]
    of_x = [n for n in gates if _is(cell, n, "", ("x",))]
    of_h = [n for n in gates if _is(cell, n, "", (f"{h}_prev",))]
    counts = (len(cell.states), len(sigmoids), len(of_x), len(of_h), len(gates))
    if counts != (1, 2, 1, 1, 4):
        return None
    if not _alike(cell, gates):
        return None
    (x_part,), (h_part,) = of_x, of_h
    for z, r in itertools.permutations(sigmoids):
        new = Call("tanh", (Name(x_part) + Name(r) * Name(h_part),))
        if _equations(cell, {h: Name(z) * Name(f"{h}_prev") + (1 - Name(z)) * new}):
            parts = {"update": z, "reset": r, "candidate": x_part, "recurrent": h_part}
            return KerasForm("gru", parts, (h,))
    return None


def _gru_before(cell: Cell) -> KerasForm | None:
    h, gates = cell.emits, _gates(cell)
    sigmoids = [n for n in gates if _is(cell, n, "sigmoid", ("x", f"{h}_prev"))]
    if (len(cell.states), len(sigmoids), len(gates)) != (1, 2, 3) or not _alike(cell, gates):
        return None
    (g,) = set(gates) - set(sigmoids)
    for z, r in itertools.permutations(sigmoids):
        mixed = Name(z) * Name(f"{h}_prev") + (1 - Name(z)) * Name(g)
        recalled = (f"{r}*{h}_prev", f"{h}_prev*{r}")
        if any(_is(cell, g, "tanh", ("x", text)) for text in recalled) and _equations(
            cell, {h: mixed}
        ):
            parts = {"update": z, "reset": r, "candidate": g}
            return KerasForm("gru", parts, (h,), reset_after=False)
    return None


def _rnn(cell: Cell) -> KerasForm | None:
    h, gates = cell.emits, _gates(cell)
    if (len(cell.states), len(gates)) != (1, 1) or not _is(
        cell, gates[0], "tanh", ("x", f"{h}_prev")
    ):
        return None
    if not _equations(cell, {h: Name(gates[0])}):
        return None
    return KerasForm("rnn", {"candidate": gates[0]}, (h,))


def _gates(cell: Cell) -> list[str]:
    return [node.name for node in cell.nodes if node.expr is None]


def _alike(cell: Cell, gates: Sequence[str]) -> bool:
    """Return whether all gates or none have a bias: Keras has one switch for all of them."""
    return len({cell.node(name).bias is None for name in gates}) == 1


def _is(cell: Cell, name: str, activation: str, reads: tuple[str, ...]) -> bool:
    """Return whether a gate is this activation of dense reads of these signals."""
    node: Node = cell.node(name)
    expressions = cell.gate_expressions.get(name)
    plain = name in cell.gates and node.norm is None and not node.own_states
    if not plain or expressions is None:
        return False
    pre = Name("pre")
    return (
        expressions[0] == (Call(activation, (pre,)) if activation else pre)
        and sorted(read.text for read in node.reads) == sorted(reads)
        and all(read.map_kind == "dense" for read in node.reads)
    )


def _equations(cell: Cell, expected: Mapping[str, Expr]) -> bool:
    """Return whether the states' equations are these, up to the order of sums and products."""
    inner: dict[str, Expr] = {}
    sizes: dict[str, int] = {}

    def size(expr: Expr) -> int:
        return sum(sizes.get(part.name, 1) if isinstance(part, Name) else 1 for part in walk(expr))

    for node in cell.nodes:
        if node.expr is not None and node.name not in expected:
            sizes[node.name] = size(node.expr)
            inner[node.name] = substitute(node.expr, inner)
    for name, expr in expected.items():
        own = cell.node(name).expr
        # Compare sizes first: substituting nested equations may exceed any memory.
        if own is None or size(own) != size(expr):
            return False
        if _sorted(substitute(own, inner)) != _sorted(expr):
            return False
    return True


def _sorted(expr: Expr) -> Expr:
    """Return the expression with the operands of each sum and product sorted by their text."""
    if isinstance(expr, Neg):
        return Neg(_sorted(expr.operand))
    if isinstance(expr, Call):
        return Call(expr.function, tuple(_sorted(arg) for arg in expr.args))
    if isinstance(expr, Binary):
        left, right = _sorted(expr.left), _sorted(expr.right)
        if expr.op in "+*" and str(right) < str(left):
            left, right = right, left
        return Binary(expr.op, left, right)
    assert isinstance(expr, (Name, Number))
    return expr
