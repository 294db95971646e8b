"""Every key is checked for its exact type and range; a typo is answered with the nearest key."""

import math

import pytest

from gatekit.cell.errors import ConfigError
from gatekit.faults import Run
from gatekit.runs.names import study_name
from gatekit.study.config import validate
from gatekit.study.keys import DEFAULTS, LAUNCH_KEYS, RUN_KEYS, with_omitted

GOOD = {
    "cell": {"name": "lstm"},
    "task": {"name": "adding"},
    "optimizer": {"name": "adam", "learning_rate": 0.001},
    "trainer": {"epochs": 3, "batch": 8},
}


def refused(changes, match):
    with pytest.raises(ConfigError, match=match):
        validate({**GOOD, **changes})


def test_defaults_are_filled_in():
    config = validate(GOOD)
    assert set(config) == {*RUN_KEYS, *LAUNCH_KEYS}
    assert {k: config[k] for k in DEFAULTS} == DEFAULTS
    assert config["trainer"] == {"epochs": 3, "steps": None, "batch": 8, "patience": None}


@pytest.mark.parametrize("key", [*RUN_KEYS, *LAUNCH_KEYS])
def test_a_typo_in_every_key(key):
    typo = key[0] + key
    refused({typo: 1}, rf"{typo} is not a key; did you mean {key}[.?]")


def test_the_probe_is_a_truth_value():
    refused({"probe": "gates"}, "probe is true or false")


@pytest.mark.parametrize(
    ("group", "typo", "meant"),
    [
        ("optimizer", "learning_rat", "optimizer.learning_rate"),
        ("optimizer", "clip_norm", "optimizer.clipnorm"),
        ("optimizer", "momentun", "optimizer.momentum"),
        ("optimizer", "shedule", "optimizer.schedule"),
        ("trainer", "epoch", "trainer.epochs"),
        ("trainer", "patence", "trainer.patience"),
        ("trainer", "bach", "trainer.batch"),
        ("trainer", "step", "trainer.steps"),
    ],
)
def test_a_typo_inside_a_group(group, typo, meant):
    refused(
        {group: {**GOOD[group], typo: 1}}, rf"{group}.{typo} is not a key; did you mean {meant}"
    )


def test_wrong_type():
    refused(
        {"units": "abc"}, r"units='abc' \(a string\) is not allowed: units is an integer from 1"
    )


@pytest.mark.parametrize("value", [8.5, "8", True, None])
def test_no_integer(value):
    refused({"units": value}, "units is an integer from 1")


@pytest.mark.parametrize("value", [0, -1])
def test_out_of_range(value):
    refused({"units": value}, f"units={value} .* is an integer from 1")


@pytest.mark.parametrize("value", [False, 8.0, "1:30", [1]])
def test_what_yaml_makes_of_traps(value):
    refused({"units": value}, "units is an integer from 1")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -1.0, True, "0.1"])
def test_learning_rate(value):
    refused({"optimizer": {"learning_rate": value}}, "learning_rate is a finite number above 0")


