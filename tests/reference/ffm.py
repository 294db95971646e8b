"""Fast and forgetful memory: traces that decay, seen in contexts that turn at their own frequency.

    S[i, j] = exp(-rate_i + i frequency_j) S_prev[i, j] + trace_i input_i, complex
    z = W [Re S, Im S] + b
    h = LN(z) o + through (1 - o)

trace and through are linear in x, input and o sigmoids of it; LN has no weights.

Reference: Morad et al. 2023, arXiv 2310.04128, equations 4 to 10.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid
from .reads import Shapes, pre, read_shapes

STATES = ("re", "im")
TRACES, CONTEXT, EPS = 3, 2, 1e-5
SIZE = TRACES * CONTEXT


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name; rate enters through exp."""
    return {
        "rate": (TRACES,),
        "frequency": (CONTEXT,),
        **read_shapes(("trace", "input"), TRACES, {"x": features}),
        **read_shapes(("through", "output"), units, {"x": features}),
        **read_shapes("mix", units, {"memory_re": SIZE, "memory_im": SIZE}),
    }


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; re and im are batch x (traces context)."""
    entering = pre(w, "trace", {"x": x}) * sigmoid(pre(w, "input", {"x": x}))
    re, im = [], []
    for trace in range(TRACES):
        for context in range(CONTEXT):
            at = trace * CONTEXT + context
            size = np.exp(-np.exp(w["rate"][trace]))
            cos, sin = np.cos(w["frequency"][context]), np.sin(w["frequency"][context])
            old_re, old_im = states["re"][:, at], states["im"][:, at]
            re.append(size * (cos * old_re - sin * old_im) + entering[:, trace])
            im.append(size * (sin * old_re + cos * old_im))
    new = {"re": np.stack(re, -1), "im": np.stack(im, -1)}
    z = pre(w, "mix", {"memory_re": new["re"], "memory_im": new["im"]})
    z = z - np.mean(z, axis=-1, keepdims=True)
    z = z / np.sqrt(np.mean(z * z, axis=-1, keepdims=True) + EPS)
    o = sigmoid(pre(w, "output", {"x": x}))
    return z * o + pre(w, "through", {"x": x}) * (1 - o), new


CASES = {
    "ffm": Case(
        step,
        STATES,
        shapes,
        config={"constants": {"traces": TRACES, "context": CONTEXT}},
        widths=lambda units: dict.fromkeys(STATES, SIZE),
    )
}
