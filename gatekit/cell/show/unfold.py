"""Expands a cell: writes its gates, norms and output unit as expressions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from gatekit.cell.graph import BuiltRead, Cell, Node, shared_reads
from gatekit.cell.language.expression import (
    Call,
    Expr,
    Name,
    Number,
    lift,
    render,
    replaced,
    substitute,
    total,
    walk,
)
from gatekit.cell.language.shape import Shape
from gatekit.cell.row_wise import RowWise
from gatekit.cell.schema import EPSILON

LAYER_NORM = "layer_norm"
_MOST_REPEATED = 10


@dataclass(frozen=True)
class Term:
    """A read's or a bias's part of a pre-activation; ``read`` is None for the bias."""

    owner: str
    read: BuiltRead | None


@dataclass(frozen=True)
class Equation:
    """One equation: ``name = expr``.

    ``name`` is a signal, a gate's own state (``forget.k``) or a pre-activation (``forget.pre``);
    ``opaque`` is true if a plugin's function cannot be written as an expression; ``expr`` then only
    lists its arguments.
    """

    name: str
    expr: Expr
    opaque: bool = False


@dataclass(frozen=True)
class Unfolded:
    """A cell's equations in the order of computation.

    In the equations, each read and each bias is a name, which ``terms`` maps to the read or bias;
    ``shapes`` has the shapes of all names, without batch and time.
    """

    lines: tuple[Equation, ...]
    terms: Mapping[str, Term]
    shapes: Mapping[str, Shape | None]

    @cached_property
    def written(self) -> Mapping[str, Expr]:
        """The reads and biases as expressions for plain text, by key."""
        exprs: dict[str, Expr] = {}
        for key, term in self.terms.items():
            if term.read is None:
                exprs[key] = Name("bias")
            elif term.read.map_kind == "identity":
                exprs[key] = term.read.expr
            else:
                exprs[key] = Call(map_text(term.read), (term.read.expr,))
        return exprs


def unfold(cell: Cell) -> Unfolded:
    """Return the equations of a cell, including that of the output unit, as the signal ``y``.

    ``y`` is the last equation unless the output unit has ``feeds_back``. A pre-activation is
    written in place if it is short or used once; otherwise it has its own line.
    """
    terms: dict[str, Term] = {}
    lines: list[Equation] = []
    for node in cell.nodes:
        lines += _node_lines(cell, node, terms)
    if not cell.output.unit.feeds_back:
        out = cell.output
        for node in out.projections:
            lines += _node_lines(cell, node, terms)
        pre = _pre("output_unit", out.reads, out.bias, terms)
        lines += _output_lines(cell, out.unit, out.arguments, pre, terms)
    widths = {key: term.read.width_out for key, term in terms.items() if term.read is not None}
    biases = {key: cell.widths.get(t.owner, cell.output.width) for key, t in terms.items()}
    shapes = {**_shapes(cell), **{key: (n,) for key, n in {**biases, **widths}.items()}}
    return Unfolded(tuple(lines), terms, shapes)


def plain_text(unfolded: Unfolded, line: Equation) -> str:
    """Return a line with reads as linear maps, such as ``forget = sigmoid(dense(x) + bias)``."""
    return f"{line.name} = {render(substitute(line.expr, unfolded.written), ' ')}"


def map_text(read: BuiltRead) -> str:
    """Return the kind of a read's linear map with its changed options: ``block[blocks=2]``."""
    options = ", ".join(f"{key}={value}" for key, value in read.map.options().items())
    return f"{read.map_kind}[{options}]" if options else read.map_kind


def _node_lines(cell: Cell, node: Node, terms: dict[str, Term]) -> Iterator[Equation]:
    if node.kind == "equation":
        yield Equation(node.name, cell.equation(node.name))
    elif node.kind == "norm":
        normalised = Call(_norm_name([], node.epsilon), (Name(node.source),))
        yield Equation(node.name, normalised * Name(node.scale) + Name(node.offset))
    elif node.kind == "output":
        assert node.declared is not None
        pre = _pre("output_unit", node.reads, node.bias, terms)
        yield from _output_lines(cell, node.declared, node.arguments, pre, terms)
    else:
        yield from _gate_lines(cell, node, terms)


def _gate_lines(cell: Cell, node: Node, terms: dict[str, Term]) -> Iterator[Equation]:
    pre = _normalised(cell, node, terms)
    expressions = cell.gate_expressions[node.name]
    if expressions is None:
        yield _opaque(node.name, cell.kind(node), node.arguments, pre)
        return
    value, states = expressions
    keys = {state: f"{node.name}.{state}" for state in states}
    for state, key in keys.items():
        if not isinstance(states[state], (Name, Number)):
            value = replaced(value, states[state], Name(key))
    found = [Equation(keys[state], expr) for state, expr in states.items()] + [
        Equation(node.name, value)
    ]
    yield from _with_pre(node.name, found, pre, terms)


