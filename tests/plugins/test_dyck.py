"""Nested brackets, against a stack that is kept by hand."""

import numpy
import pytest
from gatekit.plugins.dyck import Dyck
from seams import check_sample


def rng(seed=5):
    return numpy.random.default_rng(seed)


@pytest.mark.parametrize("kinds", [1, 2, 3])
@pytest.mark.parametrize("depth", [None, 1, 3])
def test_every_answer_is_the_innermost_bracket(kinds, depth):
    batch = check_sample(Dyck(kinds=kinds, depth=depth), rng(), 60)
    deepest = 0
    for x, y, mask in zip(batch.x.argmax(axis=2), batch.y, batch.mask, strict=True):
        stack = []
        for symbol, answer in zip(x[mask], y[mask], strict=True):
            if symbol < kinds:
                stack.append(symbol)
            else:
                assert stack.pop() == symbol - kinds
            assert answer == (stack[-1] + 1 if stack else 0)
            deepest = max(deepest, len(stack))
    assert deepest == depth if depth else deepest > 5


def test_opening_and_closing_are_as_likely_and_kinds_too():
    symbols, answers = Dyck(kinds=2).walk(rng(), 20000, 4)
    assert (symbols[:, 0] < 2).all()
    assert (symbols[:, 1] < 2).mean() == pytest.approx(0.5, abs=0.015)
    assert (symbols[:, 0] == 0).mean() == pytest.approx(0.5, abs=0.015)
    deep = answers[:, 2] > 0
    assert (symbols[deep, 3] < 2).mean() == pytest.approx(0.5, abs=0.015)


@pytest.mark.parametrize(
    "options", [{}, {"kinds": 1}, {"depth": 1}, {"depth": 2, "length": 6}, {"shortest": 40}]
)
def test_chance_is_what_the_most_frequent_answer_reaches(options):
    task = Dyck(**options)
    batch = task.judged(rng(), 20000)
    answers = batch.y[batch.weights > 0]
    share = numpy.bincount(answers).max() / len(answers)
    assert task.chance() == pytest.approx(share, abs=0.01)


def test_the_depth_after_an_even_walk_is_that_of_the_binomial():
    # the reflected walk is at zero after 4 steps as often as a free one: 6 of 16
    _, answers = Dyck(kinds=1).walk(rng(), 40000, 4)
    assert (answers[:, 3] == 0).mean() == pytest.approx(6 / 16, abs=0.01)
    assert Dyck(kinds=1, length=4, shortest=4).chance() == pytest.approx(10 / 16)
