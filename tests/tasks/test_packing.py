"""Documents are packed whole, each with a reset where it begins."""

import numpy
import pytest
from seams import check_batch

from gatekit import Batch, DataError, Signature
from gatekit.tasks import packed

EVERY = Signature(features=1, vocabulary=None, outputs=1, loss="mse", emission="every")


def documents(*sizes):
    """Return documents of one number each, its own."""
    made = [numpy.full((size, 1), index + 1, "float32") for index, size in enumerate(sizes)]
    return [(document, -document) for document in made]


def test_each_document_is_whole_and_begins_with_a_reset():
    sizes = (3, 5, 1, 2, 3)
    batch = packed(documents(*sizes))
    assert batch.x.shape == batch.y.shape == (3, 5, 1)
    numpy.testing.assert_array_equal(batch.y, -batch.x)
    numpy.testing.assert_array_equal(batch.x[:, :, 0] > 0, batch.mask)
    assert batch.resets.sum() == len(sizes)
    assert not (batch.resets & ~batch.mask).any()
    for index, size in enumerate(sizes):
        row, step = numpy.argwhere(batch.x[:, :, 0] == index + 1).T
        assert len(set(row)) == 1
        assert list(step) == list(range(step[0], step[0] + size))
        assert batch.resets[row[0], step[0]]
    check_batch(batch, EVERY, "packed")


def test_full_rows_need_no_mask_and_documents_may_count_alike():
    batch = packed(documents(2, 2, 4), per_document=True)
    assert batch.mask is None
    assert [batch.weights[batch.x[:, :, 0] == n].sum() for n in (1, 2, 3)] == [1, 1, 1]
    assert packed(documents(2, 2), length=3).x.shape == (2, 3, 1)


@pytest.mark.parametrize(
    ("given", "length", "message"),
    [
        ([], None, "there are no documents"),
        (documents(2, 5), 4, "document 1 has 5 steps, but a row has 4"),
        ([(numpy.ones(2), numpy.ones(3))], None, "2 steps of inputs and 3 of targets"),
        ([(numpy.ones(0), numpy.ones(0))], None, "at least one, are expected"),
    ],
)
def test_what_cannot_be_packed_is_refused(given, length, message):
    with pytest.raises(DataError, match=message):
        packed(given, length)


def test_resets_of_a_task_are_checked():
    x = numpy.ones((2, 3, 1), "float32")
    with pytest.raises(DataError, match="resets is of type int64; bool is expected"):
        check_batch(Batch(x, x, resets=numpy.ones((2, 3), "int64")), EVERY, "task")
    with pytest.raises(DataError, match="resets has shape"):
        check_batch(Batch(x, x, resets=numpy.ones((2, 2), bool)), EVERY, "task")
    last = Signature(features=1, vocabulary=None, outputs=1, loss="mse", emission="last")
    with pytest.raises(DataError, match="has resets, which a task with emission='every' may have"):
        check_batch(Batch(x, x[:, 0], resets=numpy.ones((2, 3), bool)), last, "task")
