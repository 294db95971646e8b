"""What a call is given is checked before anything is computed; no layer is needed here."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from seams import inputs

from gatekit import DataError

X = tf.zeros([2, 5, 3], tf.float64)
TWO: Any = types.SimpleNamespace(
    inputs={"x": 3, "u": 2}, spec=types.SimpleNamespace(name="two_inputs")
)
SHAPES: Any = {"h": (None, 4), "S": (None, 6)}
MATRICES = {"S": (2, 3)}


def _input(value: Any) -> Any:
    return inputs.checked_input("x", value, 3, "float64")


def _states(given: Any) -> dict[str, Any]:
    return inputs.checked_states(given, SHAPES, MATRICES, "float64")


REFUSED = {
    "batch sizes": (
        lambda: inputs.known_batch({"x": X, "h": tf.zeros([3, 4])}),
        "h has 3 sequences and x has 2;",
    ),
    "ragged": (lambda: _input(tf.ragged.constant([[1.0], [2.0, 3.0]])), ".to_tensor()"),
    "sparse": (lambda: _input(tf.sparse.from_dense(X)), "tf.sparse.to_dense(x)"),
    "booleans": (lambda: _input(tf.zeros([2, 5, 3], tf.bool)), "x is bool; numbers"),
    "complex": (lambda: _input(tf.zeros([2, 5, 3], tf.complex64)), "x is complex64; numbers"),
    "no width": (lambda: _input(X[:, :, 0]), "expected: add an axis with x[..., None]"),
    "width": (lambda: _input(X[:, :, :2]), "x has 2 features; the layer was built for 3:"),
    "unknown input": (
        lambda: inputs.checked_inputs({"x": X, "u": X, "v": X}, TWO, "float64"),
        "two_inputs has no input 'v'",
    ),
    "missing input": (
        lambda: inputs.checked_inputs(X, TWO, "float64"),
        "also reads u: call the layer with {'x': ..., 'u': ...}",
    ),
    "resets twice": (
        lambda: inputs.split_resets({"x": X, "resets": 1}, X, TWO),
        "resets are given twice",
    ),
    "a sequence for a step": (lambda: inputs.one_step(X, "batch x features"), "x[:, t], or"),
    "resets for a step": (lambda: inputs.one_step(X[:, :, 0], "batch"), "resets[:, t]"),
    "lengths": (lambda: inputs.checked_mask([5, 3], X), "tf.sequence_mask(lengths, 5)"),
    "mask of numbers": (lambda: inputs.checked_mask(tf.ones([2, 5]), X), "mask != 0"),
    "turned mask": (
        lambda: inputs.checked_mask(tf.ones([5, 2], tf.bool), X),
        "is (2, 5): write tf.transpose(mask)",
    ),
    "short mask": (
        lambda: inputs.checked_mask(tf.ones([2, 4], tf.bool), X),
        "is (2, 5): give one boolean for each step of a row",
    ),
    "wide mask": (lambda: inputs.checked_mask(tf.ones([2, 5, 2], tf.bool), X), "(2, 5, 2)"),
    "numbers of documents": (lambda: inputs.checked_resets([[0, 1, 2, 0, 0]] * 2, X), "value 2;"),
    "negative resets": (lambda: inputs.checked_resets([[0, 1, -3, 0, 0]] * 2, X), "value -3;"),
    "too many states": (
        lambda: _states([X, X, X]),
        "initial_state has 3 entries; the states are h",
    ),
    "one array": (lambda: _states(X), "initial_state is one array;"),
    "a word": (lambda: _states("h"), "initial_state is 'h';"),
    "unknown state": (lambda: _states({"c": X}), "there is no state 'c'"),
    "integers": (lambda: _states({"h": [[1, 2, 3, 4]]}), "is int32; floating"),
    "a state's width": (lambda: _states({"h": tf.zeros([2, 5])}), "(None, 4) is expected"),
    "torch": (lambda: _states({"h": tf.zeros([1, 2, 4])}), "write value[0]: torch"),
    "turned matrix": (
        lambda: _states({"S": tf.zeros([1, 3, 2])}),
        "(None, 6) (or (None, 2, 3)) is expected",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_with_what_to_write(case: str) -> None:
    call, says = REFUSED[case]
    with pytest.raises(DataError) as caught:
        call()
    assert says in str(caught.value)


def test_a_remedy_is_given_only_where_it_helps() -> None:
    with pytest.raises(DataError) as caught:
        _input(X[..., None])
    assert "add an axis" not in str(caught.value)
    for wrong in ({"h": tf.zeros([2, 2, 4])}, {"S": tf.zeros([1, 3, 2])}, {"h": tf.zeros([1, 5])}):
        with pytest.raises(DataError) as caught:
            _states(wrong)
        assert "torch" not in str(caught.value)


def test_inputs_are_cast_and_integers_are_warned_of() -> None:
    found = inputs.checked_inputs(
        {"u": np.ones((2, 5, 2), "float32"), "x": np.ones((2, 5, 3))}, TWO, "float64"
    )
    assert [(name, value.dtype.name) for name, value in found.items()] == [
        ("x", "float64"),
        ("u", "float64"),
    ]
    with pytest.warns(UserWarning, match="x is int64; it is cast to float64"):
        assert _input(np.full((2, 5, 3), 7)).dtype == "float64"


def test_a_batch_size_that_one_tensor_knows_is_that_of_all() -> None:
    seen = []

    @tf.function(input_signature=[tf.TensorSpec([None, 3]), tf.TensorSpec([4, 2])])
    def traced(one: Any, other: Any) -> Any:
        given = {"one": one, "other": other}
        size = inputs.known_batch(given)
        seen.append((size, inputs.known_batch({"one": one})))
        for known in (size, None):
            found = inputs.of_batch(given, known)
            seen.append([tuple(found[name].shape) for name in ("one", "other")])
        return one

    traced.get_concrete_function()
    assert seen == [(4, None), [(4, 3), (4, 2)], [(None, 3), (4, 2)]]


def test_a_mask_may_be_given_in_several_forms() -> None:
    mask = np.array([[True, False, True, True, False], [True] * 5])
    for form in (mask, mask[:, :, None], mask.astype("int64") * 3, mask.tolist(), {"x": mask}):
        np.testing.assert_array_equal(inputs.checked_mask(form, X), mask)
    np.testing.assert_array_equal(inputs.checked_mask([mask, None], X), mask)
    for none in (None, {"u": mask}, [None, mask]):
        assert inputs.checked_mask(none, X) is None


def test_a_mask_is_carried_by_x() -> None:
    x = tf.identity(X)
    x._keras_mask = "its mask"
    assert inputs.carried_mask(x) == inputs.carried_mask({"x": x, "u": X}) == "its mask"
    assert inputs.carried_mask(X) is inputs.carried_mask({"u": x}) is None


def test_resets_may_be_an_entry_of_the_inputs() -> None:
    resets = [[0, 1, 0, 0, 1]] * 2
    rest, found = inputs.split_resets({"x": X, "resets": resets}, None, TWO)
    assert list(rest) == ["x"]
    assert found is resets
    own: Any = types.SimpleNamespace(inputs={"x": 3, "resets": 1})
    given = {"x": X, "resets": resets}
    assert inputs.split_resets(given, None, own) == (given, None)
    assert inputs.split_resets(X, resets, TWO) == (X, resets)
    np.testing.assert_array_equal(inputs.checked_resets(resets, X), np.array(resets) == 1)
    assert inputs.checked_resets(None, X) is None


def test_a_step_gets_an_axis_of_time() -> None:
    assert inputs.one_step(None, "batch") is None
    assert inputs.one_step(X[:, 0], "batch x features").shape == (2, 1, 3)
    found = inputs.one_step({"x": X[:, 0], "u": X[:, 1]}, "batch x features")
    assert [(name, value.shape) for name, value in found.items()] == [
        ("x", (2, 1, 3)),
        ("u", (2, 1, 3)),
    ]
    assert inputs.one_step([True, False], "batch").shape == (2, 1)


def test_states_are_read_in_their_order_and_matrices_are_stored_flat() -> None:
    h, memory = np.ones((2, 4), "float32"), np.arange(12.0).reshape(2, 2, 3)
    flat = memory.reshape(2, 6)
    for given in ([h, memory], {"S": flat, "h": h}, (h, flat)):
        found = _states(given)
        assert {value.dtype.name for value in found.values()} == {"float64"}
        np.testing.assert_array_equal(found["h"], h)
        np.testing.assert_array_equal(found["S"], flat)
    assert _states(None) == {}
    assert list(_states({"h": h})) == ["h"]
