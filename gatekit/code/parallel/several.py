"""Code in torch and JAX that reads a memory that gains several outer products per step."""

from __future__ import annotations

from .helpers import scores

_SIGNATURE = '''def read_chunks(
    query: A,
    key: A,
    value: A,
    erase: A,
    LINKS: A,
    decay: A,
    first: A,
    mask: A,
    size: int = 32,
) -> tuple[A, A]:
    """Return what queries read after each step, and the last S.

    S = exp(decay) * S_prev + the sum of outer(key, r) over the terms of a step, where
    r = value - vecmat(erase, S_prev)EARLIER.
    Each chunk of steps is a few products of matrices (arXiv:2406.06484, section 3).
    """
'''
_TORCH = """    decay = decay.expand(SHAPE)
    valid = mask.view(*mask.shape, *[1] * (query.ndim - 2))
    key, erase = (torch.where(valid[..., None], each, 0.0) for each in (key, erase))
    decay = torch.where(valid, decay.clamp(min=-100.0), 0.0)
    every = (query, key, value, erase, LINKS, decay)
    chunks = [each.movedim(1, -2).split(size, dim=-2) for each in every]
    state, outputs = first, []
    for q, k, v, u, d, g in zip(*chunks):
        until = g.cumsum(-2)
        earlier = until - g
        lower = scores(u, earlier, k, until, -1)
        terms = d.unflatten(-1, (k.shape[-3], -1))
        once = torch.eye(q.shape[-2], dtype=q.dtype, device=q.device)
        lower = lower + torch.einsum("...tji,ts->...tjsi", terms, once)
        seen = (u * earlier.exp()[..., None, :, :]) @ state[..., None, :, :]
        rest = (v - seen).transpose(-2, -3).flatten(-3, -2)
        lower = lower.flatten(-4, -3).flatten(-2)
        r = torch.linalg.solve_triangular(lower, rest, upper=False, unitriangular=True)
        read = scores(q[..., None, :, :], until, k, until, 0)
        read = read.flatten(-4, -3).flatten(-2) @ r
        outputs.append(read + (q * until.exp()) @ state)
        k = k * (until[..., -1:, :] - until).exp()[..., None, :, :]
        k = k.transpose(-2, -3).flatten(-3, -2)
        state = until[..., -1, :, None].exp() * state + k.mT @ r
    return torch.cat(outputs, dim=-2).movedim(-2, 1), state"""
_JAX = """    decay = jnp.broadcast_to(decay, SHAPE)
    valid = mask.reshape(*mask.shape, *[1] * (query.ndim - 2))
    key, erase = (jnp.where(valid[..., None], each, 0.0) for each in (key, erase))
    decay = jnp.where(valid, jnp.maximum(decay, -100.0), 0.0)
    steps = mask.shape[1]

    def cut(each: A) -> A:
        each = jnp.moveaxis(each, 1, -2)
        more = [(0, 0)] * (each.ndim - 2) + [(0, -steps % size), (0, 0)]
        each = jnp.pad(each, more)
        each = each.reshape(*each.shape[:-2], -1, size, each.shape[-1])
        return jnp.moveaxis(each, -3, 0)

    def rows(each: A) -> A:
        return each.reshape(*each.shape[:-4], each.shape[-4] * each.shape[-3], -1)

    def body(state: A, chunk: list[A]) -> tuple[A, A]:
        q, k, v, u, d, g = chunk
        until = jnp.cumsum(g, axis=-2)
        earlier = until - g
        lower = scores(u, earlier, k, until, -1)
        terms = d.reshape(*d.shape[:-1], k.shape[-3], k.shape[-3])
        lower = lower + jnp.einsum("...tji,ts->...tjsi", terms, jnp.eye(size))
        seen = (u * jnp.exp(earlier)[..., None, :, :]) @ state[..., None, :, :]
        rest = rows(jnp.swapaxes(v - seen, -2, -3)[..., None])
        r = jax.lax.linalg.triangular_solve(
            rows(lower), rest, left_side=True, lower=True, unit_diagonal=True
        )
        read = rows(scores(q[..., None, :, :], until, k, until, 0)) @ r
        read = read + (q * jnp.exp(until)) @ state
        k = k * jnp.exp(until[..., -1:, :] - until)[..., None, :, :]
        k = rows(jnp.swapaxes(k, -2, -3)[..., None])
        start = jnp.exp(until[..., -1, :, None])
        state = start * state + jnp.swapaxes(k, -1, -2) @ r
        return state, read

    chunks = [cut(each) for each in (query, key, value, erase, LINKS, decay)]
    last, reads = jax.lax.scan(body, first, chunks)
    reads = jnp.moveaxis(reads, 0, -3)
    reads = reads.reshape(*reads.shape[:-3], -1, reads.shape[-1])
    return jnp.moveaxis(reads[..., :steps, :], -2, 1), last"""
_BODIES = {"torch": _TORCH, "jax": _JAX}
# Lines that are omitted if the terms of a step do not depend on each other.
_LINKED = ("terms = ", "once = ", "lower = lower + ")


def read_several(to: str, decay: str, linked: bool) -> dict[str, str]:
    """Return, by name, the functions that read a memory with several terms at all steps.

    Args:
        to: ``torch`` or ``jax``.
        decay: ``head`` (one for each head) or ``column`` (one for each row).
        linked: whether a term depends on an earlier term of the same step.
    """
    one = "*query.shape[:-1], 1"
    shape = "query.shape" if decay == "column" else one if to == "torch" else f"({one})"
    body = (_SIGNATURE + _BODIES[to]).replace("SHAPE", shape)
    body = body.replace("EARLIER", " - links @ r" if linked else "")
    if not linked:
        lines = body.split("\n")
        unlinked = [line for line in lines if not line.strip().startswith((*_LINKED, "LINKS: A"))]
        body = "\n".join(unlinked).replace(" LINKS,", "").replace("u, d, g", "u, g")
    return {"scores": scores(to, decay, terms=True), "read_chunks": body.replace("LINKS", "links")}
