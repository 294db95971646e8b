"""Functions for files of torch and JAX that compute all steps together."""

from __future__ import annotations

_PAIR = "def scan_pair(factors: list[A], gains: list[A], first: State, mask: A) -> tuple[A, A]:"
_TORCH = {
    "last_valid": '''def last_valid(values: A, first: A, mask: A) -> A:
    """Return values; at masked steps those of the last valid step, before it the first."""
    steps = torch.arange(1, mask.shape[1] + 1, device=mask.device)
    last = (mask * steps).cummax(dim=1).values
    values = torch.cat([first[:, None], values], dim=1)
    return values[torch.arange(len(values), device=mask.device)[:, None], last]''',
    "before": '''def before(values: A, first: A) -> A:
    """Return the value before each step."""
    return torch.cat([first[:, None], values[:, :-1]], dim=1)''',
    "scan": '''def scan(factor: A, gain: A, first: A, mask: A) -> A:
    """Return s for all steps of s = factor * s_prev + gain, by doubling the reach."""
    valid = mask.view(*mask.shape, *[1] * (first.ndim - 1))
    shape = (*mask.shape, *first.shape[1:])
    a = torch.where(valid, factor.expand(shape), 1.0)
    b = torch.where(valid, gain.expand(shape), 0.0)
    b = torch.cat([a[:, :1] * first[:, None] + b[:, :1], b[:, 1:]], dim=1)
    reach = 1
    while reach < mask.shape[1]:
        more = a[:, reach:] * b[:, :-reach] + b[:, reach:]
        b = torch.cat([b[:, :reach], more], dim=1)
        a = torch.cat([a[:, :reach], a[:, reach:] * a[:, :-reach]], dim=1)
        reach *= 2
    return b''',
    "scan_pair": _PAIR
    + '''
    """Return s and r for all steps, by doubling the reach.

    s = f[0] * s_prev + f[1] * r_prev + g[0] and r = f[2] * s_prev + f[3] * r_prev + g[1].
    """
    valid = mask.view(*mask.shape, *[1] * (first[0].ndim + 1))
    shape = (*mask.shape, *first[0].shape[1:])
    identity = torch.eye(2, dtype=first[0].dtype, device=first[0].device)
    a = torch.stack([each.expand(shape) for each in factors], dim=-1)
    a = torch.where(valid, a.unflatten(-1, (2, 2)), identity)
    b = torch.stack([each.expand(shape) for each in gains], dim=-1)
    b = torch.where(valid, b[..., None], 0.0)
    start = torch.stack(first, dim=-1)[:, None, ..., None]
    b = torch.cat([a[:, :1] @ start + b[:, :1], b[:, 1:]], dim=1)
    reach = 1
    while reach < mask.shape[1]:
        more = a[:, reach:] @ b[:, :-reach] + b[:, reach:]
        b = torch.cat([b[:, :reach], more], dim=1)
        a = torch.cat([a[:, :reach], a[:, reach:] @ a[:, :-reach]], dim=1)
        reach *= 2
    return b[..., 0, 0], b[..., 1, 0]''',
    "running_maximum": '''def running_maximum(shift: A, new: A, first: A, mask: A) -> A:
    """Return m for all steps of m = maximum(m_prev + shift, new), by doubling the reach."""
    a = torch.where(mask[..., None], shift, 0.0)
    b = torch.where(mask[..., None], new, -torch.inf)
    start = torch.maximum(a[:, :1] + first[:, None], b[:, :1])
    b = torch.cat([start, b[:, 1:]], dim=1)
    reach = 1
    while reach < mask.shape[1]:
        more = torch.maximum(a[:, reach:] + b[:, :-reach], b[:, reach:])
        b = torch.cat([b[:, :reach], more], dim=1)
        a = torch.cat([a[:, :reach], a[:, reach:] + a[:, :-reach]], dim=1)
        reach *= 2
    return b''',
}
_JAX = {
    "last_valid": '''def last_valid(values: A, first: A, mask: A) -> A:
    """Return values; at masked steps those of the last valid step, before it the first."""
    steps = jnp.arange(1, mask.shape[1] + 1)
    last = jax.lax.cummax(jnp.where(mask, steps, 0), axis=1)
    values = jnp.concatenate([first[:, None], values], axis=1)
    return values[jnp.arange(len(values))[:, None], last]''',
    "before": '''def before(values: A, first: A) -> A:
    """Return the value before each step."""
    return jnp.concatenate([first[:, None], values[:, :-1]], axis=1)''',
    "scan": '''def scan(factor: A, gain: A, first: A, mask: A) -> A:
    """Return s for all steps of s = factor * s_prev + gain."""

    def joined(earlier: State, later: State) -> State:
        return earlier[0] * later[0], later[0] * earlier[1] + later[1]

    valid = mask.reshape(*mask.shape, *[1] * (first.ndim - 1))
    shape = (*mask.shape, *first.shape[1:])
    a = jnp.where(valid, jnp.broadcast_to(factor, shape), 1.0)
    b = jnp.where(valid, jnp.broadcast_to(gain, shape), 0.0)
    b = b.at[:, 0].add(a[:, 0] * first)
    return jax.lax.associative_scan(joined, (a, b), axis=1)[1]''',
    "scan_pair": _PAIR
    + '''
    """Return s and r for all steps.

    s = f[0] * s_prev + f[1] * r_prev + g[0] and r = f[2] * s_prev + f[3] * r_prev + g[1].
    """

    def joined(earlier: State, later: State) -> State:
        return later[0] @ earlier[0], later[0] @ earlier[1] + later[1]

    valid = mask.reshape(*mask.shape, *[1] * (first[0].ndim + 1))
    shape = (*mask.shape, *first[0].shape[1:])
    a = jnp.stack([jnp.broadcast_to(each, shape) for each in factors], axis=-1)
    a = jnp.where(valid, a.reshape(*shape, 2, 2), jnp.eye(2))
    b = jnp.stack([jnp.broadcast_to(each, shape) for each in gains], axis=-1)
    b = jnp.where(valid, b[..., None], 0.0)
    b = b.at[:, 0].add(a[:, 0] @ jnp.stack(first, axis=-1)[..., None])
    b = jax.lax.associative_scan(joined, (a, b), axis=1)[1]
    return b[..., 0, 0], b[..., 1, 0]''',
    "running_maximum": '''def running_maximum(shift: A, new: A, first: A, mask: A) -> A:
    """Return m for all steps of m = maximum(m_prev + shift, new)."""

    def joined(earlier: State, later: State) -> State:
        return earlier[0] + later[0], jnp.maximum(earlier[1] + later[0], later[1])

    a = jnp.where(mask[..., None], shift, 0.0)
    b = jnp.where(mask[..., None], new, -jnp.inf)
    b = b.at[:, 0].max(a[:, 0] + first)
    return jax.lax.associative_scan(joined, (a, b), axis=1)[1]''',
}
HELPERS = {"torch": _TORCH, "jax": _JAX}
# Functions that are written for each memory, by `read_chunks`.
MADE = ("read_chunks", "scores")

