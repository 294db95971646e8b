"""gatekit's layer over a composed cell."""

from __future__ import annotations

import os
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import gatekit
from gatekit.recurrence.executors.choose import EXECUTORS
from gatekit.training.model import SequenceModel
from gatekit.training.parts import PartialGradients, Shards
from gatekit.training.worker import make_deterministic

from .contender import Started
from .data import arrays
from .size import Size
from .tensorflow_step import started


def options_of(mode: str) -> tuple[dict[str, Any], bool]:
    """Return the layer's options and whether XLA compiles, for a mode such as ``affine-xla``.

    Args:
        mode: ``graph`` or ``xla``, with an executor or ``bfloat16`` in front if wanted;
            otherwise, it is ``executor=auto`` in float32.
    """
    special, _, how = mode.rpartition("-")
    options: dict[str, Any] = {}
    if special in EXECUTORS:
        options["executor"] = special
    elif special == "bfloat16":
        options["dtype"] = "mixed_bfloat16"
    elif special:
        raise ValueError(f"gatekit has no mode {mode!r}")
    return options, how == "xla"


def make(cell: str, mode: str, size: Size, every_step: bool) -> Started:
    """Return the steps of `gatekit.RNN`."""
    if mode.startswith("shards-"):
        return _sharded(cell, mode == "shards-xla", size, every_step)
    options, jit = options_of(mode)
    layer = gatekit.RNN(cell, units=size.units, return_sequences=every_step, seed=0, **options)
    return started(
        layer,
        size,
        every_step=every_step,
        jit=jit,
        note=lambda: layer.explain().splitlines()[0],
    )


def _sharded(cell: str, jit: bool, size: Size, every_step: bool) -> Started:
    """Return the steps of a run with ``threads=N``: N shards of the batch, a thread for each."""
    threads = len(os.sched_getaffinity(0))
    make_deterministic(threads, threads, jit)
    layer = gatekit.RNN(cell, units=size.units, return_sequences=every_step, seed=0)
    x, y = (tf.constant(value) for value in arrays(size, every_step))
    inputs = keras.Input(x.shape[1:])
    model = SequenceModel(inputs, keras.layers.Dense(1)(layer(inputs)), loss_kind="mse")
    model.compile(optimizer=keras.optimizers.Adam(), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    shards = Shards(threads, jit=jit)
    model.parts = PartialGradients(model, 1, shards)
    batch = x, y, tf.ones(y.shape[:-1])
    train = tf.function(lambda: model.train_step(batch)["loss"], autograph=False)

    def outputs(data: Any) -> tf.Tensor:
        return model(data[0], training=False)

    forward = tf.function(lambda: tf.concat(shards.of(model, outputs, batch), 0), autograph=False)
    return Started(
        train=lambda: float(train()),
        forward=lambda: forward().numpy(),
        note=layer.explain().splitlines()[0],
        parameters=sum(int(np.prod(each.shape)) for each in layer.trainable_variables),
    )
