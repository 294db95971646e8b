"""Test data as plain arrays: packed rows become a row for each sequence."""

import numpy
from seams import _apart


def test_a_row_of_several_sequences_becomes_several_rows():
    x = numpy.arange(1, 11).reshape(2, 5)
    arrays = {
        "x": x,
        "y": 10 * x[..., None],
        "weights": numpy.ones((2, 5), "float32"),
        "mask": numpy.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], bool),
    }
    apart = _apart(arrays, numpy.array([[1, 0, 1, 0, 0], [0, 0, 0, 0, 0]], bool))
    assert apart["x"].tolist() == [[1, 2, 0, 0, 0], [3, 4, 5, 0, 0], [6, 7, 8, 9, 10]]
    assert apart["y"][1].ravel().tolist() == [30, 40, 50, 0, 0]
    assert apart["weights"].sum(axis=1).tolist() == [2, 3, 5]
    assert apart["mask"].sum(axis=1).tolist() == [2, 3, 3]
    assert "resets" not in apart
