"""The adding problem, as its two recipes say."""

import numpy
import pytest
from gatekit.plugins.adding import Adding
from seams import check_sample


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
