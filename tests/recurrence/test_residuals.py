"""Packed and listed residuals return the values that a loop has written."""

from types import SimpleNamespace

import numpy
import pytest
import tensorflow as tf
from seams import ListResiduals, Loop, PackedResiduals, layout_with_gradient, make

from .cells import built

BATCH, WIDTHS, VALUES = 2, {"h": 3, "c": 1}, {"z": 4}
ENTRIES = {key: {key: width} for key, width in {**WIDTHS, **VALUES}.items()}
LAYOUTS = [PackedResiduals, ListResiduals]


def filled(kind, steps):
    """Save random values in a loop; return the residuals, and the values as arrays."""
    random = numpy.random.default_rng(0)
    states = {k: random.random((steps + 1, BATCH, w)) for k, w in WIDTHS.items()}
    z = random.random((steps, BATCH, VALUES["z"]))
    residuals = kind(ENTRIES, WIDTHS, tf.constant(steps), (None, BATCH), tf.float64, BATCH)

    def body(step, arrays):
        before = {k: tf.constant(v)[step] for k, v in states.items()}
        now = {k: tf.constant(v)[step + 1] for k, v in states.items()} | {"z": tf.constant(z)[step]}
        return step + 1, residuals.write(arrays, step, before, now)

    first = {k: tf.constant(v[0]) for k, v in states.items()}
    _, arrays = tf.while_loop(
        lambda step, _: step < steps, body, (tf.constant(0), residuals.start(first))
    )
    last = {k: tf.constant(v[-1]) for k, v in states.items()}
    return residuals.finish(arrays, last), states, z


def read_back(residuals, steps, prefetch):
    """Return the values that are read backwards, from the first step to the last."""
    (place, read), found = residuals.backwards(prefetch), []
    for step in reversed(range(steps)):
        values, place = read(place, tf.constant(step))
        found.insert(0, values)
    return found


@pytest.mark.one_in(4)
@pytest.mark.parametrize("mode", ["graph", "eager"])
@pytest.mark.parametrize("prefetch", [False, True])
@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_sequences_and_steps_are_those_that_were_written(kind, steps, prefetch, mode):
    def looked_at():
        residuals, _, _ = filled(kind, steps)
        some = (*WIDTHS, "z") if steps else ()
        blocks = {k: residuals.saved(k).block(0, (steps + 1) // 2) for k in some}
        return {
            "blocks": blocks,
            "before": {k: residuals.saved(k).whole() for k in (*WIDTHS, "z")},
            "after": {k: residuals.sequence(k) for k in (*WIDTHS, "z")},
            "again": {k: residuals.saved(k).whole() for k in WIDTHS},
            "read": read_back(residuals, steps, prefetch),
        }

    _, states, z = filled(kind, steps)
    found = (tf.function(looked_at, autograph=False) if mode == "graph" else looked_at)()
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
@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_gradient_may_be_asked_for_twice(kind, mode):
    def looked_at():
        residuals, _, _ = filled(kind, 3)
        return [read_back(residuals, 3, prefetch=False) for _ in range(2)]

    first, second = (tf.function(looked_at, autograph=False) if mode == "graph" else looked_at)()
    for one, other in zip(first, second, strict=True):
        for key, value in one.items():
            numpy.testing.assert_array_equal(value, other[key])


def test_where_it_is_traced_decides():
    schedule = make(built("lstm"), ("h",))

    def kind():
        loop = SimpleNamespace(steps=1, static=(None, BATCH), dtype=tf.float64, batch=BATCH)
        return type(Loop.residuals(loop, layout_with_gradient(schedule), ENTRIES, WIDTHS))

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
    assert seen == {"eager": ListResiduals, "inside": PackedResiduals, "graph": ListResiduals}


@pytest.mark.parametrize("mode", ["graph", "eager"])
@pytest.mark.parametrize("kind", LAYOUTS)
def test_columns_of_several_entries(kind, mode):
    entries = {"product": {"a": 1, "b": 2, "c": 1}, "other": {"other": 3}}
    values = numpy.random.default_rng(0).random((4, BATCH, 7))

    def looked_at():
        residuals = kind(entries, (), tf.constant(4), (None, BATCH), tf.float64, BATCH)

        def body(step, arrays):
            row = tf.constant(values)[step]
            a, b, c, other = tf.split(row, [1, 2, 1, 3], -1)
            now = {"product": row[:, :4], "a": a, "b": b, "c": c, "other": other}
            return step + 1, residuals.write(arrays, step, {}, now)

        start = (tf.constant(0), residuals.start({}))
        _, arrays = tf.while_loop(lambda step, _: step < 4, body, start)
        found = residuals.finish(arrays, {})
        return found.columns(["c", "b", "other"]), found.saved("product").whole()

    columns, product = (tf.function(looked_at, autograph=False) if mode == "graph" else looked_at)()
    numpy.testing.assert_array_equal(columns, values[:, :, [3, 1, 2, 4, 5, 6]])
    numpy.testing.assert_array_equal(product, values[:, :, :4])
