"""Times executors and modes on this machine, for ``gatekit tune``."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.analysis import chunk, newton
from gatekit.cell.analysis.affine import analyse
from gatekit.cell.graph import Cell
from gatekit.recurrence.executors.choose import MODES, Setting, cudnn_refusal
from gatekit.recurrence.layers.rnn import RNN, device


def candidates(cell: Cell, setting: Setting, modes: Sequence[str] = MODES) -> list[tuple[str, str]]:
    """Return the executors and modes that are worth timing.

    Args:
        cell: the built cell.
        setting: device and types.
        modes: the modes that matter, ``graph``, ``xla`` or both.
    """
    executors = ["fused", *(["affine", "scan"] if analyse(cell).affine else [])]
    executors += [] if chunk.analyse(cell).reason else ["chunk"]
    # The newton executor is not worth timing on a CPU.
    parallel = setting.device == "gpu" and not newton.analyse(cell).reason
    executors += ["newton"] if parallel else []
    pairs = [(executor, mode) for executor in executors for mode in modes]
    cudnn = "graph" in modes and not cudnn_refusal(cell, setting)
    return [*pairs, ("cudnn", "graph")] if cudnn else pairs


def setting_here(policy: str) -> Setting:
    """Return this machine's device, with the types of a dtype policy."""
    types = keras.dtype_policies.get(policy)
    return Setting(device(), types.compute_dtype, types.variable_dtype)


def measure(
    cell: Cell,
    policy: str,
    batch: int,
    steps: int,
    rounds: int,
    modes: Sequence[str] = MODES,
) -> dict[str, float]:
    """Return the median time of a training step by ``executor/mode``, in milliseconds.

    A step is the forward pass, a loss and the gradients of all weights. The candidates take turns,
    so a disturbance of the machine affects all of them.

    Args:
        cell: the built cell.
        policy: the layer's dtype policy.
        batch: rows.
        steps: time steps.
        rounds: how often each candidate is timed.
        modes: the modes that matter.
    """
    x = tf.constant(np.random.default_rng(0).normal(size=(batch, steps, cell.features)))
    step: dict[str, Callable[[], object]] = {}
    for executor, mode in candidates(cell, setting_here(policy), modes):
        step[f"{executor}/{mode}"] = _step(cell, executor, mode, policy, x)
    times: dict[str, list[float]] = {name: [] for name in step}
    # Silence TensorFlow's warning about many functions that are traced from one line.
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        for run in step.values():
            run()
    finally:
        logger.setLevel(level)
    for _ in range(rounds):
        for name, run in step.items():
            began = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - began)
    return {name: round(1e3 * statistics.median(seconds), 3) for name, seconds in times.items()}


def _step(cell: Cell, executor: str, mode: str, policy: str, x: Tensor) -> Callable[[], object]:
    layer = RNN(cell.spec, cell.units, executor=executor, seed=0, dtype=policy)
    layer.build(x.shape)
    inputs = {
        name: tf.cast(x if name == "x" else tf.ones([*x.shape[:2], width]), layer.variable_dtype)
        for name, width in cell.inputs.items()
    }
    variables = layer.trainable_variables

    @tf.function(jit_compile=mode == "xla")
    def train(inputs: Mapping[str, Tensor]) -> list[Tensor]:
        with tf.GradientTape() as tape:
            outputs = layer(inputs if len(inputs) > 1 else inputs["x"], training=True)
            loss = tf.reduce_mean(tf.cast(outputs, tf.float32) ** 2)
        return [loss, *tape.gradient(loss, variables, unconnected_gradients="zero")]

    # Copying a value to the host waits until the step is done.
    return lambda: train(inputs)[0].numpy()
