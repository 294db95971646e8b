"""Every bundled cell against its NumPy recurrence, gradients by complex steps, in float64."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from reference.case import Case
from reference.cases import CASES
from reference.run import draw, gradients, run

from .cells import BUNDLED, canonical, merged
from .layers import HOLES, computed, graph, layer
from .problems import assert_close

BATCH, TIME = 4, 5
WITNESSED = {case.cell or name for name, case in CASES.items()}


def _check(name: str, changes: Mapping[str, float], mask: NDArray[np.bool_] | None) -> None:
    case, rng = CASES[name], np.random.default_rng(5)
    weights = draw(case.shapes(case.features, case.units), rng)
    states = case.drawn_states(rng, BATCH)
    x = rng.normal(size=(BATCH, TIME, case.columns))
    states.update({n: np.full((BATCH, case.width(n)), v) for n, v in changes.items()})
    made = _layer(name, case)
    assert set(made.named_weights) == set(weights)
    for key, value in weights.items():
        made.named_weights[key].assign(value)
    assert set(made.state_names) == set(case.states)
    given = {n: tf.constant(v) for n, v in states.items()}
    inputs = _by_name(x, case)
    values, found = graph(lambda x, s: computed(made, x, mask, s))(
        {n: tf.constant(v) for n, v in inputs.items()}, given
    )

    outputs, last = run(case.step, x, states, weights, mask)
    expected = {"outputs": outputs, **{n: last[n] for n in made.state_names}}
    assert_close(values, expected, case.tolerance)

    cotangents = {n: _cotangent(i, v.shape) for i, (n, v) in enumerate(expected.items())}
    outer = cotangents.pop("outputs")
    exact = gradients(case.step, x, states, weights, outer, mask, state_cotangents=cotangents)
    for_states = {f"state {n}": exact.states[n] for n in given}
    for_weights = {n: exact.w[n] for n, v in made.named_weights.items() if v.trainable}
    for_inputs = {f"input {n}": v for n, v in _by_name(exact.x, case).items()}
    assert_close(found, {**for_inputs, **for_states, **for_weights}, case.tolerance)


def _by_name(columns: NDArray[Any], case: Case) -> dict[str, NDArray[Any]]:
    widths = {"x": case.features, **case.inputs}
    parts = np.split(columns, np.cumsum(list(widths.values()))[:-1], axis=-1)
    return dict(zip(widths, parts, strict=True))


def _layer(name: str, case: Case) -> Any:
    return layer(
        merged(canonical(case.cell or name), case.config),
        units=case.units,
        features=case.features,
        return_sequences=True,
        return_state=True,
    )


def _cotangent(index: int, shape: tuple[int, ...]) -> NDArray[Any]:
    return np.random.default_rng(index).normal(size=shape)


@pytest.mark.parametrize("name", CASES)
def test_all_steps_valid(name: str) -> None:
    _check(name, {}, None)


@pytest.mark.parametrize("name", CASES)
def test_masked_with_holes(name: str) -> None:
    _check(name, {}, HOLES)


def test_slstm_from_its_own_first_state() -> None:
    _check("slstm", {"h": 0.0, "c": 0.0, "n": 0.0, "m": -1e30}, HOLES)


def test_every_bundled_cell_has_a_witness() -> None:
    assert set(BUNDLED) <= WITNESSED
