"""Finds the kernel of flash-linear-attention that computes a memory, from its normal form.

The names, arguments and shapes are those of flash-linear-attention 0.6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gatekit.cell.language.expression import Binary, Call, Expr, Neg, Number
from gatekit.cell.program import Memory, MemoryTerm

ShapeOf = Callable[[Expr], tuple[int, ...] | None]

MODULES: Mapping[str, str] = {
    "linear_attn": "fla.ops.linear_attn",
    "simple_gla": "fla.ops.simple_gla",
    "gla": "fla.ops.gla",
    "delta_rule": "fla.ops.delta_rule",
    "gated_delta_rule": "fla.ops.gated_delta_rule",
    "kda": "fla.ops.kda",
    "dplr": "fla.ops.generalized_delta_rule",
    "rwkv7": "fla.ops.rwkv7",
}
"""The module of each kernel."""


def kernel(name: str) -> str:
    """Return the name of a kernel's function, such as ``chunk_gla``."""
    return f"chunk_{name}{'_delta_rule' if name == 'dplr' else ''}"


@dataclass(frozen=True)
class KernelForm:
    """A memory in the form of a kernel.

    Attributes:
        name: the kernel.
        key, value: what is gained.
        beta: the strength of the correction, one for each head; None if the kernel has none.
        erase: what is erased; None if the kernel has none.
        added: the key with which the erased is added again; None if the kernel has none.
    """

    name: str
    key: Expr
    value: Expr
    beta: Expr | None = None
    erase: Expr | None = None
    added: Expr | None = None


def kernel_form(memory: Memory, shape_of: ShapeOf) -> KernelForm | None:
    """Return a memory in the form of a kernel, or None if it has none.

    Args:
        memory: the memory.
        shape_of: returns the shape of an expression, without batch and time.
    """
    one_axis = len(memory.shape) == 3  # of heads; and a read after the update
    if not one_axis or len(memory.reads) != 1 or not memory.reads[0].after:
        return None
    if len(memory.terms) > 1:
        return _rwkv7(memory)
    [term] = memory.terms
    if term.key is None or term.value is None:
        return None
    by_row, by_head = memory.column is not None, memory.head is not None
    if term.erase is None:
        name = "gla" if by_row else "simple_gla" if by_head else "linear_attn"
        return KernelForm(name, term.key, term.value)
    delta = None if by_row and by_head else _delta(memory, term, shape_of)
    if delta is not None:
        name = "kda" if by_row else "gated_delta_rule" if by_head else "delta_rule"
        return KernelForm(name, delta[0], term.value, beta=delta[1])
    return KernelForm("dplr", term.key, term.value, erase=term.erase)


def _rwkv7(memory: Memory) -> KernelForm | None:
    """Return the form of a memory that erases in one term and gains in another."""
    if len(memory.terms) != 2 or memory.column is None:
        return None
    gains = [t for t in memory.terms if t.erase is None and t.value is not None]
    erases = [t for t in memory.terms if t.erase is not None and t.value is None]
    if any(term.earlier for term in memory.terms) or not (gains and erases):
        return None
    [gain], [erase] = gains, erases
    if gain.key is None or gain.value is None or erase.key is None:
        return None
    return KernelForm("rwkv7", gain.key, gain.value, erase=erase.erase, added=erase.key)


def _delta(memory: Memory, term: MemoryTerm, shape_of: ShapeOf) -> tuple[Expr, Expr] | None:
    """Return k and beta, if what is gained has the key beta k, and k is erased from what is kept.

    That is, the erase is k times the decay.
    """
    assert term.key is not None
    assert term.erase is not None
    decay = memory.head if memory.column is None else memory.column
    key, erased = _factors(term.key), _factors(term.erase)
    if decay is not None:
        kept = next((f for f in erased if _logarithm(f) == decay), None)
        if kept is None:
            return None
        erased.remove(kept)
    strengths = Counter(key) - Counter(erased)
    beta = list(strengths.elements())
    if Counter(erased) - Counter(key) or not erased:
        return None
    if any((shape_of(each) or (0,))[-1] != 1 for each in beta):
        return None
    return _product(erased), _product(beta)


def _factors(expr: Expr) -> list[Expr]:
    """Return the factors of a product; two signs cancel."""
    factors, negative, todo = [], False, [expr]
    while todo:
        each = todo.pop(0)
        if isinstance(each, Neg):
            negative = not negative
            todo.insert(0, each.operand)
        elif isinstance(each, Binary) and each.op == "*":
            todo[:0] = [each.left, each.right]
        elif each == Number(-1):
            negative = not negative
        elif each != Number(1):
            factors.append(each)
    return [*factors, *([Number(-1)] if negative else [])]


def _product(factors: list[Expr]) -> Expr:
    if not factors:
        return Number(1)
    first, *others = factors
    for other in others:
        first = Binary("*", first, other)
    return first


def _logarithm(expr: Expr) -> Expr | None:
    """Return the logarithm of an exponential, also of one of heads; otherwise None."""
    if isinstance(expr, Call) and expr.function == "exp":
        return expr.args[0]
    if isinstance(expr, Call) and expr.function == "column":
        inner = _logarithm(expr.args[0])
        return None if inner is None else Call("column", (inner,))
    return None
