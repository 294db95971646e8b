"""A gate's pre-activation in the witnesses, and the shapes of its weights.

A read through a full matrix is ``u @ w``, with ``w`` width of u x width of the gate; one through a
weight per unit is ``u * p``. Weights are named as in the layer: ``forget.x``, ``forget.bias``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .functions import Array, Weights

Shapes = dict[str, tuple[int, ...]]


def pre(w: Weights, gate: str, reads: Mapping[str, Array], bias: bool = True) -> Array:
    """The sum of a gate's reads and its bias.

    Args:
        w: weights by name.
        gate: the gate's name.
        reads: what is read, batch x width, by the text of the read.
        bias: whether the gate has a bias.

    Returns:
        batch x the gate's width.
    """
    total: Array | float = w[f"{gate}.bias"] if bias else 0.0
    for text, value in reads.items():
        weight = w[f"{gate}.{text}"]
        total = total + (value @ weight if weight.ndim == 2 else value * weight)
    assert not isinstance(total, float)
    return total


def read_shapes(
    gates: str | Iterable[str],
    units: int,
    dense: Mapping[str, int],
    diagonal: Iterable[str] = (),
    bias: bool = True,
) -> Shapes:
    """The shapes of the weights of gates that all read the same.

    Args:
        gates: the gate's name, or the names.
        units: the gates' width.
        dense: the width of what is read through a matrix, by the text of the read.
        diagonal: what is read through a weight per unit.
        bias: whether the gates have a bias.

    Returns:
        Shapes by the weights' names.
    """
    found: Shapes = {}
    for gate in [gates] if isinstance(gates, str) else gates:
        found |= {f"{gate}.{text}": (width, units) for text, width in dense.items()}
        found |= {f"{gate}.{text}": (units,) for text in diagonal}
        if bias:
            found[f"{gate}.bias"] = (units,)
    return found
