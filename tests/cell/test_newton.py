"""Which cells Newton's method solves, how many iterations it needs, and the Lyapunov exponent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from recurrence.cells import built
from recurrence.layers import inputs_for, layer
from recurrence.newton_cells import BUNDLED, OWN, REFUSED
from seams import Stepping, at_start, follow, iterations, measure, newton, parallel
from seams import analyse_newton as analyse
from seams import draw_values as draw
from seams import first_values_generator as generator
from seams import parallel_text as text

LENGTHS = (32, 128)


@pytest.mark.parametrize("name", [*BUNDLED, *OWN])
def test_every_state_is_in_one_block(name: str) -> None:
    cell = built(OWN.get(name, name))
    found = analyse(cell)
    assert not found.reason
    states = [state for block in found.blocks for state in block.states]
    assert sorted(states) == sorted(state.name for state in cell.states)


@pytest.mark.parametrize("name", REFUSED)
def test_what_mixes_units_says_why(name: str) -> None:
    mapping, why = REFUSED[name]
    assert why in analyse(built(mapping)).reason


def test_a_state_that_reads_an_earlier_one_is_solved_after_it() -> None:
    found = analyse(built(OWN["two_layers"]))
    assert [block.states for block in found.blocks] == [("low",), ("h",)]
    assert found.sentence() == "low has a diagonal Jacobian; then h has a diagonal Jacobian"


@pytest.mark.parametrize(
    ("name", "kind", "executor"),
    [
        ("gla", "chunk", "chunk"),
        ("mingru", "affine", "scan"),
        ("para_gru", "diagonal newton", "newton"),
        ("para_lstm", "block newton", "newton"),
        ("lstm", "sequential", None),
    ],
)
def test_each_cell_has_one_kind(name: str, kind: str, executor: str | None) -> None:
    found = parallel(built(name))
    assert (found["kind"], found["executor"]) == (kind, executor)
    assert all(len(line) <= 80 for line in text(name, found).split("\n"))


@pytest.mark.parametrize(
    "name",
    # Norms of reads and of sums, a normalised state, a gate's own state, two inputs, matrices.
    ["layer_norm_gru", "layer_norm_lstm_stacked", "power_law_lstm", "gru_d", "mlstm", "hyper_lstm"],
)
def test_the_step_in_numpy_is_that_of_the_reference(name: str) -> None:
    rnn = layer(name, executor="reference", return_state=True)
    inputs = inputs_for(rnn, batch=1)
    _, *last = rnn(inputs)
    rows = inputs if isinstance(inputs, dict) else {"x": inputs}
    weights = {n: v.numpy() for n, v in rnn.named_weights.items()}
    stepping = Stepping(rnn.cell, weights, {n: v[0].numpy() for n, v in rows.items()})
    states, _ = follow(stepping)
    for state, value in zip(rnn.state_names, last, strict=True):
        if state in states:
            np.testing.assert_allclose(states[state][-1], value[0], rtol=1e-9, atol=1e-12)


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def _plain(name: str, dense: bool) -> list[int | None]:
    """Return the iterations of a GRU at its first weights by a plain recurrence in NumPy.

    The Jacobian is that of central differences, whole; the recurrence uses its diagonal.
    """
    weights = draw(built(name, units=8, features=4), 0)
    x = generator(0, "input x").normal(size=(max(LENGTHS), 4))

    def read(h: Any, weight: Any) -> Any:
        return h @ weight if dense else h * weight

    def step(h: Any, x: Any) -> Any:
        def gate(g: str) -> Any:
            part = x @ weights[f"{g}.x"] + read(h, weights[f"{g}.h_prev"])
            return _sigmoid(part + weights[f"{g}.bias"])

        reset, update = gate("reset"), gate("update")
        candidate = np.tanh(
            x @ weights["candidate.x"]
            + read(reset * h, weights["candidate.reset*h_prev"])
            + weights["candidate.bias"]
        )
        keep = 1 - update if name == "para_gru" else update
        return keep * h + (1 - keep) * candidate

    truth = np.zeros((max(LENGTHS) + 1, 8))
    for t, now in enumerate(x):
        truth[t + 1] = step(truth[t], now)
    guess, found = np.zeros_like(truth), dict.fromkeys(LENGTHS)
    for count in range(51):
        for length in LENGTHS:
            error = np.abs(guess - truth)[1 : length + 1].max()
            if found[length] is None and error <= 1e-4 * np.abs(truth[1 : length + 1]).max():
                found[length] = count
        new = np.zeros_like(guess)
        for t, now in enumerate(x):
            moved = [(step(guess[t] + d, now) - step(guess[t] - d, now)) / 2e-6 for d in _MOVES]
            slope = np.array([moved[unit][unit] for unit in range(8)])
            new[t + 1] = slope * (new[t] - guess[t]) + step(guess[t], now)
        guess = new
        if all(count is not None for count in found.values()):
            break
    return list(found.values())


_MOVES = 1e-6 * np.eye(8)


@pytest.mark.parametrize(("name", "dense"), [("para_gru", False), ("gru", True)])
def test_iterations_are_those_of_a_plain_newton(name: str, dense: bool) -> None:
    found = at_start(built(name), LENGTHS)
    assert found.method == ("quasi-newton" if dense else "newton")
    assert list(found.of.values()) == _plain(name, dense)


def test_the_exponent_of_a_linear_map_is_the_logarithm_of_its_factor() -> None:
    gates = {"g": {"kind": "linear", "reads": {"x": "dense"}}}
    cell = built(
        {"name": "decay", "gates": gates, "equations": {"h": "0.25 * h_prev + g"}, "emits": "h"}
    )
    stepping = Stepping(cell, draw(cell, 0), {"x": np.ones((20, 3))})
    found = iterations(stepping, [20])
    assert found.lyapunov == pytest.approx(np.log(0.25), abs=1e-6)
    assert found.of == {20: 1}


def test_a_gate_that_numpy_cannot_compute_has_no_iterations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: Any) -> None:
        raise TypeError("a tensor is needed")

    monkeypatch.setattr(newton.stepping, "step", fails)
    found = at_start(built("lstm"), [16])
    assert found.of == {}
    assert "TypeError: a tensor is needed" in found.reason


def test_a_cell_with_too_many_numbers_is_not_measured() -> None:
    found = measure(built("hyper_lstm"))
    assert found["iterations"] == {}
    assert "one by one" in found["not_measured"]
    assert "iterations were not counted" in text(
        "hyper_lstm", parallel(built("hyper_lstm")) | found
    )
