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
from refused import Check, at
from seams import (
    CHECKS,
    GROUP_KEYS,
    LAUNCH_KEYS,
    RUN_KEYS,
    ArgumentError,
    build_block,
    components,
    overrides,
    parse,
    read_block,
    read_cell,
    read_options,
    read_output_unit,
    validate,
)
from seams import FUNCTIONS as OPS

import gatekit
from gatekit import GatekitError
from gatekit.registry import cell_config

WRONG = ("yes", -1, 0.5, float("nan"), 10**30, [], {"a": 1}, None, True, "")
REMEDY = re.compile(r"\b(type|write|remove|such as|did you mean|needed)\b", re.IGNORECASE)
BASE = {"cell": {"name": "lstm"}, "task": {"name": "adding"}, "optimizer": {}, "trainer": {}}
SHARED = validate({**BASE, "trainer": {"epochs": 1}})


def refused(attempts: Iterator[tuple[str, Callable[[], object]]]) -> dict[str, GatekitError]:
    """Return the errors of the attempts that are refused, by what was typed."""
    found = {}
    for typed, attempt in attempts:
        try:
            attempt()
        except GatekitError as error:
            found[typed] = error
    return found


def without_remedy(errors: dict[str, GatekitError]) -> list[str]:
    """Return the messages that do not show the key, or what to type."""
    return [
        f"{typed}: {error}"
        for typed, error in errors.items()
        if not (error.fault.fixes if error.fault else REMEDY.search(str(error)))
        or typed.partition("=")[0].rpartition(".")[2] not in str(error)
    ]


def test_each_key_with_a_wrong_value(monkeypatch: pytest.MonkeyPatch) -> None:
    # Only what is installed is suggested, and no tracker has to be for the tests.
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace(origin=name))

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

    message = refused(attempts())
    assert len(message) > 500
    assert without_remedy(message) == []
    assert "trainer.epochs=20" in str(message["trainer.epochs=-1"])


def test_a_tracker_is_typed_as_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    # Only what is installed is suggested, and no tracker has to be for the tests.
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace(origin=name))
    with pytest.raises(GatekitError, check=at("track", "=['tensorboard']")):
        validate({**SHARED, "track": "yes"})


@pytest.mark.parametrize(
    ("typed", "place", "fix"),
    [
        ({"jit": "yes"}, "jit", "=True"),
        ({"dropout": "50%"}, "dropout", "=0.5"),
        ({"units": "64"}, "units", "=64"),
        ({"units": 64.0}, "units", "=64"),
        ({"pool": "Mean"}, "pool", "='mean'"),
        ({"pool": "lst"}, "pool", "='last'"),
        ({"units": [16, 32]}, "units", "=Several(values=(16, 32))"),
        ({"units": [16]}, "units", "=16"),
        ({"seed": 10**30}, "seed", f"={2**63 - 1}"),
        ({"optim": {"lr": 0.1}}, "optim", "~ & optimizer.learning_rate=0.1"),
        ({"trainer": {"learning_rate": 1}}, "trainer.learning_rate", "-> optimizer.learning_rate"),
        ({"output_dir": "results"}, "output_dir", "-> root"),
        ({"adding": {"length": 9}}, "adding", "~ & task.length=9"),
    ],
    ids=str,
)
def test_what_is_nearly_right_is_typed_right(typed: dict[str, Any], place: str, fix: str) -> None:
    with pytest.raises(GatekitError, check=at(place, fix)):
        validate({**SHARED, **typed})


def test_a_name_that_is_nearly_that_of_a_folder_is_typed_as_one() -> None:
    with pytest.raises(GatekitError, check=at("study", "='my_study'")):
        validate({**SHARED, "study": "my study"})


