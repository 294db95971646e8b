"""Rows and lists keep the same values, and say the same of them."""

import numpy
import pytest
import tensorflow as tf

from gatekit.recurrence.kept import Lists, Rows, keeper

BATCH, WIDTHS, VALUES = 2, {"h": 3, "c": 1}, {"z": 4}


def filled(kind, steps):
    """Keep random values in a loop; return what was kept, and the values as arrays."""
    random = numpy.random.default_rng(0)
    states = {k: random.random((steps + 1, BATCH, w)) for k, w in WIDTHS.items()}
    z = random.random((steps, BATCH, VALUES["z"]))
    keep = kind(WIDTHS, VALUES, tf.constant(steps), (None, BATCH), tf.float64)

    def body(step, arrays):
        before = {k: tf.constant(v)[step] for k, v in states.items()}
        now = {k: tf.constant(v)[step + 1] for k, v in states.items()} | {"z": tf.constant(z)[step]}
        return step + 1, keep.write(arrays, step, before, now)

    first = {k: tf.constant(v[0]) for k, v in states.items()}
    _, arrays = tf.while_loop(
        lambda step, _: step < steps, body, (tf.constant(0), keep.start(first))
    )
    return keep.done(arrays, {k: tf.constant(v[-1]) for k, v in states.items()}), states, z


@pytest.mark.parametrize("kind", [Rows, Lists])
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_sequences_and_steps_are_those_that_were_written(kind, steps):
    @tf.function
    def looked_at():
        kept, _, _ = filled(kind, steps)
        opened = kept.opened()
        read = [kept.values(kept.read(opened, step)) for step in range(steps)]
        return {
            "after": {k: kept.sequence(k) for k in (*WIDTHS, "z")},
            "before": {k: kept.before(k) for k in WIDTHS},
            "read": read,
        }

    _, states, z = filled(kind, steps)
    found = looked_at()
    for key in WIDTHS:
        numpy.testing.assert_array_equal(found["after"][key], states[key][1:])
        numpy.testing.assert_array_equal(found["before"][key], states[key][:-1])
    numpy.testing.assert_array_equal(found["after"]["z"], z)
    for step, values in enumerate(found["read"]):
        assert {k: v.shape for k, v in values.items()} == {
            k: (BATCH, w) for k, w in {**WIDTHS, **VALUES}.items()
        }
        numpy.testing.assert_array_equal(values["z"], z[step])
        for key in WIDTHS:
            numpy.testing.assert_array_equal(values[key], states[key][step])


@pytest.mark.parametrize("steps", [0, 3])
def test_rows_can_be_read_ahead_and_lists_are_not(steps):
    kept, _, z = filled(Rows, steps)
    assert kept.ahead
    last = kept.values(kept.last())
    expected = z[-1] if steps else numpy.zeros((BATCH, VALUES["z"]))
    numpy.testing.assert_array_equal(last["z"], expected)
    assert not filled(Lists, steps)[0].ahead


def test_a_gradient_may_be_asked_for_twice():
    kept, states, _ = filled(Lists, 3)
    for _ in range(2):
        found = kept.values(kept.read(kept.opened(), 1))
        numpy.testing.assert_array_equal(found["h"], states["h"][1])


def test_where_it_is_traced_decides():
    def kind():
        return type(keeper(WIDTHS, VALUES, 1, (None, BATCH), tf.float64))

    seen = {"eager": kind()}

    def traced(name):
        def function(x):
            seen[name] = kind()
            return x

        return function

    @tf.function
    def outer(x):
        inner = tf.function(traced("inside"), jit_compile=True)
        return traced("graph")(inner(x))

    outer(tf.constant(0.0))
    assert seen == {"eager": Lists, "inside": Rows, "graph": Lists}
