"""Delayed recall: a cue, distractors, a query."""

import numpy
from gatekit.plugins.delayed_recall import DelayedRecall
from seams import check_sample


def rng(seed=5):
    return numpy.random.default_rng(seed)


def test_a_cue_then_distractors_then_the_query():
    batch = check_sample(DelayedRecall(length=12, cues=3, distractors=4), rng(), 300)
    assert batch.x.shape == (300, 12, 8)
    assert (batch.x.sum(axis=2) == 1).all()
    assert set(numpy.unique(batch.x)) == {0, 1}
    token = batch.x.argmax(axis=2)
    assert numpy.array_equal(token[:, 0], batch.y)
    assert set(batch.y) == {0, 1, 2}
    assert set(token[:, 1:-1].ravel()) == {3, 4, 5, 6}
    assert set(token[:, -1]) == {7}


def test_cues_and_distractors_are_uniform():
    token = DelayedRecall(length=4).sample(rng(), 20000).x.argmax(axis=2)
    assert numpy.allclose(numpy.bincount(token[:, 0], minlength=8) / 20000, 1 / 8, atol=0.01)
    for step in (1, 2):
        share = numpy.bincount(token[:, step], minlength=16)[8:] / 20000
        assert numpy.allclose(share, 1 / 8, atol=0.01)


def test_the_shortest_sequence_is_cue_and_query():
    token = DelayedRecall(length=2).sample(rng(), 10).x.argmax(axis=2)
    assert (token[:, 0] < 8).all()
    assert (token[:, 1] == 16).all()


def test_signature_and_chance_follow_the_cues():
    signature = DelayedRecall().signature()
    assert (signature.features, signature.outputs, signature.loss) == (17, 8, "categorical")
    assert DelayedRecall().chance() == 1 / 8
    assert DelayedRecall(cues=4).chance() == 1 / 4
    assert DelayedRecall.metric.direction == "max"
