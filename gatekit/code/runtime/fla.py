"""Functions of generated files for flash-linear-attention: memories that its kernels compute.

Each has the form of one kernel. It calls the kernel on an accelerator in half precision, and the
functions of `torch` otherwise. All kernels take queries, keys and values as batch x time x heads x
width, and states as batch x heads x rows x columns in single precision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .torch import read_chunks, read_terms

chunk_linear_attn: Any = None
chunk_simple_gla: Any = None
chunk_gla: Any = None
chunk_delta_rule: Any = None
chunk_gated_delta_rule: Any = None
chunk_kda: Any = None
chunk_dplr_delta_rule: Any = None
chunk_rwkv7: Any = None


def kernel_type(kernel: Callable | None, x: Tensor) -> torch.dtype | None:
    """Return the half precision that the kernel computes in; None if it cannot."""
    device = x.device.type
    autocast = torch.is_autocast_enabled(device)
    dtype = torch.get_autocast_dtype(device) if autocast else x.dtype
    half = dtype in (torch.float16, torch.bfloat16)
    return dtype if kernel is not None and half and device != "cpu" else None


def plainly(read: Callable, *given: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a function reads in chunks; it never computes in half precision."""
    half = (torch.float16, torch.bfloat16)
    full = [each.float() if each.dtype in half else each for each in given]
    with torch.autocast(given[0].device.type, enabled=False):
        y, last = read(*full)
    return y.to(given[0].dtype), last


def at_valid(values: Tensor, like: Tensor, mask: Tensor) -> Tensor:
    """Return values as wide as like; at masked steps zeros."""
    return torch.where(mask[..., None, None], values.expand(like.shape), 0.0)


def by_kernel(
    kernel: Callable, query: Tensor, first: Tensor, *given: Tensor, **named: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what a kernel reads, in the type of the query, and the last state."""
    state = first.float()
    y, last = kernel(
        *given, **named, scale=1.0, initial_state=state, output_final_state=True
    )
    return y.to(query.dtype), last


def read_linear_attn(
    query: Tensor, key: Tensor, value: Tensor, first: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what queries read, and the last S of S = S_prev + outer(key, value)."""
    dtype = kernel_type(chunk_linear_attn, query)
    if dtype is None:
        return plainly(read_chunks, query, key, value, first, mask)
    key = at_valid(key, key, mask)
    q, k, v = (each.to(dtype) for each in (query, key, value))
    y, last = chunk_linear_attn(
        q, k, v, 1.0, first.float(), output_final_state=True, normalize=False
    )
    return y.to(query.dtype), last


def read_simple_gla(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    decay: Tensor,
    first: Tensor,
    mask: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return what queries read, and the last S.

    S = exp(decay) * S_prev + outer(key, value); a head has one decay.
    """
    dtype = kernel_type(chunk_simple_gla, query)
    if dtype is None:
        return plainly(read_chunks, query, key, value, decay, first, mask)
    g, key = at_valid(decay, key[..., :1], mask), at_valid(key, key, mask)
    q, k, v = (each.to(dtype) for each in (query, key, value))
    return by_kernel(chunk_simple_gla, query, first, q, k, v, g=g[..., 0].float())


def read_gla(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    decay: Tensor,
    first: Tensor,
    mask: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return what queries read, and the last S.

    S = exp(decay) * S_prev + outer(key, value); each row of S has a decay.
    """
    dtype = kernel_type(chunk_gla, query)
    if dtype is None:
        return plainly(read_chunks, query, key, value, decay, first, mask)
    g, key = at_valid(decay, key, mask), at_valid(key, key, mask)
    q, k, v = (each.to(dtype) for each in (query, key, value))
    return by_kernel(chunk_gla, query, first, q, k, v, g.float())


def read_delta_rule(
    query: Tensor, key: Tensor, value: Tensor, beta: Tensor, first: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what queries read, and the last S.

    S = S_prev + beta * outer(key, value - vecmat(key, S_prev)).
    """
    dtype = kernel_type(chunk_delta_rule, query)
    if dtype is None:
        return plainly(read_chunks, query, beta * key, value, key, first, mask)
    beta = at_valid(beta, key[..., :1], mask)[..., 0]
    q, k, v, b = (each.to(dtype) for each in (query, key, value, beta))
    return by_kernel(chunk_delta_rule, query, first, q, k, v, b)


def read_gated_delta_rule(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    decay: Tensor,
    beta: Tensor,
    first: Tensor,
    mask: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return what queries read, and the last S.

    kept = exp(decay) * S_prev; S = kept + beta * outer(key, value - vecmat(key, kept)); a
    head has one decay.
    """
    dtype = kernel_type(chunk_gated_delta_rule, query)
    if dtype is None:
        erase = key * decay.exp()
        return plainly(read_chunks, query, beta * key, value, decay, erase, first, mask)
    g = at_valid(decay, key[..., :1], mask)[..., 0]
    beta = at_valid(beta, key[..., :1], mask)[..., 0]
    q, k, v, b = (each.to(dtype) for each in (query, key, value, beta))
    return by_kernel(chunk_gated_delta_rule, query, first, q, k, v, g.float(), b)


def read_kda(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    decay: Tensor,
    beta: Tensor,
    first: Tensor,
    mask: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return what queries read, and the last S.

    kept = exp(decay) * S_prev; S = kept + beta * outer(key, value - vecmat(key, kept));
    each row of S has a decay.
    """
    dtype = kernel_type(chunk_kda, query)
    if dtype is None:
        erase = key * decay.exp()
        return plainly(read_chunks, query, beta * key, value, decay, erase, first, mask)
    g = at_valid(decay, key, mask)
    beta = at_valid(beta, key[..., :1], mask)[..., 0]
    q, k, v, b = (each.to(dtype) for each in (query, key, value, beta))
    return by_kernel(chunk_kda, query, first, q, k, v, g.float(), b)


def read_dplr(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    decay: Tensor | None,
    erase: Tensor,
    first: Tensor,
    mask: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return what queries read, and the last S.

    S = exp(decay) * S_prev + outer(key, value - vecmat(erase, S_prev)).
    """
    dtype = kernel_type(chunk_dplr_delta_rule, query)
    if dtype is None:
        return plainly(read_chunks, query, key, value, decay, erase, first, mask)
    g = torch.zeros_like(key) if decay is None else at_valid(decay, key, mask)
    key, erase = at_valid(key, key, mask), at_valid(erase, key, mask)
    q, k, v, a = (each.to(dtype) for each in (query, key, value, -erase))
    return by_kernel(chunk_dplr_delta_rule, query, first, q, k, v, a, k, g.float())


def read_rwkv7(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    decay: Tensor,
    erase: Tensor,
    added: Tensor,
    first: Tensor,
    mask: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return what queries read, and the last S.

    S = exp(decay) * S_prev - outer(added, vecmat(erase, S_prev)) + outer(key, value).
    """
    dtype = kernel_type(chunk_rwkv7, query)
    if dtype is None:
        keys = torch.stack([added, key], dim=-2)
        values = torch.stack([torch.zeros_like(value), value], dim=-2)
        erases = torch.stack([erase, torch.zeros_like(erase)], dim=-2)
        return plainly(read_terms, query, keys, values, erases, decay, first, mask)
    g = at_valid(decay, key, mask)
    key, added = at_valid(key, key, mask), at_valid(added, key, mask)
    r, k, v, a, b = (each.to(dtype) for each in (query, key, value, -erase, added))
    return by_kernel(chunk_rwkv7, query, first, r, g.float(), k, v, a, b)
