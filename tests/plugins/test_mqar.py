"""Associative recall: every query is looked up in the pairs, and gaps follow their odds."""

from collections import Counter

import numpy
import pytest
from gatekit.plugins.mqar import MQAR, Zoology
from scipy.stats import chisquare
from seams import check_sample, check_splits


def rng(seed=5):
    return numpy.random.default_rng(seed)


def test_every_key_comes_again_and_its_value_is_asked_for():
    task = MQAR(length=20, pairs=3, vocabulary=32)
    batch = check_sample(task, rng(), 300)
    for tokens, answers, weights in zip(batch.x, batch.y, batch.weights, strict=True):
        pairs = dict(zip(tokens[:6:2].tolist(), tokens[1:6:2].tolist(), strict=True))
        assert len(pairs) == len(set(pairs.values())) == 3
        assert all(1 <= key < 16 <= value < 32 for key, value in pairs.items())
        asked = numpy.flatnonzero(weights)
        assert set(tokens[asked].tolist()) == set(pairs)
        assert ((asked >= 6) & (asked % 2 == 0)).all()
        assert [16 + answers[step] for step in asked] == [pairs[t] for t in tokens[asked].tolist()]


def test_gaps_follow_the_power_law():
    task = MQAR(length=14, pairs=1, vocabulary=32, power=0.5)
    batch = task.sample(rng(), 40000)
    gaps = (batch.weights.argmax(axis=1) - 2) // 2
    odds = numpy.arange(1, 7) ** -0.5
    assert numpy.allclose(numpy.bincount(gaps) / 40000, odds / odds.sum(), atol=0.01)


def test_two_gaps_are_drawn_one_after_the_other_without_replacement():
    task = MQAR(length=10, pairs=2, vocabulary=32, power=0.01)
    batch = task.sample(rng(), 40000)
    places = (numpy.array([numpy.flatnonzero(row) for row in batch.weights]) - 4) // 2
    odds = numpy.arange(1, 4) ** -0.99
    odds /= odds.sum()
    for a, b in ((0, 1), (0, 2), (1, 2)):
        expected = odds[a] * odds[b] / (1 - odds[a]) + odds[b] * odds[a] / (1 - odds[b])
        assert ((places == (a, b)).all(axis=1)).mean() == pytest.approx(expected, abs=0.01)


def test_chance_is_one_of_the_values():
    task = MQAR(vocabulary=128)
    answers = task.sample(rng(), 4000)
    counted = answers.y[answers.weights > 0]
    assert numpy.bincount(counted).max() / len(counted) == pytest.approx(task.chance(), abs=0.004)
    assert task.chance() == 1 / 64


def test_the_sizes_of_the_paper_are_drawn():
    batch = check_sample(MQAR(length=512, pairs=64, vocabulary=8192), rng(), 4)
    assert batch.weights.sum(axis=1).tolist() == [64] * 4


def recalled(batch, vocabulary):
    """Return the answers of a solution that reads the input alone, where an answer is asked for."""
    answers = numpy.zeros_like(batch.y)
    for row, (tokens, weights) in enumerate(zip(batch.x.tolist(), batch.weights, strict=True)):
        pairs = int(weights.sum())
        values = dict(zip(tokens[: 2 * pairs : 2], tokens[1 : 2 * pairs : 2], strict=True))
        assert len(values) == pairs
        for step in numpy.flatnonzero(weights):
            answers[row, step] = values[tokens[step]]
    assert answers.max() < vocabulary
    return answers


def test_zoology_trains_on_its_sizes_and_is_solved_by_looking_up():
    task, random, sizes = Zoology(), rng(), Counter()
    for _ in range(90):
        batch = check_sample(task, random, 2)
        assert (recalled(batch, 8192) == batch.y).all()
        sizes[batch.x.shape[1], int(batch.weights[0].sum())] += 1
    assert set(sizes) == {(64, 4), (128, 8), (256, 16), (256, 32), (256, 64)}
    assert 35 <= sizes[64, 4] <= 65  # 5 of 9
    assert task.signature().outputs == 8192
    assert task.chance() == 1 / 4096


def test_zoology_is_tested_on_longer_sequences_and_can_be_cut():
    splits = check_splits(Zoology(test_size=2, validation_size=2), rng())
    found = {
        name: (batch.x.shape[1], int(batch.weights[0].sum())) for name, batch in splits.items()
    }
    assert found["validation"] == found["test"] == (256, 64)
    further = [(64, 4), (64, 8), (64, 16), (128, 32), (512, 128), (1024, 256)]
    assert list(found.items())[2:] == [(f"test_{t}_{k}", (t, k)) for t, k in further]
    assert all((recalled(batch, 8192) == batch.y).all() for batch in splits.values())
    small = Zoology(length=64, pairs=16, longest=64, vocabulary=512)
    assert list(small.further_tests()) == ["test_64_4", "test_64_8"]
    assert small.sample(rng(), 1).x.shape == (1, 64)


def test_tokens_of_zoology_are_distinct_and_even():
    drawn = Zoology(pairs=4).tokens(rng(), 20000, 5)
    assert (numpy.sort(drawn, axis=1)[:, 1:] != numpy.sort(drawn, axis=1)[:, :-1]).all()
    rows = numpy.bincount(drawn @ 5 ** numpy.arange(4))
    assert len(rows[rows > 0]) == 5 * 4 * 3 * 2
    assert chisquare(rows[rows > 0]).pvalue > 0.001
