"""The study as a plain Keras script: a loop over cells and seeds, in graph mode or under XLA."""

from __future__ import annotations

import sys

import keras
import numpy
import tensorflow as tf

from .adding import BATCH, CELLS, EVALUATIONS, LENGTH, TEST, UNITS, VALIDATION, batch

KINDS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


def train(cell: str, seed: int, steps: int, jit: bool) -> float:
    """Train one model and return its mean squared error on the test data."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    random = numpy.random.default_rng(seed)
    layers = [keras.Input((LENGTH, 2)), KINDS[cell](UNITS), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(global_clipnorm=1.0), "mse", jit_compile=jit)
    held, test = batch(random, VALIDATION), batch(random, TEST)
    each = max(1, steps // EVALUATIONS)
    parts = [batch(random, BATCH) for _ in range(steps)]
    x, y = (numpy.concatenate(arrays) for arrays in zip(*parts, strict=True))
    for start in range(0, steps, each):
        rows = slice(start * BATCH, (start + each) * BATCH)
        model.fit(x[rows], y[rows], BATCH, validation_data=held, verbose=0, shuffle=False)
    return float(model.evaluate(*test, batch_size=BATCH, verbose=0))


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for cell in CELLS:
        for seed in range(int(sys.argv[1])):
            score = train(cell, seed, int(sys.argv[2]), jit=sys.argv[3] == "jit")
            sys.stdout.write(f"{cell} {seed} {score:.4g}\n")
