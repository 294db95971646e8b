"""Eager gradients, one after another, leave no memory behind."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf

import gatekit

_FIELDS = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
_C = ctypes.CDLL(None)

pytestmark = pytest.mark.skipif(
    not hasattr(_C, "mallinfo2"), reason="this C library does not count its memory"
)


class _Counts(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS.split()]


def used() -> int:
    """Return the bytes that native code has allocated and not freed."""
    _C.mallinfo2.restype = _Counts
    gc.collect()
    counts = _C.mallinfo2()
    return int(counts.uordblks + counts.hblkhd)


def growth(call: Callable[[], object], bound: float) -> float:
    """Return the bytes left behind per call: the least of rounds, up to one below the bound.

    A leak is in every round; caches that fill, and other threads, are not.
    """
    for _ in range(3):
        call()
    gc.collect()
    gc.freeze()  # what lives now need not be searched again and again
    try:
        rounds = [_round(call, 10)]
        while min(rounds) >= bound and len(rounds) < 6:
            rounds.append(_round(call, 10))
        return min(rounds)
    finally:
        gc.unfreeze()


def _round(call: Callable[[], object], calls: int) -> float:
    before = used()
    for _ in range(calls):
        call()
    return (used() - before) / calls


def test_the_measure_finds_what_is_left_behind() -> None:
    kept: list[Any] = []
    assert growth(lambda: kept.append(ctypes.create_string_buffer(2000)), 1000) >= 1000


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    ("cell", "options"),
    [
        ("lstm", {"executor": "stacked"}),
        ("mingru", {"executor": "affine"}),
        ("layer_norm_gru_haste", {"executor": "reference"}),
    ],
)
@pytest.mark.slow
def test_an_eager_gradient_leaves_nothing_behind(cell: str, options: dict[str, Any]) -> None:
    layer = gatekit.RNN(cell, 2, seed=1, **options)
    x = tf.ones([1, 2, 2])

    def gradient() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True))
        tape.gradient(loss, layer.trainable_variables)

    # tf.concat's own eager gradient leaves 128 bytes behind.
    assert growth(gradient, 100) < 100
