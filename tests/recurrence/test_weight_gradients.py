"""Values of every step, whole and in blocks, and the product that sums over them."""

import numpy
import pytest
import tensorflow as tf
from seams import Steps, summed_product
from seams import weight_gradients as module

from .layers import graph

BATCH = 3


def drawn(steps, width, seed):
    return numpy.random.default_rng(seed).normal(size=(steps, BATCH, width))


def listed(values):
    """Return the values as a list with an item behind the last step, which must not count."""
    array = tf.TensorArray(tf.float64, len(values) + 1, clear_after_read=False)
    more = numpy.full((1, *values.shape[1:]), numpy.nan)
    items = array.unstack(tf.constant(numpy.concatenate([values, more])))
    return Steps.of_list(items, tf.constant(len(values)), BATCH, (None, BATCH, values.shape[-1]))


# Blocks of 2 steps: none, less than one, just one, just two, two and a half.
@pytest.mark.parametrize("count", [0, 1, 2, 4, 5])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_the_product_sums_over_all_steps(count, mode, known, monkeypatch):
    monkeypatch.setattr(module, "_ROWS", 2 * BATCH)
    x, h, d = drawn(count, 2, 0), drawn(count, 4, 1), drawn(count, 5, 2)
    factors = numpy.random.default_rng(3).normal(size=(BATCH, 4))

    def summed():
        make = (lambda values: Steps.of_tensor(tf.constant(values))) if mode == "xla" else listed
        left = [Steps.of_tensor(tf.constant(x)), make(h).times(tf.constant(factors))]
        rows = count * BATCH if known else None
        return summed_product(left, make(d), tf.constant(count), BATCH, rows)

    run = summed if mode == "eager" else graph(summed, jit_compile=mode == "xla")
    rows = numpy.concatenate([x, h * factors], -1)
    expected = numpy.einsum("tbi,tbj->ij", rows, d)
    assert run().shape == (6, 5)
    numpy.testing.assert_allclose(run(), expected, rtol=1e-13, atol=1e-13)


def test_a_batch_that_is_larger_than_a_block_is_one_step_at_a_time(monkeypatch):
    monkeypatch.setattr(module, "_ROWS", BATCH - 1)
    h, d = drawn(3, 2, 0), drawn(3, 2, 1)
    found = summed_product([listed(h)], listed(d), tf.constant(3), tf.constant(BATCH))
    numpy.testing.assert_allclose(found, numpy.einsum("tbi,tbj->ij", h, d), rtol=1e-13)


def test_all_of_them():
    h = drawn(3, 2, 0)
    numpy.testing.assert_array_equal(listed(h).whole(), h)
    numpy.testing.assert_array_equal(listed(h).block(1, 3), h[1:3])
    factors = numpy.arange(6.0).reshape(BATCH, 2)
    scaled = listed(h).times(tf.constant(factors))
    numpy.testing.assert_array_equal(scaled.whole(), h * factors)
