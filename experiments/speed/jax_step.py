"""The cells by hand under `jax.lax.scan`, everything compiled by `jax.jit`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import arrays_jax
from .by_hand import BY_HAND, ByHand
from .contender import Started
from .data import arrays
from .size import Size

RATE, FIRST, SECOND, SMALL = 1e-3, 0.9, 0.999, 1e-7


def recurrence(cell: ByHand, weights: Mapping[str, Any], x: Any, hoisted: bool) -> Any:
    """Return what the cell emits at every step, ``time x batch x units``, and at the last.

    Args:
        cell: the cell.
        weights: its stacked weights.
        x: ``batch x time x features``.
        hoisted: whether the product with x is made for all steps at once before the scan.
    """
    units = _units(cell, weights)
    bias = weights.get("bias", 0.0)

    def project(value: Any) -> Any:
        return jnp.matmul(value, weights["kernel"]) + bias

    def step(carry: Any, entry: Any) -> Any:
        z = entry if hoisted else project(entry)
        output, states = cell.step(arrays_jax, weights, z, *carry[1:])
        return (output, *states), output

    zeros = jnp.zeros((x.shape[0], units), x.dtype)
    first = (zeros, *(zeros + cell.first.get(index, 0.0) for index in range(cell.states)))
    steps = jnp.swapaxes(x, 0, 1)
    carry, outputs = jax.lax.scan(step, first, project(steps) if hoisted else steps)
    return outputs, carry[0]


def _units(cell: ByHand, weights: Mapping[str, Any]) -> int:
    for name, stack in cell.weights.items():
        if stack.rows == "units":
            return int(weights[name].shape[0])
    return int(weights["kernel"].shape[-1]) // len(cell.weights["kernel"].parts)


def make(cell: str, mode: str, size: Size, every_step: bool) -> Started:
    """Return the steps: ``scan`` has the product with x inside, ``hoisted`` before the scan."""
    by_hand = BY_HAND[cell]
    x, y = (jnp.asarray(value) for value in arrays(size, every_step))
    drawn = by_hand.draw(size.features, size.units)
    head = np.random.default_rng(1).standard_normal((size.units, 1)).astype("float32")
    weights = {**drawn, "head": head / np.sqrt(size.units), "head_bias": np.zeros(1, "float32")}
    weights = jax.tree.map(jnp.asarray, weights)

    def model(weights: Any, x: Any) -> Any:
        outputs, last = recurrence(by_hand, weights, x, mode == "hoisted")
        # Where only the last is wanted, XLA drops what the scan would have written.
        shown = jnp.swapaxes(outputs, 0, 1) if every_step else last
        return jnp.matmul(shown, weights["head"]) + weights["head_bias"]

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def train(weights: Any, first: Any, second: Any, count: Any, x: Any, y: Any) -> Any:
        def error(weights: Any) -> Any:
            return jnp.mean(jnp.square(model(weights, x) - y))

        loss, gradients = jax.value_and_grad(error)(weights)
        first = jax.tree.map(lambda m, g: FIRST * m + (1 - FIRST) * g, first, gradients)
        second = jax.tree.map(lambda v, g: SECOND * v + (1 - SECOND) * g * g, second, gradients)
        rate = RATE * jnp.sqrt(1 - SECOND**count) / (1 - FIRST**count)
        weights = jax.tree.map(
            lambda w, m, v: w - rate * m / (jnp.sqrt(v) + SMALL), weights, first, second
        )
        return weights, first, second, count + 1, loss

    forward = jax.jit(model)
    zeros = jax.tree.map(jnp.zeros_like, weights)
    kept = [weights, zeros, jax.tree.map(jnp.zeros_like, weights), jnp.asarray(1.0)]

    def trained() -> float:
        *new, loss = train(*kept, x, y)
        kept[:] = new
        return float(loss)

    return Started(
        train=trained,
        forward=lambda: np.asarray(forward(kept[0], x)),
        note=f"jax.lax.scan, product with x {'before it' if mode == 'hoisted' else 'inside'}",
        parameters=by_hand.count(size.features, size.units),
    )
