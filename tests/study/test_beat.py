"""Writers on other machines: who is silent for a minute is replaced, and finds that it was."""

import json
import platform
import threading
import time

import pytest
from deeds import plan_of, start, states

import gatekit
from gatekit.study import beat
from gatekit.study.beat import keep
from gatekit.study.folder import ClaimedError, RunFolder
from gatekit.study.launch import launch, report


def elsewhere(run):
    """Claim a run as a process of another machine would."""
    folder = run.folder()
    folder.claim()
    claim = run.path / "attempts" / f"{folder.attempt}.claim"
    claim.write_text(json.dumps(json.loads(claim.read_text()) | {"host": "node7"}))
    return folder


@pytest.fixture
def short(monkeypatch):
    """Beats and silences of a fraction of a second."""
    monkeypatch.setattr(beat, "EVERY", 0.05)
    monkeypatch.setattr(beat, "SILENCE", 1.5)


def test_a_writer_beats_until_it_is_over(tmp_path, short):
    folder = RunFolder(tmp_path / "00")
    folder.claim()
    over = keep(folder, replaced=lambda: None)
    path = tmp_path / "00" / "beat"
    assert path.stat().st_size == 1
    deadline = time.monotonic() + 20
    while path.stat().st_size < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    over.set()


def test_row_90_a_silent_machine_locks_nothing(tmp_path, short):
    plan = plan_of(tmp_path, "good", "good")
    folder = elsewhere(plan.runs[0])
    keep(folder, replaced=lambda: None).set()
    outcome = launch(plan, start)
    assert outcome.code == 0
    assert states(plan) == ["COMPLETED", "COMPLETED"]
    assert plan.runs[0].folder().state().attempt == 2
    assert outcome.skipped == []
    assert "LOST: no sign of life from node7" in plan.log.read_text()


def test_row_89_a_machine_that_beats_is_left_alone(tmp_path, short):
    plan = plan_of(tmp_path, "good")
    over = keep(elsewhere(plan.runs[0]), replaced=lambda: None)
    outcome = launch(plan, start)
    over.set()
    assert [state for _, state in outcome.skipped] == ["RUNNING"]
    assert "1 being worked on by another process" in report(plan, outcome)
    assert plan.runs[0].folder().state().attempt == 1


def test_who_never_beat_is_not_judged(tmp_path, short):
    plan = plan_of(tmp_path, "good")
    elsewhere(plan.runs[0])
    assert [state for _, state in launch(plan, start).skipped] == ["RUNNING"]


def test_a_process_of_this_machine_needs_no_listening(tmp_path):
    plan = plan_of(tmp_path, "good")
    plan.runs[0].folder().claim()
    assert plan.runs[0].folder().owner()[0] == platform.node()
    assert not Listening(plan.runs)


def test_row_73_a_writer_that_slept_finds_that_it_was_replaced(tmp_path, short):
    (run,) = plan_of(tmp_path, "good").runs
    folder = elsewhere(run)
    folder.lost(1, "no sign of life")
    told = threading.Event()
    keep(folder, told.set)
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


def test_a_script_of_the_users_beats_too(tmp_path, short):
    with gatekit.run("mine", {"a": 1}, seed=0, root=tmp_path) as run:
        assert (run.folder.path / "beat").exists()
        run.log(1, val=0.5)
    assert run.folder.state().name == "COMPLETED"
