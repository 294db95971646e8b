"""Cells that Newton's method solves and are not in the zoo, and cells that it must refuse."""

from __future__ import annotations

from typing import Any

BUNDLED = ("brc", "ind_rnn", "para_lstm", "rwkv4", "unicornn")


def cell(name: str, *, gates: Any = None, emits: str = "h", **equations: str) -> dict[str, Any]:
    """Return a cell as a mapping."""
    return {"name": name, "gates": gates or {}, "equations": equations, "emits": emits}


def _gate(kind: str, **reads: str) -> dict[str, Any]:
    return {"kind": kind, "reads": reads}


OWN: dict[str, Any] = {
    made["name"]: made
    for made in (
        cell(
            "damped",
            gates={"force": _gate("tanh", x="dense", h_prev="diagonal")},
            h="0.5 * h_prev + force / (1 + square(h_prev))",
        ),
        # Two states that turn into each other.
        cell(
            "oscillator",
            gates={"drive": _gate("tanh", x="dense", h_prev="diagonal")},
            v="v_prev + 0.1 * (drive - sin(h_prev) - v_prev)",
            h="h_prev + 0.1 * v",
        ),
        # The second state reads the first through a dense map: they are solved in turn.
        cell(
            "two_layers",
            gates={
                "low": _gate("tanh", x="dense", low_prev="diagonal"),
                "high": _gate("tanh", low="dense", low_prev="dense", h_prev="diagonal"),
            },
            h="0.9 * h_prev * high + high",
        ),
        # `stop` has no state that is still to be solved.
        cell(
            "stops",
            gates={
                "low": _gate("tanh", **{"stop(x)": "dense", "low_prev": "diagonal"}),
                "high": _gate("tanh", **{"stop(low)": "dense", "low": "dense"}),
            },
            h="tanh(0.5 * h_prev + stop(high) * low) + low - stop(low)",
        ),
        # A gate with a state and a projection, in which each unit depends on itself alone.
        cell(
            "owns_speed",
            gates={
                "force": {
                    "activation": "tanh(pre / softplus(tau) - v_prev + u)",
                    "reads": {"x": "dense", "h_prev": "diagonal"},
                    "projections": {
                        "tau": {"reads": {"x": "dense", "v_prev": "diagonal"}, "first_bias": 1},
                        "u": {"reads": ["x"]},
                    },
                    "states": {"v": {"first": 0.1, "update": "0.9*v_prev + 0.1*tanh(pre)"}},
                }
            },
            h="0.5 * h_prev + force",
        ),
        # Its projection reads its own state through a dense map: the state is solved first.
        cell(
            "owns_mean",
            gates={
                "g": {
                    "activation": "tanh(pre / softplus(tau))",
                    "reads": {"x": "dense", "h_prev": "diagonal"},
                    "projections": {"tau": {"reads": ["(x - m_prev)**2"], "first_bias": 1}},
                    "states": {"m": {"width": "features", "update": "0.9*m_prev + 0.1*x"}},
                }
            },
            h="0.5 * h_prev + g",
        ),
        # Its slope changes its sign so often that 20 iterations are not enough for 30 steps.
        cell(
            "unstable",
            gates={"drive": _gate("linear", x="dense")},
            h="sin(1.5 * h_prev + drive)",
        ),
    )
}
REFUSED: dict[str, tuple[Any, str]] = {
    "dense": (
        cell("dense", gates={"g": _gate("tanh", x="dense", h_prev="dense")}, h="g"),
        "g reads h_prev through a dense map",
    ),
    "mixed": (
        cell(
            "mixed",
            gates={"g": _gate("tanh", x="dense", h_prev="diagonal")},
            h="g * softmax(h_prev)",
        ),
        "h mixes units of a previous state in softmax(...)",
    ),
    "stopped": (
        cell("stopped", gates={"g": _gate("tanh", x="dense")}, h="tanh(g + stop(h_prev))"),
        "h stops the gradient of a previous state, which Newton's method needs",
    ),
    "stopped_read": (
        cell(
            "stopped_read",
            gates={"g": _gate("tanh", **{"x": "dense", "stop(h_prev)": "diagonal"})},
            h="tanh(g + h_prev)",
        ),
        "stop(h_prev) stops the gradient of a previous state, which Newton's method needs",
    ),
    # One unit of s is read by all units of h, on which it depends.
    "repeated": (
        cell(
            "repeated",
            gates={"g": _gate("tanh", x="dense", h_prev="diagonal"), "n": _gate("tanh", x="dense")},
            s="tanh(s_prev + mean(h_prev))",
            h="g * s_prev + n",
        ),
        "s mixes units of a previous state in mean(...)",
    ),
    "five": (
        cell(
            "five",
            gates={"g": _gate("tanh", x="dense")},
            a="tanh(b_prev + g)",
            b="tanh(c_prev)",
            c="tanh(d_prev)",
            d="tanh(h_prev)",
            h="tanh(a_prev)",
        ),
        "at most 4 states are solved together",
    ),
    "scalar": (
        cell(
            "scalar",
            gates={
                "g": _gate("sigmoid", x="dense"),
                "n": {**_gate("tanh", x="dense", h_prev="dense"), "units": 1},
            },
            h="g * h_prev + n",
        ),
        "n reads h_prev through a dense map",
    ),
}
