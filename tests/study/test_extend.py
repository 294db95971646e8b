"""A study's own commands again, with more seeds: the same runs, and none that has changed."""

import json
import shlex

import pytest
from inline import Inline
from refused import at
from seams import compose, extension, first_seeds, launch, main, plan_file, prepare
from seams import extend_seed_of as seed_of
from seams import load_runs as load
from seams import plan_jobs as plan

from gatekit import ConfigError, RunError
from gatekit.compare import compare

ROOT = "experiments"


@pytest.fixture
def study(place):
    """Return a function that trains a sweep of the study `s`, as ``gatekit train WORDS``."""

    def make(*words, command=None):
        typed = ["study=s", "task=echo", "units=4", *words]
        planned = plan(compose(typed), command or " ".join(["gatekit", "train", *typed]))
        launch(planned, backend=Inline(lambda config: 0.1 * config["seed"]))
        return {run.fingerprint for run in planned.runs}

    return make


def test_the_runs_that_are_there_are_part_of_the_plan(study):
    there = study("-m", "cell=lstm,gru", "seeds=2", "n_jobs=3")
    whole, present = extension("s", ROOT, 4, command="gatekit extend s")
    assert present == 2
    assert len(whole.runs) == 8
    assert there == {run.fingerprint for run in first_seeds(whole, 2).runs}
    assert whole.launch.n_jobs == 3
    assert whole.command == "gatekit extend s"
    backend = Inline(lambda config: 0.1)
    launch(first_seeds(whole, 3), backend=backend)
    assert sorted(config["seed"] for config in backend.configs) == [2, 2]
    # The study's own command is repeated, not that of an extension.
    assert extension("s", ROOT, 4)[1] == 3


def test_several_commands_and_listed_seeds_are_extended_together(study):
    study("-m", "cell=lstm", "seed=0,1")
    study("-m", "cell=lstm,gru", "seeds=3")
    whole, present = extension("s", ROOT, 5, ["n_jobs=1"])
    assert present == 3
    assert len(whole.runs) == 10
    assert {seed_of(run) for run in whole.runs} == {*range(5)}
    assert whole.launch.n_jobs == 1


def test_one_run_becomes_a_study(study):
    study("cell=gru")
    whole, present = extension("s", ROOT, 3)
    assert present == 1
    assert len(whole.runs) == 3


def test_changed_runs_are_refused(study, monkeypatch):
    study("-m", "cell=lstm,gru", "seeds=2")
    import tiny

    monkeypatch.setattr(tiny.Echo, "data_hash", lambda self: "another")
    with pytest.raises(RunError, match="would no longer start 4 of its 4 runs"):
        extension("s", ROOT, 4)


def test_seeds_that_are_not_numbered_from_zero_are_refused(study):
    study("-m", "cell=lstm", "seed=0,7")
    with pytest.raises(ConfigError, match=r"has the seed 7, .* Type 12 for 4 more"):
        extension("s", ROOT, 4)


def test_only_how_runs_are_made_may_be_typed(study):
    study("-m", "cell=lstm", "seeds=2")
    with pytest.raises(ConfigError, check=at("units")):
        extension("s", ROOT, 4, ["units=8"])


def test_without_a_recorded_command_there_is_nothing_to_repeat(study, place):
    study("cell=gru", command="gatekit confirm other")
    assert plan_file.commands(place / ROOT / "s") == ["gatekit confirm other"]
    with pytest.raises(RunError, match="are not recorded in"):
        extension("s", ROOT, 4)


def test_a_trusted_configuration_is_trusted_again(study):
    study("cell=gru", command="gatekit train study=s task=echo units=4 cell=gru --trust-config")
    with pytest.raises(ConfigError, match="add it here, too"):
        extension("s", ROOT, 4)
    assert len(extension("s", ROOT, 4, trusted=True)[0].runs) == 4


@pytest.mark.parametrize("key", ["setup=[touch owned]", "sbatch={x: y}", "address=ray://there"])
def test_recorded_commands_of_the_launcher_are_typed_again(study, key):
    """A study may come from a stranger, and these are run by a shell or on another machine."""
    word = f"hydra.launcher.{key}"
    typed = ["gatekit", "train", "study=s", "task=echo", "units=4", "cell=gru", word]
    study("cell=gru", command=shlex.join(typed))
    with pytest.raises(ConfigError, match="type it here, too, if you wrote it"):
        extension("s", ROOT, 4)


def test_a_plugin_that_a_study_brings_is_not_loaded(study, place):
    brought = place / ROOT / "s" / "plugins" / "evil.py"
    command = f"gatekit train study=s task=echo units=4 cell=gru plugins=[{brought}]"
    study("cell=gru", command=command)
    brought.parent.mkdir(parents=True, exist_ok=True)
    brought.write_text("from pathlib import Path\nPath('owned').touch()\n")
    with pytest.raises(ConfigError, match="which is in experiments"):
        extension("s", ROOT, 4)
    assert not (place / "owned").exists()


def test_a_search_is_refused(study):
    search = "-m hydra/sweeper=optuna trials=4 dropout=interval(0,0.5)"
    study("cell=gru", command=f"gatekit train study=s task=echo units=4 cell=gru {search}")
    with pytest.raises(ConfigError, match="a search has no fixed variants"):
        extension("s", ROOT, 4)


def test_a_plan_stores_what_the_runs_will_store(study, place):
    typed = ["study=s", "task=echo", "units=4", "-m", "cell=lstm,gru", "seeds=2"]
    planned = plan(compose(typed), " ".join(["gatekit", "train", *typed]))
    prepare(planned)
    waiting = {run.id: run.config for run in load("s", ROOT).planned}
    assert waiting == {run.fingerprint: run.config for run in planned.runs}
    launch(planned, backend=Inline(lambda config: 0.1 * config["seed"]))
    study = load("s", ROOT)
    assert study.planned == ()
    assert {run.id: run.config for run in study.runs} == waiting


def test_a_study_of_an_earlier_format_is_compared_and_not_continued(study, place):
    study("-m", "cell=lstm,gru", "seeds=2")
    before = compare("s", ROOT).rows
    for path in (place / ROOT / "s").glob("plan-*.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 1}))
    kept = {path: path.read_bytes() for path in (place / ROOT).rglob("*") if path.is_file()}
    with pytest.raises(RunError, match="format 1"):
        study("-m", "cell=lstm,gru", "seeds=3")
    with pytest.raises(RunError, match="format 1"):
        extension("s", ROOT, 3)
    assert main(["plan", "--list", "study=s", "task=echo", "units=4", "cell=rnn"]) == 2
    assert kept == {path: path.read_bytes() for path in (place / ROOT).rglob("*") if path.is_file()}
    assert compare("s", ROOT).rows == before
