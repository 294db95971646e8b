"""MNIST-1D equals the data of its authors, whose values are recorded here as hashes.

The hashes are of what ``make_dataset`` of the package mnist1d 0.0.2.post1 returns, on NumPy 2.4.6
and SciPy 1.17.1, in ten-thousandths: the last digits of a float may differ between machines.
"""

import hashlib

import numpy
import pytest
from gatekit.plugins import mnist1d
from gatekit.plugins.mnist1d import MNIST1D, examples
from seams import check_splits

from gatekit import ConfigError

LABELS = "343d27bb023cbbfe98bd258e8958f2bb90aea365a196a7bc6f0c19efb7014a47"
AUTHORS = {
    False: (
        "01b27b3f2527ac955d644a01f85fcee2c0018fe70f7b973aeb442dbdeebbccac",
        "e3d5677321235b409214aca8c1edec7b73e24fb254b085c2e803c2e6b7a20190",
        [-0.33200566736939013, -0.4719103656557236, -0.778697076293495, -1.0097408265367045],
    ),
    True: (
        "02bcfe079c6a3847934972bb2a5a84c4c803395fdd08e47b4f1443b13aadea5e",
        "6555a0075c0b1970e6a836967203aeaad6664096b80463feb847b98f48b552ba",
        [1.0358740294925417, 0.4101984957624668, -0.8823525654053073, -1.093485710822378],
    ),
}


@pytest.fixture(scope="module")
def generated():
    numpy.random.seed(7)
    expected = numpy.random.rand()
    numpy.random.seed(7)
    found = {shuffled: examples(shuffled) for shuffled in AUTHORS}
    assert numpy.random.rand() == expected, "the global generator has moved"
    return found


def digest(array):
    return hashlib.sha256(array.astype("<i4").tobytes()).hexdigest()


@pytest.mark.parametrize("shuffled", AUTHORS)
def test_the_examples_are_those_of_the_authors(generated, shuffled):
    signals, labels = generated[shuffled]
    train, test, first = AUTHORS[shuffled]
    assert signals[0, :4].tolist() == pytest.approx(first, abs=1e-12)
    assert digest(numpy.round(signals[:4000] * 1e4)) == train
    assert digest(numpy.round(signals[4000:] * 1e4)) == test
    assert digest(labels) == LABELS


def test_mean_is_zero_deviation_one_and_every_digit_as_frequent(generated):
    signals, labels = generated[False]
    assert signals.shape == (5000, 40)
    assert (signals.mean(), signals.std()) == pytest.approx((0, 1), abs=1e-9)
    assert numpy.bincount(labels).tolist() == [500] * 10
    assert MNIST1D().chance() == 1 / 10


def test_shuffling_moves_columns_and_nothing_else(generated):
    plain, shuffled = generated[False][0], generated[True][0]
    order = [int(numpy.abs(plain[0] - value).argmin()) for value in shuffled[0]]
    assert sorted(order) == list(range(40)) != order
    assert numpy.allclose(plain[:, order], shuffled, atol=1e-9)


def test_validation_is_the_end_of_the_training_examples(generated, monkeypatch):
    monkeypatch.setattr(mnist1d, "examples", generated.get)
    signals, labels = generated[False]
    splits = check_splits(MNIST1D(validation_size=300), numpy.random.default_rng(0))
    assert {n: b.x.shape for n, b in splits.items()} == {
        "train": (3700, 40, 1),
        "validation": (300, 40, 1),
        "test": (1000, 40, 1),
    }
    joined = numpy.concatenate([batch.x[:, :, 0] for batch in splits.values()])
    assert numpy.array_equal(joined, signals.astype("float32"))
    assert numpy.array_equal(numpy.concatenate([b.y for b in splits.values()]), labels)


def test_data_hash_follows_the_options():
    kinds = [{}, {"shuffled": True}, {"validation_size": 500}]
    assert len({MNIST1D(**options).data_hash() for options in kinds}) == 3


@pytest.mark.parametrize("size", [0, 4000])
def test_options_that_make_no_task_are_refused(size):
    with pytest.raises(ConfigError, match=f"validation_size={size}"):
        MNIST1D(validation_size=size)
