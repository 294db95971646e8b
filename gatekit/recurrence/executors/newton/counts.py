"""How many sequences of a layer were solved by Newton's method, and how many by the loop."""

from __future__ import annotations

import keras
import tensorflow as tf
from tensorflow import Tensor


class NewtonCounts(tf.Module):
    """A variable that is saved with a `SavedModel` but is not a weight of the layer.

    Attributes:
        variable: the sequences that were solved since the layer was built, and how many of them by
            the fused loop; two int64, not trained.
    """

    def __init__(self) -> None:
        super().__init__()
        self.variable = keras.Variable(
            lambda shape, dtype=None: tf.zeros(shape, dtype),
            shape=(2,),
            dtype="int64",
            trainable=False,
            autocast=False,
            name="newton_counts",
        )

    def add(self, solved: Tensor) -> None:
        """Count the sequences of a call.

        Args:
            solved: which sequences Newton's method solved, booleans ``batch``.
        """
        failed = tf.reduce_sum(tf.cast(~solved, tf.int64))
        total = tf.cast(tf.size(solved), tf.int64)
        self.variable.assign(self.variable.value + tf.stack([total, failed]))

    def read(self) -> tuple[int, int]:
        """Return how many sequences were solved, and how many of them by the fused loop."""
        total, failed = self.variable.numpy().tolist()
        return total, failed