# The decays between the steps of a chunk; zero if a step does not read the other.
_BETWEEN = {
    "torch": {
        "column": """    steps = torch.ones(key.shape[-2], key.shape[-2], device=key.device)
    unused = steps.tril(offset)[..., None] == 0
    between = ends[..., :, None, :] - until[..., None, :, :]
    decay = between.masked_fill(unused, -torch.inf).exp()""",
        "head": """    steps = torch.ones(key.shape[-2], key.shape[-2], device=key.device)
    between = (ends - until.mT).masked_fill(steps.tril(offset) == 0, -torch.inf)""",
    },
    "jax": {
        "column": """    used = jnp.tril(jnp.ones((key.shape[-2], key.shape[-2]), bool), offset)
    between = ends[..., :, None, :] - until[..., None, :, :]
    decay = jnp.exp(jnp.where(used[..., None], between, -jnp.inf))""",
        "head": """    used = jnp.tril(jnp.ones((key.shape[-2], key.shape[-2]), bool), offset)
    between = jnp.where(used, ends - jnp.swapaxes(until, -1, -2), -jnp.inf)""",
    },
}
_PRODUCTS = {
    "torch": {
        "column": 'torch.einsum("...tn,...sn,...tsn->...ts", rows, key, decay)',
        "head": "(rows @ key.mT) * between.exp()",
    },
    "jax": {
        "column": 'jnp.einsum("...tn,...sn,...tsn->...ts", rows, key, decay)',
        "head": "(rows @ jnp.swapaxes(key, -1, -2)) * jnp.exp(between)",
    },
}
# The products if a step has several rows, j, and a key several terms, i.
_PRODUCTS_OF_TERMS = {
    "torch": {
        "column": 'torch.einsum("...jtn,...isn,...tsn->...tjsi", rows, key, decay)',
        "head": 'torch.einsum("...jtn,...isn,...ts->...tjsi", rows, key, between.exp())',
    },
    "jax": {
        "column": 'jnp.einsum("...jtn,...isn,...tsn->...tjsi", rows, key, decay)',
        "head": 'jnp.einsum("...jtn,...isn,...ts->...tjsi", rows, key, jnp.exp(between))',
    },
}
_TURNED = {"torch": "{0}.mT", "jax": "jnp.swapaxes({0}, -1, -2)"}
_EXP = {"torch": "({0}).exp()", "jax": "jnp.exp({0})"}


