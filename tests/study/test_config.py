"""Every key is checked for its exact type and range; a typo is answered with the nearest key."""

import math

import pytest
from refused import at
from seams import (
    DEFAULTS,
    LAUNCH_KEYS,
    RUN_KEYS,
    study_name,
    validate,
    with_omitted,
)

from gatekit import ConfigError

GOOD = {
    "cell": {"name": "lstm"},
    "task": {"name": "adding"},
    "optimizer": {"name": "adam", "learning_rate": 0.001},
    "trainer": {"epochs": 3, "batch": 8},
}


def refused(changes, place):
    with pytest.raises(ConfigError, check=at(place)):
        validate({**GOOD, **changes})


def test_defaults_are_filled_in():
    config = validate(GOOD)
    assert set(config) == {*RUN_KEYS, *LAUNCH_KEYS}
    assert {k: config[k] for k in DEFAULTS} == DEFAULTS
    assert config["trainer"] == {"epochs": 3, "steps": None, "batch": 8, "patience": None}


def test_the_probe_is_a_truth_value():
    refused({"probe": "gates"}, "probe")


@pytest.mark.parametrize(
    ("group", "typo"),
    [
        ("optimizer", "learning_rat"),
        ("optimizer", "clip_norm"),
        ("optimizer", "momentun"),
        ("optimizer", "shedule"),
        ("trainer", "epoch"),
        ("trainer", "patence"),
        ("trainer", "bach"),
        ("trainer", "step"),
    ],
)
def test_a_typo_inside_a_group(group, typo):
    refused({group: {**GOOD[group], typo: 1}}, f"{group}.{typo}")


@pytest.mark.parametrize("value", ["abc", True, None, 0, -1, False, "8", 8.0, 8.5, [1], "1:30"])
def test_units_are_an_integer_from_1(value):
    refused({"units": value}, "units")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -1.0, True, "0.1"])
def test_learning_rate(value):
    refused({"optimizer": {"learning_rate": value}}, "optimizer.learning_rate")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"cell": {"gates": {"a": {"_target_": "os.system"}}}}, "cell.gates.a._target_"),
        ({"swap": {"x": [{"_target_": 1}]}}, "swap.x.0._target_"),
    ],
)
def test_target(changes, key):
    with pytest.raises(ConfigError, check=at(key)):
        validate({**GOOD, **changes})


def test_a_warm_up_ends_before_the_run():
    with pytest.raises(ConfigError, match=r"optimizer\.warmup=9: .* 9 steps"):
        validate({**GOOD, "optimizer": {"warmup": 9}, "trainer": {"steps": 9}})


def test_a_missing_cell_is_asked_for():
    with pytest.raises(ConfigError, check=at("cell.name")):
        validate({k: v for k, v in GOOD.items() if k != "cell"})


def test_steps_win_over_epochs():
    assert validate({**GOOD, "trainer": {"epochs": 3, "steps": 70}})["trainer"]["epochs"] is None


def test_whole_numbers_are_numbers_where_numbers_are_meant():
    rate = validate({**GOOD, "optimizer": {"learning_rate": 1}})["optimizer"]["learning_rate"]
    assert isinstance(rate, float)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("../x", "x"),
        ("a/b", "a_b"),
        ("", "first"),
        (".", "first"),
        ("..", "first"),
        ("a b", "a_b"),
        ("-x", "x"),
        ("é", "first"),
        ("x" * 101, "x" * 60),
        ("a.", "a"),
    ],
)
def test_a_study_name_stays_in_its_folder(name, meant):
    with pytest.raises(ConfigError, check=at("study")):
        study_name(name)


def test_the_keys_that_a_run_omits_are_those_of_its_optimizer_and_schedule():
    linear = with_omitted({"name": "sgd", "schedule": "linear", "warmup": 5})
    assert linear["warmup"] == 5
    assert (linear["final"], linear["weight_decay"]) == (0.0, 0.0)
    assert not {"decay", "beta_1", "wait", "factor"} & linear.keys()
    assert with_omitted({"name": "sgd", "schedule": "plateau"})["wait"] == 3
    # It was made before decay left anything out, and is confirmed and compared as such.
    assert with_omitted({"name": "adamw", "schedule": "constant"})["decayed"] == "all"
    assert validate({**GOOD, "optimizer": {"name": "adamw"}})["optimizer"]["decayed"] == "matrices"
