"""Cells with a solver, a delay or carry gates of their own: options and initial values."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from reference import liquid
from reference.plain import rhn
from reference.run import draw, run, zero_states

from gatekit import RNN

BATCH, TIME, FEATURES, UNITS = 3, 6, 2, 4


def _layer(cell: dict[str, Any]) -> RNN:
    layer = RNN(cell, UNITS, return_sequences=True, dtype="float64")
    layer.build((None, None, FEATURES))
    return layer


def _x() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(BATCH, TIME, FEATURES))


@pytest.mark.parametrize(("unfolds", "elapsed"), [(1, 1.0), (3, 0.25)])
def test_a_liquid_network_is_solved_in_its_steps(unfolds: int, elapsed: float) -> None:
    layer = _layer({"defaults": ["ltc"], "unfolds": unfolds, "elapsed": elapsed})
    weights = draw(liquid.shapes(FEATURES, UNITS), np.random.default_rng(2))
    for name, value in weights.items():
        layer.named_weights[name].assign(value)
    step = partial(liquid.step, unfolds=unfolds, elapsed=elapsed)
    expected, _ = run(step, _x(), zero_states(["v"], BATCH, UNITS), weights)
    np.testing.assert_allclose(layer(_x()), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("delay", [1, 3])
def test_the_delay_is_the_number_of_steps_until_a_state_comes_back(delay: int) -> None:
    layer = _layer({"defaults": ["tau_gru"], "delay": delay})
    # The gates stand open, and what is fed back is the only thing that is not zero.
    for name, weight in layer.named_weights.items():
        opens = name in ("update.bias", "weight.bias")
        weight.assign(np.full(weight.shape, 40.0 if opens else 0.0))
    layer.named_weights[f"feedback.lag_{delay}"].assign(np.eye(UNITS))
    start = {"h": np.full((1, UNITS), 0.5)}
    start |= {f"lag_{k}": np.zeros((1, UNITS)) for k in range(1, delay)}
    start |= {f"back_{k}": np.zeros((1, FEATURES)) for k in range(1, delay)}
    start |= {"x": np.zeros((1, FEATURES))}
    outputs = np.asarray(layer(np.zeros((1, 6, FEATURES)), initial_state=start))[0, :, 0]
    assert outputs[:delay] == pytest.approx([0.0] * (delay - 1) + [np.tanh(0.5)], abs=1e-12)


@pytest.mark.parametrize("depth", [1, 2])
def test_a_highway_network_may_have_carry_gates(depth: int) -> None:
    layer = _layer({"defaults": ["rhn_uncoupled"], "depth": depth})
    witness = rhn(depth, coupled=False)
    weights = draw(witness.shapes(FEATURES, UNITS), np.random.default_rng(2))
    assert set(layer.named_weights) == set(weights)
    for name, value in weights.items():
        layer.named_weights[name].assign(value)
    start = zero_states(witness.states, BATCH, UNITS)
    expected, _ = run(witness.step, _x(), start, weights)
    np.testing.assert_allclose(layer(_x()), expected, rtol=0, atol=1e-12)


def test_a_reservoir_is_scaled_and_nothing_in_it_is_trained() -> None:
    layer = RNN("leaky_esn", 40, seed=1)
    layer.build((None, None, FEATURES))
    assert not layer.trainable_weights
    matrix = np.asarray(layer.named_weights["drive.h_prev"])
    assert np.abs(np.linalg.eigvals(matrix)).max() == pytest.approx(0.9, rel=1e-5)


def test_first_values_are_those_of_the_papers() -> None:
    def first(cell: str, weight: str) -> np.ndarray:
        layer = RNN(cell, 6, seed=1)
        layer.build((None, None, FEATURES))
        return np.asarray(layer.named_weights[weight])

    assert first("fast_grnn", "zeta") == pytest.approx(1.0, abs=1e-6)
    assert first("fast_grnn", "nu") == pytest.approx(-4.0, abs=1e-6)
    assert first("fast_rnn", "alpha") == pytest.approx(-3.0, abs=1e-6)
    assert first("fast_rnn", "beta") == pytest.approx(3.0, abs=1e-6)
    assert first("rwkv4", "bonus") == pytest.approx(np.log(0.3), abs=1e-6)
    np.testing.assert_array_equal(first("irnn", "candidate.h_prev"), np.eye(6))
