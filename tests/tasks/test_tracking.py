"""Tracking tasks: ragged lengths, what counts where, and automata against brute force."""

import itertools
from pathlib import Path

import numpy
import pytest
from refused import at, saying
from seams import check_sample, check_splits

from gatekit import AutomatonTask, ConfigError


class Lamp(AutomatonTask):
    """A lamp that the symbol 2 breaks for good; 0 leaves it, 1 switches it."""

    length = 5
    test_lengths = (9,)
    recipe = "lamp/1"
    reference = "unpublished"

    def table(self):
        return numpy.array([[0, 1, 2], [1, 0, 2], [2, 2, 2]])

    def answer(self):
        return numpy.array([0, 1, 0])

    def odds(self):
        return numpy.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.5, 0.5, 0.0]])


class Tokens(Lamp):
    """The same with tokens."""

    embedded = True


def shown():
    """Return the task that the page on plugins shows."""
    page = Path(__file__).parents[2] / "docs" / "plugins.md"
    blocks = page.read_text(encoding="utf-8").split("```python\n")
    (source,) = [block.split("```")[0] for block in blocks if "class TwoOnes" in block]
    namespace = {}
    exec(source, namespace)
    return namespace["gatekit_tasks"]()["two_ones"]


def rng(seed=5):
    return numpy.random.default_rng(seed)


def test_every_length_is_as_frequent_and_what_is_padded_is_zero():
    batch = check_sample(Lamp(shortest=2), rng(), 8000)
    lengths = batch.mask.sum(axis=1)
    assert numpy.allclose(numpy.bincount(lengths)[2:] / 8000, 1 / 4, atol=0.02)
    assert (batch.mask == (numpy.arange(5) < lengths[:, None])).all()
    assert numpy.array_equal(batch.x.sum(axis=2), batch.mask)
    assert not batch.y[~batch.mask].any()


def test_training_counts_every_step_or_the_last_and_judging_the_last():
    every, last = (Lamp(labels=labels).sample(rng(), 200) for labels in ("every", "last"))
    assert numpy.array_equal(every.weights, every.mask)
    assert numpy.array_equal(every.x, last.x)
    assert numpy.array_equal(every.y, last.y)
    for batch in (last, *Lamp().splits(None).values()):
        place = numpy.flatnonzero(batch.weights[0])
        assert place.tolist() == [batch.mask[0].sum() - 1]
        assert (batch.weights.sum(axis=1) == 1).all()


def test_further_test_sets_have_one_longer_length():
    splits = check_splits(Lamp(test_lengths=[9, 30], test_size=20), rng())
    assert list(splits) == ["validation", "test", "test_9", "test_30"]
    assert [len(splits[name].x) for name in splits] == [1000, 20, 20, 20]
    for name, length in (("test_9", 9), ("test_30", 30)):
        assert splits[name].mask.shape == (20, length)
        assert splits[name].mask.all()
    assert list(check_splits(Lamp(test_lengths=[]), rng())) == ["validation", "test"]


def test_symbols_follow_their_odds_and_states_the_table():
    symbols, answers = Lamp().walk(rng(), 20000, 3)
    assert numpy.allclose(numpy.bincount(symbols[:, 0]) / 20000, [0.5, 0.3, 0.2], atol=0.01)
    lit = symbols[:, 0] == 1
    assert numpy.allclose(numpy.bincount(symbols[lit, 1]) / lit.sum(), [0.1, 0.8, 0.1], atol=0.02)
    for row, said in zip(symbols[:300], answers[:300], strict=True):
        state = 0
        for symbol, answer in zip(row, said, strict=True):
            state = Lamp().table()[state, symbol]
            assert answer == Lamp().answer()[state]
    assert not (symbols[symbols[:, 0] == 2] == 2)[:, 1:].any()


@pytest.mark.parametrize("options", [{}, {"shortest": 3}, {"length": 1}])
def test_chance_is_that_of_all_strings(options):
    task = Lamp(**options)
    share = numpy.zeros(2)
    for length in range(task.shortest, task.length + 1):
        for string in itertools.product(range(3), repeat=length):
            state, odds = 0, 1.0
            for symbol in string:
                odds *= task.odds()[state, symbol]
                state = task.table()[state, symbol]
            share[task.answer()[state]] += odds
    assert task.chance() == pytest.approx(share.max() / share.sum(), rel=1e-12)


def test_symbols_are_one_hot_or_tokens():
    one_hot, tokens = Lamp(), Tokens()
    assert (one_hot.signature().features, one_hot.signature().vocabulary) == (3, None)
    assert (tokens.signature().features, tokens.signature().vocabulary) == (None, 3)
    assert tokens.signature().emission == "every"
    x, ids = one_hot.sample(rng(), 9), check_sample(tokens, rng(), 9)
    assert numpy.array_equal(x.x.argmax(axis=2), ids.x)


@pytest.mark.parametrize(
    ("options", "check"),
    [
        ({"shortest": 6}, at("shortest")),
        ({"shortest": 0}, at("shortest")),
        (
            {"test_lengths": [0]},
            saying(r"test_lengths=\[0\]"),
        ),
        ({"test_lengths": [9, 9]}, saying("distinct integers")),
        ({"test_lengths": [9.0]}, saying("distinct integers")),
        ({"labels": "all"}, at("labels", names=("last",))),
    ],
)
def test_options_that_make_no_task_are_refused(options, check):
    with pytest.raises(ConfigError, check=check):
        Lamp(**options)


def test_the_task_of_the_page_on_plugins_asks_what_it_says():
    batch = check_sample(shown()(), rng(), 200)
    for bits, said, mask in zip(batch.x.argmax(axis=2), batch.y, batch.mask, strict=True):
        text = "".join(map(str, bits[mask]))
        assert [int("11" in text[: n + 1]) for n in range(len(text))] == said[mask].tolist()