@pytest.mark.parametrize(
    "changes",
    [{"cell": {"gates": {"a": {"_target_": "os.system"}}}}, {"swap": {"x": [{"_target_": 1}]}}],
)
def test_target(changes):
    refused(changes, r"_target_=.* is not allowed")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"layers": 65}, "an integer from 1 to 64"),
        ({"bidirectional": 1}, "bidirectional is true or false"),
        ({"residual": "no"}, "residual is true or false"),
        ({"dropout": 1.0}, "from 0 to below 1"),
        ({"pool": "max"}, "one of last, mean, all"),
        ({"executor": "fast"}, "one of auto, reference"),
        ({"precision": "float16"}, "one of float32"),
        ({"seed": -1}, "seed is an integer from 0"),
        ({"seed": 1.0}, "seed is an integer"),
        ({"plugins": "a.py"}, "a list of strings"),
        ({"root": ""}, "root is a string"),
        ({"seeds": 0}, "an integer from 1 to 100,000, or null"),
        ({"n_jobs": 0}, "n_jobs is an integer"),
        ({"threads": None}, "threads is an integer"),
        ({"retry": "all"}, "one of failed, or null"),
        ({"cell": "lstm"}, "cell is a mapping"),
        (
            {"trainer": {"epochs": None, "steps": None}},
            "steps is null, too. Type trainer.epochs=20",
        ),
        ({"optimizer": {"name": "adam", "momentum": 0.9}}, "adam has no momentum"),
        ({"optimizer": {"name": "rmsprop", "nesterov": True}}, "type optimizer=sgd"),
        ({"optimizer": {"name": "sgd", "nesterov": True}}, "nesterov=true: it needs momentum"),
        ({"optimizer": {"name": "adm"}}, "one of adam, adamw, sgd, rmsprop"),
        (
            {"optimizer": {"weight_decay": 0.1}},
            "adam has no weight_decay. Remove optimizer.weight_decay",
        ),
        (
            {"optimizer": {"name": "sgd", "beta_1": 0.8}},
            "sgd has no beta_1. Remove optimizer.beta_1, or type opt",
        ),
        ({"optimizer": {"name": "rmsprop", "beta_2": 0.8}}, "rmsprop has no beta_2"),
        ({"optimizer": {"name": "sgd", "decayed": "all"}}, "Type optimizer.weight_decay=0.01"),
        ({"optimizer": {"name": "adamw", "decayed": "some"}}, "one of matrices, all"),
        ({"optimizer": {"final": 0.1}}, "the schedule constant has no last rate to set"),
        ({"optimizer": {"schedule": "step", "final": 0.1}}, "type optimizer.schedule=cosine"),
        ({"optimizer": {"decay": 0.2}}, "or type optimizer.weight_decay=0.2"),
        ({"optimizer": {"schedule": "wsd", "decay": 1}}, "a finite number above 0 to below 1"),
        (
            {"optimizer": {"schedule": "step", "wait": 2}},
            "Remove optimizer.wait, or type optimizer.schedule=plateau",
        ),
        ({"optimizer": {"factor": 0.5}}, "or type optimizer.schedule=plateau"),
        ({"optimizer": {"schedule": "plateau", "factor": 1}}, "above 0 to below 1"),
        ({"optimizer": {"schedule": "plateau", "warmup": 9}}, "Remove optimizer.warmup"),
        ({"optimizer": {"warmup": 10.0}}, "Type optimizer.warmup=10."),
        ({"optimizer": {"warmup": 1.5}}, "a number of steps from 0, or a share of all steps"),
        ({"optimizer": {"warmup": -0.1}}, "a number of steps from 0, or a share of all steps"),
        ({"optimizer": {"warmup": True}}, "a number of steps from 0, or a share of all steps"),
        ({"optimizer": {"ema": 1.0}}, "a finite number above 0 to below 1, or null"),
        ({"optimizer": {"epsilon": 0}}, "a finite number above 0"),
        (
            {"optimizer": {"warmup": 9}, "trainer": {"steps": 9}},
            "the warm-up would last 9 of the run's 9 steps",
        ),
        ({"task": {}}, "task is missing. Type task=adding"),
        ({"seeds": 3, "seed": 4}, "seeds=3: it means the seeds 0 to 2. Remove seed, or"),
    ],
)
def test_ranges_and_conflicts(changes, match):
    refused(changes, match)


def test_a_missing_cell_is_asked_for():
    with pytest.raises(ConfigError, match=r"cell is missing\. Type cell=lstm"):
        validate({k: v for k, v in GOOD.items() if k != "cell"})


def test_steps_win_over_epochs():
    assert validate({**GOOD, "trainer": {"epochs": 3, "steps": 70}})["trainer"]["epochs"] is None


def test_whole_numbers_are_numbers_where_numbers_are_meant():
    rate = validate({**GOOD, "optimizer": {"learning_rate": 1}})["optimizer"]["learning_rate"]
    assert isinstance(rate, float)


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", "a b", "-x", "é", "x" * 101, "a."])
def test_a_study_name_stays_in_its_folder(name):
    with pytest.raises(ConfigError, match="cannot be a folder's name"):
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


def test_an_option_of_another_command_leads_to_it():
    with pytest.raises(ConfigError) as error:
        validate({**GOOD, "margin": 0.5})
    assert error.value.fault.fixes == (Run("compare", ("STUDY", "--margin", "0.5")),)


def test_without_a_length_both_keys_that_give_one_are_shown():
    with pytest.raises(ConfigError) as error:
        validate({**GOOD, "trainer": {"epochs": None, "steps": None, "batch": 8}})
    assert {fix.value for fix in error.value.fault.fixes} == {20, 1000}
