"""A fault is data, and one sentence: the place, what was given, what is expected, a near name."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seams import NOTHING, CellError, Channel, Fault, Kind, Place, Typed, speak
from seams import faults_Call as Call

from gatekit import ConfigError

P = Place.of
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=4,
)
PLACES = st.lists(st.sampled_from(["a", "b", 0, "x.y"]), max_size=3).map(lambda k: Place(tuple(k)))


@settings(max_examples=50, deadline=None)
@given(DATA, PLACES, st.sampled_from([*Kind]))
def test_nothing_that_is_quoted_makes_a_message_fail(value, place, kind):
    fault = Fault(kind, place, value, "a number", "see it", span=(1, 2))
    for channel in (Channel(), Call(), Typed(keys=("a",))):
        assert speak(fault, channel)


@pytest.mark.parametrize(
    ("name", "near"), [("lenght", True), ("Length", True), ("zzzz", False), ("l" * 200, False)]
)
def test_a_near_name_is_named_and_otherwise_all_are(name: str, near: bool) -> None:
    fault = Fault(Kind.UNKNOWN, P("task") / name, 5, known=("length", "batch"))
    message = speak(fault)
    assert "'length'" in message if near else "batch, length" in message


def test_only_the_innermost_border_spells_an_error() -> None:
    error = CellError(Fault(Kind.UNKNOWN, P("cell.gates.r.bais"), 1))
    move = (P("cell.gates.r"), P("swap.r"))
    assert error.spoken(Channel(), move).fault.place == P("swap.r.bais")
    assert error.spoken(Channel()) is error
    assert str(error).startswith("swap.r.bais=1: ")


def test_an_error_with_a_fault_crosses_to_another_process() -> None:
    fault = Fault(Kind.MISSING, P("task.name"))
    error = pickle.loads(pickle.dumps(ConfigError(fault).spoken(Channel(lambda place: ("", "")))))
    assert (error.fault, str(error)) == (fault, speak(fault, Channel()))
    assert error.fault.given is NOTHING
