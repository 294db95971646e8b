"""Initial values: each weight's own, whatever else the cell has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from seams import draw_values as draw
from seams import first_values_generator as generator

from gatekit import RNN, GatekitError

from .cells import built, canonical, lstm_with, merged
from .layers import layer


def _drawn(cell: Any, seed: int = 1, units: int = 64, **sizes: int) -> dict[str, NDArray[Any]]:
    return draw(built(cell, units=units, **sizes), seed)


def _without_recurrence(cell: dict[str, Any]) -> dict[str, Any]:
    """Return the cell with gates that read x only: many units need no large matrices then."""
    return merged(cell, {"gates": {g: {"reads": {"x": "dense"}} for g in cell["gates"]}})


def test_a_gate_that_is_added_leaves_the_others_as_they_were() -> None:
    more = lstm_with(
        gates={"extra": {"kind": "sigmoid", "reads": {"x": "dense", "h_prev": "dense"}}},
        equations={"h": "extra * output * tanh(c)"},
    )
    plain, changed = _drawn("lstm"), _drawn(more)
    assert set(changed) - set(plain) == {"extra.x", "extra.h_prev", "extra.bias"}
    for name, value in plain.items():
        np.testing.assert_array_equal(changed[name], value)


def test_variants_with_one_seed_start_alike() -> None:
    plain = _drawn("lstm")
    for other in ("peephole", "cifg", lstm_with(zoneout={"c": 0.1}), lstm_with(dropout=0.5)):
        drawn = _drawn(other)
        shared = set(plain) & set(drawn)
        assert len(shared) >= 9
        for name in shared:
            np.testing.assert_array_equal(drawn[name], plain[name])


def test_another_seed_draws_otherwise() -> None:
    one, other = _drawn("gru", 1), _drawn("gru", 2)
    assert not any(np.array_equal(one[n], other[n]) for n in one if "bias" not in n)
    for name, value in _drawn("gru", 1).items():
        np.testing.assert_array_equal(value, one[name])


def test_generators_of_different_names_are_independent() -> None:
    a, b = (generator(1, name).normal(size=4000) for name in ("a", "b"))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.08


def test_the_layer_starts_from_what_is_drawn() -> None:
    rnn = layer("peephole", units=8, seed=5, fill=False)
    for name, value in draw(rnn.cell, 5).items():
        np.testing.assert_array_equal(rnn.named_weights[name], value)


def test_without_a_seed_every_layer_draws_its_own() -> None:
    one, other = (layer("gru", seed=None, fill=False).named_weights["update.x"] for _ in range(2))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("gate", ["input", "forget", "output", "candidate"])
def test_recurrent_matrices_are_orthogonal_for_each_gate(gate: str) -> None:
    matrix = _drawn("lstm")[f"{gate}.h_prev"]
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(64), atol=1e-12)


def test_kernels_have_the_limit_of_their_own_gate() -> None:
    kernel = _drawn("lstm", features=32)["forget.x"]
    limit = np.sqrt(6 / (32 + 64))
    assert 0.98 * limit < np.abs(kernel).max() <= limit
    assert abs(kernel.std() - limit / np.sqrt(3)) < 0.02 * limit


def test_one_bias_may_be_the_negative_of_another() -> None:
    chrono = {"initializers": {"bias": {"kind": "chrono", "t_max": 50.0}}}
    negative = {"initializers": {"bias": {"negative_of": "forget"}}}
    cell = lstm_with(gates={"forget": chrono, "input": negative})
    drawn = _drawn(_without_recurrence(cell), units=2000)
    np.testing.assert_array_equal(drawn["input.bias"], -drawn["forget.bias"])
    # exp(b) is uniform on [1, 49].
    times = np.exp(drawn["forget.bias"])
    assert times.min() >= 1.0
    assert times.max() <= 49.0
    assert abs(times.mean() - 25.0) < 1.6
    assert times.min() < 1.5
    assert times.max() > 48.5


def test_uniform_gate_makes_first_values_uniform() -> None:
    drawn = _drawn(_without_recurrence(canonical("ur_lstm")), units=2000)
    gate = 1 / (1 + np.exp(-drawn["forget.bias"]))
    assert gate.min() >= 1 / 2000
    assert gate.max() <= 1 - 1 / 2000
    assert abs(gate.mean() - 0.5) < 0.035
    assert abs(gate.std() - np.sqrt(1 / 12)) < 0.02
    np.testing.assert_array_equal(drawn["refine.bias"], -drawn["forget.bias"])


def test_a_parameter_starts_as_the_equations_see_it() -> None:
    rnn = layer("parameters", fill=False)
    np.testing.assert_allclose(rnn.named_weights["alpha"], [0.0], atol=1e-12)  # logit of 0.5
    np.testing.assert_allclose(rnn.named_weights["beta"], np.full(8, 0.1), atol=1e-12)


def test_a_diagonal_starts_where_its_read_says() -> None:
    drawn = _drawn("brc")
    np.testing.assert_array_equal(drawn["feedback.h_prev"], np.ones(64))
    np.testing.assert_array_equal(drawn["update.h_prev"], np.ones(64))


LOOSE = """
import numpy as np

from gatekit import Initializer, hookimpl


class Loose(Initializer):
    def draw(self, rng, shape, context):
        return np.random.normal(0, 0.01, shape)


@hookimpl
def gatekit_initializers():
    return {"loose": Loose}
"""


def test_an_initializer_that_draws_from_numpy_random_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loose.py").write_text(LOOSE)
    cell = {"defaults": ["lstm"], "initializers": {"kernel": "loose"}}
    made = RNN(cell, 4, seed=1, plugins=[str(tmp_path / "loose.py")])
    with pytest.raises(GatekitError, match=r"line 8: .*numpy.random, not from its argument rng"):
        made.build((2, 3, 5))
