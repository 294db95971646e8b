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


def zoneout(
    new: jax.Array, old: jax.Array, rate: float, rng: jax.Array | None, place: int
) -> jax.Array:
    if rng is None:
        return rate * old + (1 - rate) * new
    held = jax.random.bernoulli(jax.random.fold_in(rng, place), rate, new.shape)
    return jnp.where(held, old, new)


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


def running_maximum(
    shift: jax.Array, new: jax.Array, first: jax.Array, mask: jax.Array
) -> jax.Array:
    """Return m for all steps of m = maximum(m_prev + shift, new)."""

    def joined(earlier: State, later: State) -> State:
        return earlier[0] + later[0], jnp.maximum(earlier[1] + later[0], later[1])

    a = jnp.where(mask[..., None], shift, 0.0)
    b = jnp.where(mask[..., None], new, -jnp.inf)
    b = b.at[:, 0].max(a[:, 0] + first)
    return jax.lax.associative_scan(joined, (a, b), axis=1)[1]


def scores(
    rows: jax.Array,
    ends: jax.Array,
    key: jax.Array,
    until: jax.Array,
    offset: int,
    by_row: bool = False,
    terms: bool = False,
) -> jax.Array:
    """Return products of rows with keys of earlier steps, decayed since."""
    used = jnp.tril(jnp.ones((key.shape[-2], key.shape[-2]), bool), offset)
    if by_row:
        between = ends[..., :, None, :] - until[..., None, :, :]
        kept = jnp.exp(jnp.where(used[..., None], between, -jnp.inf))
        axes = "...jtn,...isn,...tsn->...tjsi" if terms else "...tn,...sn,...tsn->...ts"
    else:
        between = ends - jnp.swapaxes(until, -1, -2)
        kept = jnp.exp(jnp.where(used, between, -jnp.inf))
        axes = "...jtn,...isn,...ts->...tjsi" if terms else "...tn,...sn,...ts->...ts"
    return jnp.einsum(axes, rows, key, kept)


def by_chunk(each: jax.Array, size: int) -> jax.Array:
    """Return chunks of steps, the last one filled up with zeros; the chunks come first."""
    each = jnp.moveaxis(each, 1, -2)
    steps = each.shape[-2]
    each = jnp.pad(each, [(0, 0)] * (each.ndim - 2) + [(0, -steps % size), (0, 0)])
    each = each.reshape(*each.shape[:-2], -1, size, each.shape[-1])
    return jnp.moveaxis(each, -3, 0)


def by_step(reads: jax.Array, steps: int) -> jax.Array:
    """Return what chunks read, step by step."""
    reads = jnp.moveaxis(reads, 0, -3)
    reads = reads.reshape(*reads.shape[:-3], -1, reads.shape[-1])
    return jnp.moveaxis(reads[..., :steps, :], -2, 1)


