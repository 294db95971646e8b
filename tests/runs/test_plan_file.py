"""The runs that commands asked for, from files that may be damaged or of another version."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from seams import RequestedRun, plan_file

IDS = [f"{number:016x}" for number in (3, 5, 7)]
RUNS = [
    RequestedRun(id, f"seed={seed}", ("cell=gru", f"seed={seed}"), origin)
    for seed, (id, origin) in enumerate(zip(IDS, ("aa", "aa", ""), strict=True), 1)
]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two commands: the first for two runs, the second for one of them and another."""
    plan_file.write(tmp_path, "0", "gatekit train -m cell=gru seeds=1,2", RUNS[:2])
    plan_file.write(tmp_path, "1", "gatekit extend s --seeds 3", RUNS[1:])
    return tmp_path


def test_what_was_asked_for_is_read_again(study: Path) -> None:
    found = {name: dataclasses.replace(run, plan=0) for name, run in plan_file.read(study).items()}
    assert found == dict(zip(IDS, RUNS, strict=True))
    typed = ["gatekit train -m cell=gru seeds=1,2", "gatekit extend s --seeds 3"]
    assert plan_file.commands(study) == typed
    assert plan_file.training(study) == typed[0]
    assert plan_file.training(study, "seeds=4") == "gatekit train -m cell=gru seeds=4"


@pytest.mark.parametrize(
    "change",
    [{"schema": 99}, {"schema": None}, {"runs": None}, {"runs": [{"id": IDS[0]}, 3]}],
    ids=["newer", "none", "no-runs", "half-a-run"],
)
def test_what_cannot_be_read_is_left_out(change: dict[str, object], study: Path) -> None:
    path = study / "plan-0.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert set(plan_file.read(study)) == set(IDS[1:])


def test_a_name_that_is_no_fingerprint_is_left_out(study: Path) -> None:
    path = study / "plan-1.json"
    path.write_text(path.read_text().replace(IDS[2], "../../elsewhere"))
    assert set(plan_file.read(study)) == set(IDS[:2])


def test_a_recorded_set_is_replaced_only_if_it_has_no_configurations(study: Path) -> None:
    whole = [dataclasses.replace(RUNS[2], config={"units": 4, "seed": 3})]
    plan_file.write(study, "0", "gatekit train cell=lstm", whole)
    plan_file.write(study, "0", "gatekit train cell=gru", RUNS[:2])
    assert plan_file.commands(study)[0] == "gatekit train cell=lstm"


@pytest.mark.parametrize("again", [False, True])
def test_the_command_for_most_runs_is_repeated_and_others_alone(study: Path, again: bool) -> None:
    more = " retry=failed" if again else ""
    whole = "gatekit train -m cell=gru seeds=1,2" + more
    alone = "gatekit train cell=gru seed=3" + more
    assert plan_file.repeating(study, IDS, again) == [whole, alone]
    assert plan_file.repeating(study, IDS[1:2], again) == [whole]
    assert plan_file.repeating(study, ["f" * 16], again) == []


def test_runs_of_the_same_configuration_are_outdated() -> None:
    assert plan_file.outdated("new", "aa", RUNS) == IDS[:2]
    assert plan_file.outdated(IDS[0], "aa", RUNS) == IDS[1:2]
    assert plan_file.outdated("new", "", RUNS) == []


@pytest.mark.parametrize(
    ("word", "executes"),
    [
        ("plugins=[a.py]", True),
        ("+hydra.searchpath=[x]", True),
        ("hydra.mode=RUN", False),
        ("cell@cell_2=gru", False),
        ("task.length=5", False),
        ("$x=1", True),
    ],
)
def test_words_that_could_execute_a_file(word: str, executes: bool) -> None:
    assert RequestedRun(IDS[0], "", ("cell=gru", word), "").executes_files == executes


def test_a_run_has_not_started_if_neither_it_nor_a_run_of_its_configuration_has() -> None:
    first, second, alone = RUNS  # the first two have one configuration
    asked = dict(zip(IDS, RUNS, strict=True))
    assert plan_file.not_started(asked, (), ()) == [first, alone]
    assert plan_file.not_started(asked, [first.id], ()) == [alone]
    assert plan_file.not_started(asked, [first.id], [first.id]) == [second, alone]
    assert plan_file.not_started(asked, ["f" * 16, alone.id], [alone.id]) == [first]
