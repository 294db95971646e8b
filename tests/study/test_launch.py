"""One process per run: whatever one does, the others go on, and the folders tell."""

import io
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

import gatekit
from gatekit.cell.errors import RunError
from gatekit.study.folder import RunFolder
from gatekit.study.launch import launch, report
from gatekit.study.launch.progress import Progress, duration
from gatekit.study.plan import Launch, Plan, Run

CONTEXT = multiprocessing.get_context("spawn")
RESULT = {"state": "COMPLETED", "metric": {"name": "nll"}, "best": {"test": 1.5}}


def plan_of(root, *deeds, n_jobs=2, retry=False):
    """Return a plan whose runs do the deeds, which are named in their labels."""
    runs = tuple(
        Run(deed, {"deed": deed}, f"{k:016x}", "d", {}, 1, Path(root) / "s" / "runs" / f"{k:016x}")
        for k, deed in enumerate(deeds)
    )
    return Plan(Launch("s", Path(root), n_jobs, 1, retry), runs, ())


def child(path, deed):
    """Be a run: claim, then do the deed."""
    folder = RunFolder(path)
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if deed == "die early":
        os._exit(9)
    folder.claim()
    folder.write_config({"deed": deed})
    (path / "log.txt").write_text("first\nlast words\n")
    if deed == "exit":
        sys.exit(3)
    if deed == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if deed == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if deed == "fail":
        folder.status("FAILED", "the reason")
        return
    if deed == "wait":
        stop.wait(30)
        folder.status("INTERRUPTED", "stopped by a signal")
        return
    if deed == "hang":
        time.sleep(60)
    folder.finish({**RESULT, "state": "DIVERGED" if deed == "diverge" else "COMPLETED"})


def start(run, plan, bar):
    process = CONTEXT.Process(target=child, args=(run.path, run.config["deed"]))
    process.start()
    return process


def states(plan):
    return [run.folder().state().name for run in plan.runs]


def test_every_way_to_end_touches_only_that_run(tmp_path):
    plan = plan_of(tmp_path, "good", "exit", "kill", "segfault", "fail", "die early", "diverge")
    outcome = launch(plan, start)
    assert states(plan) == ["COMPLETED", *["FAILED"] * 5, "DIVERGED"]
    assert outcome.code == 1
    reasons = {run.label: reason for run, reason in outcome.failed}
    assert "exit code 3" in reasons["exit"]
    assert "SIGKILL, perhaps for want of memory" in reasons["kill"]
    assert "SIGSEGV" in reasons["segfault"]
    assert reasons["fail"] == "the reason"
    assert "exit code 9" in reasons["die early"]
    said = report(plan, outcome)
    assert "last words" in said
    assert "log.txt" in said
    assert "retry=failed" in said
    assert f"gatekit compare s --root {tmp_path}" in said


def test_the_same_command_again_does_nothing(tmp_path):
    plan = plan_of(tmp_path, "good", "diverge")
    assert launch(plan, start).code == 0
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    again = launch(plan, start)
    assert again.code == 0
    assert [state for _, state in again.skipped] == ["COMPLETED", "DIVERGED"]
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()} == before
    assert "2 complete already, skipped" in report(plan, again)


def test_failed_runs_are_listed_and_retried_on_request(tmp_path):
    launch(plan_of(tmp_path, "fail"), start)
    listed = launch(plan_of(tmp_path, "good"), start)
    assert listed.code == 1
    assert "failed before: the reason" in listed.failed[0][1]
    retried = launch(plan_of(tmp_path, "good", retry=True), start)
    assert retried.code == 0
    path = plan_of(tmp_path, "good").runs[0].path
    old = json.loads((path / "attempts" / "1" / "status.json").read_text())
    assert old["reason"] == "the reason"


def interrupted(plan, times=1):
    def press():
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and "RUNNING" not in states(plan):
            time.sleep(0.05)
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)

    thread = threading.Thread(target=press)
    thread.start()
    began = time.monotonic()
    outcome = launch(plan, start)
    thread.join()
    return outcome, time.monotonic() - began


def test_row_70_ctrl_c_stops_and_the_same_command_continues(tmp_path):
    plan = plan_of(tmp_path, "wait", "good", n_jobs=1)
    outcome, _ = interrupted(plan)
    assert outcome.code == 130
    assert states(plan) == ["INTERRUPTED", "PLANNED"]
    assert "the same command again" in report(plan, outcome)
    assert launch(plan_of(tmp_path, "good", "good"), start).code == 0
    assert states(plan) == ["COMPLETED", "COMPLETED"]


def test_row_70_ctrl_c_twice_stops_at_once(tmp_path):
    plan = plan_of(tmp_path, "hang", n_jobs=1)
    outcome, seconds = interrupted(plan, times=2)
    assert outcome.code == 130
    assert states(plan) == ["INTERRUPTED"]
    assert seconds < 15


def test_a_run_of_another_process_is_left_alone(tmp_path):
    plan = plan_of(tmp_path, "good", "good")
    plan.runs[0].folder().claim()
    outcome = launch(plan, start)
    assert outcome.code == 0
    assert states(plan) == ["RUNNING", "COMPLETED"]
    assert "1 being worked on by another process" in report(plan, outcome)


def test_a_place_that_cannot_be_written_is_told_before_anything_runs(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot write to .*root=FOLDER"):
        launch(plan_of(tmp_path / "file", "good"), start)


def test_plugin_sources_are_stored_once_per_study(tmp_path):
    plan = plan_of(tmp_path, "good")
    plan = Plan(plan.launch, plan.runs, (), {"ab" * 32: b"first = 1\n"})
    launch(plan, start)
    stored = tmp_path / "s" / "plugins" / f"{'ab' * 32}.py"
    assert stored.read_bytes() == b"first = 1\n"
    more = plan_of(tmp_path, "good", "good")
    launch(Plan(more.launch, more.runs, (), {"ab" * 32: b"", "cd" * 32: b"second = 2\n"}), start)
    assert stored.read_bytes() == b"first = 1\n"
    assert len(list(stored.parent.iterdir())) == 2
    found = gatekit.load("s", tmp_path)
    assert len(found.runs) == 2


def test_nothing_to_do_stores_nothing(tmp_path):
    launch(Plan(plan_of(tmp_path).launch, (), (), {"ab" * 32: b""}), start)
    assert list(tmp_path.iterdir()) == []


def test_duplicates_are_noted(tmp_path):
    plan = plan_of(tmp_path, "good")
    plan = Plan(plan.launch, plan.runs, ("good",))
    assert "asked for twice, run once: good" in report(plan, launch(plan, start))


def test_progress_on_a_plain_stream_is_lines_with_an_estimate():
    stream = io.StringIO()
    progress = Progress(3, 1, stream)
    progress.started()
    progress.ended("a", "COMPLETED", "nll 1", 60.0)
    progress.started()
    progress.ended("b", "FAILED", "why", 1.0)
    first, second = stream.getvalue().splitlines()
    assert first.startswith("[1/3] COMPLETED a  nll 1  60.0 s")
    assert "1 done, 0 running, 0 failed, about 2 min left" in first
    assert "1 done, 0 running, 1 failed, about 60.0 s left" in second


@pytest.mark.parametrize(("seconds", "said"), [(1, "1.0 s"), (100, "2 min"), (7200, "2.0 h")])
def test_durations(seconds, said):
    assert duration(seconds) == said
