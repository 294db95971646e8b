"""Functions of generated files for JAX."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

State = tuple[jax.Array, ...]


def reservoir(key: jax.Array, size: int, radius: float, density: float) -> jax.Array:
    first, second = jax.random.split(key)
    kept = jax.random.uniform(second, (size, size)) < density
    matrix = np.asarray(jax.random.normal(first, (size, size)) * kept)
    largest = np.abs(np.linalg.eigvals(matrix)).max()
    return jnp.asarray(matrix * (radius / largest if largest > 0 else 0.0))


def hold(valid: jax.Array, new: jax.Array, old: jax.Array) -> jax.Array:
    """Return the old value where a step is masked."""
    return jnp.where(valid.reshape(-1, *[1] * (new.ndim - 1)), new, old)


def zoneout(
    new: jax.Array, old: jax.Array, rate: float, rng: jax.Array | None, place: int
) -> jax.Array:
    if rng is None:
        return rate * old + (1 - rate) * new
    held = jax.random.bernoulli(jax.random.fold_in(rng, place), rate, new.shape)
    return jnp.where(held, old, new)


def draw_noise(
    x: jax.Array, width: int, kind: str, rng: jax.Array | None, place: int
) -> jax.Array:
    """Return noise for each row and unit; without rng, its mean."""
    shape = (len(x), width)
    if rng is None:
        means = {"uniform": 0.5, "gumbel": 0.5772156649015329}
        return jnp.full(shape, means.get(kind, 0.0), x.dtype)
    key = jax.random.fold_in(rng, place)
    if kind == "uniform":
        return jax.random.uniform(key, shape, x.dtype, minval=jnp.finfo(x.dtype).tiny)
    return getattr(jax.random, kind)(key, shape, x.dtype)


def dropout(x: jax.Array, rate: float, rng: jax.Array | None, place: int) -> jax.Array:
    if rng is None:
        return x
    dropped = jax.random.bernoulli(jax.random.fold_in(rng, place), rate, x.shape)
    return jnp.where(dropped, 0.0, x / (1 - rate))


def keys_from(key: jax.Array) -> Iterator[jax.Array]:
    while True:
        key, own = jax.random.split(key)
        yield own


def uniform(
    key: jax.Array, low: float, high: float, shape: tuple[int, ...]
) -> jax.Array:
    return jax.random.uniform(key, shape, minval=low, maxval=high)


def glorot(key: jax.Array, *shape: int) -> jax.Array:
    return jax.nn.initializers.glorot_uniform()(key, shape)


def orthogonal(key: jax.Array, *shape: int) -> jax.Array:
    return jax.nn.initializers.orthogonal()(key, shape)


def last_valid(values: jax.Array, first: jax.Array, mask: jax.Array) -> jax.Array:
    """Return values; at masked steps those of the last valid step, before it the first."""
    steps = jnp.arange(1, mask.shape[1] + 1)
    last = jax.lax.cummax(jnp.where(mask, steps, 0), axis=1)
    values = jnp.concatenate([first[:, None], values], axis=1)
    return values[jnp.arange(len(values))[:, None], last]


def before(values: jax.Array, first: jax.Array) -> jax.Array:
    """Return the value before each step."""
    return jnp.concatenate([first[:, None], values[:, :-1]], axis=1)


def scan(
    factor: jax.Array, gain: jax.Array, first: jax.Array, mask: jax.Array
) -> jax.Array:
    """Return s for all steps of s = factor * s_prev + gain."""

    def joined(earlier: State, later: State) -> State:
        return earlier[0] * later[0], later[0] * earlier[1] + later[1]

    valid = mask.reshape(*mask.shape, *[1] * (first.ndim - 1))
    shape = (*mask.shape, *first.shape[1:])
    a = jnp.where(valid, jnp.broadcast_to(factor, shape), 1.0)
    b = jnp.where(valid, jnp.broadcast_to(gain, shape), 0.0)
    b = b.at[:, 0].add(a[:, 0] * first)
    return jax.lax.associative_scan(joined, (a, b), axis=1)[1]


def scan_pair(
    factors: list[jax.Array], gains: list[jax.Array], first: State, mask: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return s and r for all steps.

    s = f[0] * s_prev + f[1] * r_prev + g[0] and r = f[2] * s_prev + f[3] * r_prev + g[1].
    """

    def joined(earlier: State, later: State) -> State:
        return later[0] @ earlier[0], later[0] @ earlier[1] + later[1]

    valid = mask.reshape(*mask.shape, *[1] * (first[0].ndim + 1))
    shape = (*mask.shape, *first[0].shape[1:])
    a = jnp.stack([jnp.broadcast_to(each, shape) for each in factors], axis=-1)
    a = jnp.where(valid, a.reshape(*shape, 2, 2), jnp.eye(2, dtype=a.dtype))
    b = jnp.stack([jnp.broadcast_to(each, shape) for each in gains], axis=-1)
    b = jnp.where(valid, b[..., None], 0.0)
    b = b.at[:, 0].add(a[:, 0] @ jnp.stack(first, axis=-1)[..., None])
    b = jax.lax.associative_scan(joined, (a, b), axis=1)[1]
    return b[..., 0, 0], b[..., 1, 0]


def valid_first(mask: jax.Array) -> jax.Array:
    """Return the places of the valid steps in order, then those of the others."""
    return jnp.argsort(~mask, axis=1)
