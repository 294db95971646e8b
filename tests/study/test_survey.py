"""Status, causes and pruning: read from folders, nothing lost without being told."""

import dataclasses
import json

import pytest
import seams
from deeds import changed, plan_of, start, states
from disks import FullDisk
from refused import at
from seams import (
    RUNS,
    STALE,
    UNRECORDED,
    RunFolder,
    causes,
    durable,
    find,
    launch,
    note_unrecorded,
    prepare,
    removable,
    remove,
    study_folder,
    survey,
    unrecorded,
    write_plan,
)
from seams import dumped_result as dumped
from seams import run_process as process

from gatekit import RunError


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    plan = plan_of(tmp_path_factory.mktemp("made"), "good", "fail", "diverge", "exit", "fail")
    launch(plan, start)
    return plan


def test_every_run_is_there_with_its_label_and_what_makes_it_again(made):
    runs = survey(made.study)
    assert [f.label for f in runs] == ["good", "fail", "diverge", "exit", "fail"]
    assert [f.state for f in runs] == states(made)
    assert runs[1].command == "gatekit train deed=fail seed=1"
    assert runs[1].reason == "the reason"


def test_what_was_asked_for_and_not_begun_is_planned(tmp_path):
    plan = plan_of(tmp_path, "good", "good")
    (plan.study / "runs").mkdir(parents=True)
    write_plan(plan)
    assert [f.state for f in survey(plan.study)] == ["PLANNED", "PLANNED"]


def test_a_damaged_plan_is_no_plan(tmp_path):
    plan = plan_of(tmp_path, "good")
    launch(plan, start)
    (plan.study / f"plan-{plan.name}.json").write_text('{"schema": 1, "runs": [{"id"')
    ((found),) = survey(plan.study)
    assert (found.id, found.state, found.command) == (plan.runs[0].fingerprint, "COMPLETED", None)


def test_a_changed_source_marks_the_old_runs_and_keeps_them(tmp_path):
    old = changed(plan_of(tmp_path, "good"), "1" * 8)
    launch(old, start)
    new = changed(plan_of(tmp_path, "good"), "2" * 8)
    launch(new, start)
    first, second = survey(old.study)
    why = "plugins, data or gatekit's computation have changed"
    assert {first.stale, second.stale} == {None, why}
    assert states(old) == states(new) == ["COMPLETED"]
    assert (old.runs[0].path / STALE).exists()
    launch(old, start)
    assert not (old.runs[0].path / STALE).exists()
    assert (new.runs[0].path / STALE).exists()


def test_the_mark_names_the_plugin(tmp_path):
    old = changed(plan_of(tmp_path, "good"), "1" * 8)
    launch(old, start)
    result = old.runs[0].path / "result.json"
    result.write_bytes(dumped(json.loads(result.read_text()) | {"plugins": {"mine": "1" * 8}}))
    launch(changed(old, "2" * 8), start)
    assert {f.stale for f in survey(old.study)} == {None, "the source of plugin mine has changed"}


def test_a_result_whose_seconds_are_no_number_is_listed(tmp_path):
    folder = RunFolder(tmp_path / "study" / "runs" / ("0" * 16))
    folder.claim()
    folder.write_config({"units": 1})
    folder.finish({"state": "COMPLETED", "seconds": {"total": 10**400}})
    (run,) = survey(tmp_path / "study")
    assert (run.state, run.seconds) == ("COMPLETED", None)


@pytest.mark.parametrize(
    "line",
    [
        '{"run": "0000000000000000", "attempt": 1e999, "reason": "x"}',
        '{"run": "0000000000000000", "attempt": 0, "reason": "\\ud800"}',
        '{"run": "0000000000000000", "attempt": 0}',
        "[1]",
    ],
)
def test_a_reason_that_no_gatekit_wrote_is_ignored(tmp_path, line):
    folder = tmp_path / "study"
    (folder / "runs" / ("0" * 16)).mkdir(parents=True)
    good = '{"run": "0000000000000000", "attempt": 0, "reason": "the disk is full"}'
    (folder / "unrecorded.jsonl").write_text(f"{good}\n{line}\n")
    (run,) = survey(folder)
    assert (run.state, run.reason) == ("FAILED", "the disk is full")


def test_reasons_are_kept_on_a_full_disk(tmp_path, monkeypatch):
    plan = plan_of(tmp_path, "exit", "kill", n_jobs=2, retries=0)

    def start_and_fill_the_disk(run, plan, bar):
        process = start(run, plan, bar)
        seams.disk(monkeypatch, FullDisk())
        return process

    outcome = launch(plan, start_and_fill_the_disk)
    reasons = {run.fingerprint: reason for run, reason in outcome.failed}
    assert all("No space left" in reason for reason in reasons.values())
    assert "exit code 3" in reasons[plan.runs[0].fingerprint]
    runs = survey(plan.study)
    assert [run.state for run in runs] == ["FAILED", "FAILED"]
    assert {run.id: run.reason for run in runs} == reasons


