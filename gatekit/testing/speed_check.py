"""How long a training step takes with a gate or output unit in it."""

from __future__ import annotations

import functools
import math
import time

import tensorflow as tf

from .layer_checks import inputs, make_layer, run
from .outcome import CheckError
from .subject import InCell
from .subject import subject as registered

LIMIT = 10.0
"""How many times as long as with a sigmoid gate a training step may take."""


def speed(subject: InCell) -> str | None:
    """A training step takes at most ten times as long as with a sigmoid gate."""
    times = _step_time(subject) / _sigmoid_time()
    ratio = f"{times:.1f} times as long as with a sigmoid gate"
    if times > LIMIT:
        raise CheckError(
            f"a training step takes {ratio}; the limit is {LIMIT:.0f}",
            "compute on whole tensors, without loops",
        )
    return ratio


@functools.lru_cache(maxsize=1)
def _sigmoid_time() -> float:
    return _step_time(registered("gates", "sigmoid"))


def _step_time(subject: InCell) -> float:
    """Return processor seconds of one training step of a small layer, the least of several."""
    layer = make_layer(subject, dtype="float32")
    x = inputs(subject, rows=32, steps=20, dtype=tf.float32)
    layer(x)
    step = tf.function(functools.partial(run, layer), autograph=False)
    step(x)
    least = math.inf
    for _ in range(7):
        # Of this process alone: others may keep the machine busy.
        start = time.process_time()
        step(x)
        least = min(least, time.process_time() - start)
    return least
