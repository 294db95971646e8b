"""Which example stands where depends on seed, epoch and step alone."""

import numpy
import pytest
from seams import Feed, batches

from gatekit import Batch, Signature


def masked(lengths, time=6, features=2):
    x = numpy.arange(len(lengths) * time * features, dtype="float32")
    x = x.reshape(len(lengths), time, features) + 1
    mask = numpy.arange(time)[None] < numpy.array(lengths)[:, None]
    return Batch(x, x[:, :, :1].copy(), mask)


class Echo:
    def signature(self):
        return Signature(features=2, vocabulary=None, outputs=1, loss="mse", emission="every")


def test_the_order_is_a_function_of_seed_and_epoch():
    first = batches.shuffled(3, 2, 50)
    numpy.testing.assert_array_equal(first, batches.shuffled(3, 2, 50))
    assert sorted(first) == list(range(50))
    assert (first != batches.shuffled(3, 3, 50)).any()
    assert (first != batches.shuffled(4, 2, 50)).any()


def test_a_feed_makes_the_order_of_an_epoch_once(monkeypatch):
    made, shuffled = [], batches.shuffled
    monkeypatch.setattr(batches, "shuffled", lambda *given: made.append(given) or shuffled(*given))
    split = masked([6] * 7)

    feed = Feed(Echo(), {"train": split}, seed=3, size=2)
    actual = [feed.step(step)[0][0] for step in range(2 * feed.per_epoch)]
    assert made == [(3, 0, 7), (3, 1, 7)]
    for epoch in range(2):
        rows = shuffled(3, epoch, 7)
        expected = [split.x[rows[start : start + 2]] for start in (0, 2, 4, 6)]
        for one, other in zip(actual[4 * epoch :], expected, strict=False):
            numpy.testing.assert_array_equal(one[: len(other)], other)


def test_every_example_once_and_the_last_batch_filled_with_nothing():
    steps = list(batches.ordered(masked([6] * 7), 3, every=True))
    assert [len(s.x) for s in steps] == [3, 3, 3]
    assert steps[2].weights.sum() == 6
    assert not steps[2].mask[1:].any()
    assert sum(s.weights.sum() for s in steps) == 42


def test_a_batch_is_cut_to_its_longest_example():
    step = batches.taken(masked([2, 4, 6]), numpy.array([0, 1]), 2, every=True)
    assert step.x.shape == (2, 4, 2)
    assert step.y.shape == (2, 4, 1)
    assert step.weights.sum() == 6


def test_what_does_not_count_is_zero_even_if_it_was_nan():
    batch = masked([2, 6])
    batch.x[0, 2:] = numpy.nan
    batch.y[0, 2:] = numpy.nan
    step = batches.taken(batch, numpy.array([0, 1]), 2, every=True)
    assert numpy.isfinite(step.x).all()
    assert numpy.isfinite(step.y).all()


def test_one_target_per_sequence_has_one_weight():
    batch = Batch(numpy.zeros((3, 5, 2), "float32"), numpy.arange(3))
    step = batches.taken(batch, numpy.array([2]), 2, every=False)
    assert step.weights.tolist() == [1, 0]
    assert step.y.tolist() == [2, 0]
    assert step.mask is None


def test_given_weights_are_used():
    batch = masked([6, 6])
    weighted = Batch(batch.x, batch.y, batch.mask, numpy.eye(2, 6, dtype="float32"))
    step = batches.taken(weighted, numpy.array([0, 1]), 2, every=True)
    assert step.weights.sum() == 2


def test_epochs_of_streamed_tasks():
    assert batches.steps_per_epoch(None, 32) == batches.STREAMED_EPOCH
    assert batches.steps_per_epoch(33, 32) == 2


@pytest.mark.parametrize(
    ("size", "time", "rows", "scored"),
    [
        (1, 4, 300, 256),
        (5, 4, 300, 160),
        (300, 4, 300, 300),
        (2, 2**12, 300, 8),
        (2, 2**16, 3, 2),
        (2, 4, 7, 4),
    ],
)
def test_small_batches_are_scored_together_while_they_are_small(size, time, rows, scored):
    x = numpy.zeros((rows, time, 2), "float32")
    data = {"train": Batch(x[:2], x[:2, :, :1]), "validation": Batch(x, x[..., :1])}
    feed = Feed(Echo(), data, seed=0, size=size)
    assert feed.scored == scored
    assert {batch[1].shape[0] for batch in feed.split("validation")} == {scored}