def _output_lines(
    cell: Cell,
    unit: RowWise,
    arguments: tuple[tuple[str, str], ...],
    pre: Expr | None,
    terms: Mapping[str, Term],
) -> Iterator[Equation]:
    values = {}
    for argument, key in arguments:
        constant = cell.constants.get(key)
        name = "pre" if key.startswith("pre:") else key
        values[argument] = Name(name) if constant is None else lift(constant)
    try:
        value = lift(unit.compute(values))
    except Exception:
        # An output unit, like a gate, cannot always be written as an expression.
        yield _opaque("y", cell.output.kind, arguments, pre)
        return
    yield from _with_pre("y", [Equation("y", value)], pre, terms)


def _simple(pre: Expr, terms: Mapping[str, Term]) -> bool:
    """Return whether a pre-activation is short enough to be written more than once."""
    term = terms.get(pre.name) if isinstance(pre, Name) else None
    return term is not None and (
        term.read is None or sum(1 for _ in walk(term.read.expr)) <= _MOST_REPEATED
    )


def _with_pre(
    owner: str, lines: list[Equation], pre: Expr | None, terms: Mapping[str, Term]
) -> Iterator[Equation]:
    uses = sum(node == Name("pre") for line in lines for node in walk(line.expr))
    if pre is not None and uses > 1 and not _simple(pre, terms):
        yield Equation(f"{owner}.pre", pre)
        pre = Name(f"{owner}.pre")
    for line in lines:
        expr = line.expr if pre is None else substitute(line.expr, {"pre": pre})
        yield Equation(line.name, expr)


def _opaque(
    name: str, kind: str, arguments: tuple[tuple[str, str], ...], pre: Expr | None
) -> Equation:
    args = [pre if key.startswith("pre:") else Name(key) for _, key in arguments]
    return Equation(name, Call(kind, tuple(arg for arg in args if arg is not None)), opaque=True)


def _pre(
    owner: str,
    reads: tuple[BuiltRead, ...],
    bias: str | None,
    terms: dict[str, Term],
    norms: Mapping[str, str] | None = None,
    norm_of_sum: tuple[str, str] | None = None,
) -> Expr | None:
    """Return the pre-activation as a sum of names, one for each read and one for the bias.

    Args:
        owner: the gate or output unit.
        reads: its reads.
        bias: its bias, if it has one.
        terms: the read or bias of each of these names is added here.
        norms: the function that normalises a read, by the read's text.
        norm_of_sum: the weight that scales the normalised sum of the reads, and the function that
            normalises it.
    """
    parts: list[Expr] = []
    for read in reads:
        key = f"{owner}:{read.text}"
        terms[key] = Term(owner, read)
        part: Expr = Name(key)
        if norms and read.scale is not None:
            part = Name(read.scale) * Call(norms[read.text], (part,))
        parts.append(part)
    whole = total(parts)
    if norm_of_sum is not None and whole is not None:
        scale, function = norm_of_sum
        whole = Name(scale) * Call(function, (whole,))
    if bias is None:
        return whole
    key = f"{owner}:bias"
    terms[key] = Term(owner, None)
    return Name(key) if whole is None else whole + Name(key)


def _normalised(cell: Cell, node: Node, terms: dict[str, Term]) -> Expr | None:
    """Return a gate's pre-activation, including its norm."""
    norm = node.norm
    if norm is None:
        return _pre(node.name, node.reads, node.bias, terms)
    shared = shared_reads({other.name: other for other in cell.all_nodes}, node)

    def function(text: str | None) -> str:
        sharing = {owner.name for owner, read in shared if text in (None, read.text)}
        order = [name for name in norm.group if name in sharing]
        return _norm_name(order if len(order) > 1 else [], norm.epsilon)

    if norm.of == "sum":
        assert node.norm_scale is not None
        whole = (node.norm_scale, function(None))
        return _pre(node.name, node.reads, node.bias, terms, norm_of_sum=whole)
    each = {read.text: function(read.text) for read in node.reads}
    return _pre(node.name, node.reads, node.bias, terms, norms=each)


def _norm_name(sharing: Sequence[str], epsilon: float) -> str:
    """Return the name of a norm: ``layer_norm[reset, update, epsilon=0.001]``.

    Args:
        sharing: the gates that share the statistics.
        epsilon: the number that is added to the variance; the name shows it unless it is the
            default.
    """
    options = [*sharing, *([] if epsilon == EPSILON else [f"epsilon={epsilon!r}"])]
    return f"{LAYER_NORM}[{', '.join(options)}]" if options else LAYER_NORM


def _shapes(cell: Cell) -> dict[str, Shape | None]:
    """Return the shape of every name that a line may contain, without batch and time."""
    shapes: dict[str, Shape | None] = {"t": (1,)}
    for name, shape in cell.shapes.items():
        shapes.update({name: shape, f"{name}_prev": shape, f"{name}.pre": shape})
    shapes.update({weight.name: weight.shape for weight in cell.weights})
    shapes.update(dict.fromkeys(cell.constants, ()))
    for name, length in cell.output.histories:
        shapes[f"{name}_history"] = (length, cell.widths[name])
    shapes["output_unit.pre"] = (cell.output.width,)
    shapes["y.pre"] = shapes["output_unit.pre"]
    return shapes
