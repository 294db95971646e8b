"""What the first call of a stack of layers costs: ``python -m experiments.speed.first_call``.

It measures building, tracing and compiling one training step in graph mode, in seconds of processor
time, for gatekit's LSTM and for Keras'. Each measurement is a process of its own. With SGD a step
is nearly the layers alone. Adam adds some forty operations for each weight, and a composed LSTM has
twelve weights where Keras' has three.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from .machine import revision

DEPTHS = (1, 4, 8)
OPTIMIZERS = ("sgd", "adam")
LIBRARIES = ("gatekit", "keras")
BATCH, TIME, UNITS = 8, 50, 16


def seconds(library: str, depth: int, optimizer: str) -> float:
    """Return the processor time of the first training step, from the first layer's constructor on.

    Args:
        library: ``gatekit`` or ``keras``.
        depth: how many layers are stacked.
        optimizer: ``sgd`` or ``adam``.
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    # Installed libraries have their bytecode; so has this checkout after a first process.
    sys.dont_write_bytecode = False
    import keras
    import numpy as np
    import tensorflow as tf

    import gatekit

    x = tf.constant(np.random.default_rng(0).normal(size=(BATCH, TIME, UNITS)).astype("float32"))
    y = tf.zeros([BATCH, 1])

    def step(make: Any, depth: int) -> None:
        stack = [make(UNITS, return_sequences=i < depth - 1) for i in range(depth)]
        model = keras.Sequential([keras.Input(x.shape[1:]), *stack, keras.layers.Dense(1)])
        weights, update = model.trainable_variables, keras.optimizers.get(optimizer)
        update.build(weights)

        @tf.function
        def train() -> Any:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
            update.apply(tape.gradient(loss, weights), weights)
            return loss

        float(train())

    # What TensorFlow does once per process is not a cost of a layer, and neither is an import:
    # Keras' layers were imported above, and gatekit imports its layer at its first mention.
    _ = gatekit.RNN
    step(keras.layers.SimpleRNN, 1)
    began = time.process_time()
    if library == "keras":
        step(keras.layers.LSTM, depth)
    else:
        step(lambda units, **options: gatekit.RNN("lstm", units, **options), depth)
    return time.process_time() - began


def measured(repeats: int, depths: Sequence[int] = DEPTHS) -> list[dict[str, Any]]:
    """Print and return a row for each optimizer and depth; the libraries take turns."""
    rows: list[dict[str, Any]] = []
    for library in LIBRARIES:
        _in_process(library, 1, "sgd")  # writes the bytecode
    for optimizer in OPTIMIZERS:
        for depth in depths:
            times: dict[str, list[float]] = {library: [] for library in LIBRARIES}
            for _ in range(repeats):
                for library in LIBRARIES:
                    times[library].append(_in_process(library, depth, optimizer))
            found = {library: round(median(times[library]), 3) for library in LIBRARIES}
            ratio = round(found["gatekit"] / found["keras"], 2)
            rows.append({"optimizer": optimizer, "layers": depth, **found, "ratio": ratio})
            print(rows[-1])  # noqa: T201
    return rows


def _in_process(library: str, depth: int, optimizer: str) -> float:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(seconds, (library, depth, optimizer))


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write ``first_call.json`` into a folder where one is given."""
    parser = argparse.ArgumentParser(prog="python -m experiments.speed.first_call")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--depths", type=int, nargs="+", default=DEPTHS)
    parser.add_argument("--to", type=Path, help="folder of first_call.json")
    options = parser.parse_args(argv)
    rows = measured(options.repeats, options.depths)
    if options.to:
        found = {"revision": revision(), "seconds": "processor time", "rows": rows}
        options.to.mkdir(parents=True, exist_ok=True)
        (options.to / "first_call.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