def scores(to: str, decay: str, terms: bool = False) -> str:
    """Return the function that computes decayed products within a chunk.

    Args:
        to: ``torch`` or ``jax``.
        decay: ``head`` (one for each head) or ``column`` (one for each row).
        terms: whether a step has several rows and keys.
    """
    products = (_PRODUCTS_OF_TERMS if terms else _PRODUCTS)[to][decay]
    return "\n".join(
        [
            "def scores(rows: A, ends: A, key: A, until: A, offset: int) -> A:",
            '    """Return products of rows with keys of earlier steps, decayed since."""',
            _BETWEEN[to][decay],
            f"    return {products}",
        ]
    )


def read_chunks(to: str, decay: str, corrects: bool, after: bool) -> dict[str, str]:
    """Return, by name, the functions that read a memory at all steps.

    Args:
        to: ``torch`` or ``jax``.
        decay: ``head`` (one for each head), ``column`` (one for each row), or empty for none.
        corrects: whether values are corrected by the content of the memory.
        after: whether queries read the memory after its update.
    """
    torch = to == "torch"

    def exp(text: str) -> str:
        code = _EXP[to].format(text)
        return code.replace("(until)", "until").replace("(earlier)", "earlier") if torch else code

    def product(rows: str, ends: str, offset: int) -> str:
        if decay:
            return f"scores({rows}, {ends}, k, until, {offset})"
        whole = f"{rows} @ {_TURNED[to].format('k')}"
        if torch:
            return f"({whole}).tril({offset})" if offset else f"({whole}).tril()"
        return f"jnp.tril({whole}, {offset})" if offset else f"jnp.tril({whole})"

    def decayed(text: str, ends: str) -> str:
        return f"({text} * {exp(ends)})" if decay else text

    ends, offset = ("until", 0) if after else ("earlier", -1)
    short = ["q", "k", "v", *(["g"] if decay else []), *(["u"] if corrects else [])]
    whole = ["query", "key", "value", *(["decay"] if decay else [])]
    whole += ["erase"] if corrects else []
    lines = []
    if decay:
        lines.append("until = g.cumsum(-2)" if torch else "until = jnp.cumsum(g, axis=-2)")
        if corrects or not after:
            lines.append("earlier = until - g")
    if corrects:
        lines += [
            f"lower = {product('u', 'earlier', -1)}",
            f"v = v - {decayed('u', 'earlier')} @ state",
            "v = torch.linalg.solve_triangular(lower, v, upper=False, unitriangular=True)"
            if torch
            else "v = jax.lax.linalg.triangular_solve(",
        ]
        if not torch:
            lines += ["    lower, v, left_side=True, lower=True, unit_diagonal=True", ")"]
    lines += [
        f"read = {product('q', ends, offset)} @ v",
        f"{'outputs.append(' if torch else 'read = '}read + {decayed('q', ends)} @ state"
        + (")" if torch else ""),
    ]
    if decay:
        rest = exp("until[..., -1:, :] - until")
        start = "until[..., -1, :, None].exp()" if torch else exp("until[..., -1, :, None]")
        lines += [
            f"k = k * {rest}",
            f"state = {start} * state + {_TURNED[to].format('k')} @ v",
        ]
    else:
        lines.append(f"state = state + {_TURNED[to].format('k')} @ v")
    update = "exp(decay) * S_prev" if decay else "S_prev"
    value = "value - vecmat(erase, S_prev)" if corrects else "value"
    moment = "after" if after else "before"
    shape = "*key.shape[:-1], 1" if decay == "head" else "*key.shape"
    given = [*(f"{name}: A" for name in whole), "first: A", "mask: A", "size: int = 32"]
    masked = [name for name in ("key", "erase") if name in whole]
    where = "torch" if torch else "jnp"
    source = [
        "def read_chunks(",
        *(f"    {each}," for each in given),
        ") -> tuple[A, A]:",
        f'    """Return what queries read {moment} each step, and the last S.',
        "",
        f"    S = {update} + outer(key, {value}).",
        "    Each chunk of steps is a few products of matrices (arXiv:2312.06635, section 4).",
        '    """',
    ]
    view = "view" if torch else "reshape"
    if decay:
        full = f"decay.expand({shape})" if torch else f"jnp.broadcast_to(decay, ({shape}))"
        full = full.replace("(*key.shape))", "key.shape)")
        source.append(f"    decay = {full}")
    source += [
        f"    valid = mask.{view}(*mask.shape, *[1] * (key.ndim - 2))",
        *(f"    {name} = {where}.where(valid, {name}, 0.0)" for name in masked),
    ]
    if decay:
        least = "decay.clamp(min=-100.0)" if torch else "jnp.maximum(decay, -100.0)"
        source.append(f"    decay = {where}.where(valid, {least}, 0.0)")
    every = f"({', '.join(whole)})"
    if torch:
        source += [
            f"    every = {every}",
            "    chunks = [each.movedim(1, -2).split(size, dim=-2) for each in every]",
            "    state, outputs = first, []",
            f"    for {', '.join(short)} in zip(*chunks):",
            *(f"        {line}" for line in lines),
            "    return torch.cat(outputs, dim=-2).movedim(-2, 1), state",
        ]
    else:
        source += [
            "    steps = mask.shape[1]",
            "",
            "    def cut(each: A) -> A:",
            "        each = jnp.moveaxis(each, 1, -2)",
            "        more = [(0, 0)] * (each.ndim - 2) + [(0, -steps % size), (0, 0)]",
            "        each = jnp.pad(each, more)",
            "        each = each.reshape(*each.shape[:-2], -1, size, each.shape[-1])",
            "        return jnp.moveaxis(each, -3, 0)",
            "",
            "    def body(state: A, chunk: list[A]) -> tuple[A, A]:",
            f"        {', '.join(short)} = chunk",
            *(f"        {line}" for line in lines),
            "        return state, read",
            "",
            f"    chunks = [cut(each) for each in {every}]",
            "    last, reads = jax.lax.scan(body, first, chunks)",
            "    reads = jnp.moveaxis(reads, 0, -3)",
            "    reads = reads.reshape(*reads.shape[:-3], -1, reads.shape[-1])",
            "    return jnp.moveaxis(reads[..., :steps, :], -2, 1), last",
        ]
    functions = {}
    if decay:
        functions["scores"] = scores(to, decay)
    return {**functions, "read_chunks": "\n".join(source)}
