"""Options as annotated class fields."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_origin, get_type_hints

import pytest
from refused import at
from seams import Declared
from seams import plain_declared as plain

from gatekit import ConfigError


class Thing(Declared):
    """Every type of option."""

    number: float = 0.5
    count: int = 2
    word: str = "a"
    flag: bool = False
    way: Literal["up", "down"] = "up"
    maybe: float | None = None
    either: int | str = "units"
    items: tuple[int, ...] = ()
    table: Mapping[str, Any] = {}
    anything: Any = None

    shared: ClassVar[int] = 3
    plain_field = 4


class Needing(Declared):
    """One option without a default."""

    length: int


class Child(Thing):
    """An inherited option with another default, and one more."""

    number = 0.25
    more: int = 1


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("number", 1, 1.0),
        ("number", 2.5, 2.5),
        ("count", 7, 7),
        ("word", "b", "b"),
        ("flag", True, True),
        ("way", "down", "down"),
        ("maybe", 3, 3.0),
        ("either", 3, 3),
        ("either", "x", "x"),
        ("items", [1, 2], (1, 2)),
        ("table", {"a": (1,)}, {"a": [1]}),
        ("anything", {1: 2}, {1: 2}),
    ],
)
def test_a_value_of_the_right_type_is_kept(name, given, kept):
    value = getattr(Thing(**{name: given}), name)
    assert (value, type(value)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("name", "given", "fix"),
    [
        ("number", "1", "=1.0"),
        ("number", True, "=0.5"),
        ("number", None, "=0.5"),
        ("count", 1.5, "=2"),
        ("count", True, "=2"),
        ("word", 3, "='a'"),
        ("flag", 1, "=True"),
        ("way", "left", "='up'"),
        ("maybe", "x", "=None"),
        ("either", 1.5, "=2"),
        ("items", "abc", "=[]"),
        ("table", [1], "={}"),
        ("number", math.nan, "=0.5"),
        ("maybe", math.inf, "=None"),
        ("numbre", 1.0, "-> number"),
        ("zzz", 1.0, "~"),
        ("shared", 1, "~"),
    ],
)
def test_any_other_value_is_refused(name, given, fix):
    with pytest.raises(ConfigError, check=at(name)):
        Thing(**{name: given})


def test_a_number_too_large_for_a_float_is_refused():
    with pytest.raises(ConfigError, check=at("number")):
        Thing(number=10**5000)


def test_a_field_without_an_annotation_is_no_option():
    with pytest.raises(ConfigError, match="plain_field is not an option"):
        Thing(plain_field=1)


def test_an_option_without_default_is_needed():
    assert Needing(length=3).options() == {"length": 3}
    with pytest.raises(ConfigError, check=at("length")):
        Needing()


def test_options_are_those_that_differ():
    assert Thing().options() == {}
    assert Thing(number=0.5, count=3).options() == {"count": 3}
    assert Child().options() == {}
    assert Child(number=0.5).options() == {"number": 0.5}
    assert list(Child(more=2, flag=True).options()) == ["flag", "more"]


def test_equal_options_are_equal_things():
    assert Thing(count=3) == Thing(count=3) != Thing(count=4)
    assert hash(Thing(items=[1])) == hash(Thing(items=(1,)))
    assert Thing() != Child()
    assert repr(Thing(count=3)) == "Thing(count=3)"


def test_things_are_immutable_and_can_be_replaced():
    thing = Thing(count=3)
    with pytest.raises(AttributeError, match="cannot be changed"):
        thing.count = 4
    assert thing.replaced(count=4).count == 4
    assert thing.count == 3


def test_plain_data():
    assert plain({1: (1, {"a": [2]}), "b": "c"}) == {"1": [1, {"a": [2]}], "b": "c"}


def test_options_follow_the_order_of_inheritance():
    class Base(Declared):
        size: int = 1
        share: float = 0.5

    class Left(Base):
        own: str = "a"

    class Right(Base):
        size: float = 2.0
        share: ClassVar[float] = 0.25

    class Mixin:
        extra: "bool" = True

    class Both(Left, Right, Mixin):
        pass

    for kind in (Both, Right, Left):
        assert dict(kind._option_types) == {
            name: hint
            for name, hint in get_type_hints(kind).items()
            if not name.startswith("_") and get_origin(hint) is not ClassVar
        }
    assert Both._option_types["size"] is float
    assert "share" not in Both._option_types
    assert Both(size=1.5, extra=False).options() == {"extra": False, "size": 1.5}


def test_a_constructor_with_named_arguments_is_refused():
    with pytest.raises(ConfigError, check=at("Made.__init__")):

        class Made(Declared):
            def __init__(self, scale=2.0):
                self.scale = scale


def test_the_default_of_a_class_is_a_value_of_the_option():
    with pytest.raises(ConfigError, check=at("count")):

        class Inherited(Thing):
            count = 2.5

    with pytest.raises(ConfigError, check=at("more")):

        class Own(Thing):
            more: bool = "yes"

    class Computed(Thing):
        @property
        def word(self):
            return 5

    assert Computed().word == 5
