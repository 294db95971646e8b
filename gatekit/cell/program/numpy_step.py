"""The values of a program in NumPy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatekit.cell.language.expression import evaluate

from .ops import Apply, Drop, Hold, Linear, Norm, Op, Opaque, Program, Sum, Window

Array = NDArray[np.floating[Any]]


def step(program: Program, ops: Iterable[Op], env: dict[str, Any]) -> None:
    """Compute operations in order, for one step or for many at once; add their values to ``env``.

    A value is ``... x shape``, where the leading axes are those of a batch or of steps. Values that
    are the same in all rows may lack the leading axes.

    Args:
        program: the program.
        ops: some of its operations, in its order.
        env: the values that they read: inputs, ``NAME_prev``, weights and constants. A `Hold` also
            reads ``valid``, with the leading axes only; a `Window` ``earlier:NAME``, the values of
            the ``length - 1`` steps before; a `Drop` its mask ``drop:TEXT``, if there is one.

    Raises:
        Exception: a gate's function cannot compute with NumPy.
    """
    for op in ops:
        if isinstance(op, Linear):
            weights = {suffix: env[name] for suffix, name in op.weights.items()}
            matrix = op.map.has_matrix()
            u = env[op.of]
            env[op.out] = u @ op.map.matrix(weights) if matrix else op.map.apply(u, weights)
        elif isinstance(op, Sum):
            first, *rest = (env[name] for name in op.parts)
            env[op.out] = sum(rest, first)
        elif isinstance(op, Norm):
            env.update(zip(op.outs, _normalised([env[n] for n in op.of], op.epsilon), strict=True))
        elif isinstance(op, Apply):
            value = evaluate(op.expr, env, program.functions)
            env[op.out] = _filled(value, program.shapes[op.out])
        elif isinstance(op, Drop):
            env[op.out] = env[op.of] * env.get(f"drop:{op.text}", 1.0)
        elif isinstance(op, Opaque):
            result = op.unit.compute({argument: env[key] for argument, key in op.arguments})
            value, states = result if isinstance(result, tuple) else (result, {})
            values = [value, *(states[name] for name in op.states)]
            env.update(zip(op.outs, values, strict=True))
        elif isinstance(op, Hold):
            new, old = env[op.new], env[op.old]
            mixed = op.rate * old + (1 - op.rate) * new if op.rate else new
            valid = np.asarray(env["valid"])
            valid = valid.reshape(*valid.shape, *(1 for _ in program.shapes[op.out]))
            env[op.out] = np.where(valid, mixed, old)
        else:
            assert isinstance(op, Window)
            now = env[op.of]
            env[op.out] = np.concatenate([env[f"earlier:{op.of}"], now[..., None, :]], -2)


def _filled(value: Any, shape: tuple[int, ...]) -> Any:
    """Return a value with at least the axes of its shape; a plain number has none."""
    return value if np.ndim(value) >= len(shape) else np.broadcast_to(value, shape)


def _normalised(parts: list[Any], epsilon: float) -> list[Array]:
    """Return the parts, each ``... x width``, normalised by their joint statistics."""
    lead = np.broadcast_shapes(*(part.shape[:-1] for part in parts))
    whole = np.concatenate([np.broadcast_to(p, (*lead, p.shape[-1])) for p in parts], -1)
    centred = whole - whole.mean(-1, keepdims=True)
    normal = centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + epsilon)
    return np.split(normal, np.cumsum([part.shape[-1] for part in parts])[:-1], -1)
