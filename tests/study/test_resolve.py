"""Plain data from a composed configuration: nothing missing, circular, or read from elsewhere."""

import pytest
from omegaconf import OmegaConf
from refused import at, saying
from seams import plain_config as plain

from gatekit import ConfigError

TASKS = {"adding": {"length": 100}}


def refused(config, check):
    with pytest.raises(ConfigError, check=check):
        plain(OmegaConf.create(config), TASKS)


def test_missing_value():
    refused(
        {"cell": {"units": "???"}},
        saying(r"cell.units has no value yet \(\?\?\?\); type cell.units=VALUE"),
    )


@pytest.mark.parametrize(
    "config", [{"a": "${a}"}, {"a": "${b}", "b": "${a}"}, {"a": {"b": "x${c}"}, "c": "${a.b}"}]
)
def test_cycles(config):
    refused(config, saying(r"\$\{"))


def test_a_reference_to_nothing():
    refused({"units": "${untis}"}, saying("untis"))


@pytest.mark.parametrize(
    "name", ["now", "python_version", "mine", "oc.decode", "oc.create", "hydra"]
)
def test_resolvers(name):
    refused({"a": f"${{{name}:x}}"}, at("a"))


@pytest.mark.parametrize(
    "text",
    [
        "${oc.env:AWS_SECRET_ACCESS_KEY}",
        "x${ oc.env : HOME}y",
    ],
)
def test_environment(text, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    with pytest.raises(ConfigError, check=at("cell.0")) as caught:
        plain(OmegaConf.create({"cell": [text]}), TASKS)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["${${n}:HOME}", "${oc.${m}:HOME}", "${oc.select:${oc.env:HOME}}"])
def test_environment_in_disguise(text):
    refused({"a": text, "n": "oc.env", "m": "env"}, at("a"))


def test_references_and_task_options_resolve():
    config = {
        "task": {"name": "adding"},
        "cell": {"t_max": "${task.length}", "units": "${units}"},
        "units": 8,
        "hydra": {"x": "${now:%Y}"},
    }
    found = plain(OmegaConf.create(config), TASKS)
    assert found["cell"] == {"t_max": 100, "units": 8}
    assert "hydra" not in found


def test_what_is_written_wins_over_a_task_default():
    config = {"task": {"name": "adding", "length": 7}, "a": "${task.length}"}
    assert plain(OmegaConf.create(config), TASKS)["a"] == 7
