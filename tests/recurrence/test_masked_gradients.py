"""Masked and padded steps reach no gradient, even where an equation has no finite slope."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import gatekit
from gatekit import OutputUnit, ops

from .layers import layer

BATCH, TIME, FEATURES = 4, 7, 4
# Padding, a hole, masked steps in front, and nothing valid at all.
MASK = np.array(
    [[1, 1, 1, 0, 0, 0, 0], [1, 0, 1, 1, 0, 1, 1], [0, 0, 1, 1, 1, 1, 1], [0] * 7], bool
)
ONE_STEP = np.array([[1] + [0] * 6, [0] * 6 + [1], [0, 0, 1, 0, 0, 0, 0], [0] * 7], bool)

X = {"kind": "linear", "reads": ["x"]}
FORGET = {"kind": "forget", "reads": ["x"]}


def _cell(read: str, gates: Any = None, **equations: str) -> dict[str, Any]:
    return {
        "gates": {"v": {"kind": "linear", "reads": [read]}, "keep": FORGET, **(gates or {})},
        "equations": {**equations, "h": "keep * h_prev + v"},
        "emits": "h",
    }


def _memory(of: dict[str, Any]) -> dict[str, Any]:
    gates = {"k": X, "q": X, **{name: g for name, g in of["gates"].items() if name != "keep"}}
    equations = {**of["equations"], "S": "S_prev + outer(k, v)", "h": "vecmat(q, S)"}
    return {"gates": gates, "equations": equations, "emits": "h"}


# Each has an infinite slope where masked steps could put it: at x = 0, at t = 0, where x is what it
# was, at the initial states, or in the states in which a row ends.
CELLS: dict[str, dict[str, Any]] = {
    "log_of_x": _cell("log(x)"),
    "log_of_t": _cell("x * log(t)"),
    "change_of_x": _cell("log(abs(x - x_prev))"),
    "change_of_state": _cell("log(abs(x - s_prev))", s="x"),
    "mean": _cell("m", {"u": X}, z="z_prev + u", n="n_prev + 1", m="z / n"),
    "power": {
        "parameters": {"rate": {"shape": "units", "init": 0.5}},
        "gates": {"v": X, "keep": FORGET},
        "equations": {"h": "keep * h_prev + v * exp(rate * log(t * sum(x)))"},
        "emits": "h",
    },
}
CELLS |= {f"memory_of_{name}": _memory(CELLS[name]) for name in ("log_of_x", "log_of_t", "mean")}
# h is 0 after one step.
CELLS["ends_at_zero"] = {
    "parameters": {"rate": {"shape": "units", "init": 0.5}},
    "gates": {"v": X},
    "equations": {"h": "exp(rate * log(h_prev)) - 1", "out": "h + v"},
    "initial": {"h": 1.0},
    "emits": "out",
}
STEPWISE = ("reference", "stacked", "unroll")


def _cases() -> Iterator[Any]:
    for name in CELLS:
        own = () if name == "ends_at_zero" else ("affine", "scan")
        own = ("chunk",) if name.startswith("memory") else own
        for executor in (*STEPWISE, *own):
            yield pytest.param(name, executor, "one_step")
            if name != "ends_at_zero":
                few = pytest.mark.slow if executor in ("reference", "unroll") else ()
                yield pytest.param(name, executor, "mask", marks=few)


def _made(cell: Any, executor: str, **options: Any) -> Any:
    return layer(cell, executor=executor, features=FEATURES, units=4, **options)


def _gradients(call: Any, weights: Any, x: Any, mask: Any = None) -> Any:
    """Return the sum of squares of the outputs, and its gradients."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(tf.square(call(x, mask=mask, training=True)))
    return loss, tape.gradient(loss, [x, *weights])


def _positive(seed: int = 5) -> Any:
    return 0.1 + np.random.default_rng(seed).random((BATCH, TIME, FEATURES))


