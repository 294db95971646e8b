"""What is timed on a GPU, ``--device gpu``: correctness first, then races until time is up.

``--device cpu`` runs the same at tiny sizes, to try the command where there is no GPU.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gatekit.recurrence.executors.choose import EXECUTORS

from .size import Size

TOLERANCE = 1e-9
THREADS = 8
"""Threads of the process that feeds the GPU."""

FLASH_RNN = Size(16, 1024, 768, 768)
"""The size of FlashRNN's table (arXiv:2412.07752): cuDNN 5.2 ms forward and backward on an H100."""
CHUNKS = Size(8, 1024, 128, 256)
CHECKED = {
    "lstm": ("fused", "cudnn"),
    "gru_reset_after": ("fused", "cudnn"),
    "mingru": ("fused", "affine", "scan"),
    "gla": ("fused", "chunk"),
    "delta_net": ("fused", "chunk"),
    "para_gru": ("fused", "newton"),
}
"""Executors that are compared with `reference` before anything is timed."""


@dataclass(frozen=True)
class Heat:
    """A cell at a size, and the contenders that run it."""

    cell: str
    size: Size
    contenders: tuple[str, ...]


def heats(device: str) -> list[Heat]:
    """Return what is timed, the most important first; tiny sizes on a CPU."""
    own = [
        *(
            Heat(
                cell,
                FLASH_RNN,
                ("gatekit.cudnn-graph", "gatekit.fused-graph", "gatekit.fused-xla", "keras.graph"),
            )
            for cell in ("lstm", "gru_reset_after")
        ),
        *(
            Heat("recurrence", Size(8, time, 1, 1536), ("gatekit-scan",))
            for time in (1024, 16384, 65536)
        ),
        Heat("para_gru", Size(8, 4096, 64, 64), _modes("newton", "fused")),
        *(
            Heat(cell, CHUNKS, (*_modes("chunk"), "gatekit.fused-xla", "keras-chunk.xla"))
            for cell in ("gla", "linear_attention", "delta_net")
        ),
        Heat("mingru", Size(8, 4096, 64, 256), _modes("scan", "affine")),
    ]
    if device == "gpu":
        return own
    tiny = {each.cell: Heat(each.cell, Size(2, 9, 3, 8), each.contenders) for each in own}
    return list(tiny.values())


def _modes(*executors: str) -> tuple[str, ...]:
    return tuple(
        f"gatekit.{name}-{how}"
        for name in executors
        for how in ("graph", "xla")
        if name in EXECUTORS
    )


def prepare() -> None:
    """Let several processes share a GPU, before any of them starts."""
    os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"


def checked(device: str) -> list[dict[str, Any]]:
    """Return for each cell and executor the largest relative error of values and gradients.

    Computed in float64 in a process of its own, which ends before anything is timed.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_errors, (device,))


def _errors(device: str) -> list[dict[str, Any]]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    seen = bool(tf.config.list_physical_devices("GPU"))
    if device == "gpu" and not seen:
        raise SystemExit("--device gpu: TensorFlow sees no GPU; try --device cpu")
    return list(_rows(37 if device == "gpu" else 5))


def _rows(time: int) -> Iterator[dict[str, Any]]:
    from gatekit.cell.errors import GatekitError

    for cell, executors in CHECKED.items():
        try:
            expected = _numbers(cell, "reference", time)
        except GatekitError as error:
            yield {"cell": cell, "executor": "reference", "refused": str(error)}
            continue
        for executor in executors:
            row: dict[str, Any] = {"cell": cell, "executor": executor}
            try:
                found = _numbers(cell, executor, time)
            except GatekitError as error:
                yield {**row, "refused": str(error)}
                continue
            errors = [
                float(abs(one - other).max() / max(abs(other).max(), 1e-30))
                for one, other in zip(found, expected, strict=True)
            ]
            yield {**row, "error": max(errors)}


def _numbers(cell: str, executor: str, time: int) -> list[Any]:
    """Return outputs and the gradients of x and all weights."""
    import numpy as np
    import tensorflow as tf

    import gatekit

    x = tf.constant(np.random.default_rng(0).standard_normal((3, time, 4)))
    layer = gatekit.RNN(cell, 8, return_sequences=True, executor=executor, seed=0, dtype="float64")
    layer.build(x.shape)

    @tf.function  # type: ignore[untyped-decorator]
    def step(x: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(tf.sin(y))
        return y, tape.gradient(loss, [x, *layer.trainable_variables])

    y, gradients = step(x)
    return [value.numpy() for value in (y, *gradients)]
