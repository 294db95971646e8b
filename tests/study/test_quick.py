"""`quick=true`: the small version that an experiment declares in its own file."""

import os

import pytest
from refused import at
from seams import plan

from gatekit import ConfigError

pytestmark = pytest.mark.usefixtures("place")

WHOLE = """# @package _global_
units: 6
task: {length: 9}
trainer: {steps: 30}
hydra: {mode: MULTIRUN, sweeper: {params: {cell: "rnn,lstm", seeds: "3"}}}
"""
QUICK = """quick:
  task: {length: 4}
  trainer: {steps: 5}
  hydra: {sweeper: {params: {seeds: "1"}}}
"""


def own(name, text):
    path = os.path.join("conf", "experiment", f"{name}.yaml")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def planned(*words):
    return plan(["task=adding", "-m", *words])


def test_the_small_version_differs_in_what_it_declares():
    own("mine", WHOLE + QUICK)
    whole, small = planned("+experiment=mine"), planned("+experiment=mine", "quick=true")
    assert [len(found.runs) for found in (whole, small)] == [6, 2]
    assert [found.launch.study for found in (whole, small)] == ["mine", "mine_quick"]
    for run in small.runs:
        assert run.config["units"] == 6
        assert run.config["task"]["length"] == 4
        assert run.config["trainer"]["steps"] == 5
        assert run.config["cell"]["name"] in ("rnn", "lstm")
    assert whole.runs[0].config["task"]["length"] == 9


def test_the_declaration_changes_nothing_of_the_whole_experiment():
    own("mine", WHOLE)
    before = planned("+experiment=mine").runs
    own("mine", WHOLE + QUICK)
    for words in (["+experiment=mine"], ["experiment=mine", "quick=false"]):
        after = planned(*words).runs
        assert [run.fingerprint for run in after] == [run.fingerprint for run in before]


def test_what_is_typed_overrides_it():
    own("mine", WHOLE + QUICK)
    (run,) = planned("+experiment=mine", "quick=true", "task.length=7", "cell=gru").runs
    assert run.config["task"]["length"] == 7
    assert run.config["cell"]["name"] == "gru"


def test_studies_of_a_file_of_its_own_go_on():
    own("mine", WHOLE + QUICK)
    small = [run.fingerprint for run in planned("+experiment=mine", "quick=true").runs]
    assert [run.fingerprint for run in planned("+experiment=mine_quick").runs] == small
    content = "# @package _global_\ndefaults: [mine, _self_]\ntrainer: {steps: 2}\n"
    own("mine_quick", content)
    assert {run.config["trainer"]["steps"] for run in planned("+experiment=mine_quick").runs} == {2}


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["+experiment=plain", "quick=true"], "experiment"),
        (["quick=true"], "quick"),
        (["experiment=mine,plain", "study=a", "quick=true"], "quick"),
        (["+experiment=mine", "quick=maybe"], "quick"),
    ],
)
def test_what_has_no_small_version_is_refused(words, key):
    own("plain", WHOLE)
    own("mine", WHOLE + QUICK)
    with pytest.raises(ConfigError, check=at(key)):
        planned(*words)


@pytest.mark.parametrize(
    ("quick", "key"),
    [
        ("{plugins: [mine.py]}", "plugins"),
        ("{units: '${oc.env:HOME}'}", "quick.units"),
        ("{task: {_target_: os.system}}", "quick.task._target_"),
        ("{hydra: {run: {dir: elsewhere}}}", "hydra.run"),
    ],
)
def test_it_may_set_no_more_than_an_experiment(quick, key):
    own("mine", f"{WHOLE}quick: {quick}\n")
    with pytest.raises(ConfigError, check=at(key, names=("mine.yaml",))):
        planned("+experiment=mine")
