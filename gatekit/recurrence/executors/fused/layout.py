"""How a loop reads and writes memory: one choice for each loop, made where the loop is traced.

It changes speed, never numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gatekit.cell.graph import Cell
from gatekit.recurrence.compiled import compiled
from gatekit.recurrence.executors.choose import Setting

from .schedule import LoopSchedule

# Bytes of weights that stay near a core.
_CACHED = 2**21


@dataclass(frozen=True)
class Layout:
    """The layout of one loop.

    Args:
        packed: whether residuals are one row a step, instead of a list for each value. Under XLA a
            row is written in place, and each further array costs another copy in each step; in
            graph mode a list takes the tensors as they are and copies none.
        hoist_inside: whether what needs no state is computed within each step instead of before
            the loop. It has no gradient then. Under XLA, whole forward passes of an LSTM with
            weights of 0.1, 0.4, 1.6 and 8.4 MB took 0.36x, 0.51x, 0.63x and 1.05x of the time.
        read_ahead: whether the forward loop reads a step's sequences one step early. XLA cuts a row
            that is read in place out again inside every kernel, which is slow if nothing else of a
            step is laid out in memory.
        prefetch: whether the backward loop reads a step's residuals one step early. Under XLA a row
            that comes with the loop is laid out in memory once, where a row that is read in place
            is cut out again inside every kernel. That pays if a pre-activation is more than one
            product (peephole 1.17x, sLSTM 1.32x), and costs a copy if it is not (LSTM 0.91x).
    """

    packed: bool
    hoist_inside: bool = False
    read_ahead: bool = False
    prefetch: bool = False


def layout_with_gradient(schedule: LoopSchedule) -> Layout:
    """Return the layout of loops that save residuals or read them."""
    return Layout(packed=compiled(), prefetch=schedule.many_summands)


def layout_without_gradient(schedule: LoopSchedule) -> Layout:
    """Return the layout of a loop that saves only outputs."""
    packed = compiled()
    inside = schedule.weights_cached and packed
    return Layout(packed=packed, hoist_inside=inside, read_ahead=not inside)


def weights_stay_cached(cell: Cell, setting: Setting) -> bool:
    """Return whether inputs should enter each step's product, instead of one before the loop.

    Before the loop they are one large product, whose result is written for all steps and read once
    more; beside the state they make each step's product larger and need neither an addition nor a
    pass for the bias. On a CPU that is faster as long as the weights stay in the second level
    cache. Whole forward passes of an LSTM in graph mode took 0.79x of the time with 0.4 MB of
    weights (batch 32, 64 features, 128 units), 0.90x with 1.6 MB (128, 256), 1.19x with 8.4 MB
    (512, 512).
    """
    if setting.device != "cpu":
        return False
    size = {"float64": 8, "float32": 4}.get(setting.compute, 2)
    return size * sum(math.prod(w.shape) for w in cell.weights) <= _CACHED
