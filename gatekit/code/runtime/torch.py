"""Functions of generated files for PyTorch."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

State = tuple[Tensor, ...]


def reservoir(size: int, radius: float, density: float) -> Tensor:
    matrix = torch.randn(size, size) * (torch.rand(size, size) < density)
    largest = torch.linalg.eigvals(matrix).abs().max()
    return matrix * (radius / largest if largest > 0 else 0.0)


def modrelu(x: Tensor, b: Tensor) -> Tensor:
    return torch.sign(x) * torch.relu(torch.abs(x) + b)


def block_product(u: Tensor, blocks: Tensor) -> Tensor:
    parts = u.unflatten(-1, (blocks.shape[0], -1))
    return torch.einsum("...kn,knm->...km", parts, blocks).flatten(-2)


def eye_like(x: Tensor) -> Tensor:
    return torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)


def zoneout(new: Tensor, old: Tensor, rate: float, training: bool) -> Tensor:
    if training:
        return torch.where(torch.rand_like(new) < rate, old, new)
    return rate * old + (1 - rate) * new


def hold(valid: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """Return the old value where a step is masked."""
    return torch.where(valid.view(-1, *[1] * (new.ndim - 1)), new, old)


def draw_noise(x: Tensor, width: int, kind: str, training: bool) -> Tensor:
    """Return noise for each row and unit; outside training, its mean."""
    if not training:
        means = {"uniform": 0.5, "gumbel": 0.5772156649015329}
        return x.new_full((x.shape[0], width), means.get(kind, 0.0))
    if kind == "normal":
        return torch.randn(x.shape[0], width, dtype=x.dtype, device=x.device)
    u = torch.rand(x.shape[0], width, dtype=x.dtype, device=x.device)
    u = u.clamp(torch.finfo(x.dtype).tiny, 1 - torch.finfo(x.dtype).eps)
    if kind == "gumbel":
        return -torch.log(-torch.log(u))
    return torch.logit(u) if kind == "logistic" else u


def last_valid(values: Tensor, first: Tensor, mask: Tensor) -> Tensor:
    """Return values; at masked steps those of the last valid step, before it the first."""
    steps = torch.arange(1, mask.shape[1] + 1, device=mask.device)
    last = (mask * steps).cummax(dim=1).values
    values = torch.cat([first[:, None], values], dim=1)
    return values[torch.arange(values.shape[0], device=mask.device)[:, None], last]


def before(values: Tensor, first: Tensor) -> Tensor:
    """Return the value before each step."""
    return torch.cat([first[:, None], values[:, :-1]], dim=1)


def scan(factor: Tensor, gain: Tensor, first: Tensor, mask: Tensor) -> Tensor:
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
    return b


def scan_pair(
    factors: list[Tensor], gains: list[Tensor], first: State, mask: Tensor
) -> tuple[Tensor, Tensor]:
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
    return b[..., 0, 0], b[..., 1, 0]


def convolve(
    x: Tensor, kernel: Tensor, earlier: Tensor, mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the kernel over the last valid steps of x, and the inputs to carry on."""
    before = kernel.shape[0] - 1
    weighted = torch.matmul if kernel.ndim > 2 else torch.mul
    if mask is not None:
        x = take(x, valid_first(mask))
    inputs = torch.cat([earlier, x], dim=1)
    y = weighted(inputs[:, before:], kernel[0])
    for back in range(1, before + 1):
        y = y + weighted(inputs[:, before - back : -back], kernel[back])
    if mask is None:
        return y, inputs[:, -before:]
    count = mask.cumsum(dim=1)
    y = take(y, (count - 1).clamp(min=0))
    return y, take(inputs, count[:, -1:] + torch.arange(before, device=x.device))


def repeat_valid(y: Tensor, mask: Tensor) -> Tensor:
    """Return y; at masked steps that of the last valid step, before it zeros."""
    count = mask.cumsum(dim=1)
    last = take(take(y, valid_first(mask)), (count - 1).clamp(min=0))
    return torch.where(count[..., None] > 0, last, 0.0)


def end(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return the last valid step alone, batch x 1 x width."""
    return x[:, -1:] if mask is None else repeat_valid(x, mask)[:, -1:]


def valid_first(mask: Tensor) -> Tensor:
    """Return the places of the valid steps in order, then those of the others."""
    return torch.argsort(mask.int(), dim=1, descending=True, stable=True)


def take(x: Tensor, places: Tensor) -> Tensor:
    return x.take_along_dim(places[..., None], dim=1)


def squared_error(logits: Tensor, y: Tensor) -> Tensor:
    return (y - logits).square().mean(dim=-1)


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(logits.movedim(-1, 1), y.long(), reduction="none")


def binary_cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    y = y.to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, y, reduction="none").sum(dim=-1)


def logistic_squared_error(logits: Tensor, y: Tensor) -> Tensor:
    return (y - torch.sigmoid(logits)).square().sum(dim=-1) / 2


def most_active(logits: Tensor, y: Tensor) -> Tensor:
    """Return 1 where each output with a target of 1 is larger than all others, otherwise 0."""
    low = logits.masked_fill(y <= 0.5, math.inf).amin(dim=-1)
    high = logits.masked_fill(y > 0.5, -math.inf).amax(dim=-1)
    return (low > high).to(logits.dtype)


def accuracy(logits: Tensor, y: Tensor) -> Tensor:
    return (logits.argmax(dim=-1) == y).to(logits.dtype)


def bit_accuracy(logits: Tensor, y: Tensor) -> Tensor:
    return ((logits > 0) == (y > 0.5)).to(logits.dtype).mean(dim=-1)


def sequence_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Return the sum over what counts, divided by the number of sequences."""
    sequences = (weights.reshape(weights.shape[0], -1) > 0).any(dim=1).sum()
    return (values * weights).sum() / sequences.clamp(min=1)


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Return the mean over what counts, or 0 if nothing does."""
    return (values * weights).sum() / weights.sum().clamp(min=1e-9)


def mean_valid(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mean over the valid steps."""
    if mask is None:
        return x.mean(dim=1)
    count = mask.sum(dim=1, keepdim=True).clamp(min=1)
    return x.masked_fill(~mask[..., None], 0.0).sum(dim=1) / count


def ends(x: Tensor) -> Tensor:
    """Return the last step of the first half, and the first step of the other."""
    half = x.shape[-1] // 2
    return torch.cat([x[:, -1, :half], x[:, 0, half:]], dim=-1)
