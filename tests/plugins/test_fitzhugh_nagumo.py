"""The FitzHugh-Nagumo oscillator: its equations, its sets, and an observer that knows them."""

import numpy
import pytest
from gatekit.plugins.fitzhugh_nagumo import FitzHughNagumo, orbits
from scipy.integrate import solve_ivp

SMALL = {"train_size": 2, "validation_size": 1, "test_size": 2}


def slopes(v, w):
    return v - v**3 / 3 - w + 0.5, (v + 0.7 - 0.8 * w) / 50


def observed(v, parts=20):
    """Return the next value at each step, from v alone: w follows from the v before it."""
    step, w, found = 0.4 / parts, numpy.zeros(len(v)), numpy.empty_like(v)
    for t in range(v.shape[1]):
        state = v[:, t]
        for _ in range(parts):  # the midpoint method
            dv, dw = slopes(state, w)
            dv, dw = slopes(state + step / 2 * dv, w + step / 2 * dw)
            state, w = state + step * dv, w + step * dw
        found[:, t] = state
    return found


def test_the_equations_predict_each_step():
    test = FitzHughNagumo(**SMALL).splits(None)["test"]
    x, y = (part[:, :, 0].astype(float) for part in (test.x, test.y))
    error = numpy.sqrt(((observed(x) - y) ** 2).mean())
    repeated = numpy.sqrt(((x - y) ** 2).mean())
    assert error < repeated / 20
    assert x.shape == (2, 1000)
    assert (x[:, 1:] == y[:, :-1]).all()
    assert y.min() < -1.5 < 1.5 < y.max()


def test_the_sets_are_drawn_one_after_another_by_the_old_generator():
    state = numpy.random.RandomState(1234)
    starts = [float(state.rand(1)[0]) * 2 - 1 for _ in range(5)]
    splits = FitzHughNagumo(**SMALL).splits(None)
    drawn = numpy.concatenate([splits[name].x for name in ("train", "validation", "test")])
    numpy.testing.assert_allclose(drawn[:, 0, 0], starts, rtol=1e-6)
    times = numpy.linspace(0, 400, 1001)
    solved = solve_ivp(lambda t, s: slopes(*s), [0, 400], [starts[1], 0], t_eval=times).y[0]
    numpy.testing.assert_allclose(splits["train"].x[1, :, 0], solved[:-1], atol=1e-4)
    other = FitzHughNagumo(**SMALL, data_seed=1)
    assert (other.splits(None)["train"].x != splits["train"].x).any()
    assert other.data_hash() != FitzHughNagumo(**SMALL).data_hash()


def test_the_last_sequences_are_a_test_set_of_their_own(monkeypatch):
    monkeypatch.setattr("gatekit.plugins.fitzhugh_nagumo.SCORED", 1)
    splits = FitzHughNagumo(**SMALL).splits(None)
    assert (splits["test_last"].x == splits["test"].x[-1:]).all()


def test_chance_is_the_error_of_the_best_constant():
    y = FitzHughNagumo(**SMALL).splits(None)["test"].y
    assert FitzHughNagumo().chance() == pytest.approx(y.std(), rel=0.06)


@pytest.mark.slow
def test_chance_is_that_of_the_default_test_set():
    assert FitzHughNagumo().chance() == pytest.approx(orbits(1234, 1280)[256:, 1:].std(), abs=5e-5)
