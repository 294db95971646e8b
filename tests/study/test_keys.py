"""Exact types; each key is declared once, with what an old record means and a new run gets."""

from pathlib import Path

import pytest
import yaml
from seams import (
    CELLS,
    DECLARED,
    MISSING,
    STEPS_OR_SHARE,
    TEXTS,
    USUAL,
    Flag,
    ListOf,
    Mismatch,
    OneOf,
    Optional,
    Table,
    Text,
    Whole,
    candidates,
    fits,
)
from seams import faults_Number as Number

import gatekit


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        (Whole(1, 4), [1, 4], [0, 5, True, 2.0, "2", None]),
        (Number(0, 1, above=True), [0.1, 1], [0, 1.1, False, "1", float("nan"), float("inf")]),
        (Text(), ["a"], ["", " ", 1, None]),
        (TEXTS, [[], ["a"]], ["a", [1], [""]]),
        (Table(), [{}, {"a": 1}], [{1: 2}, [], None]),
        (Optional(Whole(1)), [None, 3], [0, "x"]),
        (Number(0, 1, below=True), [0, 0.9], [1, -0.1]),
        (Flag(), [True, False], [1, 0, "true", None]),
        (Flag("auto"), [True, False, "auto"], [1, "true", None]),
        (OneOf(("a", "b")), ["a", "b"], ["c", "", None, ["a"]]),
        (ListOf(Whole(0), "a list"), [[], [1]], [1, ["a"]]),
        (CELLS, [["lstm"], ["gru", {"name": "own"}]], [[], "lstm", [""], [{}], [3]]),
        (STEPS_OR_SHARE, [0, 7, 0.0, 0.25], [-1, 1.5, 1.0, -0.1, "7", True]),
    ],
)
def test_types(type_, good, bad):
    for value in good:
        assert type_(value) == value
        assert isinstance(type_(value), bool) == isinstance(value, bool)
    for value in bad:
        with pytest.raises(Mismatch):
            type_(value)


def test_a_default_is_of_the_type():
    for name, key in DECLARED.items():
        assert key.default is MISSING or fits(key.default, key.type), name


def test_a_new_run_gets_what_is_declared():
    path = Path(gatekit.__file__).parents[1] / "conf" / "train.yaml"
    file = yaml.safe_load(path.read_text())
    groups = {name for each in file.pop("defaults") for name in each if isinstance(each, dict)}
    declared = {
        name: key.default if key.new is MISSING else key.new
        for name, key in DECLARED.items()
        if "." not in name and name not in groups
    }
    assert file == declared
    assert {*USUAL} == groups - {"experiment", "override hydra/launcher", "override hydra/sweeper"}


def test_the_values_of_a_key_are_completed_from_its_type():
    assert candidates(["cell=lstm"], "precision=float") == [
        "precision=float32",
        "precision=float64",
    ]
    assert candidates([], "vary=") == ["vary=init", "vary=order", "vary=data", "vary=null"]
    assert candidates([], "jit=a") == ["jit=auto"]
