"""A fault is data: its places move, its fixes are applied, and each channel spells it its way."""

from __future__ import annotations

import ast
import pickle
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refused import written
from seams import (
    NOTHING,
    Both,
    CellError,
    Fault,
    File,
    Flag,
    Kind,
    Layer,
    ListOf,
    Note,
    OneOf,
    Optional,
    Place,
    Remove,
    Rename,
    Run,
    Set,
    Several,
    Shell,
    Text,
    Typed,
    Whole,
    apply,
    fits,
    guesses,
    known_as,
    nearest_name,
    note_for,
    settled,
    speak,
    wrong,
)
from seams import faults_Call as Call
from seams import faults_Number as Number

import gatekit
from gatekit import ConfigError

P = Place.of
TYPES = [
    *(Whole(1, 9), Number(0, 1, below=True), Flag(), Flag("auto"), Text(), ListOf(Text())),
    *(OneOf(("mean", "last")), Optional(Whole(0))),
]
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=4,
)
PLACES = st.lists(st.sampled_from(["a", "b", 0, "x.y"]), max_size=3).map(lambda k: Place(tuple(k)))
SIMPLE = (
    st.builds(Set, PLACES, DATA) | st.builds(Remove, PLACES) | st.builds(Rename, PLACES, PLACES)
)


@pytest.mark.parametrize(
    ("fix", "after"),
    [
        (Set(P("a.b"), 2), {"a": {"b": 2}, "l": [1, 2]}),
        (Set(P("l.new"), 2), {"a": {"b": 1}, "l": {"new": 2}}),
        (Set(P("l") / 1, 5), {"a": {"b": 1}, "l": [1, 5]}),
        (Set(P("a.b"), Several((7, 8))), {"a": {"b": 7}, "l": [1, 2]}),
        (Remove(P("a")), {"l": [1, 2]}),
        (Remove(P("a.c")), {"a": {"b": 1}, "l": [1, 2]}),
        (Rename(P("a.b"), P("c.d")), {"a": {}, "l": [1, 2], "c": {"d": 1}}),
        (Both((Remove(P("l")), Set(P("a"), 3))), {"a": 3}),
        (Run("cells"), None),
        (Note(("ask",)), None),
    ],
)
def test_a_fix_is_applied_to_a_copy(fix: Any, after: object) -> None:
    data = {"a": {"b": 1}, "l": [1, 2]}
    assert apply(fix, data) == after
    assert data == {"a": {"b": 1}, "l": [1, 2]}


@settings(max_examples=25, deadline=None)
@given(DATA, SIMPLE, PLACES, st.sampled_from([*Kind]), st.dictionaries(st.just("a"), DATA))
def test_nothing_that_is_quoted_makes_a_message_or_a_fix_fail(value, fix, place, kind, data):
    fault = Fault(kind, place, value, "a number", ("see ", place), (fix, Both((fix,))), span=(1, 2))
    for channel in (Shell(), Call(given=data), Layer(given=data), File(), Typed(keys=("a",))):
        assert speak(fault, channel)
    apply(fix, data)


@settings(max_examples=100, deadline=None)
@given(DATA | st.sampled_from(["yes", "50%", "1..5", "1 2", "Mean", 10**5000]))
def test_what_is_guessed_is_of_the_type(value):
    for type_ in TYPES:
        assert all(fits(guess, type_) for guess in guesses(value, type_))
        fixes = () if fits(value, type_) else wrong(P("a"), value, type_).fixes
        assert all(fits((apply(fix, {}) or {})["a"], type_) for fix in fixes)


def reading(data: dict[str, Any]) -> Fault | None:
    """Return what is wrong with an optimizer, as readers do: one mistake after another."""
    options = data.get("optimizer", {})
    if not isinstance(options, dict):
        return Fault(
            Kind.UNKNOWN, P("optimizer"), options, known=("adam", "sgd"), what="optimizers"
        )
    if "rate" in options:
        fix = Rename(P("optimizer.rate"), P("optimizer.learning_rate"))
        return Fault(Kind.UNKNOWN, P("optimizer.rate"), options["rate"], fixes=(fix,))
    if not isinstance(rate := options.get("learning_rate", 1.0), float):
        fix = Set(P("optimizer.learning_rate"), 0.1, such=True)
        return Fault(Kind.WRONG, P("optimizer.learning_rate"), rate, "a number", fixes=(fix,))
    if "nesterov" in options and "momentum" not in options:
        ways = (Remove(P("optimizer.nesterov")), Set(P("optimizer.momentum"), 0.9))
        return Fault(
            Kind.CONFLICT, P("optimizer.nesterov"), True, why="it needs momentum", fixes=ways
        )
    if "words" in options:
        raise LookupError
    return Fault(Kind.MISSING, P("units")) if "units" not in data else None


