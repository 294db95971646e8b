"""MUT1 to MUT3, the cells that evolved from the GRU in a search over architectures.

    MUT1: z = sigmoid(W x + b), r = sigmoid(W x + U h_prev + b)
          g = tanh(U (r h_prev) + tanh(x) + b)
    MUT2: z = sigmoid(W x + U h_prev + b), r = sigmoid(x + U h_prev + b)
          g = tanh(U (r h_prev) + W x + b)
    MUT3: z = sigmoid(W x + U tanh(h_prev) + b), r = sigmoid(W x + U h_prev + b)
          g = tanh(U (r h_prev) + W x + b)
    h = z g + (1 - z) h_prev

Where x stands alone its width is that of the cell; otherwise it is projected, W x for x.

Reference: Jozefowicz, Zaremba & Sutskever 2015, ICML.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, dense_shapes, sigmoid
from .reads import Shapes, pre, read_shapes


def mut1_shapes(features: int, units: int, project: bool = True) -> Shapes:
    """The shapes of the weights of MUT1 by name."""
    gates = dense_shapes("reset", features, units) | read_shapes("update", units, {"x": features})
    candidate = read_shapes("candidate", units, {"reset*h_prev": units})
    return gates | candidate | ({"shown.x": (features, units)} if project else {})


def mut1(x: Array, states: States, w: Weights, project: bool = True) -> Stepped:
    """One step of MUT1: emission batch x units, and the new state h."""
    h = states["h"]
    z = sigmoid(pre(w, "update", {"x": x}))
    r = sigmoid(pre(w, "reset", {"x": x, "h_prev": h}))
    shown = np.tanh(x @ w["shown.x"] if project else x)
    g = np.tanh(pre(w, "candidate", {"reset*h_prev": r * h}) + shown)
    h = z * g + (1 - z) * h
    return h, {"h": h}


def mut2_shapes(features: int, units: int, project: bool = True) -> Shapes:
    """The shapes of the weights of MUT2 by name."""
    reads = {"x": features, "h_prev": units} if project else {"h_prev": units}
    gates = dense_shapes("update", features, units) | read_shapes("reset", units, reads)
    return gates | read_shapes("candidate", units, {"x": features, "reset*h_prev": units})


def mut2(x: Array, states: States, w: Weights, project: bool = True) -> Stepped:
    """One step of MUT2: emission batch x units, and the new state h."""
    h = states["h"]
    z = sigmoid(pre(w, "update", {"x": x, "h_prev": h}))
    r = sigmoid((x @ w["reset.x"] if project else x) + pre(w, "reset", {"h_prev": h}))
    g = np.tanh(pre(w, "candidate", {"x": x, "reset*h_prev": r * h}))
    h = z * g + (1 - z) * h
    return h, {"h": h}


def mut3_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of MUT3 by name."""
    update = read_shapes("update", units, {"x": features, "tanh(h_prev)": units})
    candidate = read_shapes("candidate", units, {"x": features, "reset*h_prev": units})
    return dense_shapes("reset", features, units) | update | candidate


def mut3(x: Array, states: States, w: Weights) -> Stepped:
    """One step of MUT3: emission batch x units, and the new state h."""
    h = states["h"]
    z = sigmoid(pre(w, "update", {"x": x, "tanh(h_prev)": np.tanh(h)}))
    r = sigmoid(pre(w, "reset", {"x": x, "h_prev": h}))
    g = np.tanh(pre(w, "candidate", {"x": x, "reset*h_prev": r * h}))
    h = z * g + (1 - z) * h
    return h, {"h": h}


def _paper(
    step: Callable[..., Stepped], shapes: Callable[..., Shapes], cell: str, gates: dict[str, Any]
) -> Case:
    return Case(
        partial(step, project=False),
        ("h",),
        partial(shapes, project=False),
        cell,
        {"gates": gates},
        features=4,
    )


CASES = {
    "mut1": Case(mut1, ("h",), mut1_shapes),
    "mut1_equal_widths": _paper(mut1, mut1_shapes, "mut1", {"shown": {"reads": {"x": "identity"}}}),
    "mut2": Case(mut2, ("h",), mut2_shapes),
    "mut2_equal_widths": _paper(
        mut2, mut2_shapes, "mut2", {"reset": {"reads": {"x": "identity", "h_prev": "dense"}}}
    ),
    "mut3": Case(mut3, ("h",), mut3_shapes),
}
