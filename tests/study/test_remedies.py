"""Every key, option and argument with a wrong value: the message shows what came, and what to type.

These are sweeps over what there is, so that a key that is added has such a message, too.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import gatekit
from gatekit.cell.block.built_block import build_block
from gatekit.cell.block.reading import read_block
from gatekit.cell.calls import ArgumentError
from gatekit.cell.errors import GatekitError, alternatives
from gatekit.cell.language.ops import FUNCTIONS as OPS
from gatekit.cell.language.parse import parse
from gatekit.cell.schema import read_cell, read_output_unit
from gatekit.registry import cell_config, components
from gatekit.study.config import validate
from gatekit.study.keys import GROUP_KEYS, LAUNCH_KEYS, RUN_KEYS
from gatekit.study.line import overrides
from gatekit.study.options import CHECKS, read_options

WRONG = ("yes", -1, 0.5, float("nan"), 10**30, [], {"a": 1}, None, True, "")
REMEDY = re.compile(r"\b(type|write|remove|such as|did you mean|needed)\b", re.IGNORECASE)
BASE = {"cell": {"name": "lstm"}, "task": {"name": "adding"}, "optimizer": {}, "trainer": {}}
SHARED = validate({**BASE, "trainer": {"epochs": 1}})


def refused(attempts: Iterator[tuple[str, Callable[[], object]]]) -> dict[str, str]:
    """Return the messages of the attempts that are refused, by what was typed."""
    found = {}
    for typed, attempt in attempts:
        try:
            attempt()
        except GatekitError as error:
            found[typed] = str(error)
    return found


def without_remedy(messages: dict[str, str]) -> list[str]:
    """Return the messages that do not show the key, or what to type."""
    return [
        f"{typed}: {message}"
        for typed, message in messages.items()
        if not REMEDY.search(message) or typed.partition("=")[0].rpartition(".")[2] not in message
    ]


def test_each_key_with_a_wrong_value() -> None:
    def attempts() -> Iterator[tuple[str, Callable[[], object]]]:
        for value in WRONG:
            for key in (*RUN_KEYS, *LAUNCH_KEYS):
                yield f"{key}={value}", lambda k=key, v=value: validate({**SHARED, k: v})
            for group, keys in GROUP_KEYS.items():
                for key in keys:
                    data = {**SHARED, group: {**SHARED[group], key: value}}
                    named = group if key == "name" else f"{group}.{key}"
                    yield f"{named}={value}", lambda d=data: validate(d)
            for key in CHECKS:
                yield f"launcher.{key}={value}", lambda k=key, v=value: read_options({k: v})

    found = refused(attempts())
    assert len(found) > 500
    assert without_remedy(found) == []
    assert "Type trainer.epochs=20." in found["trainer.epochs=-1"]


def test_a_tracker_is_typed_as_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    # Only what is installed is suggested, and no tracker has to be for the tests.
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace(origin=name))
    with pytest.raises(GatekitError, match=re.escape("Type 'track=[tensorboard]'.")):
        validate({**SHARED, "track": "yes"})


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ({"jit": "yes"}, "Type jit=true."),
        ({"dropout": "50%"}, "Type dropout=0.5."),
        ({"units": "64"}, "Type units=64."),
        ({"units": 64.0}, "Type units=64."),
        ({"pool": "Mean"}, "Type pool=mean."),
        ({"pool": "lst"}, "Type pool=last."),
        ({"units": [16, 32]}, "type -m units=16,32."),
        ({"units": [16]}, "allowed: units is an integer from 1. Type units=16."),
        ({"seed": 10**30}, "from 0 to 9,223,372,036,854,775,807"),
        ({"optim": {"lr": 0.1}}, "did you mean optimizer.learning_rate?"),
        ({"trainer": {"learning_rate": 1}}, "did you mean optimizer.learning_rate?"),
        ({"output_dir": "results"}, "did you mean root?"),
        ({"adding": {"length": 9}}, "Type task.length=9"),
        ({"study": "my study"}, "Type study=my_study."),
    ],
    ids=str,
)
def test_what_is_nearly_right_is_typed_right(typed: dict[str, Any], meant: str) -> None:
    with pytest.raises(GatekitError, match=re.escape(meant)):
        validate({**SHARED, **typed})


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("batch-size=16", "Type trainer.batch=16"),
        ("cell=lstm,units=32", "Type cell=lstm units=32"),
        ("seeds=1,2,3", "type -m seed=1,2,3"),
        ("study=a,b", "Type study=a."),
        ("track=mlflow,wandb", "Type 'track=[mlflow,wandb]'"),
        ("cell=lstm|gru", "type -m cell=lstm,gru"),
    ],
)
def test_words_that_are_nearly_right(word: str, meant: str) -> None:
    with pytest.raises(GatekitError, match=re.escape(meant)):
        overrides([word])


def test_each_option_of_tasks_and_blocks_with_a_wrong_value() -> None:
    known = components.load()
    cell = read_cell(cell_config("lstm", known.catalogue), known.catalogue)
    unit = read_output_unit("hidden", known.catalogue)

    def block(name: str, option: str, value: object) -> object:
        spec = read_block({"kind": name, option: value}, known.catalogue)
        return build_block(spec, cell, unit, width=8, units=8)

    def attempts() -> Iterator[tuple[str, Callable[[], object]]]:
        for value in WRONG:
            for name, task in known.tasks.items():
                for option in task.option_names():
                    if option not in task.places:
                        config = {"name": name, option: value}
                        yield f"task.{name}.{option}={value}", lambda c=config: known.task(c)
            for name, kind in known.catalogue.blocks.items():
                for option in kind.option_names():
                    given = (name, option, value)
                    yield f"block.{name}.{option}={value}", lambda g=given: block(*g)

    found = refused(attempts())
    assert len(found) > 1000
    assert without_remedy(found) == []
    assert (
        "block.conv=-1 (an integer) is not allowed: block.conv is an integer from 0. "
        "Type block.conv=4." in found["block.modern.conv=-1"]
    )


FUNCTIONS = {
    name: getattr(gatekit, name)
    for name in ("train", "plan", "extend", "report", "show", "diagram", "compare", "load", "run")
} | {"code": gatekit.code}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_calls_with_wrong_arguments(name: str) -> None:
    function = FUNCTIONS[name]
    parameters = inspect.signature(function).parameters
    required = [p.name for p in parameters.values() if p.default is p.empty][1:]
    given = {key: {} if key == "config" else 0 for key in required if key in ("config", "seed")}
    if name != "train":
        with pytest.raises(ArgumentError, match=rf"For example, gatekit\.{name}\("):
            function(*range(40))
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        with pytest.raises(ArgumentError, match=r"wrongly=1: there is no such argument\."):
            function("x", **given, wrongly=1)
    for key, parameter in parameters.items():
        if str(parameter.annotation) in ("int", "bool", "str | Path | None", "Sequence[str]"):
            with pytest.raises(ArgumentError, match=f"{key}=an object of .* For example, gatekit"):
                function("x", **{**given, key: object()})


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (
            "cell=lstm units 32",
            "type units=32",
        ),
        ("cell = lstm task= adding", "type cell=lstm task=adding"),
        ("cell:lstm task:adding", "type cell=lstm task=adding"),
        ("cell==lstm", "type cell=lstm"),
        ("cell=lstm, gru", "type -m cell=lstm,gru"),
        ("LSTM Adding units=4", "type cell=lstm."),
        (
            "optimizer={name:adam,learning_rate:0.01}",
            "Type optimizer=adam optimizer.learning_rate=",
        ),
    ],
)
def test_a_key_and_its_value_are_one_word(words: str, meant: str) -> None:
    with pytest.raises(GatekitError, match=f"(?i){re.escape(meant)}"):
        overrides(words.split())


def test_functions_never_suggest_the_command_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    wrong = {"task.length": 5, "units": "big", "seeds": [1, 2], "optimizer": {"lr": 1}}

    def attempts() -> Iterator[tuple[str, Callable[[], object]]]:
        for name in ("compare", "report", "load", "extend"):
            function, more = getattr(gatekit, name), {"most": 9} if name == "extend" else {}
            for study in ("nosuch", "there", "there/runs", ""):
                yield f"{name} {study}", lambda f=function, s=study, m=more: f(s, tmp_path, **m)
        plan = functools.partial(gatekit.plan, cell="lstm", try_out=False)
        for key, value in wrong.items():
            yield f"plan {key}", lambda k=key, v=value: plan(**{k: v})

    found = refused(attempts())
    assert len(found) > 12
    command = re.compile(r"gatekit (train|plan|compare|report|extend|load)\b|(?<!\w)--?[a-z]")
    assert [message for message in found.values() if command.search(message)] == []


@pytest.mark.parametrize(
    ("equation", "written"),
    [
        ("update \u00b7 h_prev", "Write update * h_prev"),
        ("\u03c3(x) \u2299 h_prev", "Write sigmoid(x) * h_prev"),
        ("\u03b1 * h_prev \u2212 x\u00b2", "Write alpha * h_prev - x**2"),
        ("np.tanh(h_prev)", "Write tanh(h_prev)"),
        ("tf.nn.relu(a + b)", "Write relu(a + b)"),
        ("torch.max(a, b)", "Write 'maximum(a, b)'"),
        ("h[t-1] * a", "Write h_prev * a"),
    ],
)
def test_an_equation_in_other_notation_is_written_out(equation: str, written: str) -> None:
    with pytest.raises(GatekitError, match=re.escape(written)):
        parse(equation, OPS)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("1k", "1000"), ("64", "64"), ("2e1", "20")],
)
def test_a_string_that_means_a_number_is_typed_as_the_number(typed: str, meant: str) -> None:
    with pytest.raises(GatekitError, match=rf"Type task\.length={meant}\."):
        components.load().task({"name": "adding", "length": typed})


def test_a_name_that_contains_what_was_typed_is_near_it() -> None:
    known = [*"abcdefghijklmnopqrst", "mnist1d", "sequential_mnist", "permuted_mnist"]
    said = alternatives("mnist", known, "tasks")
    assert "Similar: permuted_mnist, sequential_mnist." in said


@pytest.mark.parametrize("name", ["cells", "status", "gates_report", "prune"])
def test_a_command_that_is_not_a_function_is_named_as_a_command(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"type `gatekit {name.replace('_', '-')}` in a"):
        getattr(gatekit, name)


@pytest.mark.parametrize(
    ("call", "typed"),
    [
        (
            lambda: gatekit.run("s", {"lr": 0.2}, seed="0", metric="acc"),
            "seed='0' (a string) is not allowed: seed is an integer. Write seed=0.",
        ),
        (
            lambda: gatekit.run("s", "a", seed="1"),
            "config='a' (a string) is not allowed: config is a mapping. For example, gatekit.run(",
        ),
        (
            lambda: gatekit.compare("s", by=["cell"], level="x"),
            "level='x' (a string) is not allowed: level is a number. For example, gatekit.compare(",
        ),
        (
            lambda: gatekit.train(study="s", cell="lstm", task={"nam": "adding"}),
            "did you mean task['name']? Write task='adding'.",
        ),
    ],
)
def test_what_was_passed_is_kept(call: Callable[[], object], typed: str) -> None:
    with pytest.raises(GatekitError) as caught:
        call()
    assert typed in str(caught.value)