NESTEROV = Fault(
    Kind.WRONG,
    P("optimizer.nesterov"),
    "yes",
    "true or false",
    fixes=(Set(P("optimizer.nesterov"), True),),
)
RATE = Fault(
    Kind.UNKNOWN,
    P("optimizer.rate"),
    "fast",
    fixes=(Rename(P("optimizer.rate"), P("optimizer.learning_rate")),),
)


@pytest.mark.parametrize(
    ("fault", "data", "fixes"),
    [
        # The new key refuses the value: the old one is removed, and the value is an example.
        (RATE, {"units": 1, "optimizer": {"rate": "fast"}}, ["~ & optimizer.learning_rate=0.1"]),
        # A condition is met, and what the user wants is not removed.
        (
            NESTEROV,
            {"units": 1, "optimizer": {"nesterov": "yes"}},
            ["=True & optimizer.momentum=0.9"],
        ),
        # What is meant is said, even if it has that value.
        (
            RATE,
            {"units": 1, "optimizer": {"rate": "fast", "learning_rate": 0.1}},
            ["~ & optimizer.learning_rate=0.1"],
        ),
        # Accepted, or another mistake: as it was.
        (RATE, {"units": 1, "optimizer": {"rate": 0.5}}, ["-> optimizer.learning_rate"]),
        (RATE, {"optimizer": {"rate": 0.5}}, ["-> optimizer.learning_rate"]),
        # A sentence follows: as it was.
        (RATE, {"optimizer": {"rate": 0.5, "words": 1}}, ["-> optimizer.learning_rate"]),
        # A guess at a name that does not exist is not said.
        (
            Fault(Kind.WRONG, P("optimizer"), 5, "a name", fixes=(Set(P("optimizer"), "five"),)),
            {"optimizer": 5},
            [],
        ),
    ],
)
def test_a_first_fix_is_one_that_is_accepted(
    fault: Fault, data: dict[str, Any], fixes: list[str]
) -> None:
    settle = settled(fault, data, reading)
    assert written(settle) == fixes
    assert (settle.place, settle.given) == (fault.place, fault.given)


def test_each_of_several_mistakes_is_put_right_beside_the_others() -> None:
    data = {"units": 1, "optimizer": {"rate": "fast", "nesterov": "yes"}}
    settle = settled(replace(RATE, others=(NESTEROV,)), data, reading)
    assert written(settle)[0] == "~ & optimizer.learning_rate=0.1"
    assert "a number" in speak(settle)
    [other] = settle.others
    assert written(other)[0] == "=True & optimizer.momentum=0.9"


UNKNOWN = Fault(
    Kind.UNKNOWN, P("task.lenght"), 5, fixes=(Rename(P("task.lenght"), P("task.length")),)
)
CONFLICT = Fault(
    *(Kind.CONFLICT, P("a"), 1), why=("needs ", P("b")), fixes=(Remove(P("a")), Set(P("b"), 2))
)
NO_TASK = Fault(
    *(Kind.UNKNOWN, P("task.name"), "ad"), known=("b", "a"), what="tasks", lists=Run("tasks")
)
BIAS = Fault(
    Kind.UNKNOWN,
    P("cell.gates.r.bais"),
    1,
    fixes=(Rename(P("cell.gates.r.bais"), P("cell.gates.r.bias")),),
)
BIAS_INIT = Fault(
    *(Kind.UNKNOWN, P("cell.gates.r.bias_init"), 1),
    fixes=(Rename(P("cell.gates.r.bias_init"), P("cell.gates.r.initializers.bias")),),
)
TYPED_NAME = wrong(P("cell.name"), {"a": 1}, Text(), "mine")


