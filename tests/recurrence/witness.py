"""A layer held against the NumPy recurrence of its cell: values, and gradients by complex steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from reference.case import Case
from reference.cases import CASES
from reference.run import draw, gradients, run

from .cells import canonical, merged
from .layers import computed, graph, layer
from .problems import assert_close

BATCH, TIME = 4, 5


def cell_of(name: str) -> dict[str, Any]:
    """Return the cell that a witness is for, as plain data."""
    case = CASES[name]
    return merged(canonical(case.cell or name), case.config)


def compare(
    name: str,
    mask: NDArray[np.bool_] | None = None,
    cell: Mapping[str, Any] | None = None,
    mode: str = "eager",
    **changes: float,
) -> None:
    """Assert that the layer computes what the witness computes, gradients of everything included.

    Args:
        name: the witness.
        mask: ``batch x time``, or None.
        cell: another cell than the one that the witness is for.
        mode: ``eager`` or ``graph``.
        changes: states that start from one number instead of random ones.

    Raises:
        AssertionError: it does not.
    """
    case, rng = CASES[name], np.random.default_rng(5)
    weights = draw(case.shapes(case.features, case.units), rng)
    states = case.drawn_states(rng, BATCH)
    x = rng.normal(size=(BATCH, TIME, case.columns))
    states.update({n: np.full((BATCH, case.width(n)), v) for n, v in changes.items()})
    rnn = layer(
        cell or cell_of(name),
        units=case.units,
        features=case.features,
        return_sequences=True,
        return_state=True,
    )
    assert set(rnn.named_weights) == set(weights)
    for key, value in weights.items():
        rnn.named_weights[key].assign(value)
    assert set(rnn.state_names) == set(case.states)
    given = {n: tf.constant(v) for n, v in states.items()}
    inputs = _by_name(x, case)

    def call(x: Any, s: Any) -> Any:
        return computed(rnn, x, mask, s)

    values, actual = (graph(call) if mode == "graph" else call)(
        {n: tf.constant(v) for n, v in inputs.items()}, given
    )

    outputs, last = run(case.step, x, states, weights, mask)
    expected = {"outputs": outputs, **{n: last[n] for n in rnn.state_names}}
    assert_close(values, expected, case.tolerance)

    cotangents = {n: _cotangent(i, v.shape) for i, (n, v) in enumerate(expected.items())}
    outer = cotangents.pop("outputs")
    exact = gradients(case.step, x, states, weights, outer, mask, state_cotangents=cotangents)
    for_states = {f"state {n}": exact.states[n] for n in given}
    for_weights = {n: exact.w[n] for n, v in rnn.named_weights.items() if v.trainable}
    for_inputs = {f"input {n}": v for n, v in _by_name(exact.x, case).items()}
    assert_close(actual, {**for_inputs, **for_states, **for_weights}, case.tolerance)


def _by_name(columns: NDArray[Any], case: Case) -> dict[str, NDArray[Any]]:
    widths = {"x": case.features, **case.inputs}
    parts = np.split(columns, np.cumsum(list(widths.values()))[:-1], axis=-1)
    return dict(zip(widths, parts, strict=True))


def _cotangent(index: int, shape: tuple[int, ...]) -> NDArray[Any]:
    return np.random.default_rng(index).normal(size=shape)
