"""A gate or output unit that returns something wrong is refused when the layer is built."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from seams import CellError

from gatekit import Gate, OutputUnit, ops

from .layers import layer


def _gate(returned: Any) -> Gate:
    class Odd(Gate):
        """A gate that returns something odd."""

        uses_tensorflow = True

        def activate(self, pre: Any) -> Any:
            return returned(pre)

    return Odd()


def _unit(returned: Any) -> OutputUnit:
    class Odd(OutputUnit):
        """An output unit that returns something odd."""

        bias = False

        def emit(self, emitted: Any) -> Any:
            return returned(emitted) if tf.is_tensor(emitted) else emitted

    return Odd()


WRONG = {
    "too wide": (lambda pre: tf.concat([pre, pre], -1), "batch x 8 is expected"),
    "without rows": (lambda pre: tf.reduce_sum(pre), "batch x 8 is expected"),
    "another type": (lambda pre: tf.cast(pre, tf.float16), "is float16"),
    "an array": (
        lambda pre: np.zeros((2, 8)),
        "has the type ndarray, but a tensor is expected; use gatekit.ops",
    ),
    "nothing": (
        lambda pre: None,
        "has the type NoneType, but a tensor is expected; use gatekit.ops",
    ),
    "a number": (lambda pre: 0.5, "has the type float, but a tensor is expected; use gatekit.ops"),
}


@pytest.mark.parametrize("what", [pytest.param(w, id=f"{w}") for w in WRONG])
def test_a_gate_is_refused(what: str) -> None:
    returned, message = WRONG[what]
    with pytest.raises(CellError, match=message) as caught:
        layer("lstm", swap={"forget": _gate(returned)})
    assert "'forget'" in str(caught.value)


@pytest.mark.parametrize("what", [pytest.param(w, id=f"{w}") for w in WRONG])
def test_an_output_unit_is_refused(what: str) -> None:
    returned, _ = WRONG[what]
    with pytest.raises(CellError, match=r"'Odd': Odd\.emit\(self, emitted"):
        layer("lstm", output_unit=_unit(returned))


@pytest.mark.parametrize(
    ("new", "message"),
    [
        pytest.param(None, "declares states, but returns none", id="none"),
        pytest.param((), r"returns the states \(none\), but declares k", id="missing"),
        pytest.param(("k", "n"), "returns the states k, n, but declares k", id="more"),
        pytest.param(("k",), "batch x 8 is expected", id="wide"),
    ],
)
def test_a_gate_with_wrong_states_is_refused(new: Any, message: str) -> None:
    class Keeping(Gate):
        """A gate with a state."""

        states = {"k": 0.0}
        uses_tensorflow = True

        def activate(self, pre: Any, k_prev: Any) -> Any:
            value = ops.sigmoid(pre + k_prev)
            if new is None:
                return value
            return value, {name: tf.concat([value, value], -1) for name in new}

    with pytest.raises(CellError, match=message):
        layer("lstm", swap={"forget": Keeping()})


@pytest.mark.parametrize("extra", [(1,), ()], ids=["three", "no-mapping"])
def test_a_tuple_that_is_no_value_with_states_is_refused(extra: Any) -> None:
    gate = _gate(lambda pre: (pre, pre, *extra))
    with pytest.raises(CellError, match=r"not \(value, \{name: new state\}\)"):
        layer("lstm", swap={"forget": gate})


def test_an_error_of_a_gate_says_which_gate_it_was() -> None:
    def fails(pre: Any) -> Any:
        raise KeyError("inside")

    with pytest.raises(KeyError) as caught:
        layer("lstm", swap={"forget": _gate(fails)})
    assert any("raised in the gate 'forget'" in note for note in caught.value.__notes__)
