"""Learned quantities and their maps."""

import math

import pytest
from refused import at
from seams import MAPS, CellError, read_cell

from gatekit import Parameter
from gatekit.registry import catalogue

FORWARD = {
    "sigmoid": lambda raw: 1 / (1 + math.exp(-raw)),
    "tanh": math.tanh,
    "softplus": lambda raw: math.log1p(math.exp(raw)),
    "exp": math.exp,
}


def test_an_initializer_may_be_given_by_its_name():
    assert Parameter(init="uniform") == Parameter(init={"kind": "uniform"})
    with pytest.raises(CellError, check=at("init")):
        Parameter(init=["uniform"])


@pytest.mark.parametrize("name", ["unifrm", "uniform(0, 1)"])
def test_an_initializer_that_does_not_exist_is_refused(name):
    cell = {"equations": {"h": "a * x"}, "emits": "h", "parameters": {"a": {"init": name}}}
    with pytest.raises(CellError) as caught:
        read_cell(cell, catalogue())
    assert caught.value.fault.place.path[:4] == ("cell", "parameters", "a", "init")


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("value", [0.1, 0.5, 0.9])
def test_the_raw_value_maps_to_the_first_value(name, value):
    raw = Parameter(init=value, map=name).raw_init()
    assert FORWARD[name](raw) == pytest.approx(value, rel=1e-12)


def test_without_a_map_the_raw_value_is_the_first_value():
    assert Parameter("scalar", init=3).raw_init() == 3
    assert Parameter(init={"kind": "normal"}, map="exp").raw_init() == {"kind": "normal"}


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        ("sigmoid", 0.0, "=0.9"),
        ("sigmoid", 1.0, "=0.9"),
        ("tanh", 1.0, "=0.5"),
        ("softplus", 0.0, "=1.0"),
        ("exp", -1.0, "=1.0"),
    ],
)
def test_a_first_value_outside_the_range_is_refused(name, value, fix):
    with pytest.raises(CellError, check=at("init")):
        Parameter(init=value, map=name)


@pytest.mark.parametrize(
    ("options", "check"),
    [
        ({"map": "sigmiod"}, at("map")),
        ({"map": "relu"}, at("map")),
        ({"shape": (64,), "init": 0.5}, at("shape")),
        ({"shape": (1,)}, at("shape")),
        ({"shape": "units x units"}, at("shape")),
        ({"shape": ("units", "units")}, at("shape")),
        ({"shape": (1, "units")}, at("shape")),
        ({"shape": -1}, at("shape")),
        ({"shape": True}, at("shape")),
        ({"shape": 1.5}, at("shape")),
        ({"init": True}, at("init")),
    ],
)
def test_what_is_no_parameter(options, check):
    with pytest.raises(CellError, check=check):
        Parameter(**options)


def test_the_canonical_form_leaves_out_what_is_usual():
    assert Parameter().canonical() == {"shape": "units", "init": 0.0}
    full = Parameter("scalar", {"kind": "ones"}, "exp", trainable=False)
    assert Parameter(**full.canonical()) == full
