"""The variants of the LSTM with peepholes that Greff et al. compare, each with one thing changed.

    i = sigmoid(W x + U h_prev + p c_prev + b)
    f = sigmoid(W x + U h_prev + p c_prev + b), with weights of its own
    g = tanh(W x + U h_prev + b)
    c = f c_prev + i g
    o = sigmoid(W x + U h_prev + p c + b)
    h = o tanh(c)

NIG, NFG and NOG: i, f or o is 1. NIAF: g without tanh. NOAF: h without tanh. CIFG: the two gates
sum to 1; the paper learns i and sets f = 1 - i, here f is learned.

Reference: Greff et al. 2015, "LSTM: a search space odyssey", arXiv 1503.04069, as in the first
author's code (Qwlouse/pylstm, src/layers/lstm97_layer.cpp); the cell of 1997 is
NFG without peepholes (doi 10.1162/neco.1997.9.8.1735, with tanh as in today's libraries).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, affine, dense_shapes, sigmoid

STATES = ("h", "c")
GATES = ("input", "forget", "output", "candidate")
SEES = {"input": "c_prev", "forget": "c_prev", "output": "c"}


def shapes(
    features: int, units: int, without: str = "", peepholes: bool = True
) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of the variant without a gate, by name."""
    found: dict[str, tuple[int, ...]] = {}
    for gate in GATES:
        if gate != without:
            found |= dense_shapes(gate, features, units)
            if peepholes and gate in SEES:
                found[f"{gate}.{SEES[gate]}"] = (units,)
    return found


def step(
    x: Array,
    states: States,
    w: Weights,
    without: str = "",
    linear: str = "",
    coupled: bool = False,
    peepholes: bool = True,
) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h and c, each batch x units.
        w: weights by name, see :func:`shapes`.
        without: the gate that is 1.
        linear: ``candidate`` or ``memory``, which then has no tanh.
        coupled: whether the input gate is what the forget gate leaves.
        peepholes: whether gates see the memory.

    Returns:
        The emission h, batch x units, and the new states.
    """
    h_prev, c_prev = states["h"], states["c"]

    def gate(name: str, memory: Array) -> Array:
        if name == without:
            return np.ones_like(memory)
        pre = affine(w, name, x, h_prev)
        if peepholes:
            pre = pre + w[f"{name}.{SEES[name]}"] * memory
        return sigmoid(pre)

    g = affine(w, "candidate", x, h_prev)
    g = g if linear == "candidate" else np.tanh(g)
    f = gate("forget", c_prev)
    i = 1 - f if coupled else gate("input", c_prev)
    c = f * c_prev + i * g
    h = gate("output", c) * (c if linear == "memory" else np.tanh(c))
    return h, {"h": h, "c": c}


CASES = {
    "nig": Case(partial(step, without="input"), STATES, partial(shapes, without="input")),
    "nfg": Case(partial(step, without="forget"), STATES, partial(shapes, without="forget")),
    "nog": Case(partial(step, without="output"), STATES, partial(shapes, without="output")),
    "niaf": Case(partial(step, linear="candidate"), STATES, shapes),
    "noaf": Case(partial(step, linear="memory"), STATES, shapes),
    "cifg_peephole": Case(partial(step, coupled=True), STATES, partial(shapes, without="input")),
    "original_lstm": Case(
        partial(step, without="forget", peepholes=False),
        STATES,
        partial(shapes, without="forget", peepholes=False),
    ),
}
