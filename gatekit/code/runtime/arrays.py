"""Functions of generated files, alike in jax.numpy and keras.ops: in place of ``np`` there."""

from __future__ import annotations

import math

import numpy as np


def softmax(x: np.ndarray) -> np.ndarray:
    shifted = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return shifted / np.sum(shifted, axis=-1, keepdims=True)


def modrelu(x: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.maximum(np.abs(x) + b, 0.0)


def split(x: np.ndarray, rows: int) -> np.ndarray:
    return np.reshape(x, (*x.shape[:-1], rows, x.shape[-1] // rows))


def flat(x: np.ndarray) -> np.ndarray:
    return np.reshape(x, (*x.shape[:-2], x.shape[-2] * x.shape[-1]))


def layer_norm(x: np.ndarray, epsilon: float = 1e-5) -> np.ndarray:
    centred = x - np.mean(x, axis=-1, keepdims=True)
    variance = np.mean(np.square(centred), axis=-1, keepdims=True)
    return centred / np.sqrt(variance + epsilon)


def block_product(u: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    parts = split(u, blocks.shape[0])
    return flat(np.einsum("...kn,knm->...km", parts, blocks))


def eye_like(x: np.ndarray) -> np.ndarray:
    return np.eye(x.shape[-1], dtype=x.dtype)


def rotation(a: np.ndarray) -> np.ndarray:
    """Return exp(a) for a skew-symmetric matrix, by scaling and squaring."""
    a = a / 2**8
    result = identity = np.eye(a.shape[-1], dtype=a.dtype)
    for k in range(12, 0, -1):
        result = identity + (a / k) @ result
    for _ in range(8):
        result = result @ result
    return result


def rms_norm(x: np.ndarray, epsilon: float) -> np.ndarray:
    return x / np.sqrt(np.mean(np.square(x), axis=-1, keepdims=True) + epsilon)


def convolve(
    x: np.ndarray, kernel: np.ndarray, earlier: np.ndarray, mask: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel over the last valid steps of x, and the inputs to carry on."""
    before = kernel.shape[0] - 1
    weighted = np.matmul if len(kernel.shape) > 2 else np.multiply
    if mask is not None:
        x = take(x, valid_first(mask))
    inputs = np.concatenate([earlier, x], axis=1)
    y = weighted(inputs[:, before:], kernel[0])
    for back in range(1, before + 1):
        y = y + weighted(inputs[:, before - back : -back], kernel[back])
    if mask is None:
        return y, inputs[:, -before:]
    count = np.cumsum(np.where(mask, 1, 0), axis=1)
    y = take(y, np.maximum(count - 1, 0))
    return y, take(inputs, count[:, -1:] + np.arange(before))


def repeat_valid(y: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return y; at masked steps that of the last valid step, before it zeros."""
    count = np.cumsum(np.where(mask, 1, 0), axis=1)
    last = take(take(y, valid_first(mask)), np.maximum(count - 1, 0))
    return np.where(count[..., None] > 0, last, 0.0)


def end(x: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Return the last valid step alone, batch x 1 x width."""
    return x[:, -1:] if mask is None else repeat_valid(x, mask)[:, -1:]


def valid_first(mask: np.ndarray) -> np.ndarray:
    """Return the places of the valid steps in order, then those of the others."""
    return np.argsort(~mask, axis=1, kind="stable")


def take(x: np.ndarray, places: np.ndarray) -> np.ndarray:
    return np.take_along_axis(x, places[..., None], axis=1)


def squared_error(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.mean(np.square(y - logits), axis=-1)


def cross_entropy(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return -log(softmax(logits)) at the labels y."""
    logits = logits - np.max(logits, axis=-1, keepdims=True)
    chosen = np.take_along_axis(logits, y[..., None], axis=-1)[..., 0]
    return np.log(np.sum(np.exp(logits), axis=-1)) - chosen


def binary_cross_entropy(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sum(np.logaddexp(0.0, logits) - y * logits, axis=-1)


def logistic_squared_error(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sum(np.square(y - 0.5 - 0.5 * np.tanh(0.5 * logits)), axis=-1) / 2


def most_active(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return 1 where each output with a target of 1 is larger than all others, otherwise 0."""
    low = np.min(np.where(y > 0.5, logits, math.inf), axis=-1)
    high = np.max(np.where(y > 0.5, -math.inf, logits), axis=-1)
    return np.where(low > high, 1.0, 0.0)


def accuracy(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(np.equal(np.argmax(logits, axis=-1), y), 1.0, 0.0)


def bit_accuracy(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.mean(np.where(np.equal(logits > 0, y > 0.5), 1.0, 0.0), axis=-1)


def sequence_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the sum over what counts, divided by the number of sequences."""
    counted = np.any(np.reshape(weights, (len(weights), -1)) > 0, axis=1)
    return np.sum(values * weights) / np.maximum(
        np.sum(np.where(counted, 1.0, 0.0)), 1.0
    )


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean over what counts, or 0 if nothing does."""
    return np.sum(values * weights) / np.maximum(np.sum(weights), 1e-9)


def mean_valid(x: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Return the mean over the valid steps."""
    if mask is None:
        return np.mean(x, axis=1)
    count = np.sum(np.where(mask[..., None], np.ones_like(x[..., :1]), 0.0), axis=1)
    return np.sum(np.where(mask[..., None], x, 0.0), axis=1) / np.maximum(count, 1.0)


def ends(x: np.ndarray) -> np.ndarray:
    """Return the last step of the first half, and the first step of the other."""
    half = x.shape[-1] // 2
    return np.concatenate([x[:, -1, :half], x[:, 0, half:]], axis=-1)
