"""LSTM whose forget gate lets information decay as a power of time instead of exponentially.

    r = sigmoid(W x + U h_prev + b)           resets the clock; its weights are those of "forget"
    k = r t + (1 - r) k_prev                  when the memory was last reset; t counts steps from 1
    p = sigmoid(forget.p)                     one exponent per unit, between 0 and 1
    f = ((t - k + 1) / (t - k + eps))^(-p)

Two cells use this gate. :func:`step` is the LSTM with its forget gate replaced and its own input
gate:

    c = f c_prev + i g,    h = o tanh(c)

:func:`step_coupled` is the cell of the paper, whose input gate is 1 - f. The authors' code moves
the clock by one (t from 0, k from -1), which is the same, and writes r (t - eps) for r t, which
is not; here the paper's form.

Reference: Chien et al. 2021, "Slower is better", arXiv 2105.05944.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, affine, dense_shapes, sigmoid
from .run import Step

STATES = ("h", "c", "forget.k", "t")


def shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of :func:`step` by name; ``forget.p`` enters through a sigmoid."""
    return dense_shapes("input", features, units) | shapes_coupled(features, units)


def shapes_coupled(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of :func:`step_coupled` by name."""
    gates = ("forget", "output", "candidate")
    dense = {k: s for gate in gates for k, s in dense_shapes(gate, features, units).items()}
    return dense | {"forget.p": (units,)}


def forget_gate(
    x: Array, states: States, w: Weights, eps: float = 1e-3
) -> tuple[Array, dict[str, Array]]:
    """The power law gate alone.

    Args:
        x: batch x features.
        states: h and k, batch x units, and t, the steps so far, batch x 1 or x units.
        w: weights by name, see :func:`shapes_coupled`.
        eps: keeps the gate finite right after a reset.

    Returns:
        The gate f, batch x units, and the new k and t.
    """
    t = states["t"] + 1
    r = sigmoid(affine(w, "forget", x, states["h"]))
    k = r * t + (1 - r) * states["forget.k"]
    age = t - k
    return ((age + 1) / (age + eps)) ** -sigmoid(w["forget.p"]), {"forget.k": k, "t": t}


def step(x: Array, states: States, w: Weights, eps: float = 1e-3) -> Stepped:
    """One time step of the LSTM with this forget gate and its own input gate.

    Args:
        x: batch x features.
        states: h, c and k, batch x units, and t, the steps so far, batch x 1 or x units.
        w: weights by name, see :func:`shapes`.
        eps: keeps the gate finite right after a reset.

    Returns:
        The emission h, batch x units, and the new states.
    """
    f, clock = forget_gate(x, states, w, eps)
    return _remember(x, states, w, f, sigmoid(affine(w, "input", x, states["h"])), clock)


def step_coupled(x: Array, states: States, w: Weights, eps: float = 1e-3) -> Stepped:
    """One time step of the paper's cell, whose input gate is 1 - f.

    Args:
        x: batch x features.
        states: h, c and k, batch x units, and t, the steps so far, batch x 1 or x units.
        w: weights by name, see :func:`shapes_coupled`.
        eps: keeps the gate finite right after a reset.

    Returns:
        The emission h, batch x units, and the new states.
    """
    f, clock = forget_gate(x, states, w, eps)
    return _remember(x, states, w, f, 1 - f, clock)


def _remember(
    x: Array, states: States, w: Weights, f: Array, i: Array, clock: dict[str, Array]
) -> Stepped:
    o = sigmoid(affine(w, "output", x, states["h"]))
    g = np.tanh(affine(w, "candidate", x, states["h"]))
    c = f * states["c"] + i * g
    h = o * np.tanh(c)
    return h, {"h": h, "c": c, **clock}


def _start(rng: np.random.Generator, batch: int, units: int) -> dict[str, Array]:
    # A clock never stands before the last reset.
    return {
        "t": np.full((batch, 1), 2.0),
        "forget.k": 2.0 * rng.uniform(size=(batch, units)),
    }


_FORGET = {"forget": {"kind": "power_law"}}
_COUPLED = {"input": {"kind": "coupled", "reads": [], "bias": False}}


def _case(
    step: Step, shapes: Callable[[int, int], dict[str, tuple[int, ...]]], gates: dict[str, Any]
) -> Case:
    config = {"gates": gates}
    return Case(step, STATES, shapes, "lstm", config, lambda units: {"t": 1}, _start)


CASES = {
    "power_law": _case(step, shapes, _FORGET),
    "power_law_coupled": _case(step_coupled, shapes_coupled, {**_FORGET, **_COUPLED}),
}
