"""Whether XLA will compile what is traced now: some things cost there what they save elsewhere."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import Tensor
from tensorflow.python.ops import control_flow_util


def compiled() -> bool:
    """Return whether XLA will compile what is traced now."""
    graph = tf.compat.v1.get_default_graph()
    return bool(control_flow_util.GraphOrParentsInXlaContext(graph))


def bound(steps: Tensor) -> Tensor:
    """Return the bound of a loop of so many steps: XLA needs one to lay arrays out, and in graph
    mode it would be a second counter, advanced and compared in each step."""
    return steps if compiled() else None
