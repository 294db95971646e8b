"""Regular languages: the automata against what the sentences say, symbol by symbol."""

import itertools

import numpy
import pytest
from gatekit.plugins.regular_languages import (
    CycleNavigation,
    EvenPairs,
    ModArithmetic,
    Parity,
)
from seams import check_sample, check_splits


def odd(bits):
    return sum(bits) % 2


def unequal(bits):
    return sum(a != b for a, b in itertools.pairwise(bits)) % 2


def place(steps):
    return sum((0, 1, -1)[step] for step in steps) % 5


def value(symbols):
    text = "".join("01234+-*"[symbol] for symbol in symbols)
    return eval(text.rstrip("+-*")) % 5


ORACLES = {Parity: odd, EvenPairs: unequal, CycleNavigation: place, ModArithmetic: value}
SYMBOLS = {Parity: 2, EvenPairs: 2, CycleNavigation: 3, ModArithmetic: 8}
each = pytest.mark.parametrize("kind", ORACLES)


def rng(seed=5):
    return numpy.random.default_rng(seed)


@each
def test_every_answer_is_that_of_the_sentence(kind):
    batch = check_sample(kind(), rng(), 60)
    symbols = batch.x.argmax(axis=2)
    assert batch.x.shape == (60, 40, SYMBOLS[kind])
    for row in range(60):
        for length in range(1, batch.mask[row].sum() + 1):
            assert batch.y[row, length - 1] == ORACLES[kind](symbols[row, :length])


@each
def test_the_answer_after_the_last_symbol_is_judged_at_three_lengths(kind):
    splits = check_splits(kind(test_size=30), rng())
    assert list(splits) == ["validation", "test", "test_100", "test_256"]
    batch = splits["test_100"]
    symbols = batch.x.argmax(axis=2)
    assert symbols.shape == (30, 100)
    assert (batch.weights.argmax(axis=1) == 99).all()
    assert [ORACLES[kind](row) for row in symbols] == batch.y[:, 99].tolist()


@each
def test_symbols_are_as_likely_as_each_other(kind):
    symbols, _ = kind().walk(rng(), 20000, 3)
    for step in range(3):
        shares = numpy.bincount(symbols[:, step], minlength=SYMBOLS[kind]) / 20000
        possible = shares[shares > 0]
        assert numpy.allclose(possible, 1 / len(possible), atol=0.015)


def test_digits_and_operators_take_turns():
    symbols, _ = ModArithmetic().walk(rng(), 500, 9)
    assert (symbols[:, ::2] < 5).all()
    assert (symbols[:, 1::2] >= 5).all()


@each
def test_chance_is_what_the_most_frequent_answer_reaches(kind):
    batch = kind().judged(rng(), 40000)
    answers = batch.y[batch.weights > 0]
    share = numpy.bincount(answers).max() / len(answers)
    assert kind().chance() == pytest.approx(share, abs=0.01)


def test_another_modulus_and_another_cycle():
    assert CycleNavigation(positions=7).signature().outputs == 7
    task = ModArithmetic(modulus=3)
    symbols, answers = task.walk(rng(), 50, 7)
    for row, said in zip(symbols, answers, strict=True):
        assert eval("".join("012+-*"[symbol] for symbol in row)) % 3 == said[-1]
