"""A window is a function of its place alone, and all windows together are the data."""

import numpy
import pytest
from seams import Feed, batches

from gatekit import Batch, DataError, Metric, Signature, Task

LENGTHS = [3, 7, 1, 6]


class Document(Task):
    """A document whose tokens are numbered."""

    metric = Metric("nll", direction="min", unit="nats")
    contiguous = True

    def chance(self):
        return 1.0

    def signature(self):
        return Signature(None, 10**6, 10**6, "categorical", "every")

    def data_hash(self):
        return "d"

    def splits(self, rng):
        return {"train": numbered(5, 7), "validation": numbered(2, 7), "test": numbered(2, 7)}


class Drawn(Document):
    """Sequences that grow from one draw to the next."""

    contiguous = False
    lengths = iter(range(4, 100))

    def sample(self, rng, size):
        return numbered(size, next(self.lengths))


def numbered(rows, time):
    x = numpy.arange(rows * time, dtype="int32").reshape(rows, time)
    return Batch(x, x + 1)


def parts(streams):
    return [streams[place] for place in range(len(streams))]


@pytest.mark.parametrize(("size", "window"), [(1, 35), (1, 4), (3, 4), (4, 50), (40, 3)])
def test_a_document_is_read_once_in_its_order(size, window):
    found = parts(batches.document(numbered(5, 7), size, window))
    assert {step.x.shape for step in found} == {(size, min(window, -(-35 // size)))}
    read = [step.x[row][step.weights[row] > 0] for row in range(size) for step in found]
    numpy.testing.assert_array_equal(numpy.concatenate(read), numpy.arange(35))
    assert [step.begins.all() for step in found] == [True] + [False] * (len(found) - 1)
    assert all(step.mask is None for step in found)
    for step in found:
        numpy.testing.assert_array_equal(step.y[step.weights > 0], step.x[step.weights > 0] + 1)


def test_masks_and_weights_of_the_data_are_cut_like_them():
    batch = numbered(2, 5)
    mask, weights = numpy.ones((2, 5), bool), numpy.full((2, 5), 0.5, "float32")
    mask[1, 3:], weights[1, 2:] = False, 0
    found = parts(batches.document(Batch(batch.x, batch.y, mask, weights), 1, 4))
    assert numpy.concatenate([s.mask[0] for s in found]).tolist() == [True] * 8 + [False] * 4
    joined = numpy.concatenate([s.weights[0] for s in found])
    assert joined.tolist() == [0.5] * 7 + [0] * 5
    assert found[2].x.tolist() == [[0] * 4]


def test_a_target_of_a_sequence_counts_in_the_window_where_it_ends():
    mask = numpy.arange(7) < numpy.array(LENGTHS)[:, None]
    x = numpy.ones((4, 7, 2), "float32")
    batch = Batch(x, numpy.arange(4).astype("int32"), mask)
    found = parts(batches.sequences(batch, numpy.array([3, 0, 1]), 4, 3, every=False))
    assert [step.weights.tolist() for step in found] == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]]
    assert found[0].y.tolist() == [3, 0, 1, 0]
    assert found[2].mask.tolist() == [[False] * 3, [False] * 3, [True, False, False], [False] * 3]


def test_a_short_last_window_has_a_mask_if_the_last_output_is_wanted():
    batch = Batch(numpy.ones((2, 7, 1), "float32"), numpy.zeros((2, 1), "float32"))
    found = parts(batches.sequences(batch, numpy.arange(2), 2, 4, every=False))
    assert [step.mask.sum() for step in found] == [8, 6]
    assert [step.weights.sum() for step in found] == [0, 2]
    exact = batches.sequences(batch, numpy.arange(2), 2, 7, every=False)
    assert exact[0].mask is None


def feed(task=Document, size=3, tbptt=4, seed=0):
    splits = task().splits(None)
    if task is Drawn:
        splits.pop("train")
    return Feed(task(), splits, seed, size, tbptt=tbptt)


def test_each_epoch_begins_the_document_anew():
    made = feed()
    assert (made.per_epoch, made.per_batch) == (3, 3)
    for step in range(6):
        (x, begins), _, weights = made.step(step)
        numpy.testing.assert_array_equal(x, made.step(step % 3)[0][0])
        assert begins.all() == (step % 3 == 0)
        assert weights.sum() == (12, 12, 11)[step % 3]
    assert made.step_size() == pytest.approx((3, 35 / 9))


def test_sequences_are_read_to_their_end_before_the_next_ones():
    class Rows(Document):
        contiguous = False

    made = feed(Rows, size=2, tbptt=3)
    assert (made.per_epoch, made.per_batch) == (9, 3)
    whole = feed(Rows, size=2, tbptt=7)
    for number in range(3):
        numpy.testing.assert_array_equal(
            numpy.concatenate([made.step(3 * number + w)[0][0] for w in range(3)], axis=1)[:, :7],
            whole.step(number)[0][0],
        )


@pytest.mark.parametrize("tbptt", [1, 5, 400])
def test_evaluation_does_not_depend_on_the_window(tbptt):
    (step,) = feed(tbptt=tbptt).split("validation")
    assert step[0][0].tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 12, 13, 0]]
    assert step[2].sum() == 14


def test_drawn_sequences_that_grow_are_refused():
    made = feed(Drawn, tbptt=2)
    made.step(0)
    with pytest.raises(DataError, match=r"trainer.tbptt=2: .* 5 steps"):
        made.step(made.per_batch)


@pytest.mark.slow
def test_a_document_of_a_hundred_thousand_steps_is_never_copied():
    batch = numbered(1, 100_000)
    streams = batches.document(batch, 1, 100)
    assert len(streams) == 1000
    assert streams[999].x[0, -1] == 99_999
    assert streams[999].x.nbytes == 400
