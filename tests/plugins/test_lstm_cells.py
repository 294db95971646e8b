"""Cells of the LSTM family that are Python functions: their options and initial values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from seams import BuiltCell as Cell
from seams import build, read_cell, read_output_unit

from gatekit import RNN
from gatekit.registry import catalogue, cell_config


def _built(name: str, units: int = 6, features: int = 3, **options: Any) -> Cell:
    known = catalogue()
    config = cell_config({"defaults": [name, "_self_"], **options}, known)
    return build(read_cell(config, known), units, features, read_output_unit("hidden", known))


def _first(name: str, units: int = 6) -> dict[str, np.ndarray]:
    layer = RNN(name, units, seed=2)
    layer.build((None, None, 3))
    return {n: np.asarray(v) for n, v in layer.named_weights.items()}


@pytest.mark.parametrize("rounds", [0, 1, 2, 7])
def test_a_mogrifier_has_its_rounds(rounds: int) -> None:
    cell = _built("mogrifier_lstm", rounds=rounds)
    made = [node.name for node in cell.nodes if node.name.startswith("mogrify_")]
    assert made == [f"mogrify_{i}" for i in range(1, rounds + 1)]
    assert [cell.widths[n] for n in made] == [(3, 6)[i % 2] for i in range(rounds)]


def test_a_mogrifier_without_rounds_is_the_lstm() -> None:
    cell, lstm = _built("mogrifier_lstm", rounds=0), _built("lstm")
    assert [w.name for w in cell.weights] == [w.name for w in lstm.weights]
    assert dict(cell.spec.equations) == dict(lstm.spec.equations)


def test_the_sizes_of_a_hyper_lstm_are_options() -> None:
    cell = _built("hyper_lstm", embedding=2, constants={"small": 5})
    assert cell.widths["forget_zx"] == 2
    assert cell.widths["small_h"] == 5


def test_a_fresh_hyper_lstm_scales_by_a_tenth_whatever_it_has_seen() -> None:
    w = _first("hyper_lstm")
    for gate in ("input", "forget", "output", "candidate"):
        for of in ("x", "h"):
            z = w[f"{gate}_z{of}.bias"] + np.ones(64) @ w[f"{gate}_z{of}.small_h"]
            np.testing.assert_allclose(z @ w[f"{gate}_scale_{of}.{gate}_z{of}"], 0.1, rtol=1e-6)
        assert not w[f"{gate}_shift.{gate}_zb"].any()


def test_a_fresh_integration_adds_and_multiplies_alike() -> None:
    w = _first("mi_gru")
    for gate in ("reset", "update", "candidate"):
        for part in ("alpha", "beta_x", "beta_h"):
            np.testing.assert_array_equal(w[f"{gate}_{part}"], 1.0)


def test_chrono_biases_spread_over_time_scales_and_mirror_each_other() -> None:
    w = _first("chrono_lstm", units=500)
    assert 0 <= w["forget.bias"].min() < 0.3
    assert np.log(95) < w["forget.bias"].max() <= np.log(99)
    np.testing.assert_array_equal(w["input.bias"], -w["forget.bias"])
    assert not w["output.bias"].any()
    assert not w["candidate.bias"].any()


@pytest.mark.parametrize("name", ["u_lstm", "ut_lstm", "ur_lstm"])
def test_uniform_gates_start_uniformly(name: str) -> None:
    gate = 1 / (1 + np.exp(-_first(name, units=400)["forget.bias"].astype(float)))
    assert 1 / 400 <= gate.min() < 0.02
    assert 0.98 < gate.max() <= 1 - 1 / 400
    assert abs(gate.mean() - 0.5) < 0.05


@pytest.mark.parametrize("name", ["r_lstm", "gt_lstm", "power_law_lstm"])
def test_other_forget_gates_start_half_open(name: str) -> None:
    assert not _first(name)["forget.bias"].any()


def test_the_entity_aware_lstm_starts_with_identities() -> None:
    w = _first("ea_lstm")
    for gate in ("forget", "output", "candidate"):
        np.testing.assert_array_equal(w[f"{gate}.h_prev"], np.eye(6))
        np.testing.assert_allclose(w[f"{gate}.x"] @ w[f"{gate}.x"].T, np.eye(3), atol=1e-6)
    assert w["input.static"].shape == (4, 6)
