"""S4D, S5 and LinOSS: linear state space models with complex states, as pairs of numbers.

S4D, for each unit with its own system of N complex numbers, lambda = -exp(rate) + i turn:

    s = e^(D lambda) s_prev + (e^(D lambda) - 1) / lambda u,  D = exp(step), u = W x
    h = 2 Re(sum of C s) + skip u

S5, one system for all: s = e^(D lambda) s_prev + (e^(D lambda) - 1) / lambda (B x);
y = 2 Re(C s) + W x.

LinOSS-IM, the implicit step of size D = sigmoid(step) of oscillators y'' = -A y + B x, A =
relu(stiffness): v = v_prev + D (-A y + B x), y = y_prev + D v, solved for the new v and y;
the output is Re(C y) + W x.

Complex steps carry the derivatives, so the complex numbers are pairs here.

References: Gu et al. 2022, arXiv 2206.11893, with the authors' models/s4/s4d.py; Smith et al. 2023,
arXiv 2208.04933, with the authors' s5/ssm.py; Rusch & Rus 2025, arXiv 2410.03943, with
the authors' models/LinOSS.py (apply_linoss_im).
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid
from .reads import Shapes, read_shapes

Pair = tuple[Array, Array]
SIZE = 3


def _times(a: Pair, b: Pair) -> Pair:
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def _over(a: Pair, b: Pair) -> Pair:
    top = _times(a, (b[0], -b[1]))
    size = b[0] * b[0] + b[1] * b[1]
    return top[0] / size, top[1] / size


def _held(D: Array, eigenvalue: Pair) -> tuple[Pair, Pair]:
    """The factors of the state and of the input in a zero-order hold."""
    length = np.exp(D * eigenvalue[0])
    keep = length * np.cos(D * eigenvalue[1]), length * np.sin(D * eigenvalue[1])
    return keep, _over((keep[0] - 1, keep[1]), eigenvalue)


def s4d_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of S4D by name."""
    many = dict.fromkeys(("rate", "turn", "c_re", "c_im"), (units * SIZE,))
    own = {"step": (units,), "skip": (units,)}
    return {**own, **many, **read_shapes("signal", units, {"x": features}, bias=False)}


def s4d(x: Array, states: States, w: Weights) -> Stepped:
    """One time step of S4D; states re and im are each batch x (units size)."""
    batch, units = len(x), len(w["step"])
    u = x @ w["signal.x"]
    rate, turn, c_re, c_im = (
        w[name].reshape(units, SIZE) for name in ("rate", "turn", "c_re", "c_im")
    )
    keep, write = _held(np.exp(w["step"])[:, None], (-np.exp(rate), turn))
    old = tuple(states[name].reshape(batch, units, SIZE) for name in ("re", "im"))
    turned = _times(keep, (old[0], old[1]))
    new = turned[0] + write[0] * u[:, :, None], turned[1] + write[1] * u[:, :, None]
    h = 2 * np.sum(_times((c_re, c_im), new)[0], axis=-1) + w["skip"] * u
    return h, {"re": new[0].reshape(batch, -1), "im": new[1].reshape(batch, -1)}


def s5_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of S5 by name."""
    drive = read_shapes(("drive_re", "drive_im"), units, {"x": features}, bias=False)
    reads = {"shown_re": units, "shown_im": units, "x": features}
    own = dict.fromkeys(("step", "real", "turn"), (units,))
    return own | drive | read_shapes("output", units, reads, bias=False)


def s5(x: Array, states: States, w: Weights) -> Stepped:
    """One time step of S5; states re and im are each batch x units."""
    keep, write = _held(np.exp(w["step"]), (w["real"], w["turn"]))
    drive = _times(write, (x @ w["drive_re.x"], x @ w["drive_im.x"]))
    turned = _times(keep, (states["re"], states["im"]))
    re, im = turned[0] + drive[0], turned[1] + drive[1]
    shown = re @ w["output.shown_re"] - im @ w["output.shown_im"]
    return 2 * shown + x @ w["output.x"], {"re": re, "im": im}


def linoss_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of LinOSS by name."""
    force = read_shapes(("force_re", "force_im"), units, {"x": features}, bias=False)
    reads = {"y_re": units, "y_im": units, "x": features}
    own = dict.fromkeys(("stiffness", "step"), (units,))
    return own | force | read_shapes("output", units, reads, bias=False)


def linoss(x: Array, states: States, w: Weights) -> Stepped:
    """One time step of LinOSS; states v_re, v_im, y_re and y_im are each batch x units."""
    D = sigmoid(w["step"])
    A = np.where(np.real(w["stiffness"]) > 0, w["stiffness"], 0.0)
    new = {}
    for part in ("re", "im"):
        v, y, force = states[f"v_{part}"], states[f"y_{part}"], x @ w[f"force_{part}.x"]
        # (1 + D^2 A) y_new = y + D v + D^2 force, then v_new follows from y_new.
        new[f"y_{part}"] = (y + D * v + D**2 * force) / (1 + D**2 * A)
        new[f"v_{part}"] = v + D * (force - A * new[f"y_{part}"])
    out = sum(new[f"y_{part}"] @ w[f"output.y_{part}"] for part in ("re", "im"))
    return np.asarray(out + x @ w["output.x"]), new


CASES = {
    "s4d": Case(
        s4d,
        ("re", "im"),
        s4d_shapes,
        config={"constants": {"size": SIZE}},
        widths=lambda units: {"re": units * SIZE, "im": units * SIZE},
    ),
    "s5": Case(s5, ("re", "im"), s5_shapes),
    "linoss": Case(linoss, ("v_re", "v_im", "y_re", "y_im"), linoss_shapes),
}