def _assert_row_by_row(rnn: Any, mask: Any, wrap: Any = lambda f: f, call: Any = None) -> None:
    """Assert that the gradients are the sums over rows without their masked steps.

    Args:
        made: the layer.
        mask: ``batch x time``.
        wrap: compiles the masked computation.
        call: calls the layer, with outputs of zero at masked steps; None for the layer itself.
    """
    x, call = _positive(), call or rnn
    spoilt = x.copy()
    content = np.resize([np.nan, np.inf, 0.0, -1.0], (np.sum(~mask), FEATURES))
    spoilt[~mask] = np.sort(content, 0)
    weights = [v.value for v in rnn.trainable_variables]
    names = ["x", *(v.path for v in rnn.trainable_variables)]
    loss, actual = wrap(lambda x: _gradients(call, weights, x, mask))(tf.constant(spoilt))
    total, expected = 0.0, [np.zeros(g.shape) for g in actual]
    for row, valid in enumerate(mask):
        if valid.any():
            own, gradients = _gradients(call, weights, tf.constant(x[row : row + 1, valid]))
            total += own
            expected[0][row, valid] = gradients[0][0]
            expected[1:] = [sum(pair) for pair in zip(expected[1:], gradients[1:], strict=True)]
    np.testing.assert_allclose(loss, total, rtol=1e-10)
    for name, one, other in zip(names, actual, expected, strict=True):
        scale = 1 + np.max(np.abs(other))
        np.testing.assert_allclose(one / scale, other / scale, rtol=0, atol=1e-10, err_msg=name)


# A cell has 12 cases where slow ones run; over the cells, each of them is met.
@pytest.mark.one_in(3, slow=7)
@pytest.mark.parametrize(("cell", "executor", "mask"), [*_cases()])
def test_gradients_are_those_of_the_rows_without_masked_steps(
    cell: str, executor: str, mask: str
) -> None:
    options = {"return_sequences": True, "zero_output_for_mask": True}
    rnn = _made(CELLS[cell], executor, **options)
    _assert_row_by_row(rnn, {"mask": MASK, "one_step": ONE_STEP}[mask])


# --- output units, blocks, wrappers ---------------------------------------------------------------


class Logarithm(OutputUnit):
    """The logarithm of what the cell emits."""

    bias = False

    def emit(self, emitted: Any) -> Any:
        """Return the logarithm, ``... x units``."""
        return ops.log(emitted)


@pytest.mark.parametrize("emits", ["h", "out"])
@pytest.mark.parametrize("whole", [True, False], ids=["sequences", "last"])
@pytest.mark.parametrize("executor", ["reference", "stacked", "unroll", "scan"])
def test_an_output_unit_meets_no_state_before_the_first_valid_step(
    executor: str, whole: bool, emits: str
) -> None:
    cell = {
        "gates": {"v": {"activation": "exp(pre)", "reads": ["x"]}, "keep": FORGET},
        "equations": {"h": "keep * h_prev + v", **({"out": "h / 2"} if emits == "out" else {})},
        "emits": emits,
    }
    options = {"return_sequences": whole, "output_unit": Logarithm(), "zero_output_for_mask": True}
    # The initial state is 0, and only its gradient is one that masked steps in front could reach.
    options |= {"learned_initial_state": ["h"], "fill": False}
    _assert_row_by_row(_made(cell, executor, **options), MASK)


DIVIDES = '''
"""A block that divides by its input."""

from gatekit import Block, hookimpl, ops


class Divides(Block):
    """``y = W (mixer(1 / x) / x) + log(x)``.

    Reference: unpublished
    """

    def mix(self, parts, x):
        return parts.mixer(1 / x)

    def combine(self, parts, x, mixed):
        return parts.dense("out", parts.fitted("project", mixed) / x, parts.width) + ops.log(x)


@hookimpl
def gatekit_blocks():
    return {"divides": Divides}
'''


@pytest.mark.parametrize("whole", [True, False], ids=["sequences", "last"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one", "both"])
def test_a_block_divides_by_no_masked_step(
    bidirectional: bool, whole: bool, tmp_path: Path
) -> None:
    (tmp_path / "divides.py").write_text(DIVIDES)
    blocks = gatekit.BlockLayer(
        "divides",
        "gru",
        FEATURES,
        bidirectional=bidirectional,
        return_sequences=whole,
        seed=1,
        dtype="float64",
        plugins=[str(tmp_path / "divides.py")],
    )
    blocks.build((None, None, FEATURES))

    def call(x: Any, mask: Any = None, **options: Any) -> Any:
        y = blocks(x, mask=mask, **options)
        # A masked step repeats the last valid output; here only valid steps count.
        return y if mask is None or not whole else tf.where(mask[..., None], y, 0.0)

    _assert_row_by_row(blocks, MASK, call=call)


@pytest.mark.parametrize("kind", ["lstm", "power_law_lstm"])
def test_a_wrapper_for_both_directions(kind: str) -> None:
    for executor in ("reference", "stacked"):
        one = _made(kind, executor, return_sequences=True)
        made = keras.layers.Bidirectional(one, dtype="float64")
        made(_positive())
        _assert_row_by_row(made, MASK)
