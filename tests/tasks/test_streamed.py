"""Streamed tasks: fixed validation and test sets, each from a generator of its own."""

import numpy
from seams import check_splits

from gatekit import Batch, Metric, Signature, StreamedTask
from gatekit.tasks import SizedTask


class Walk(StreamedTask):
    """Steps up or down; where does the walk end?"""

    length: int = 4
    longer: int = 0
    validation_size = 3
    test_size = 5
    lowest = StreamedTask.lowest | {"length": 1}
    recipe = "walk/1"
    metric = Metric("mse", direction="min", unit="squared error")

    def signature(self):
        return Signature(features=1, vocabulary=None, outputs=1, loss="mse")

    def chance(self):
        return float(self.length)

    def sample(self, rng, size):
        x = rng.choice([-1.0, 1.0], (size, self.length, 1)).astype("float32")
        return Batch(x, x.sum(axis=1))

    def judged(self, rng, size):
        batch = self.sample(rng, size)
        return Batch(batch.x, 2 * batch.y)

    def further_tests(self):
        if not self.longer:
            return {}
        return {f"test_{self.longer}": self.replaced(length=self.longer, longer=0)}


class Sized(SizedTask):
    """A walk whose training set may be finite."""

    length: int = 12
    recipe, metric = "sized/1", Walk.metric
    signature, chance, draw = Walk.signature, Walk.chance, Walk.sample


def rng(seed=0):
    return numpy.random.default_rng(seed)


def test_sets_are_fixed_by_the_options_and_differ_from_each_other():
    one, two = (check_splits(Walk(length=30), rng(seed)) for seed in (1, 2))
    assert list(one) == ["validation", "test"]
    assert [len(batch.x) for batch in one.values()] == [3, 5]
    assert all(numpy.array_equal(one[name].x, two[name].x) for name in one)
    assert not numpy.array_equal(one["validation"].x, one["test"].x[:3])
    other = check_splits(Walk(length=30, data_seed=1), rng())
    assert not numpy.array_equal(one["test"].x, other["test"].x)


def test_further_test_sets_are_drawn_by_their_own_task_and_move_no_other_set():
    plain, further = (check_splits(Walk(longer=longer), rng()) for longer in (0, 9))
    assert list(further) == ["validation", "test", "test_9"]
    assert further["test_9"].x.shape == (5, 9, 1)
    assert all(numpy.array_equal(plain[name].x, further[name].x) for name in plain)


def test_what_is_judged_may_count_otherwise():
    batch = Walk().splits(rng())["test"]
    assert numpy.array_equal(batch.y, 2 * batch.x.sum(axis=1))
    fresh = Walk().sample(rng(), 4)
    assert numpy.array_equal(fresh.y, fresh.x.sum(axis=1))


def test_a_finite_training_set_is_drawn_from_and_what_is_judged_is_fresh():
    task = Sized(train_size=2)
    trained = numpy.unique(task.sample(rng(), 20).x, axis=0)
    assert len(trained) == 2
    assert all(x in trained.tolist() for x in task.sample(rng(1), 5).x.tolist())
    fresh = task.judged(rng(), 20)
    assert len(numpy.unique(fresh.x, axis=0)) > 10
    assert numpy.array_equal(fresh.y, Sized().sample(rng(), 20).y)


def test_the_hash_is_that_of_recipe_and_options():
    assert Walk().data_hash() == Walk(length=4).data_hash() != Walk(length=5).data_hash()
    assert len(Walk().data_hash()) == 64
