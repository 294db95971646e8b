"""gatekit's layer over a composed cell."""

from __future__ import annotations

from typing import Any

import gatekit
from gatekit.recurrence.executors.choose import EXECUTORS

from .contender import Started
from .size import Size
from .tensorflow_step import started


def options_of(mode: str) -> tuple[dict[str, Any], bool]:
    """Return the layer's options and whether XLA compiles, for a mode such as ``affine-xla``.

    Args:
        mode: ``graph`` or ``xla``, with an executor, ``remat`` or ``bfloat16`` in front if wanted;
            otherwise, it is ``executor=auto`` in float32.
    """
    special, _, how = mode.rpartition("-")
    options: dict[str, Any] = {}
    if special in EXECUTORS:
        options["executor"] = special
    elif special == "remat":
        options["remat"] = True
    elif special == "bfloat16":
        options["dtype"] = "mixed_bfloat16"
    elif special:
        raise ValueError(f"gatekit has no mode {mode!r}")
    return options, how == "xla"


def make(cell: str, mode: str, size: Size, every_step: bool) -> Started:
    """Return the steps of `gatekit.RNN`."""
    options, jit = options_of(mode)
    layer = gatekit.RNN(cell, units=size.units, return_sequences=every_step, seed=0, **options)
    return started(
        layer,
        size,
        every_step=every_step,
        jit=jit,
        note=lambda: layer.explain().splitlines()[0],
    )
