"""Writers on other machines: who is silent for a minute is replaced, and finds that it was."""

import dataclasses
import json
import os
import platform
import threading
import time

import pytest
from deed import CONTEXT, RESULT
from deeds import plan_of, start, states

import gatekit
from gatekit.runs import process
from gatekit.runs.folder import ClaimedError, RunFolder
from gatekit.study.launch import launch, loop, report


def elsewhere(run):
    """Claim a run as a process of another machine would."""
    folder = run.folder()
    folder.claim()
    claim = run.path / "attempts" / f"{folder.attempt}.claim"
    claim.write_text(json.dumps(json.loads(claim.read_text()) | {"host": "node7"}))
    status = run.path / "status.json"
    status.write_text(json.dumps(json.loads(status.read_text()) | {"locks": "another"}))
    return folder


@pytest.fixture
def short(monkeypatch):
    """Beats and silences of a fraction of a second."""
    monkeypatch.setattr(process, "BEAT_EVERY", 0.05)
    monkeypatch.setattr(process, "SILENCE", 1.5)


def test_a_writer_beats_until_it_is_over(tmp_path, short):
    folder = RunFolder(tmp_path / "00")
    folder.claim()
    over = folder.keep_beating(replaced=lambda: None)
    path = tmp_path / "00" / "beat"
    assert path.stat().st_size == 1
    deadline = time.monotonic() + 20
    while path.stat().st_size < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    over.set()


def test_a_silent_machine_locks_nothing(tmp_path, short):
    plan = plan_of(tmp_path, "good", "good")
    folder = elsewhere(plan.runs[0])
    folder.keep_beating(replaced=lambda: None).set()
    outcome = launch(plan, start)
    assert outcome.code == 0
    assert states(plan) == ["COMPLETED", "COMPLETED"]
    assert plan.runs[0].folder().state().attempt == 2
    assert outcome.skipped == []
    assert "LOST: no heartbeat from node7" in plan.log.read_text()


def test_another_container_of_the_same_name_is_awaited_and_replaced_if_silent(tmp_path, short):
    plan = plan_of(tmp_path, "good")
    folder = elsewhere(plan.runs[0])
    claim = folder.claim_path(1)
    here = {"host": platform.node(), "pid": 2**30, "space": "pid:[1]"}
    claim.write_text(json.dumps(json.loads(claim.read_text()) | here))
    folder.keep_beating(replaced=lambda: None).set()
    outcome = launch(plan, start)
    assert (outcome.code, states(plan)) == (0, ["COMPLETED"])
    assert "Waiting for s good (process" in plan.log.read_text()
    assert f"LOST: no heartbeat from {platform.node()}" in plan.log.read_text()


def test_a_machine_that_beats_is_awaited(tmp_path, short):
    plan = plan_of(tmp_path, "good")
    folder = elsewhere(plan.runs[0])
    folder.write_config({"units": 1})
    over = folder.keep_beating(replaced=lambda: None)
    # Longer than the silence after which the run would be taken over.
    threading.Timer(2 * process.SILENCE, folder.finish, [RESULT]).start()
    outcome = launch(plan, start)
    over.set()
    assert [state for _, state in outcome.skipped] == ["COMPLETED"]
    assert outcome.code == 0
    assert plan.runs[0].folder().state().attempt == 1
    assert "Waiting for s good (process" in plan.log.read_text()


def test_a_machine_that_never_beat_keeps_its_run(tmp_path, short):
    plan = plan_of(tmp_path, "good", "good")
    elsewhere(plan.runs[0])
    outcome = launch(plan, start)
    assert outcome.code == 1
    assert states(plan) == ["RUNNING", "COMPLETED"]
    text = report(plan, outcome)
    assert "on node7, silent for" in text
    assert f"delete {plan.runs[0].path / 'attempts' / '1.claim'}" in text


def test_a_suspended_process_of_this_machine_keeps_its_run(tmp_path, short):
    plan = plan_of(tmp_path, "good", "good")
    plan.runs[0].folder().claim()
    outcome = launch(plan, start)
    assert outcome.code == 1
    assert states(plan) == ["RUNNING", "COMPLETED"]
    text = report(plan, outcome)
    assert f"LEFT good: held by process {os.getpid()} on {platform.node()}" in text
    assert f"Type kill -CONT {os.getpid()} if it is suspended" in text


@pytest.mark.parametrize(
    ("state", "after", "code"), [("INTERRUPTED", "COMPLETED", 0), ("FAILED", "FAILED", 1)]
)
def test_what_another_process_leaves_is_taken_up_or_reported(tmp_path, state, after, code):
    plan = plan_of(tmp_path, "good")
    folder = plan.runs[0].folder()
    folder.claim()
    threading.Timer(0.5, folder.status, [state, "the reason"]).start()
    outcome = launch(plan, start)
    assert (states(plan), outcome.code) == ([after], code)
    assert "the reason" in plan.log.read_text() + report(plan, outcome)


