"""Writers on other machines: who is silent for a minute is replaced, and finds that it was."""

import json
import os
import platform
import threading
import time

import pytest
from deed import CONTEXT
from deeds import plan_of, start, states
from seams import ClaimedError, RunFolder, launch, loop
from seams import launch_report as report
from seams import run_process as process

import gatekit


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
    """Beats of a fraction of a second."""
    monkeypatch.setattr(process, "BEAT_EVERY", 0.05)


def silence(folder):
    """Let the last heartbeat be two minutes ago."""
    folder.beat()
    before = time.time() - 2 * process.SILENCE
    os.utime(folder.path / "beat", (before, before))


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


def test_a_silent_machine_locks_nothing(tmp_path):
    plan = plan_of(tmp_path, "good", "good")
    silence(elsewhere(plan.runs[0]))
    outcome = launch(plan, start)
    assert outcome.code == 0
    assert states(plan) == ["COMPLETED", "COMPLETED"]
    assert plan.runs[0].folder().state().attempt == 2
    assert outcome.skipped == []


def test_another_container_of_the_same_name_is_replaced_if_silent(tmp_path):
    plan = plan_of(tmp_path, "good")
    folder = elsewhere(plan.runs[0])
    claim = folder.claim_path(1)
    here = {"host": platform.node(), "pid": 2**30, "space": "pid:[1]"}
    claim.write_text(json.dumps(json.loads(claim.read_text()) | here))
    folder.beat()
    assert launch(plan, start).code == 1
    silence(folder)
    assert launch(plan, start).code == 0
    assert states(plan) == ["COMPLETED"]


@pytest.mark.parametrize("beats", [True, False])
def test_a_machine_that_is_not_silent_keeps_its_run(tmp_path, beats):
    plan = plan_of(tmp_path, "good", "good")
    folder = elsewhere(plan.runs[0])
    if beats:
        folder.beat()
    outcome = launch(plan, start)
    assert outcome.code == 1
    assert states(plan) == ["RUNNING", "COMPLETED"]
    assert [run for run, _ in outcome.held] == [plan.runs[0]]
    assert "on node7" in report(plan, outcome)
    assert folder.state().attempt == 1


def test_a_process_of_this_machine_keeps_its_run_however_silent(tmp_path):
    plan = plan_of(tmp_path, "good", "good")
    folder = plan.runs[0].folder()
    folder.claim()
    silence(folder)
    outcome = launch(plan, start)
    assert outcome.code == 1
    assert states(plan) == ["RUNNING", "COMPLETED"]
    assert f"process {os.getpid()} on {platform.node()}" in report(plan, outcome)


def test_a_run_that_is_claimed_while_it_starts_is_left(tmp_path):
    plan = plan_of(tmp_path, "good", "good")

    def begun(run, plan, bar):
        if run == plan_runs[1]:
            return start(run, plan, bar)
        run.folder().claim()
        process = CONTEXT.Process(target=os.getpid)
        process.start()
        return process

    plan_runs = plan.runs
    outcome = launch(plan, begun)
    assert states(plan) == ["RUNNING", "COMPLETED"]
    assert outcome.code == 1
    assert [run for run, _ in outcome.held] == [plan.runs[0]]
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
        found = verdict(launching, slot)
        assert found[0] == "FAILED"
        return found

    monkeypatch.setattr(loop._Launching, "_verdict", claimed_meanwhile)
    outcome = launch(plan, start)
    assert (outcome.failed, outcome.code, states(plan)) == ([], 1, ["RUNNING"])
    next_one.status("INTERRUPTED", "stopped")


def test_a_script_of_the_users_beats_too(tmp_path, short):
    with gatekit.run("mine", {"a": 1}, seed=0, root=tmp_path) as run:
        assert (run.folder.path / "beat").exists()
        run.log(1, val=0.5)
    assert run.folder.state().name == "COMPLETED"
