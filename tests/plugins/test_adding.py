"""The adding problem, as its two recipes say."""

import numpy
import pytest
from gatekit.plugins.adding import Adding, gatekit_tasks
from refused import at
from seams import check_sample, check_splits

from gatekit import ConfigError


def rng(seed=5):
    return numpy.random.default_rng(seed)


@pytest.mark.parametrize("markers", ["halves", "anywhere"])
@pytest.mark.parametrize("length", [2, 3, 100])
def test_two_markers_and_the_sum_of_what_they_mark(markers, length):
    batch = check_sample(Adding(length=length, markers=markers), rng(), 400)
    number, marker = batch.x[:, :, 0], batch.x[:, :, 1]
    assert batch.x.shape == (400, length, 2)
    assert (marker.sum(axis=1) == 2).all()
    assert set(numpy.unique(marker)) <= {0, 1}
    assert ((number >= 0) & (number < 1)).all()
    assert numpy.allclose(batch.y[:, 0], (number * marker).sum(axis=1))


def test_one_marker_stands_in_each_half():
    marker = Adding(length=7).sample(rng(), 500).x[:, :, 1]
    assert (marker[:, :3].sum(axis=1) == 1).all()
    assert (marker[:, 3:].sum(axis=1) == 1).all()
    assert (marker.sum(axis=0) > 0).all()


def test_markers_anywhere_are_uniform_pairs():
    marker = Adding(length=5, markers="anywhere").sample(rng(), 20000).x[:, :, 1]
    pairs = numpy.einsum("bi,bj->ij", marker, marker)[numpy.triu_indices(5, 1)]
    assert numpy.allclose(pairs / 20000, 1 / 10, atol=0.01)


def test_chance_is_the_error_of_the_constant_guess():
    y = Adding(length=10).sample(rng(), 50000).y
    assert numpy.isclose(numpy.mean((y - 1) ** 2), Adding().chance(), atol=0.003)
    assert numpy.isclose(numpy.var(y), Adding().chance(), atol=0.003)


def test_validation_and_test_are_the_same_for_every_run_and_differ_from_each_other():
    task = Adding(length=9, validation_size=30, test_size=40)
    first, second = check_splits(task, rng(1)), check_splits(task, rng(2))
    assert set(first) == {"validation", "test"}
    assert [len(first[name].x) for name in first] == [30, 40]
    for name, batch in first.items():
        assert numpy.array_equal(batch.x, second[name].x)
    assert not numpy.array_equal(first["validation"].x, first["test"].x[:30])
    other = task.replaced(data_seed=1).splits(rng(1))
    assert not numpy.array_equal(first["test"].x, other["test"].x)


def test_samples_follow_their_generator():
    task = Adding(length=9)
    assert numpy.array_equal(task.sample(rng(1), 3).x, task.sample(rng(1), 3).x)
    assert not numpy.array_equal(task.sample(rng(1), 3).x, task.sample(rng(2), 3).x)


def test_the_numbers_of_recipe_1_stay():
    # a change here needs a new version in data_hash
    batch = Adding(length=4, test_size=1).splits(rng())["test"]
    assert batch.x[0, :, 1].tolist() == [0, 1, 0, 1]
    expected = [0.73722154, 0.87341726, 0.86990309, 0.4024896]
    assert batch.x[0, :, 0].tolist() == pytest.approx(expected, abs=1e-7)


def test_data_hash_follows_the_options():
    kinds = [{}, {"length": 200}, {"markers": "anywhere"}, {"test_size": 1}, {"data_seed": 1}]
    assert len({Adding(**options).data_hash() for options in kinds}) == len(kinds)
    assert Adding(length=100).data_hash() == Adding().data_hash()


@pytest.mark.parametrize("options", [{"length": 1}, {"markers": "both"}, {"test_size": 0}])
def test_options_that_make_no_task_are_refused(options):
    with pytest.raises(ConfigError, check=at(next(iter(options)))):
        Adding(**options)


def test_the_plugin_offers_the_task():
    assert gatekit_tasks() == {"adding": Adding}
