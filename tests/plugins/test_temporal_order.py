"""Temporal order, read off the symbols of each sequence."""

import numpy
import pytest
from gatekit.plugins.temporal_order import TemporalOrder, gatekit_tasks
from refused import at
from seams import check_sample, check_splits

from gatekit import ConfigError

RANGES = {2: [(10, 20), (50, 60)], 3: [(10, 20), (33, 43), (66, 76)]}


def rng(seed=5):
    return numpy.random.default_rng(seed)


def texts(batch):
    for x, mask in zip(batch.x.argmax(axis=2), batch.mask, strict=True):
        yield "".join("EBabcdXY"[symbol] for symbol in x[mask])


@pytest.mark.parametrize("relevant", RANGES)
def test_sequences_are_those_of_the_paper(relevant):
    batch = check_sample(TemporalOrder(relevant=relevant), rng(), 2000)
    seen = [set() for _ in RANGES[relevant]]
    for text, label in zip(texts(batch), batch.y, strict=True):
        assert 100 <= len(text) <= 110
        assert (text[0], text[-1]) == ("E", "B")
        places = [i for i, symbol in enumerate(text) if symbol in "XY"]
        assert set(text[1:-1]) <= set("abcdXY")
        for place, (low, high), known in zip(places, RANGES[relevant], seen, strict=True):
            assert low <= place <= high
            known.add(place)
        order = "".join("01"["XY".index(text[place])] for place in places)
        assert int(order, 2) == label
    assert [(min(known), max(known)) for known in seen] == RANGES[relevant]


@pytest.mark.parametrize("relevant", RANGES)
def test_every_order_is_as_likely(relevant):
    task = TemporalOrder(length=10, relevant=relevant)
    labels = check_sample(task, rng(), 20000).y
    assert numpy.allclose(numpy.bincount(labels) / 20000, task.chance(), atol=0.015)
    assert task.signature().outputs == 1 / task.chance() == 2**relevant


@pytest.mark.parametrize("relevant", RANGES)
def test_the_shortest_sequences_hold_every_relevant_symbol(relevant):
    for text in texts(TemporalOrder(length=10, relevant=relevant).sample(rng(), 500)):
        assert sum(symbol in "XY" for symbol in text) == relevant
        assert (text[0], text[-1]) == ("E", "B")


def test_sets_are_fixed():
    one = check_splits(TemporalOrder(test_size=9), rng(1))
    two = TemporalOrder(test_size=9).splits(rng(2))
    assert all(numpy.array_equal(one[name].x, two[name].x) for name in one)
    assert not numpy.array_equal(one["validation"].x[:9], one["test"].x)


def test_the_numbers_of_recipe_1_stay():
    # a change here needs a new version in the recipe
    batch = TemporalOrder(length=10, test_size=1).splits(None)["test"]
    assert list(texts(batch)) == ["EdYccYdbcdB"]


@pytest.mark.parametrize(
    ("options", "check"),
    [({"length": 9}, at("length")), ({"relevant": 4}, at("relevant"))],
)
def test_options_that_make_no_task_are_refused(options, check):
    with pytest.raises(ConfigError, check=check):
        TemporalOrder(**options)


def test_the_plugin_offers_the_task():
    assert gatekit_tasks() == {"temporal_order": TemporalOrder}
