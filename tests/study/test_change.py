"""`change=NAME`: gates and equations that are swept as one word."""

import os

import pytest
from inline import Inline
from refused import at
from seams import compose, group_runs, launch, plan, plan_jobs, read_overrides
from seams import load_runs as load
from seams import train_command as train

from gatekit import ConfigError

pytestmark = pytest.mark.usefixtures("place")

EQUATION = "forget * c_prev + (1 - forget) * candidate"
MINE = (
    "swap: {forget: hard_sigmoid}\n"
    f"cell: {{equations: {{c: {EQUATION}}}, gates: {{input: null}}}}\n"
)
SAME = (
    "swap.forget=hard_sigmoid",
    f"cell.equations.c='{EQUATION}'",
    "cell.gates.input=null",
)


def own(name, text):
    path = os.path.join("conf", *name.split("/")) + ".yaml"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def planned(*words):
    return plan(["task=sum", *words]).runs


def only(*words):
    (run,) = planned(*words)
    return run


@pytest.mark.parametrize("header", ["", "# @package _global_\n"])
def test_a_change_is_the_run_of_its_keys(header):
    own("change/mine", header + MINE)
    run = only("cell=lstm", "change=mine")
    assert run.fingerprint == only("cell=lstm", *SAME).fingerprint
    assert run.config["change"] == "mine"
    assert run.words[:3] == ("task=sum", "cell=lstm", "change=mine")


def test_base_is_no_change_and_runs_keep_their_fingerprints():
    plain = only("cell=lstm")
    base = only("cell=lstm", "change=base")
    assert base.fingerprint == plain.fingerprint
    assert base.config == plain.config
    assert plain.config["change"] is None


def test_typed_words_come_last_and_a_change_may_begin_with_another():
    own("change/mine", "units: 8\nlayers: 2\n")
    own("change/more", "defaults: [mine, _self_]\nblock: {kind: residual}\n")
    config = only("change=more", "units=4").config
    assert [config[key] for key in ("units", "layers")] == [4, 2]
    assert config["block"]["kind"] == "residual"
    own("change/chosen", "defaults: [override /output_unit: memory]\n")
    assert only("change=chosen").config["output_unit"]["kind"] == "memory"


def test_a_change_names_roles_and_an_experiment_sweeps_it():
    own("change/mine", "cell: {gates: {forget: {bias: false}}}\n")
    text = (
        "# @package _global_\nhydra: {mode: MULTIRUN, sweeper: {params: {change: 'base,mine'}}}\n"
    )
    own("experiment/both", text)
    runs = planned("experiment=both", "-m", "cell=lstm,gru")
    assert [run.config["change"] for run in runs].count("mine") == 2
    biases = [only(f"cell={cell}", "cell.gates.forget.bias=false") for cell in ("lstm", "gru")]
    assert {run.fingerprint for run in biases} < {run.fingerprint for run in runs}


FILE = ("conf/change/mine.yaml",)


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("task: {length: 3}\n", at("task", names=FILE)),
        ("seed: 3\n", at("seed", names=FILE)),
        ("plugins: [mine.py]\n", at("plugins", names=FILE)),
        ("hydra: {mode: MULTIRUN}\n", at("hydra", names=FILE)),
        ("hydra.run.dir: /tmp\n", at("hydra.run.dir", names=FILE)),
        ("# @package hydra\nunits: 3\n", at("", names=(*FILE, "@package hydra"))),
        ("cell: gru\n", at("cell", names=FILE)),
        (
            "defaults: [override /task: adding]\n",
            at("defaults", names=FILE),
        ),
        (
            "defaults: [override /hydra/launcher: gatekit]\n",
            at("defaults", names=FILE),
        ),
        ("cell: {gates: {_target_: os.mkdir}}\n", at("cell.gates._target_", names=FILE)),
        ("units: ${oc.env:HOME}\n", at("units", names=(*FILE, "oc.env"))),
    ],
)
def test_a_change_sets_the_model_and_nothing_else(text, check):
    own("change/mine", text)
    with pytest.raises(ConfigError, check=check):
        planned("change=mine")


@pytest.mark.parametrize("key", ["task: {length: 3}", "plugins: [mine.py]", "seed: 1"])
def test_trust_does_not_widen_what_a_change_may_set(key):
    own("change/mine", f"{key}\n")
    with pytest.raises(ConfigError, check=at(key.partition(":")[0])):
        planned("--trust-config", "change=mine")


def test_with_mixers_a_change_swaps_gates_and_sets_no_key_of_a_cell():
    words = ["mixers=[lstm,gru]", "layers=2", "change=mine"]
    own("change/mine", "swap: {forget: hard_sigmoid}\n")
    assert only(*words).config["mixers"][1]["gates"]["update"]["kind"] == "hard_sigmoid"
    own("change/mine", MINE)
    with pytest.raises(ConfigError, match="they would have no effect"):
        planned(*words)


def test_show_knows_a_change():
    own("change/mine", MINE)
    shown = read_overrides(["cell=lstm", "change=mine"])
    assert dict(shown.cell.canonical()["equations"])["c"] == EQUATION.replace(" ", "")


def trained(*words):
    """Train a sweep of the study `two`, as ``gatekit train WORDS``, without a process."""
    typed = ["study=two", "task=echo", "units=4", *words]
    planned = plan_jobs(compose(typed), " ".join(["gatekit", "train", *typed]))
    launch(planned, backend=Inline(lambda config: 0.1 * config["seed"]))
    return load("two")


def labels(study):
    return [group.label for group in group_runs(study.runs).groups]


def test_labels_show_the_change_and_hide_what_follows_from_it():
    own("change/mine", MINE + "layers: 2\n")
    own("change/other", "cell: {equations: {h: 'output * c'}}\n")
    study = trained("-m", "cell=lstm", "change=base,mine,other", "seeds=1")
    assert labels(study) == ["change=mine", "change=other", "lstm"]
    implied = group_runs(study.runs).implied
    equations = ("cell.equations.c", "cell.equations.h")
    assert implied == dict.fromkeys(("swap.forget", "layers", *equations), "change")


@pytest.mark.slow
@pytest.mark.usefixtures("float32")
def test_a_sweep_of_two_changes_from_the_command_to_the_table():
    own("change/mine", MINE)
    words = ["-m", "study=two", "task=adding", "task.length=10", "cell=lstm", "units=2"]
    few = ["trainer.steps=2", "trainer.batch=4", "n_jobs=1", "seeds=1", "change=base,mine"]
    assert train([*words, *few]) == 0
    assert labels(load("two")) == ["change=mine", "lstm"]
