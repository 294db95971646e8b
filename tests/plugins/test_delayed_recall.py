"""Delayed recall: a cue, distractors, a query."""

import numpy
import pytest
from gatekit.plugins.delayed_recall import DelayedRecall, gatekit_tasks
from refused import at
from seams import check_sample, check_splits

from gatekit import ConfigError


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


def test_validation_and_test_are_the_same_for_every_run_and_differ_from_each_other():
    task = DelayedRecall(length=9, validation_size=30, test_size=40)
    first, second = check_splits(task, rng(1)), check_splits(task, rng(2))
    assert [len(first[name].x) for name in ("validation", "test")] == [30, 40]
    for name, batch in first.items():
        assert numpy.array_equal(batch.x, second[name].x)
    assert not numpy.array_equal(first["validation"].x, first["test"].x[:30])


def test_the_numbers_of_recipe_1_stay():
    # a change here needs a new version in data_hash
    batch = DelayedRecall(length=8, test_size=2).splits(rng())["test"]
    assert batch.x.argmax(axis=2).tolist() == [
        [5, 14, 14, 11, 12, 12, 10, 16],
        [3, 13, 14, 10, 12, 12, 10, 16],
    ]


def test_data_hash_follows_the_options():
    kinds = [{}, {"length": 100}, {"cues": 4}, {"distractors": 4}, {"data_seed": 1}]
    assert len({DelayedRecall(**options).data_hash() for options in kinds}) == len(kinds)


@pytest.mark.parametrize("options", [{"length": 1}, {"cues": 1}, {"distractors": 0}])
def test_options_that_make_no_task_are_refused(options):
    with pytest.raises(ConfigError, check=at(next(iter(options)))):
        DelayedRecall(**options)


def test_the_plugin_offers_the_task():
    assert gatekit_tasks() == {"delayed_recall": DelayedRecall}
