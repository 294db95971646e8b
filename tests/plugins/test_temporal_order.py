"""Temporal order, read off the symbols of each sequence."""

import numpy
import pytest
from gatekit.plugins.temporal_order import TemporalOrder
from seams import check_sample

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