def read_chunks(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    decay: jax.Array | None,
    erase: jax.Array | None,
    first: jax.Array,
    mask: jax.Array,
    by_row: bool = False,
    after: bool = True,
    size: int = 32,
) -> tuple[jax.Array, jax.Array]:
    """Return what the query of each step reads, and the last S.

    S = exp(decay) * S_prev + outer(key, value - vecmat(erase, S_prev)), in which
    the decay or the erase may be missing: 0.
    Each chunk of steps is a few products of matrices (arXiv:2312.06635, section 4).
    """
    valid = mask.reshape(*mask.shape, *[1] * (key.ndim - 2))
    every = [query, jnp.where(valid, key, 0.0), value]
    if decay is not None:
        decay = jnp.broadcast_to(decay, key.shape if by_row else (*key.shape[:-1], 1))
        every.append(jnp.where(valid, jnp.maximum(decay, -100.0), 0.0))
    if erase is not None:
        every.append(jnp.where(valid, erase, 0.0))

    def body(state: jax.Array, chunk: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
        q, k, v = chunk[:3]
        if decay is not None:
            g = chunk[3]
            until = jnp.cumsum(g, axis=-2)
            ends = until if after else until - g
        if erase is not None:
            u = chunk[-1]
            if decay is not None:
                earlier = until - g
                lower = scores(u, earlier, k, until, -1, by_row)
                v = v - (u * jnp.exp(earlier)) @ state
            else:
                lower = jnp.tril(u @ jnp.swapaxes(k, -1, -2), -1)
                v = v - u @ state
            v = jax.lax.linalg.triangular_solve(
                lower, v, left_side=True, lower=True, unit_diagonal=True
            )
        if decay is not None:
            read = scores(q, ends, k, until, 0 if after else -1, by_row) @ v
            read = read + (q * jnp.exp(ends)) @ state
            k = k * jnp.exp(until[..., -1:, :] - until)
            start = jnp.exp(until[..., -1, :, None])
            state = start * state + jnp.swapaxes(k, -1, -2) @ v
        else:
            read = jnp.tril(q @ jnp.swapaxes(k, -1, -2), 0 if after else -1) @ v
            read = read + q @ state
            state = state + jnp.swapaxes(k, -1, -2) @ v
        return state, read

    last, reads = jax.lax.scan(body, first, [by_chunk(each, size) for each in every])
    return by_step(reads, mask.shape[1]), last


def read_terms(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    erase: jax.Array,
    links: jax.Array | None,
    decay: jax.Array,
    first: jax.Array,
    mask: jax.Array,
    by_row: bool = False,
    size: int = 32,
) -> tuple[jax.Array, jax.Array]:
    """Return what queries read after each step, and the last S.

    S = exp(decay) * S_prev + the sum of outer(key, r) over the terms of a step, where
    r = value - vecmat(erase, S_prev) - links @ r; without links, no term depends on
    another.
    Each chunk of steps is a few products of matrices (arXiv:2406.06484, section 3).
    """
    valid = mask.reshape(*mask.shape, *[1] * (query.ndim - 2))
    key, erase = (jnp.where(valid[..., None], each, 0.0) for each in (key, erase))
    decay = jnp.broadcast_to(decay, query.shape if by_row else (*query.shape[:-1], 1))
    decay = jnp.where(valid, jnp.maximum(decay, -100.0), 0.0)
    every = [query, key, value, erase, decay]
    if links is not None:
        every.append(links)

    def rows(each: jax.Array) -> jax.Array:
        return each.reshape(*each.shape[:-4], each.shape[-4] * each.shape[-3], -1)

    def body(state: jax.Array, chunk: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
        q, k, v, u, g = chunk[:5]
        until = jnp.cumsum(g, axis=-2)
        earlier = until - g
        lower = scores(u, earlier, k, until, -1, by_row, terms=True)
        if links is not None:
            d = chunk[5].reshape(*chunk[5].shape[:-1], k.shape[-3], k.shape[-3])
            lower = lower + jnp.einsum(
                "...tji,ts->...tjsi", d, jnp.eye(size, dtype=d.dtype)
            )
        seen = (u * jnp.exp(earlier)[..., None, :, :]) @ state[..., None, :, :]
        rest = rows(jnp.swapaxes(v - seen, -2, -3)[..., None])
        r = jax.lax.linalg.triangular_solve(
            rows(lower), rest, left_side=True, lower=True, unit_diagonal=True
        )
        read = scores(q[..., None, :, :], until, k, until, 0, by_row, terms=True)
        read = rows(read) @ r + (q * jnp.exp(until)) @ state
        k = k * jnp.exp(until[..., -1:, :] - until)[..., None, :, :]
        k = rows(jnp.swapaxes(k, -2, -3)[..., None])
        start = jnp.exp(until[..., -1, :, None])
        state = start * state + jnp.swapaxes(k, -1, -2) @ r
        return state, read

    last, reads = jax.lax.scan(body, first, [by_chunk(each, size) for each in every])
    return by_step(reads, mask.shape[1]), last


def valid_first(mask: jax.Array) -> jax.Array:
    """Return the places of the valid steps in order, then those of the others."""
    return jnp.argsort(~mask, axis=1)