def _finished_once_awaited(plan, folder):
    """Finish a run, as another process would, when the launcher waits for it."""
    while not plan.log.exists() or "Waiting for" not in plan.log.read_text():
        time.sleep(0.05)
    folder.finish(RESULT)


def test_runs_of_other_processes_have_short_labels_too(tmp_path):
    plan = plan_of(tmp_path, "good", "good")
    runs = tuple(
        dataclasses.replace(run, label=f"cell={cell} task=adding units=4 seed=0")
        for cell, run in zip(("lstm", "gru"), plan.runs, strict=True)
    )
    plan = dataclasses.replace(plan, runs=runs)
    folder = plan.runs[0].folder()
    folder.claim()
    folder.write_config({"units": 1})
    threading.Thread(target=_finished_once_awaited, args=(plan, folder), daemon=True).start()
    assert launch(plan, start).code == 0
    log = plan.log.read_text()
    assert "COMPLETED cell=lstm seed=0  elsewhere" in log
    assert "Waiting for cell=lstm seed=0 (process" in log
    assert "task=adding" not in log


def test_a_run_that_is_claimed_while_it_starts_is_awaited(tmp_path):
    plan = plan_of(tmp_path, "good")

    def begun(run, plan, bar):
        folder = run.folder()
        folder.claim()
        folder.write_config({"units": 1})
        threading.Timer(1.0, folder.finish, [RESULT]).start()
        process = CONTEXT.Process(target=os.getpid)
        process.start()
        return process

    outcome = launch(plan, begun)
    # The process may end before or after the run that the other claim is about.
    assert states(plan) == ["COMPLETED"]
    assert outcome.code == 0
    assert plan.runs[0].folder().state().attempt == 1


def test_a_run_that_another_process_claimed_and_left_is_continued(tmp_path):
    """As a process does whose launcher was killed while it imported TensorFlow."""
    plan = plan_of(tmp_path, "good")

    def begun(run, plan, bar):
        if run.folder().state().attempt:
            return start(run, plan, bar)
        run.folder().claim()
        run.folder().status("INTERRUPTED", "stopped by the end of its launcher")
        process = CONTEXT.Process(target=os.getpid)
        process.start()
        return process

    outcome = launch(plan, begun)
    assert (outcome.code, states(plan)) == (0, ["COMPLETED"])
    assert plan.runs[0].folder().state().attempt == 2


def test_a_writer_that_slept_finds_that_it_was_replaced(tmp_path, short):
    (run,) = plan_of(tmp_path, "good").runs
    folder = elsewhere(run)
    folder.lost(1, "no sign of life")
    told = threading.Event()
    folder.keep_beating(told.set)
    assert not told.wait(0.3)
    assert RunFolder(run.path).claim() == 2
    assert told.wait(20)
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    for write in (
        lambda: folder.status("FAILED", "late"),
        lambda: folder.log({"epoch": 1}),
        lambda: folder.write_weights(b""),
        lambda: folder.finish({"state": "COMPLETED"}),
    ):
        with pytest.raises(ClaimedError, match="taken over"):
            write()
    assert {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()} == before


def test_a_late_word_about_a_lost_attempt_does_not_concern_the_next(tmp_path):
    (run,) = plan_of(tmp_path, "good").runs
    elsewhere(run).lost(1, "gone")
    assert run.folder().state().name == "INTERRUPTED"
    RunFolder(run.path).claim()
    run.folder().lost(1, "gone")
    assert run.folder().state().name == "RUNNING"


def test_what_a_launcher_records_late_is_not_about_the_next_attempt(tmp_path, monkeypatch):
    plan = plan_of(tmp_path, "exit")
    next_one = plan.runs[0].folder()
    verdict = loop._Launching._verdict

    def claimed_meanwhile(launching, slot):
        next_one.claim()
        next_one.write_config({"units": 1})
        threading.Timer(2.0, next_one.finish, [RESULT]).start()
        found = verdict(launching, slot)
        assert found[0] == "FAILED"
        return found

    monkeypatch.setattr(loop._Launching, "_verdict", claimed_meanwhile)
    record = RunFolder.status
    seen = []

    def recorded(folder, state, reason=None, attempt=None):
        record(folder, state, reason, attempt)
        seen.append((state, RunFolder(folder.path).state().name))

    monkeypatch.setattr(RunFolder, "status", recorded)
    outcome = launch(plan, start)
    assert ("FAILED", "RUNNING") in seen
    assert (outcome.failed, outcome.code, states(plan)) == ([], 0, ["COMPLETED"])


def test_a_script_of_the_users_beats_too(tmp_path, short):
    with gatekit.run("mine", {"a": 1}, seed=0, root=tmp_path) as run:
        assert (run.folder.path / "beat").exists()
        run.log(1, val=0.5)
    assert run.folder.state().name == "COMPLETED"
