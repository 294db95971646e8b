"""A linear recurrence alone, ``s_t = a_t s_{t-1} + b_t``, by gatekit's scan: no layer around it."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gatekit.recurrence.executors.linear.recurrence import linear_recurrence
from gatekit.recurrence.executors.linear.solve import SOLVERS

from .contender import Started
from .size import Size


def make(cell: str, mode: str, size: Size, every_step: bool) -> Started:
    """Return the steps: with gradients of a and b, and forward only; features are not used."""
    rng = np.random.default_rng(0)
    shape = (size.time, size.batch, size.units)
    a = tf.constant(rng.uniform(0.5, 1.0, shape).astype("float32"))
    b = tf.constant(rng.standard_normal(shape).astype("float32"))
    jit = mode == "xla"

    def states(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        (found,), _ = linear_recurrence(SOLVERS["scan"], [[a]], [b], [tf.zeros_like(b[0])])
        return found

    @tf.function(jit_compile=jit)  # type: ignore[untyped-decorator]
    def forward(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        # All steps are computed, and one number is fetched.
        return tf.reduce_sum(states(a, b))

    @tf.function(jit_compile=jit)  # type: ignore[untyped-decorator]
    def train(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch([a, b])
            loss = tf.reduce_sum(states(a, b))
        return loss + sum(tf.reduce_sum(d) for d in tape.gradient(loss, [a, b]))

    return Started(
        lambda: float(train(a, b)), lambda: float(forward(a, b)), "an associative scan alone"
    )