def test_space_for_reasons_is_reserved_again_before_it_is_used_up(tmp_path, monkeypatch):
    plan = plan_of(tmp_path, "good")
    prepare(plan)
    path = plan.study / UNRECORDED
    size = path.stat().st_size
    prepare(plan)
    assert path.stat().st_size == size
    seams.disk(monkeypatch, FullDisk())
    for k in range(40):
        note_unrecorded(plan.study, RunFolder(plan.study / RUNS / f"{k:016x}"), "x" * 500)
    assert path.stat().st_size == size
    kept = unrecorded(plan.study)
    assert 10 < len(kept) < 40
    monkeypatch.undo()
    prepare(plan)
    note_unrecorded(plan.study, plan.runs[0].folder(), "y" * 500)
    assert unrecorded(plan.study) == {**kept, (plan.runs[0].fingerprint, 0): "y" * 500}


def test_causes_are_gathered_and_the_frequent_ones_come_first(made):
    first, second = causes(survey(made.study))
    assert (first.reason, len(first.runs)) == ("the reason", 2)
    assert "exit code 3" in second.reason


def test_reasons_that_differ_in_numbers_are_one_cause(made):
    runs = survey(made.study)
    failed = [
        dataclasses.replace(run, state="FAILED", reason=f"no room for {k}.5 GiB in 'w{k}'")
        for k, run in enumerate(runs)
    ]
    assert [len(cause.runs) for cause in causes(failed)] == [5]


def test_nothing_of_a_result_is_removed_without_being_told(tmp_path):
    launch(plan_of(tmp_path, "fail", "fail", "good"), start)
    plan = plan_of(tmp_path, "good", "fail", "good", retry=True)
    launch(plan, start)
    (only,) = removable(plan.study, survey(plan.study))
    assert only.path == plan.runs[0].path / "attempts" / "1"
    remove(only)
    assert states(plan) == ["COMPLETED", "FAILED", "COMPLETED"]
    assert plan.runs[0].folder().state().attempt == 2
    (failed,) = removable(plan.study, survey(plan.study), failed=True)
    remove(failed)
    assert states(plan) == ["COMPLETED", "PLANNED", "COMPLETED"]
    assert not failed.path.exists()


def test_stale_runs_go_on_request(tmp_path):
    old = changed(plan_of(tmp_path, "good"), "1" * 8)
    launch(old, start)
    launch(changed(old, "2" * 8), start)
    assert removable(old.study, survey(old.study)) == []
    (removal,) = removable(old.study, survey(old.study), stale=True)
    remove(removal)
    assert [p.name for p in (old.study / "runs").iterdir()] == ["0" * 8 + "2" * 8]


def test_a_run_that_goes_on_is_never_removed(tmp_path):
    plan = plan_of(tmp_path, "fail")
    launch(plan, start)
    (removal,) = removable(plan.study, survey(plan.study), failed=True)
    plan.runs[0].folder().claim()
    assert removable(plan.study, survey(plan.study), failed=True, stale=True) == []
    with pytest.raises(RunError, match="is working on"):
        remove(removal)
    assert removal.path.is_dir()


def test_a_run_stays_locked_until_it_is_moved_away(tmp_path, monkeypatch):
    plan = plan_of(tmp_path, "fail")
    launch(plan, start)
    (removal,) = removable(plan.study, survey(plan.study), failed=True)
    locks, move = [], durable.move

    def noting(source, target):
        if source == removal.path:
            locks.append(process.lock(plan.runs[0].folder().claim_path(2)))
        move(source, target)

    monkeypatch.setattr(durable, "move", noting)
    remove(removal)
    assert locks == [None]
    assert not removal.path.exists()


def test_what_a_crash_left_of_a_removal_is_removed(tmp_path):
    plan = plan_of(tmp_path, "good")
    launch(plan, start)
    (plan.study / "runs" / ".pruned-0123456789abcdef").mkdir()
    (removal,) = removable(plan.study, survey(plan.study))
    remove(removal)
    assert removable(plan.study, survey(plan.study)) == []


def test_a_run_is_found_by_its_first_digits_or_its_folder(made):
    root = made.launch.root
    other = root / "other" / "runs" / ("f" * 16)
    other.mkdir(parents=True)
    assert find("ffff", root).path == other
    assert find(str(made.runs[1].path), "nowhere").label == "fail"
    with pytest.raises(RunError, match="5 runs begin with 000"):
        find("000", root)
    with pytest.raises(RunError, match="begins with abc"):
        find("abc", root)
    with pytest.raises(RunError, match="first three or more of the 16"):
        find("../x", root)


def test_a_study_that_is_not_there_names_the_nearest(made):
    with pytest.raises(RunError, check=at("")):
        study_folder("ss", made.launch.root, "status")
    with pytest.raises(RunError, check=at("")):
        study_folder("../s", made.launch.root, "status")