@pytest.mark.parametrize(
    ("fault", "channel", "said"),
    [
        (UNKNOWN, Shell(), " task.length=5."),
        (UNKNOWN, Call(given={"task": "adding"}), " task={'name': 'adding', 'length': 5}."),
        (
            UNKNOWN,
            Call(given={"task": {"name": "adding", "lenght": 5}}),
            " task={'name': 'adding', 'length': 5}.",
        ),
        (BIAS, File(line=lambda place: ("a.yaml", "line 3")), "a.yaml, line 3: cell.gates.r.bais "),
        (BIAS, File(), " bias: 1."),
        (BIAS_INIT, File(), " initializers: {bias: 1}."),
        (UNKNOWN, Call(given={"task": {"lenght": [5, 6]}}), " task={'length': [5, 6]}."),
        (TYPED_NAME, Typed(keys=("cell.name",)), " cell.name=mine, "),
        (TYPED_NAME, Typed(keys=("cells",)), " cell=mine, "),
        (wrong(P("dropout"), 20, Number(0, 1, below=True)), Shell(), " dropout=0.2."),
        (BIAS, Layer(given={"gates": {"r": {"bais": 1}}}), " gates={'r': {'bias': 1}}."),
        (BIAS, Typed(keys=("cell.gates.r",), rest=File()), " cell.gates.r.bias=1."),
        (BIAS, Typed(keys=("cell",), rest=File()), " cell.gates.r.bias=1."),
        (BIAS, Typed(keys=("units",), rest=File()), " bias: 1."),
        (wrong(P("seed"), "1..3", Whole(0), 0, True), Shell(), " -m 'seed=range(1,4)'."),
        (wrong(P("seed"), [1, 2], Whole(0), 0, True), Shell(), " -m seed=1,2."),
        (wrong(P("seed"), "1..3", Whole(0), 0, True), Call(), " seed=[1, 2, 3]."),
        (wrong(P("seed"), [1, 2], Whole(0), 0), Shell(), " seed=1."),
        (wrong(P("pool"), "Mean", OneOf(("mean", "last"))), Shell(), " pool=mean."),
        (CONFLICT, Shell(), "a=1: needs b. "),
        (CONFLICT, Shell(), " b=2."),
        (
            Fault(Kind.SYNTAX, P("cell.equations.h"), "a +", why="it ends early", span=(3, 4)),
            File(),
            "cell.equations.h: it ends early\n  a +\n     ^",
        ),
        (NO_TASK, Shell(), "Tasks: a, b. `gatekit tasks` "),
    ],
)
def test_a_channel_spells_a_fault(fault: Fault, channel: Any, said: str) -> None:
    assert said in speak(fault, channel)


@pytest.mark.parametrize("value", ["no", "1.5", "a: b", "a,b", "it's", "null", "- x", "plain"])
def test_what_is_written_into_a_file_is_read_as_the_value(value: str) -> None:
    import yaml

    for whole in (value, [value, 1], {"k": value}):
        assert yaml.safe_load(File().assign(Set(P("cell.key"), whole))) == {"key": whole}


def test_only_the_innermost_border_spells_an_error() -> None:
    error = CellError(BIAS)
    move = (P("cell.gates.r"), P("swap.r"))
    assert error.spoken(Shell(), move).fault.place == P("swap.r.bais")
    assert error.spoken(File()) is error
    assert " swap.r.bias=1." in str(error)


def test_an_error_with_a_fault_crosses_to_another_process() -> None:
    fault = Fault(Kind.MISSING, P("task.name"))
    error = pickle.loads(pickle.dumps(ConfigError(fault).spoken(File(line=lambda place: ("", "")))))
    assert (error.fault, str(error)) == (fault, speak(fault, File()))
    assert error.fault.given is NOTHING


def test_foreign_names_have_one_of_ours_where_it_is_known() -> None:
    assert known_as("key", "lr") == "optimizer.learning_rate"
    assert known_as("key", "lr", ["units"]) == ""
    assert "GPU" in note_for("key", "gpu")
    assert nearest_name("hidden_size", ["units", "unit"]) == "units"
    assert nearest_name("train_size", ["test_size", "validation_size"]) == ""
    assert nearest_name("val_size", ["test_size", "validation_size"]) == "validation_size"
    assert nearest_name("gru_cell", ["gru_lr", "gru"]) == "gru"
    assert nearest_name("num_symbols", ["symbols", "items"]) == "symbols"


def test_no_name_has_two_meanings_in_a_scope() -> None:
    import tomllib

    scopes = tomllib.loads((Path(gatekit.__file__).parent / "faults/synonyms.toml").read_text())
    for scope, rows in scopes.items():
        names = [name for each in rows.values() for name in each.split()]
        repeated = {name for name in names if names.count(name) > 1}
        assert scope in ("word", "flag", "argument", "option", "function") or not repeated, (
            scope,
            repeated,
        )


APPLIED = ("match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer")
PATTERN = re.compile(r"re|_?[A-Z_]+")
MESSAGE = re.compile(
    r"str\(error\)|error\.args|one_line|\bfault\b(?!\.what)|message|\bsaid|\btold|remedy|sentence"
)
READ = ("startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition")
FOREIGN = {"training/jit.py"}
"""XLA's refusals have no data but their text."""


def test_neither_a_regular_expression_nor_a_test_of_its_words_reads_a_message() -> None:
    root = Path(gatekit.__file__).parent
    found = set()
    for path in root.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            read: list[ast.expr] = []
            match node:
                case ast.Call(ast.Attribute(ast.Name(owner), name), args) if name in APPLIED:
                    read = args if PATTERN.fullmatch(owner) else []
                case ast.Call(ast.Attribute(owner, name)) if name in READ:
                    read = [owner]
                case ast.Compare(ast.Constant(str()), [ast.In() | ast.NotIn()], [text_read]):
                    read = [text_read]
            if any(MESSAGE.search(ast.unparse(each)) for each in read):
                found.add(path.relative_to(root).as_posix())
    assert found == FOREIGN