@pytest.mark.parametrize(
    ("word", "fix"),
    [
        ("batch-size=16", "-> trainer.batch"),
        ("cell=lstm,units=32", "='lstm' & units=32"),
        ("seeds=1,2,3", "~ & seed=Several(values=(1, 2, 3))"),
        ("study=a,b", "='a'"),
        ("track=mlflow,wandb", "=['mlflow', 'wandb']"),
        ("cell=lstm|gru", "=Several(values=('lstm', 'gru'))"),
    ],
)
def test_words_that_are_nearly_right(word: str, fix: str) -> None:
    with pytest.raises(GatekitError, check=at(word.partition("=")[0], fix)):
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

    message = refused(attempts())
    assert len(message) > 1000
    assert without_remedy(message) == []
    assert "block.conv=4" in str(message["block.modern.conv=-1"])


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
    if name not in ("train", "plan"):  # they take any number of words
        with pytest.raises(ArgumentError, check=at("", names=(f"gatekit.{name}(",))):
            function(*range(40))
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        with pytest.raises(ArgumentError, check=at("wrongly")):
            function("x", **given, wrongly=1)
    for key, parameter in parameters.items():
        if str(parameter.annotation) in ("int", "bool", "str | Path | None", "Sequence[str]"):
            with pytest.raises(ArgumentError, check=at(key)) as caught:
                function("x", **{**given, key: object()})
            # The call of the example, or its argument if it has this one.
            assert re.search(rf"gatekit\.{name}\(| {key}=", str(caught.value))


@pytest.mark.parametrize(
    ("words", "place", "fix"),
    [
        ("cell=lstm units 32", "units", "=32"),
        ("cell = lstm task= adding", "cell", "='lstm' & task='adding'"),
        ("cell:lstm task:adding", "cell", "='lstm' & task='adding'"),
        ("cell==lstm", "cell", "='lstm'"),
        ("cell=lstm, gru", "cell", "=Several(values=('lstm', 'gru'))"),
        ("LSTM Adding units=4", "LSTM", "cell='lstm'"),
        (
            "optimizer={name:adam,learning_rate:0.01}",
            "optimizer",
            "='adam' & optimizer.learning_rate=0.01",
        ),
    ],
)
def test_a_key_and_its_value_are_one_word(words: str, place: str, fix: str) -> None:
    with pytest.raises(GatekitError, check=at(place, fix)):
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

    message = refused(attempts())
    assert len(message) > 12
    command = re.compile(r"gatekit (train|plan|compare|report|extend|load)\b|(?<!\w)--?[a-z]")
    assert [str(error) for error in message.values() if command.search(str(error))] == []


@pytest.mark.parametrize(
    ("equation", "written"),
    [
        ("update \u00b7 h_prev", "update * h_prev"),
        ("\u03c3(x) \u2299 h_prev", "sigmoid(x) * h_prev"),
        ("\u03b1 * h_prev \u2212 x\u00b2", "alpha * h_prev - x**2"),
        ("np.tanh(h_prev)", "tanh(h_prev)"),
        ("tf.nn.relu(a + b)", "relu(a + b)"),
        ("torch.max(a, b)", "maximum(a, b)"),
        ("h[t-1] * a", "h_prev * a"),
    ],
)
def test_an_equation_in_other_notation_is_written_out(equation: str, written: str) -> None:
    with pytest.raises(GatekitError, check=at("", f"={written!r}")):
        parse(equation, OPS)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("1k", "1000"), ("64", "64"), ("2e1", "20")],
)
def test_a_string_that_means_a_number_is_typed_as_the_number(typed: str, meant: str) -> None:
    with pytest.raises(GatekitError, check=at("task.length", f"={meant}")):
        components.load().task({"name": "adding", "length": typed})


@pytest.mark.parametrize("name", ["cells", "status", "gates_report", "prune"])
def test_a_command_that_is_not_a_function_is_named_as_a_command(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"type `gatekit {name.replace('_', '-')}` in a"):
        getattr(gatekit, name)


@pytest.mark.parametrize(
    ("call", "check"),
    [
        (
            lambda: gatekit.run("s", {"lr": 0.2}, seed="0", metric="acc"),
            at("seed", "=0", names=("seed='0'", "seed=0.")),
        ),
        (lambda: gatekit.run("s", "a", seed="1"), at("config", names=("'a'", "gatekit.run("))),
        (
            lambda: gatekit.compare("s", by=["cell"], level="x"),
            at("level", "=0.95", names=("'x'", "level=0.95,")),
        ),
        (
            lambda: gatekit.train(study="s", cell="lstm", task={"nam": "adding"}),
            at("task.nam", "-> task.name", names=("task['name']", "task='adding'")),
        ),
    ],
)
def test_what_was_passed_is_kept(call: Callable[[], object], check: Check) -> None:
    with pytest.raises(GatekitError, check=check):
        call()
