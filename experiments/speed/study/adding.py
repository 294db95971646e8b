"""The adding problem and the sizes of the study, as a plain script would have them."""

from __future__ import annotations

import numpy

CELLS = ("rnn", "lstm", "gru")
LENGTH, UNITS, BATCH = 50, 32, 32
VALIDATION, TEST = 1000, 2000

EVALUATIONS = 4
"""Evaluations of a plain script; gatekit evaluates 20 times."""


def batch(random: numpy.random.Generator, size: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return x, ``size x LENGTH x 2``, and the sum of its two marked numbers, ``size x 1``."""
    x = numpy.zeros((size, LENGTH, 2), "float32")
    x[:, :, 0] = random.random((size, LENGTH), "float32")
    rows, half = numpy.arange(size), LENGTH // 2
    first, second = random.integers(0, half, size), random.integers(half, LENGTH, size)
    x[rows, first, 1] = x[rows, second, 1] = 1
    return x, (x[rows, first, 0] + x[rows, second, 0])[:, None]
