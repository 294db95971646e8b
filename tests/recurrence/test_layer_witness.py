"""Every bundled cell against its NumPy recurrence, gradients by complex steps, in float64."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from reference.cases import CASES, CHUNK
from reference.run import draw, gradients, run

from .cells import BUNDLED, canonical, lstm_with
from .layers import HOLES, computed, graph, layer
from .problems import assert_close

BATCH, TIME, FEATURES, UNITS = 4, 5, 2, 4
CELLS: dict[str, Any] = {
    **{name: name for name in BUNDLED},
    "on_lstm": {**canonical("on_lstm"), "constants": {"chunk": CHUNK}},
    "power_law": lstm_with(gates={"forget": {"kind": "power_law"}}),
    "power_law_coupled": lstm_with(
        gates={
            "forget": {"kind": "power_law"},
            "input": {"kind": "coupled", "reads": [], "bias": False},
        }
    ),
}
WITNESS = {"tutorial": "lstm"}
OWN_STATES = {"k": "forget.k"}


def _numbers(name: str) -> tuple[Any, dict[str, Any], dict[str, Any], NDArray[Any]]:
    """Return the witness' case, weights and first states of a cell, and the input."""
    case = CASES[WITNESS.get(name, name)]
    rng = np.random.default_rng(5)
    weights = draw(case.shapes(FEATURES, UNITS), rng)
    states = draw(dict.fromkeys(case.states, (BATCH, UNITS)), rng)
    if "t" in states:
        states["t"] = np.full((BATCH, UNITS), 2.0)
        states["k"] = -np.abs(states["k"])
    if "n" in states:
        states["n"] = 1 + np.abs(states["n"])
    return case, weights, states, rng.normal(size=(BATCH, TIME, FEATURES))


def _check(name: str, changes: Mapping[str, Any], mask: NDArray[np.bool_] | None) -> None:
    case, weights, states, x = _numbers(name)
    states.update({n: np.full((BATCH, UNITS), v) for n, v in changes.items()})
    made = layer(
        CELLS[name],
        units=UNITS,
        features=FEATURES,
        return_sequences=True,
        return_state=True,
    )
    assert set(made.named_weights) == set(weights)
    for key, value in weights.items():
        made.named_weights[key].assign(value)
    called = {OWN_STATES.get(n, n): v for n, v in states.items()}
    assert set(called) == set(made.state_names)
    # The witness counts time per unit, the layer per row.
    given = {n: _tensor(v[:, :1] if n == "t" else v) for n, v in called.items()}
    values, found = graph(lambda x, s: computed(made, x, mask, s))(_tensor(x), given)

    outputs, last = run(case.step, x, states, weights, mask)
    expected = {"outputs": outputs, **{n: last[_inverse(n)] for n in made.state_names}}
    if "t" in expected:
        expected["t"] = expected["t"][:, :1]
    assert_close(values, expected)

    cotangents = {n: _cotangent(i, v.shape) for i, (n, v) in enumerate(expected.items())}
    final = {_inverse(n): c for n, c in cotangents.items() if n != "outputs"}
    if "t" in final:
        # One number for a row's count is one of the witness' equal columns.
        final["t"] = np.concatenate([final["t"], np.zeros((BATCH, UNITS - 1))], 1)
    exact = gradients(
        case.step, x, states, weights, cotangents["outputs"], mask, state_cotangents=final
    )
    for_states = {f"state {n}": exact.states[_inverse(n)] for n in given}
    if "t" in given:
        for_states["state t"] = for_states["state t"].sum(1, keepdims=True)
    for_weights = {n: exact.w[n] for n in made.named_weights}
    assert_close(found, {"input x": exact.x, **for_states, **for_weights})


def _inverse(state: str) -> str:
    return state.removeprefix("forget.")


def _tensor(value: NDArray[Any]) -> Any:
    return tf.constant(value)


def _cotangent(index: int, shape: tuple[int, ...]) -> NDArray[Any]:
    return np.random.default_rng(index).normal(size=shape)


@pytest.mark.parametrize("name", CELLS)
def test_all_steps_valid(name: str) -> None:
    _check(name, {}, None)


@pytest.mark.parametrize("name", CELLS)
def test_masked_with_holes(name: str) -> None:
    _check(name, {}, HOLES)


def test_slstm_from_its_own_first_state() -> None:
    _check("slstm", {"h": 0.0, "c": 0.0, "n": 0.0, "m": -1e30}, HOLES)


def test_every_bundled_cell_has_a_witness() -> None:
    assert {WITNESS.get(name, name) for name in BUNDLED} <= set(CASES)
