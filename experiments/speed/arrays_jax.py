"""The array functions that the cells by hand use, in JAX."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import jax
import jax.numpy as jnp

matmul, tanh, exp, maximum = jnp.matmul, jnp.tanh, jnp.exp, jnp.maximum
sigmoid, softplus, softmax = jax.nn.sigmoid, jax.nn.softplus, jax.nn.softmax
square, rsqrt, reshape, where = jnp.square, jax.lax.rsqrt, jnp.reshape, jnp.where


def split(value: Any, parts: Any) -> Any:
    """Split the last axis into so many equal parts, or into parts of these widths."""
    places = parts if isinstance(parts, int) else list(accumulate(parts))[:-1]
    return jnp.split(value, places, axis=-1)


def mean(value: Any) -> Any:
    """Return the mean over the last axis, which is kept."""
    return jnp.mean(value, axis=-1, keepdims=True)


def cumsum(value: Any) -> Any:
    """Return running sums over the last axis."""
    return jnp.cumsum(value, axis=-1)


def repeat(value: Any, times: int) -> Any:
    """Return each entry of the last axis so many times in a row."""
    return jnp.repeat(value, times, axis=-1)
