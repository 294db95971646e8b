"""The cells and settings of a user in a bundle: its commands work in a folder that has no other."""

from __future__ import annotations

import json
import shlex
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import processes
import pytest
from seams import load_runs as load
from seams import plan, plan_file, write_bundle

from .synthetic import write_run


def contents(path: Path) -> list[str]:
    """Return the names in a bundle."""
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


OWN = "defaults: [lstm]\nnotes: Mine.\nequations:\n  h: output * c\n"
WORDS = ["study=demo", "task=adding", "units=4", "trainer.steps=10", "trainer.epochs=null"]


def bundled(root: Path, *words: str, change: bool = False) -> tuple[Path, list[str], list[str]]:
    """Return the bundle of a study with an own cell, its notes, and the ids of its runs."""
    command = ["-m", *WORDS, *words]
    planned = plan(command).runs
    study = root / "experiments" / "demo"
    runs = []
    for run in planned:
        known: Mapping[str, Any] = {"data_hash": run.data_hash, "plugins": dict(run.plugins)}
        write_run(study / "runs", run.config, 1.0, name=run.fingerprint, **known)
        runs.append(plan_file.RequestedRun(run.fingerprint, run.label, run.words, run.origin))
    plan_file.write(study, "1", shlex.join(["gatekit", "train", *command]), runs)
    if change:
        (root / "conf" / "cell" / "own.yaml").write_text("defaults: [gru]\n")
    notes = write_bundle(load("demo", root / "experiments"), root / "demo.zip")
    return root / "demo.zip", notes, [run.id for run in runs]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine" / "conf" / "cell").mkdir(parents=True)
    (tmp_path / "mine" / "conf" / "cell" / "own.yaml").write_text(OWN)
    monkeypatch.chdir(tmp_path / "mine")
    return tmp_path / "mine"


def repeated(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the ids of the runs that REPRODUCE.md repeats in a new folder."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / path.stem)
    text = (folder / path.stem / "REPRODUCE.md").read_text()
    section = text.split("## Repeat the study\n")[1]
    *copies, command = section.split("```console\n")[1].split("\n```")[0].split("\n")
    for line in copies:
        assert line.split()[0] in ("mkdir", "cp")
        processes.run(shlex.split(line), cwd=folder, check=True)
    return [run.fingerprint for run in plan(shlex.split(command)[2:]).runs]


@pytest.mark.parametrize(
    "words",
    [
        ["cell=own,gru", "seed=1,2"],
        ["mixers=[own,gru]", "layers=2"],
        ["cell=own", "swap.forget=null,power_law"],
        ["cell=own", "swap.forget=power_law"],
        ["cell=own", "cell.gates.forget.initializers.bias.kind=zeros"],
    ],
)
def test_the_commands_of_a_bundle_give_the_same_runs_elsewhere(
    words: list[str], project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, notes, ids = bundled(project, *words)
    assert [note for note in notes if "conf" in note] == []
    assert "conf/cell/own.yaml" in contents(path)
    assert repeated(path, tmp_path / "other", monkeypatch) == ids
    assert [p.name for p in (tmp_path / "other" / "conf" / "cell").iterdir()] == ["own.yaml"]


def test_a_cell_that_has_changed_is_left_out(project: Path) -> None:
    path, notes, (run,) = bundled(project, "cell=own", change=True)
    (note,) = [note for note in notes if "conf" in note]
    assert run in note
    assert not any(name.startswith("conf/") for name in contents(path))
    assert f"runs/{run}/config.yaml" in contents(path)


def test_gatekits_own_cells_are_not_bundled(project: Path) -> None:
    path, notes, _ = bundled(project, "cell=lstm", "swap.forget=null,power_law")
    assert [note for note in notes if "conf" in note] == []
    assert not any("conf/" in line for line in contents(path))


EXPERIMENT = """# @package _global_
defaults:
  - override /cell: own
  - override /optimizer: fast
units: 5
"""


@pytest.fixture
def experiment(project: Path) -> Path:
    for group, name, text in (
        ("experiment", "mine", EXPERIMENT),
        ("optimizer", "fast", "defaults: [base]\nlearning_rate: 0.005\n"),
        ("optimizer", "base", "name: adam\nclipnorm: 2.0\n"),
        ("trainer", "unused", "steps: 3\n"),
    ):
        (project / "conf" / group).mkdir(exist_ok=True)
        (project / "conf" / group / f"{name}.yaml").write_text(text)
    return project


def test_settings_that_the_commands_name_are_bundled(
    experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, notes, ids = bundled(experiment, "+experiment=mine", "seed=1,2")
    assert [note for note in notes if "conf/" in note] == []
    assert [line for line in contents(path) if line.startswith("conf/")] == [
        "conf/cell/own.yaml",
        "conf/experiment/mine.yaml",
        "conf/optimizer/base.yaml",
        "conf/optimizer/fast.yaml",
    ]
    assert repeated(path, tmp_path / "other", monkeypatch) == ids


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("learning_rate: 0.1\nname: adam\n", "no longer gives this run"),
        ("defaults: [base]\nlearning_rate: 0.005\n# see /data/of/mine\n", "contains a path"),
        (None, "no longer gives this run"),
    ],
)
def test_a_setting_that_is_left_out_is_noted(
    experiment: Path, change: str | None, why: str
) -> None:
    bundled(experiment, "experiment=mine", "optimizer=fast")
    file = experiment / "conf" / "optimizer" / "fast.yaml"
    if change is None:
        file.unlink()
    else:
        file.write_text(change)
    notes = write_bundle(load("demo", experiment / "experiments"), experiment / "demo.zip")
    (note,) = [note for note in notes if "conf" in note]
    assert why in note
    assert "conf/optimizer/fast.yaml" not in contents(experiment / "demo.zip")


@pytest.mark.parametrize(
    "words",
    [
        ["plugins=[evil.py]"],
        ["++plugins=[evil.py]"],
        ["hydra.searchpath=[file://evil]"],
        ["--config-dir=evil"],
        ["'plugins'=[evil.py]"],
        ["experiment=../evil/experiment/theirs"],
        ["experiment=theirs/../../evil/experiment/theirs"],
    ],
)
def test_a_study_of_a_stranger_executes_nothing(experiment: Path, words: list[str]) -> None:
    """Somebody else may have written the words in a study's folder."""
    bundled(experiment, "experiment=mine", "swap.forget=power_law")
    (experiment / "evil.py").write_text("open('executed', 'w').close()\n")
    (experiment / "evil").mkdir()
    (experiment / "evil" / "experiment").mkdir()
    text = EXPERIMENT + "plugins: [evil.py]\n"
    (experiment / "evil" / "experiment" / "theirs.yaml").write_text(text)
    (path,) = (experiment / "experiments" / "demo").glob("plan-*.json")
    record = json.loads(path.read_text())
    for run in record["runs"]:
        run["words"] += [*words, "experiment=theirs"] if "searchpath" in words[0] else words
    path.write_text(json.dumps(record))
    notes = write_bundle(load("demo", experiment / "experiments"), experiment / "demo.zip")
    assert not (experiment / "executed").exists()
    (note,) = [note for note in notes if "./conf" in note]
    assert "names plugins" in note or "no longer gives this run" in note
