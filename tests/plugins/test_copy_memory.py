"""Copying: sequences built step by step, and what guessing costs."""

import math

import numpy
import pytest
from gatekit.plugins.copy_memory import Copy, SelectiveCopy
from seams import check_sample

BLANK, SIGNAL = 8, 9


def rng(seed=5):
    return numpy.random.default_rng(seed)


def test_symbols_blanks_signal_and_the_symbols_again():
    batch = check_sample(Copy(length=6, items=3), rng(), 200)
    assert batch.mask is None
    for tokens, answers in zip(batch.x.argmax(axis=2), batch.y, strict=True):
        kept = tokens[:3].tolist()
        assert all(symbol < BLANK for symbol in kept)
        assert tokens.tolist() == [*kept, *[BLANK] * 5, SIGNAL, *[BLANK] * 3]
        assert answers.tolist() == [BLANK] * 9 + kept


def test_with_a_variable_lag_the_signal_comes_when_it_comes():
    batch = check_sample(Copy(length=7, items=2, variable=True), rng(), 3000)
    lags = numpy.zeros(8)
    for tokens, answers, mask in zip(batch.x.argmax(axis=2), batch.y, batch.mask, strict=True):
        lag = int(numpy.flatnonzero(tokens == SIGNAL)[0]) - 1
        kept = tokens[:2].tolist()
        assert mask.sum() == lag + 4
        assert tokens[mask].tolist() == [*kept, *[BLANK] * (lag - 1), SIGNAL, BLANK, BLANK]
        assert answers[mask].tolist() == [BLANK] * (lag + 2) + kept
        lags[lag] += 1
    assert numpy.allclose(lags[1:] / 3000, 1 / 7, atol=0.03)


@pytest.mark.parametrize("variable", [False, True])
def test_chance_is_the_cost_of_who_knows_only_when_to_answer(variable):
    task = Copy(length=20, items=4, variable=variable)
    batch = task.sample(rng(), 20000)
    mask = numpy.ones(batch.y.shape, bool) if batch.mask is None else batch.mask
    # blanks are known; of a symbol each is guessed with probability 1/8
    nats = math.log(8) * (batch.y[mask] < BLANK).sum()
    assert task.chance() == pytest.approx(nats / mask.sum(), rel=0.01)


def test_chance_is_that_of_the_papers():
    assert Copy(length=1000).chance() == pytest.approx(0.0204, abs=5e-5)


def test_selected_symbols_are_asked_for_in_their_order():
    task = SelectiveCopy(length=12, symbols=5, items=4)
    batch = check_sample(task, rng(), 500)
    for tokens, answers, weights in zip(
        batch.x.argmax(axis=2), batch.y, batch.weights, strict=True
    ):
        assert tokens[12:].tolist() == [6] * 4
        assert [t for t in tokens[:12] if t != 5] == answers[12:].tolist()
        assert weights.tolist() == [0] * 12 + [1] * 4


def test_every_place_is_as_likely():
    batch = SelectiveCopy(length=10, items=3).sample(rng(), 20000)
    taken = (batch.x[:, :10].argmax(axis=2) < 14).mean(axis=0)
    assert numpy.allclose(taken, 0.3, atol=0.015)
    assert numpy.allclose(numpy.bincount(batch.y[:, 10:].ravel()) / 60000, 1 / 14, atol=0.005)
    assert SelectiveCopy().chance() == 1 / 14
