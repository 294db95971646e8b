"""Mistakes in a call are answered in its words, and attributes that are not there yet are not."""

from __future__ import annotations

import copy
import pickle
import traceback
from dataclasses import dataclass

import keras
import numpy as np
import pytest
from refused import at
from seams import DrawContext, Parts, Study, no_attribute
from seams import compared_Comparison as Comparison

from gatekit import RNN, BlockLayer, Cell, GatekitError

X = np.zeros((2, 5, 3), "float32")
FAULTS = {
    "a rate": (lambda: RNN("lstm", 4, dropout=1.5), "dropout=1.5"),
    "a rate in percent": (lambda: RNN("lstm", 4, dropout=50), "dropout=50"),
    "a block's rate": (
        lambda: BlockLayer("modern", "lstm", dropout=2),
        "dropout=2",
    ),
    "a block's rate as a word": (lambda: BlockLayer("modern", "lstm", dropout="a"), "dropout='a'"),
    "a flag": (
        lambda: RNN("lstm", 4, stateful=np.array([1, 0])),
        "stateful=",
    ),
    "no state at all": (lambda: RNN("lstm", 4)(X, initial_state=[]), "the states are h, c"),
    "rates": (lambda: RNN("lstm", 4, zoneout=0.1), "zoneout=0.1"),
    "names": (
        lambda: RNN("lstm", 4, learned_initial_state=True),
        "learned_initial_state=True",
    ),
    "a gate": (
        lambda: RNN("lstm", 4, swap={"forget": "sigmod"}),
        "swap['forget']='sigmod'",
    ),
    "a file": (lambda: RNN("lstm", 4, plugins="a.py"), "plugins='a.py'"),
    "a block's file": (lambda: BlockLayer("modern", "lstm", plugins="a.py"), "plugins='a.py'"),
    "a string": (lambda: RNN("lstm", 4)("text"), "the input is 'text'"),
    "inputs": (lambda: RNN("lstm", 4)({"inputs": X}), "layer(x)"),
    "states": (lambda: RNN("lstm", 4)(X, initial_state="zeros"), "initial_state is 'zeros'"),
    "one state": (lambda: RNN("lstm", 4)(X, X), "initial_state is one array"),
    "a cell's states": (lambda: Cell("lstm", 4)(X[:, 0], "zeros"), "get_initial_state(batch_size)"),
    "lengths": (lambda: RNN("lstm", 4)(X, mask=[5, 3]), "mask=tf.sequence_mask(lengths, 5)"),
    "turned": (lambda: RNN("lstm", 4)(X, mask=np.ones((5, 2), bool)), "tf.transpose(mask)"),
    "units for a cell": (lambda: RNN(8), "gatekit.RNN('lstm', units=8)"),
    "units for a step's cell": (lambda: Cell(8), "gatekit.Cell('lstm', units=8)"),
    "states of torch": (
        lambda: RNN("lstm", 4)(X, initial_state=(np.zeros((1, 2, 4), "float32"),) * 2),
        "value[0]",
    ),
    "a block's option": (
        lambda: BlockLayer({"kind": "modern", "conv": -1}, "lstm")(X),
        "block['conv']=-1",
    ),
    "a step": (
        lambda: keras.layers.Bidirectional(Cell("lstm", 4)),
        "keras.layers.Bidirectional(gatekit.RNN('lstm', 4))",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_mistake_is_answered_in_the_words_of_the_call(fault: str) -> None:
    call, says = FAULTS[fault]
    with pytest.raises(GatekitError) as caught:
        call()
    message = str(caught.value)
    assert says in message
    # Keras adds neither its own words nor codes of a terminal.
    assert "Exception encountered" not in message
    assert "\x1b" not in message


@pytest.mark.parametrize("name", ["cell", "named_weights", "choice"])
def test_an_attribute_that_is_not_there_yet_is_no_attribute(name: str) -> None:
    made = RNN("lstm", 4)
    assert not hasattr(made, name)
    assert getattr(made, name, None) is None
    with pytest.raises(GatekitError, match="is not built yet"):
        getattr(made, name)


def test_keras_is_told_that_a_layer_is_not_a_cell() -> None:
    with pytest.raises(GatekitError, match=r"takes a step: gatekit\.Cell\('lstm', 4\)"):
        keras.layers.RNN(RNN("lstm", 4))


def test_a_cell_whose_states_depend_on_its_input_has_no_size_yet() -> None:
    # Keras asks for it with a default, and would replace an AttributeError by its own error.
    with pytest.raises(GatekitError, match=r"gatekit\.Cell .*features="):
        getattr(Cell("qrnn", 4), "state_size", None)
    assert Cell("lstm", 4).state_size == [4, 4]


def test_an_unknown_weight_is_answered_with_the_nearest() -> None:
    made = RNN("lstm", 4)
    made.build(X.shape)
    with pytest.raises(KeyError, match=r"did you mean 'forget.x'"):
        made.named_weights["forget.X"]
    assert "forget.kernel" not in made.named_weights


def test_weights_by_name_are_changed_in_place() -> None:
    layer = RNN("lstm", 4)
    layer.build((None, None, 3))
    with pytest.raises(GatekitError, match=r"\['forget.bias'\]\.assign"):
        layer.named_weights["forget.bias"] = 7.0
    with pytest.raises(KeyError, match=r"forget\.kernel"):
        layer.named_weights["forget.kernel"] = 7.0


def test_an_attribute_that_is_not_there_is_said_as_python_does() -> None:
    with pytest.raises(AttributeError) as caught:
        RNN("lstm", 3).outputunit  # noqa: B018
    text = "".join(traceback.format_exception_only(caught.value))
    assert text.startswith("AttributeError: 'RNN' object has no attribute 'outputunit'; did you")
    copied = pickle.loads(pickle.dumps(caught.value))
    assert (type(copied), str(copied)) == (AttributeError, str(caught.value))


@pytest.mark.parametrize(
    ("kind", "typed", "end"),
    [
        (Comparison, "figures", "; did you mean 'figure'?"),
        (Study, "topandas", "; did you mean 'to_pandas'?"),
        (Parts, "mixed", "; did you mean 'mixer'?"),
        (DrawContext, "fan_in", ". It has features, gate_units, units"),
    ],
)
def test_an_attribute_that_a_class_lacks_is_answered_with_those_it_has(
    kind: type, typed: str, end: str
) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(object.__new__(kind), typed)
    assert str(caught.value) == f"{kind.__name__!r} object has no attribute {typed!r}{end}"


@dataclass
class Whole:
    part: Study

    __getattr__ = no_attribute


def test_an_attribute_of_a_part_is_answered_with_the_part() -> None:
    whole = Whole(object.__new__(Study))
    with pytest.raises(AttributeError, match=r"has no attribute 'to_pandas'; its part has it"):
        whole.to_pandas  # noqa: B018
    copied = copy.copy(whole)  # attributes are asked for before there is a part
    assert copied.part is whole.part


def test_a_model_that_is_loaded_without_its_plugin_is_refused() -> None:
    made = RNN("lstm", 4).get_config()
    made["cell"]["gates"]["forget"]["kind"] = "mine"
    with pytest.raises(
        GatekitError,
        check=at("cell.gates.forget.kind", names=("'mine'",)),
    ):
        RNN.from_config(made)
    with pytest.raises(GatekitError, check=at("sizes")):
        RNN.from_config({"cell": "lstm", "units": 4, "sizes": 3})
    with pytest.raises(GatekitError, match="units"):
        RNN.from_config({"cell": "lstm", "units": -1})
