"""Rows and lists keep the same values, and say the same of them."""

import numpy
import pytest
import tensorflow as tf

from gatekit.recurrence.executors.fused.kept import Lists, Rows, keeper

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


def read_back(kept, steps, ahead):
    """Return the values that a reader finds, from the first step to the last."""
    reader = kept.reader(ahead)
    place, found = reader.start(), []
    for step in reversed(range(steps)):
        values, place = reader.read(place, tf.constant(step))
        found.insert(0, values)
    return found


@pytest.mark.parametrize("mode", ["graph", "eager"])
@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("kind", [Rows, Lists])
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_sequences_and_steps_are_those_that_were_written(kind, steps, ahead, mode):
    def looked_at():
        kept, _, _ = filled(kind, steps)
        some = (*WIDTHS, "z") if steps else ()
        blocks = {k: kept.steps(k).block(0, (steps + 1) // 2) for k in some}
        return {
            "blocks": blocks,
            "before": {k: kept.steps(k).all() for k in (*WIDTHS, "z")},
            "after": {k: kept.sequence(k) for k in (*WIDTHS, "z")},
            "again": {k: kept.steps(k).all() for k in WIDTHS},
            "read": read_back(kept, steps, ahead),
        }

    _, states, z = filled(kind, steps)
    found = (tf.function(looked_at) if mode == "graph" else looked_at)()
    for key in WIDTHS:
        numpy.testing.assert_array_equal(found["after"][key], states[key][1:])
        numpy.testing.assert_array_equal(found["before"][key], states[key][:-1])
        numpy.testing.assert_array_equal(found["again"][key], states[key][:-1])
    for key, block in found["blocks"].items():
        values = states.get(key, z)
        numpy.testing.assert_array_equal(block, values[: (steps + 1) // 2])
    for part in ("after", "before"):
        numpy.testing.assert_array_equal(found[part]["z"], z)
    assert len(found["read"]) == steps
    for step, values in enumerate(found["read"]):
        assert {k: v.shape for k, v in values.items()} == {
            k: (BATCH, w) for k, w in {**WIDTHS, **VALUES}.items()
        }
        numpy.testing.assert_array_equal(values["z"], z[step])
        for key in WIDTHS:
            numpy.testing.assert_array_equal(values[key], states[key][step])


@pytest.mark.parametrize("mode", ["graph", "eager"])
@pytest.mark.parametrize("kind", [Rows, Lists])
def test_a_gradient_may_be_asked_for_twice(kind, mode):
    def looked_at():
        kept, _, _ = filled(kind, 3)
        return [read_back(kept, 3, ahead=False) for _ in range(2)]

    first, second = (tf.function(looked_at) if mode == "graph" else looked_at)()
    for one, other in zip(first, second, strict=True):
        for key, value in one.items():
            numpy.testing.assert_array_equal(value, other[key])


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
