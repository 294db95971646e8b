"""Matrix memories against the other form that their papers give: attention over all past steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from seams import DrawContext

from gatekit.registry import catalogue

from .cases import CASES
from .functions import Array, log_sigmoid, sigmoid
from .memories import HEADS, LOWER, cut, feature_map
from .reads import pre
from .run import draw, run

BATCH, TIME = 3, 6


def ran(name: str, **fixed: Array) -> tuple[Array, dict[str, Array], Array]:
    """The input, the weights and the emissions of a witness from zeros, batch x time x units."""
    case, rng = CASES[name], np.random.default_rng(9)
    w = draw(case.shapes(case.features, case.units), rng) | fixed
    x = rng.standard_normal((BATCH, TIME, case.features))
    return x, w, run(case.step, x, case.zeros(BATCH), w)[0]


def projected(w: Mapping[str, Array], gate: str, x: Array, heads: int, bias: bool) -> Array:
    """A gate's pre-activation, batch x heads x time x width / heads."""
    return np.stack([cut(pre(w, gate, {"x": x[:, t]}, bias), heads) for t in range(TIME)], 2)


def side_by_side(h: Array) -> Array:
    """Batch x heads x time x d as batch x time x (heads d)."""
    return h.transpose(0, 2, 1, 3).reshape(BATCH, TIME, -1)


def test_linear_attention_is_normalised_attention() -> None:
    x, w, actual = ran("linear_attention")
    q, k, v = (projected(w, g, x, 2, False) for g in ("query", "key", "value"))
    scores = np.einsum("bhti,bhsi->bhts", feature_map(q), feature_map(k))
    scores = np.tril(scores)
    expected = scores @ v / (scores.sum(-1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(actual, side_by_side(expected), atol=1e-12)


def test_mlstm_in_parallel_form() -> None:
    x, w, actual = ran("mlstm")
    q, k, v = (projected(w, g, x, HEADS, True) for g in ("query", "key", "value"))
    entering = projected(w, "input", x, HEADS, True)[..., 0]
    kept = np.cumsum(log_sigmoid(projected(w, "forget", x, HEADS, True)[..., 0]), -1)
    decay = np.exp(kept[..., :, None] - kept[..., None, :] + entering[..., None, :])
    scores = np.tril(np.einsum("bhti,bhsi->bhts", q, k) / np.sqrt(q.shape[-1]) * decay)
    expected = scores @ v / np.maximum(np.abs(scores.sum(-1, keepdims=True)), 1)
    o = sigmoid(projected(w, "output", x, HEADS, True))
    # eps is not in the paper
    np.testing.assert_allclose(actual, side_by_side(o * expected), rtol=1e-5)


def test_retention_in_parallel_form() -> None:
    decay = 1 - 2.0 ** (-5 - np.arange(HEADS))
    x, w, found = ran("retnet", decay=decay)
    q = projected(w, "query_re", x, HEADS, False) + 1j * projected(w, "query_im", x, HEADS, False)
    k = projected(w, "key_re", x, HEADS, False) + 1j * projected(w, "key_im", x, HEADS, False)
    v = projected(w, "value", x, HEADS, False)
    turn = np.exp(1j * np.arange(TIME)[:, None] * w["angle"])
    distance = np.arange(TIME)[:, None] - np.arange(TIME)
    mask = np.where(distance >= 0, decay[:, None, None] ** distance, 0.0)
    scores = np.einsum("bhtp,bhsp->bhts", q * turn, np.conj(k * turn)).real * mask
    np.testing.assert_allclose(found, side_by_side(scores @ v / np.sqrt(v.shape[-1])), atol=1e-12)


@pytest.mark.parametrize("name", ["gla", "hgrn2"])
def test_gated_attention_in_parallel_form(name: str) -> None:
    x, w, found = ran(name)
    if name == "gla":
        q, k, v = (projected(w, g, x, HEADS, False) for g in ("query", "key", "value"))
        low = x @ w["forget.x.left"] @ w["forget.x.right"] + w["forget.bias"]
        a = np.stack([cut(sigmoid(low[:, t]) ** (1 / 16), HEADS) for t in range(TIME)], 2)
        q = q / np.sqrt(q.shape[-1])
    else:
        q, a, v = (projected(w, g, x, HEADS, False) for g in ("output", "forget", "input"))
        q, a = q * sigmoid(q), LOWER + (1 - LOWER) * sigmoid(a)
        k = 1 - a
    along = np.cumprod(a, axis=2)
    scores = np.tril(np.einsum("bhti,bhsi->bhts", q * along, k / along))
    np.testing.assert_allclose(found, side_by_side(scores @ v), atol=1e-12)


def test_mass_is_conserved() -> None:
    case, rng = CASES["mc_lstm"], np.random.default_rng(2)
    w = draw(case.shapes(case.features, case.units), rng)
    x, c = rng.random((BATCH, TIME, case.features)), rng.random((BATCH, case.units))
    out, last = run(case.step, x, {"c": c}, w)
    after = out.sum((1, 2)) + last["c"].sum(1)
    np.testing.assert_allclose(after, x.sum((1, 2)) + c.sum(1), rtol=1e-12)
    assert (out >= 0).all()


def test_legendre_memory_holds_a_delay() -> None:
    """The fixed system is the paper's differential equation with a constant input for one step."""
    order, theta = 4, 7.0
    initializer = catalogue().initializers["legendre"](theta=theta)
    context, rng = DrawContext(order, order, 1), np.random.default_rng(0)
    A = initializer.draw(rng, (order, order), context).T
    B = initializer.draw(rng, (1, order), context).T
    a, b = np.zeros((order, order)), np.zeros(order)
    for i in range(order):
        b[i] = (2 * i + 1) * (-1) ** i / theta
        for j in range(order):
            a[i, j] = (2 * i + 1) * (-1 if i < j else (-1) ** (i - j + 1)) / theta
    m, u = np.array([0.3, -0.2, 0.5, 0.1]), 0.7
    held = solve_ivp(lambda t, m: a @ m + b * u, (0.0, 1.0), m, rtol=1e-10, atol=1e-12).y[:, -1]
    np.testing.assert_allclose(A @ m + B[:, 0] * u, held, atol=1e-8)
