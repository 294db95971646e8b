"""The reference cells against each other and against closed forms, in float64.

A cell that Keras does not have (test_keras.py has the others) is held against one that it has,
through weights under which the two are the same, or against a form of its equations that shares
no code with it.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from .cases import CASES
from .functions import Array
from .plain import janet, on_lstm, power_law
from .reads import pre
from .run import draw, run, zero_states

cifg, gru, lstm, mgu = (CASES[name] for name in ("cifg", "gru", "lstm", "mgu"))
mingru, peephole, slstm = (CASES[name] for name in ("mingru", "peephole", "slstm"))
ur_lstm = CASES["ur_lstm"]

BATCH, TIME, FEATURES, UNITS = 3, 6, 2, 4
MASK = np.array(
    [[1, 1, 1, 1, 0, 0], [0, 1, 0, 1, 1, 0], [1, 1, 1, 1, 1, 1]], dtype=bool
)  # padded, with a hole, and whole
OPEN = 40.0  # sigmoid(40) is 1 in float64


@pytest.fixture(name="rng")
def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(name="x")
def _x(rng: np.random.Generator) -> Array:
    return rng.standard_normal((BATCH, TIME, FEATURES))


@pytest.fixture(name="states")
def _states(rng: np.random.Generator) -> dict[str, Array]:
    return {name: rng.standard_normal((BATCH, UNITS)) for name in ("h", "c")}


def _close(found: Array, expected: Array) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def _copy_gate(w: dict[str, Array], source: str, target: str, sign: float = 1.0) -> None:
    """Give the gate ``target`` the weights of ``source``; sigmoid(-a) is 1 - sigmoid(a)."""
    for name in [n for n in w if n.startswith(f"{source}.")]:
        w[target + name.removeprefix(source)] = sign * w[name]


def _constant_gate(w: dict[str, Array], gate: str, value: float) -> None:
    for name in [n for n in w if n.startswith(f"{gate}.")]:
        w[name] = np.zeros_like(w[name])
    w[f"{gate}.bias"] = w[f"{gate}.bias"] + value


def test_peephole_without_peepholes_is_the_lstm(
    x: Array, states: dict[str, Array], rng: np.random.Generator
) -> None:
    w = draw(peephole.shapes(FEATURES, UNITS), rng)
    seeing = run(peephole.step, x, states, w)[0]
    for name in ("input.c_prev", "forget.c_prev", "output.c"):
        w[name] = np.zeros(UNITS)
    blind = run(peephole.step, x, states, w)[0]
    _close(blind, run(lstm.step, x, states, w)[0])
    assert not np.allclose(seeing, blind)


def test_peepholes_see_the_old_memory_at_the_gates_and_the_new_one_at_the_output(
    x: Array, states: dict[str, Array]
) -> None:
    w = {n: np.zeros(s) for n, s in peephole.shapes(FEATURES, UNITS).items()}
    w["candidate.bias"] += 0.3
    w["input.c_prev"] += 0.5
    w["forget.c_prev"] += -0.7
    w["output.c"] += 1.1
    old = states["c"]
    new = expit(-0.7 * old) * old + expit(0.5 * old) * np.tanh(0.3)
    h, after = peephole.step(x[:, 0], states, w)
    _close(after["c"], new)
    _close(h, expit(1.1 * new) * np.tanh(new))


def test_cifg_is_the_lstm_whose_input_gate_mirrors_the_forget_gate(
    x: Array, states: dict[str, Array], rng: np.random.Generator
) -> None:
    w = draw(cifg.shapes(FEATURES, UNITS), rng)
    whole = dict(w)
    _copy_gate(whole, "forget", "input", -1.0)
    _close(run(cifg.step, x, states, w)[0], run(lstm.step, x, states, whole)[0])


def test_mgu_is_the_gru_with_one_gate_for_both(
    x: Array, states: dict[str, Array], rng: np.random.Generator
) -> None:
    w = draw(mgu.shapes(FEATURES, UNITS), rng)
    whole = dict(w)
    _copy_gate(whole, "forget", "reset")
    _copy_gate(whole, "forget", "update", -1.0)
    whole["candidate.reset*h_prev"] = whole.pop("candidate.forget*h_prev")
    start = {"h": states["h"]}
    _close(run(mgu.step, x, start, w)[0], run(gru.step, x, start, whole)[0])


def test_janet_without_beta_is_the_gru_that_never_resets(
    x: Array, states: dict[str, Array], rng: np.random.Generator
) -> None:
    w = draw(janet(1.0).shapes(FEATURES, UNITS), rng)
    whole = dict(w)
    _copy_gate(whole, "forget", "update")
    _copy_gate(whole, "forget", "reset")
    _constant_gate(whole, "reset", OPEN)
    whole["candidate.reset*h_prev"] = w["candidate.h_prev"]
    start = {"h": states["h"]}
    plain = run(janet(0.0).step, x, start, w)[0]
    _close(plain, run(gru.step, x, start, whole)[0])


def test_janet_writes_more_than_it_forgets(x: Array, states: dict[str, Array]) -> None:
    w = {n: np.zeros(s) for n, s in janet(1.0).shapes(FEATURES, UNITS).items()}
    w["forget.bias"] += 0.4
    w["candidate.bias"] += 0.9
    h, _ = janet(1.0).step(x[:, 0], {"h": states["h"]}, w)
    _close(h, expit(0.4) * states["h"] + (1 - expit(0.4 - 1.0)) * np.tanh(0.9))


@pytest.mark.parametrize(
    ("refine", "bound"),
    [(0.0, lambda f: f), (OPEN, lambda f: 1 - (1 - f) ** 2), (-OPEN, lambda f: f**2)],
    ids=["half", "upper", "lower"],
)
def test_a_constant_refine_gate_gives_the_forget_gate_or_its_bounds(
    refine: float, bound: object, x: Array, states: dict[str, Array]
) -> None:
    assert callable(bound)
    w = {n: np.zeros(s) for n, s in ur_lstm.shapes(FEATURES, UNITS).items()}
    w["forget.bias"] += 0.6
    w["candidate.bias"] += 0.9
    w["refine.bias"] += refine
    effective = bound(expit(0.6))
    _, after = ur_lstm.step(x[:, 0], states, w)
    _close(after["c"], effective * states["c"] + (1 - effective) * np.tanh(0.9))


def test_ur_lstm_with_half_a_refine_gate_is_cifg(
    x: Array, states: dict[str, Array], rng: np.random.Generator
) -> None:
    w = draw(ur_lstm.shapes(FEATURES, UNITS), rng)
    _constant_gate(w, "refine", 0.0)
    _close(run(ur_lstm.step, x, states, w)[0], run(cifg.step, x, states, w)[0])


def test_on_lstm_chunk_by_chunk(
    x: Array, states: dict[str, Array], rng: np.random.Generator
) -> None:
    w = draw(on_lstm(2).shapes(FEATURES, UNITS), rng)
    row, h_prev, c_prev = x[0, 0], states["h"][0], states["c"][0]
    pre = {
        gate: row @ w[f"{gate}.x"] + h_prev @ w[f"{gate}.h_prev"] + w[f"{gate}.bias"]
        for gate in ("input", "forget", "output", "candidate", "master_forget", "master_input")
    }
    # With two chunks, softmax is (sigmoid(a - b), sigmoid(b - a)), so that cumax is (that, 1).
    keeps = [expit(pre["master_forget"][0] - pre["master_forget"][1]), 1.0]
    writes = [1.0 - expit(pre["master_input"][0] - pre["master_input"][1]), 0.0]
    for unit in range(UNITS):
        keep, write = keeps[unit // 2], writes[unit // 2]
        both = keep * write
        f = expit(pre["forget"][unit]) * both + keep - both
        i = expit(pre["input"][unit]) * both + write - both
        c = f * c_prev[unit] + i * np.tanh(pre["candidate"][unit])
        h, after = on_lstm(2).step(x[:, 0], states, w)
        assert after["c"][0, unit] == pytest.approx(c, abs=1e-13)
        assert h[0, unit] == pytest.approx(expit(pre["output"][unit]) * np.tanh(c), abs=1e-13)


def test_on_lstm_with_open_master_gates_is_the_lstm_except_in_its_last_chunk(
    x: Array, states: dict[str, Array], rng: np.random.Generator
) -> None:
    w = draw(on_lstm(1).shapes(FEATURES, UNITS), rng)
    for gate, top in (("master_forget", 0), ("master_input", UNITS - 1)):
        _constant_gate(w, gate, 0.0)
        w[f"{gate}.bias"][top] = OPEN
    _, ordered = on_lstm(1).step(x[:, 0], states, w)
    _, plain = lstm.step(x[:, 0], states, w)
    _close(ordered["c"][:, :-1], plain["c"][:, :-1])
    _close(ordered["c"][:, -1], states["c"][:, -1])


def test_slstm_is_its_form_without_a_stabiliser(x: Array, rng: np.random.Generator) -> None:
    w = draw(slstm.shapes(FEATURES, UNITS), rng)
    found, after = run(slstm.step, x, zero_states(slstm.states, BATCH, UNITS), w)
    h, c, n = (np.zeros((BATCH, UNITS)) for _ in range(3))
    for t in range(TIME):
        i, f, o, z = (
            x[:, t] @ w[f"{gate}.x"] + h @ w[f"{gate}.h_prev"] + w[f"{gate}.bias"]
            for gate in ("input", "forget", "output", "candidate")
        )
        c = expit(f) * c + np.exp(i) * np.tanh(z)
        n = expit(f) * n + np.exp(i)
        h = expit(o) * c / n
        _close(found[:, t], h)
    _close(after["c"] * np.exp(after["m"]), c)
    _close(after["n"] * np.exp(after["m"]), n)


def test_slstm_that_starts_from_a_low_m_stores_what_the_authors_store(
    x: Array, rng: np.random.Generator
) -> None:
    w = draw(slstm.shapes(FEATURES, UNITS), rng)
    zero = zero_states(slstm.states, BATCH, UNITS)
    low = zero | {"m": np.full((BATCH, UNITS), -1e30)}
    _, first = slstm.step(x[:, 0], low, w)
    _close(first["m"], x[:, 0] @ w["input.x"] + w["input.bias"])
    _close(first["n"], np.ones((BATCH, UNITS)))
    _close(run(slstm.step, x, low, w)[0], run(slstm.step, x, zero, w)[0])


def test_slstm_stays_finite_where_the_exponential_gate_would_not(x: Array) -> None:
    w = {n: np.zeros(s) for n, s in slstm.shapes(FEATURES, UNITS).items()}
    w["input.bias"] += 2000.0
    w["candidate.bias"] += 0.3
    outputs, _ = run(slstm.step, x, zero_states(slstm.states, BATCH, UNITS), w)
    _close(outputs, np.full(outputs.shape, 0.5 * np.tanh(0.3)))


def test_mingru_is_the_sum_that_its_linear_recurrence_unrolls_to(
    x: Array, states: dict[str, Array], rng: np.random.Generator
) -> None:
    w = draw(mingru.shapes(FEATURES, UNITS), rng, scale=1.0)
    z = expit(x @ w["update.x"] + w["update.bias"])
    a = x @ w["candidate.x"] + w["candidate.bias"]
    assert np.any(a > 0)
    assert np.any(a < 0)
    g = np.where(a >= 0, a + 0.5, expit(a))
    found, _ = run(mingru.step, x, {"h": states["h"]}, w)
    for t in range(TIME):
        kept = [np.prod(1 - z[:, s + 1 : t + 1], axis=1) for s in range(-1, t + 1)]
        written = sum(kept[s + 1] * z[:, s] * g[:, s] for s in range(t + 1))
        _close(found[:, t], kept[0] * states["h"] + written)


@pytest.mark.parametrize("coupled", [False, True])
def test_power_law_decays_as_a_power_of_the_time_since_the_last_reset(coupled: bool) -> None:
    case = power_law(coupled)
    w = {n: np.zeros(s) for n, s in case.shapes(1, UNITS).items()}
    w["forget.x"] += 2 * OPEN
    w["forget.bias"] -= OPEN  # x = 1 resets the clock, x = 0 lets it run
    w["forget.p"] += 0.2
    if not coupled:
        w["input.bias"] -= 2000.0
    start = zero_states(case.states, 1, UNITS) | {"c": np.ones((1, UNITS))}
    x = np.array([0.0, 0.0, 1.0, 0.0, 0.0]).reshape(1, 5, 1)
    _, after = run(case.step, x, start, w)
    ages = [1, 2, 0, 1, 2]  # before any reset the clock stands at 0, and t is 1 at the first step
    eps, p = 1e-3, expit(0.2)
    expected = np.prod([((age + 1) / (age + eps)) ** -p for age in ages])
    _close(after["c"], np.full((1, UNITS), expected))
    _close(after["t"], np.full((1, UNITS), 5.0))
    _close(after["forget.k"], np.full((1, UNITS), 3.0))


def test_power_law_counts_valid_steps_only(x: Array, rng: np.random.Generator) -> None:
    case = power_law(coupled=False)
    w = draw(case.shapes(FEATURES, UNITS), rng)
    start = zero_states(case.states, BATCH, UNITS)
    _, after = run(case.step, x, start, w, MASK)
    np.testing.assert_array_equal(after["t"][:, 0], MASK.sum(axis=1))


def test_power_law_is_the_lstm_or_cifg_given_that_forget_gate(
    x: Array, states: dict[str, Array], rng: np.random.Generator
) -> None:
    w = draw(power_law(coupled=False).shapes(FEATURES, UNITS), rng)
    start = states | {"forget.k": np.zeros((BATCH, UNITS)), "t": np.zeros((BATCH, 1))}
    r = expit(
        pre(w, "forget", {"x": x[:, 0], "h_prev": states["h"]})
    )  # the first step: t = 1 and k = r
    f = ((2 - r) / (1 - r + 1e-3)) ** -expit(w["forget.p"])
    same = dict(w)
    for read in ("x", "h_prev"):
        same[f"forget.{read}"] = np.zeros_like(w[f"forget.{read}"])
    same["forget.bias"] = np.log(f / (1 - f))  # the logit, one row each
    _close(power_law(coupled=False).step(x[:, 0], start, w)[0], lstm.step(x[:, 0], states, same)[0])
    _close(power_law(coupled=True).step(x[:, 0], start, w)[0], cifg.step(x[:, 0], states, same)[0])
