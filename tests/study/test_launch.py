"""One process per run: whatever one does, the others go on, and the folders tell."""

import errno
import io
import json
import math
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
import types
from multiprocessing import forkserver

import processes
import pytest
from deed import CONTEXT, child_of
from deeds import plan_of, start, states
from seams import (
    Cause,
    Options,
    Processes,
    Progress,
    RunFolder,
    StartError,
    StoppedError,
    SweepOutcome,
    SweepPlan,
    caught,
    causes,
    duration,
    entry,
    fork_server,
    launch,
    loop,
    raising,
    slot_environments,
    survey,
)
from seams import launch_process as process
from seams import launch_report as report
from seams import training_process as package

import gatekit
from gatekit import RunError


def test_every_way_to_end_touches_only_that_run(tmp_path):
    plan = plan_of(tmp_path, "good", "exit", "kill", "segfault", "fail", "die early", "diverge")
    outcome = launch(plan, start)
    assert states(plan) == ["COMPLETED", *["FAILED"] * 5, "DIVERGED"]
    assert outcome.code == 1
    reasons = {run.label: reason for run, reason in outcome.failed}
    assert "exit code 3" in reasons["exit"]
    assert "SIGKILL, perhaps out of memory" in reasons["kill"]
    assert "SIGSEGV" in reasons["segfault"]
    assert reasons["fail"] == "the reason"
    assert "exit code 9" in reasons["die early"]
    text = report(plan, outcome)
    assert "last words" in text
    assert "log.txt" in text
    assert "retry=failed" in text
    assert f"gatekit compare s --root {tmp_path}" in text


def test_a_run_whose_files_vanish_ends_with_1_and_the_same_command_repeats_it(tmp_path):
    plan = plan_of(tmp_path, "good", "lose files once", "diverge")
    outcome = launch(plan, start)
    assert states(plan) == ["COMPLETED", "CORRUPT", "DIVERGED"]
    assert (outcome.code, outcome.failed, outcome.left) == (1, [], [])
    text = report(plan, outcome)
    assert "CORRUPT lose files once: config.yaml was changed while the run was working" in text
    assert text.endswith(f"repeat the command.\n    {plan.command}")
    again = launch(plan, start)
    assert states(plan) == ["COMPLETED", "COMPLETED", "DIVERGED"]
    assert (again.code, len(again.executed)) == (0, 1)
    assert "gatekit compare" in report(plan, again)


def test_a_run_that_is_damaged_after_it_ended_ends_the_command_with_1(tmp_path):
    plan = plan_of(tmp_path, "good", "harm others", n_jobs=1)
    outcome = launch(plan, start)
    assert states(plan) == ["CORRUPT", "COMPLETED"]
    assert outcome.code == 1
    assert [run.label for run, _ in outcome.damaged] == ["good"]
    assert "CORRUPT good: config.yaml cannot be read" in report(plan, outcome)
    assert launch(plan, start).code == 0
    assert states(plan) == ["COMPLETED", "COMPLETED"]


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


def interrupted(plan, times=1, number=signal.SIGINT):
    def press():
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and "RUNNING" not in states(plan):
            time.sleep(0.05)
        for _ in range(times):
            os.kill(os.getpid(), number)
            time.sleep(0.3)

    thread = threading.Thread(target=press)
    thread.start()
    began = time.monotonic()
    outcome = launch(plan, start)
    thread.join()
    return outcome, time.monotonic() - began


def test_ctrl_c_stops_and_the_same_command_continues(tmp_path):
    plan = plan_of(tmp_path, "wait", "good", n_jobs=1)
    outcome, _ = interrupted(plan)
    assert outcome.code == 130
    assert states(plan) == ["INTERRUPTED", "PLANNED"]
    assert "repeat the command" in report(plan, outcome)
    assert launch(plan_of(tmp_path, "good", "good"), start).code == 0
    assert states(plan) == ["COMPLETED", "COMPLETED"]


def test_ctrl_c_twice_stops_at_once(tmp_path):
    plan = plan_of(tmp_path, "hang", n_jobs=1)
    outcome, seconds = interrupted(plan, times=2)
    assert outcome.code == 130
    assert states(plan) == ["INTERRUPTED"]
    assert seconds < 15


def test_a_place_that_cannot_be_written_is_told_before_anything_runs(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot write to .*root=FOLDER"):
        launch(plan_of(tmp_path / "file", "good"), start)


def test_plugin_sources_are_stored_once_per_study(tmp_path):
    plan = plan_of(tmp_path, "good")
    plan = SweepPlan(plan.launch, plan.runs, (), {"ab" * 32: b"first = 1\n"})
    launch(plan, start)
    stored = tmp_path / "s" / "plugins" / f"{'ab' * 32}.py"
    assert stored.read_bytes() == b"first = 1\n"
    more = plan_of(tmp_path, "good", "good")
    launch(
        SweepPlan(more.launch, more.runs, (), {"ab" * 32: b"", "cd" * 32: b"second = 2\n"}), start
    )
    assert stored.read_bytes() == b"first = 1\n"
    assert len(list(stored.parent.iterdir())) == 2
    loaded = gatekit.load("s", tmp_path)
    assert len(loaded.runs) == 2


def test_nothing_to_do_stores_nothing(tmp_path):
    launch(SweepPlan(plan_of(tmp_path).launch, (), (), {"ab" * 32: b""}), start)
    assert list(tmp_path.iterdir()) == []


def test_duplicates_are_noted(tmp_path):
    plan = plan_of(tmp_path, "good")
    plan = SweepPlan(plan.launch, plan.runs, ("good",))
    assert "listed twice, run once: good" in report(plan, launch(plan, start))


def test_the_report_names_the_command_that_helps(tmp_path):
    failed = plan_of(tmp_path, "fail", "exit")
    text = report(failed, launch(failed, start))
    assert text.endswith(f"Now type: gatekit failures s --root {tmp_path}")
    assert "gatekit compare" not in text
    mixed = plan_of(tmp_path / "mixed", "good", "fail")
    text = report(mixed, launch(mixed, start))
    assert text.endswith(f"Now type: gatekit compare s --root {tmp_path / 'mixed'}")


def test_a_reason_is_reported_once_for_all_runs_that_failed_for_it(tmp_path):
    plan = plan_of(tmp_path, *["good"] * 10)
    reason = f"mine.py, line 3: {'the data do not fit ' * 9}; write x[..., None]"
    for run in plan.runs:
        run.path.mkdir(parents=True)
        (run.path / "log.txt").write_text(f"earlier\n1\n2\n3\n4\nreading\n{reason}\n")
    text = report(plan, SweepOutcome(failed=[(run, reason) for run in plan.runs]))
    assert text.count(reason) == 1
    assert "; 2 more: mine.py, line 3" in text
    assert "\n    1\n    2\n    3\n    4\n    reading\n    whole log: " in text
    assert "earlier" not in text
    stream = io.StringIO()
    Progress(1, 1, stream).ended("a", "FAILED", reason, 1.0, tmp_path)
    (line,) = stream.getvalue().splitlines()
    assert line.startswith("[1/1] FAILED    a  mine.py, line 3: the data")
    assert len(line) < 190


def test_progress_on_a_plain_stream_is_lines_with_an_estimate(tmp_path):
    stream = io.StringIO()
    progress = Progress(3, 1, stream)
    progress.started("a", tmp_path)
    progress.ended("a", "COMPLETED", "nll 1", 60.0, tmp_path)
    progress.started("b", tmp_path)
    progress.ended("b", "FAILED", "why", 1.0, tmp_path)
    first, second = stream.getvalue().splitlines()
    assert first.startswith("[1/3] COMPLETED a  nll 1  60.0 s")
    assert "1 done, 0 running, 0 failed, about 2 min left" in first
    assert "1 done, 0 running, 1 failed, about 60.0 s left" in second


def running(path, epochs=3, trainer=None):
    """Write the folder of a run that has come to an epoch of forty, with 10 s for each."""
    folder = RunFolder(path)
    folder.claim()
    config = {"trainer": trainer or {"epochs": 40, "steps": None, "patience": 8}}
    folder.write_config({**config, "task": {"name": "adding"}})
    for epoch in range(1, epochs + 1):
        place = {"epoch": epoch, "step": 7 * epoch, "seconds": 10.0 * epoch}
        folder.log({**place, "split": "train", "metric": "loss", "value": 2.0})
        folder.log({**place, "split": "validation", "metric": "nll", "value": 1.0 / epoch})
    return folder


def test_progress_shows_how_far_each_run_is_within_80_columns(tmp_path):
    stream = io.StringIO()
    progress = Progress(4, 1, stream, every=1e-9)
    label = "cell=lstm " + "x" * 100 + "\x1b[2J seed=1"
    progress.started(label, running(tmp_path / "a").path)
    progress.look()
    line, detail = stream.getvalue().splitlines()
    # 37 epochs of this run, and three more runs of 40 epochs
    assert line == "0 done, 1 running, 0 failed, about 26 min left"
    assert detail.endswith("seed=1  epoch 3/40, nll 0.3333, at most 6 min left")
    assert "\x1b" not in detail
    assert len(detail) <= 80
    progress.look()
    assert len(stream.getvalue().splitlines()) == 2, "nothing new, and nothing said"


def test_progress_lists_some_runs_and_not_hundreds(tmp_path):
    stream = io.StringIO()
    progress = Progress(30, 20, stream, every=1e-9)
    for k in range(20):
        progress.started(f"run {k}", tmp_path / str(k))
    progress.look()
    lines = stream.getvalue().splitlines()
    assert lines[1] == "  run 0  starting"
    assert lines[-1] == "  and 12 more; gatekit status shows all"
    assert len(lines) == 10


def test_progress_shows_what_a_run_does_before_its_first_epoch_ends(tmp_path):
    stream = io.StringIO()
    progress = Progress(1, 1, stream, every=1e-9)
    folder = RunFolder(tmp_path / "a")
    progress.started("a", folder.path)
    progress.look()
    folder.claim()  # a script of one's own records no phase
    progress.look()
    for phase in ("loading", "compiling", "training"):
        folder.enter(phase)
        progress.look()
    shown = [line.removeprefix("  a  ") for line in stream.getvalue().splitlines()[1::2]]
    assert shown == [
        "starting",
        "no epoch yet",
        "loading the data",
        "building and compiling",
        "training the first epoch",
    ]


def test_a_phase_that_a_disk_refuses_does_not_end_the_run(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path / "a")
    folder.claim()
    monkeypatch.setattr(folder, "_write", fail_to_write)
    folder.enter("training")
    monkeypatch.undo()
    assert folder.state().name == "RUNNING"


def fail_to_write(name, data):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_launch_first_says_that_it_starts_tensorflow(tmp_path, monkeypatch):
    stream = io.StringIO()
    seen = []
    monkeypatch.setattr(entry, "make", lambda *_: seen.append(stream.getvalue()))
    launch(plan_of(tmp_path, "good", "fail", n_jobs=1), stream=stream)
    assert seen == ["starting TensorFlow for 2 runs, 1 at a time\n"]


def test_a_long_label_keeps_the_cell_and_the_seed(tmp_path):
    progress = Progress(1, 1, io.StringIO())
    sizes = "trainer.steps=100 task.validation_size=20 task.test_size=20"
    progress.started(f"cell=rnn task=drift units=4 {sizes} seed=0", running(tmp_path / "a").path)
    (line,) = progress.details()
    assert line == "  cell=rnn task=drift units=4 trainer.steps=100 ... seed=0  starting"
    assert len(line) <= 80


def test_progress_on_a_terminal_is_live(tmp_path):
    class Screen(io.StringIO):
        def isatty(self):
            return True

    stream = Screen()
    progress = Progress(2, 1, stream, every=1e-9)
    progress.started("a [bold]b[/bold]", running(tmp_path / "a").path)
    progress.look()
    progress.close()
    assert "a [bold]b[/bold]  epoch 3/40, nll 0.3333" in stream.getvalue()


def test_a_single_run_on_a_terminal_has_its_own_bar(tmp_path):
    class Screen(io.StringIO):
        def isatty(self):
            return True

    assert Progress(1, 1, Screen()).every == math.inf


@pytest.mark.parametrize(("seconds", "said"), [(1, "1.0 s"), (100, "2 min"), (7200, "2.0 h")])
def test_durations(seconds, said):
    assert duration(seconds) == said


def test_a_killed_run_is_made_again_twice_at_most(tmp_path):
    plan = plan_of(tmp_path, "kill once", "kill", "good")
    outcome = launch(plan, start)
    assert states(plan) == ["COMPLETED", "FAILED", "COMPLETED"]
    ((run, reason),) = outcome.failed
    assert run.label == "kill"
    assert "SIGKILL" in reason
    assert reason.endswith("3 times")
    assert [run.folder().state().attempt for run in plan.runs] == [2, 3, 1]
    assert "LOST" in plan.log.read_text()


def test_no_retry_where_none_is_asked_for(tmp_path):
    plan = plan_of(tmp_path, "kill once", retries=0)
    assert launch(plan, start).code == 1
    assert plan.runs[0].folder().state().attempt == 1


def test_what_the_kernel_kills_for_memory_is_not_tried_again(tmp_path, monkeypatch):
    kills = iter([0, 1, 1, 1])
    monkeypatch.setattr("gatekit.runs.process.kernel_kills", lambda: next(kills))
    plan = plan_of(tmp_path, "kill once")
    ((_, reason),) = launch(plan, start).failed
    assert reason.startswith("out of memory: killed by the kernel")
    assert plan.runs[0].folder().state().attempt == 1


def test_a_hanging_run_meets_its_timeout_and_others_go_on(tmp_path, monkeypatch):
    plan = plan_of(tmp_path, "hang", "good", n_jobs=1, timeout=1800.0)
    later = 0

    def hour_later():
        """Return the time; an hour has passed once the first run hangs."""
        nonlocal later
        later = later or 3600 * (states(plan)[0] == "RUNNING")
        return time.monotonic() + later

    clock = types.SimpleNamespace(**vars(time) | {"monotonic": hour_later})
    monkeypatch.setattr(loop, "time", clock)
    ((run, reason),) = launch(plan, start).failed
    assert run.label == "hang"
    assert reason.startswith("timeout: not over after 1800 s")
    assert states(plan) == ["FAILED", "COMPLETED"]


def test_fail_fast_stops_the_others_which_go_on_later(tmp_path):
    plan = plan_of(tmp_path, "wait", "fail", "good", fail_fast=True)
    outcome = launch(plan, start)
    assert outcome.code == 1
    assert states(plan) == ["INTERRUPTED", "FAILED", "PLANNED"]
    text = report(plan, outcome)
    assert "Stopped: fail_fast, and fail failed." in text
    assert "2 runs left" in text


def test_three_runs_without_disk_in_a_row_pause_the_sweep(tmp_path):
    plan = plan_of(tmp_path, *["disk"] * 5, n_jobs=1)
    outcome = launch(plan, start)
    assert states(plan) == ["FAILED"] * 3 + ["PLANNED"] * 2
    assert "3 runs in a row could not read or write" in report(plan, outcome)
    assert outcome.code == 1


def test_the_end_says_how_many_are_left_and_what_to_type(tmp_path):
    plan = plan_of(tmp_path, "wait", "good", "good", n_jobs=1)
    outcome, _ = interrupted(plan)
    text = report(plan, outcome)
    assert "Interrupted, 3 runs left. To continue, repeat the command." in text
    assert "gatekit train -m deed=x" in text


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_other_signals_stop_as_well(tmp_path, number, code):
    plan = plan_of(tmp_path, "wait", n_jobs=1)
    outcome, _ = interrupted(plan, number=number)
    assert outcome.code == code
    assert states(plan) == ["INTERRUPTED"]


class Told:
    """A run that a signal has stopped before anyone looks at it; the command may be told as well.

    Args:
        tells: whether the command gets the signal while it waits for the run.
    """

    slots, peak, slot = 1, 0, 0

    def __init__(self, tells):
        self.tells = tells

    def start(self, run, slot, bar):
        self.claimed = run.folder()
        self.claimed.claim()
        return self

    def wait(self, handles, seconds):
        if self.claimed.state().name == "RUNNING":
            if self.tells:
                os.kill(os.getpid(), signal.SIGTERM)
            self.claimed.status("INTERRUPTED", "stopped by SIGTERM")

    def over(self):
        return True

    def owns(self, folder, before):
        return True

    def cause(self):
        return Cause.RUN

    def close(self):
        pass


@pytest.mark.parametrize(("tells", "code"), [(True, 143), (False, 1)])
def test_a_run_that_a_signal_stopped_first_is_left(tmp_path, tells, code):
    plan = plan_of(tmp_path, "good")
    outcome = launch(plan, backend=Told(tells))
    assert states(plan) == ["INTERRUPTED"]
    assert outcome.code == code
    assert "Interrupted, 1 run left. To continue, repeat the command." in report(plan, outcome)


def test_every_line_of_progress_is_in_the_log(tmp_path):
    plan = plan_of(tmp_path, "good", "fail")
    launch(plan, start)
    lines = plan.log.read_text().splitlines()
    assert len(lines) == 2
    assert lines[-1].startswith("[2/2]")
    assert "0 running, 1 failed" in lines[-1]


def test_each_slot_has_its_gpu(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    plan = plan_of(tmp_path, "gpu", "gpu", "gpu", n_jobs=3)
    backend = Processes(plan)
    assert backend.slots == 2
    seen = []
    for slot in range(2):
        environment = plan.launch.environment(backend.environments[slot])
        made = process.started(CONTEXT, plan.runs[slot], plan, environment, False, child_of)
        made.process.join()
        seen.append((plan.runs[slot].path / "gpu").read_text().split()[0])
    assert seen == ["4", "7"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["4", "7"]),
        ({"gpus": 1}, ["4"]),
        ({"gpus": ("0", "2")}, ["0", "2"]),
        ({"gpus": 0}, []),
        ({"runs_per_gpu": 2}, ["4", "7", "4", "7"]),
    ],
)
def test_gpus_are_shared_out(monkeypatch, options, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    actual = slot_environments(Options(**options))
    assert [environment["CUDA_VISIBLE_DEVICES"] for environment in actual] == expected
    assert all(("TF_FORCE_GPU_ALLOW_GROWTH" in p) == ("runs_per_gpu" in options) for p in actual)


def test_runs_without_a_gpu_see_none(tmp_path):
    plan = plan_of(tmp_path, "good", gpus=0)
    assert plan.launch.environment({})["CUDA_VISIBLE_DEVICES"] == "-1"


def test_what_another_sweep_has_made_meanwhile_is_not_begun(tmp_path):
    plan = plan_of(tmp_path, "good", "good", n_jobs=1)

    def begun(run, plan, bar):
        if run is plan.runs[0]:
            start(plan.runs[1], plan, bar).join()
        return start(run, plan, bar)

    outcome = launch(plan, begun)
    assert [state for _, state in outcome.executed] == ["COMPLETED"]
    assert [state for _, state in outcome.skipped] == ["COMPLETED"]
    assert plan.runs[1].folder().state().attempt == 1


@pytest.fixture
def server():
    """A fork server without TensorFlow, in which runs are deeds; ended after the test."""
    forkserver._forkserver._stop()

    class Served(Processes):
        def start(self, run, slot, bar):
            context = multiprocessing.get_context("forkserver")
            return process.started(
                context, run, self.plan, {}, bar, child_of, preload=(), slot=slot
            )

    yield Served
    forkserver._forkserver._stop()


def test_runs_outlive_their_fork_server(tmp_path, server):
    plan = plan_of(tmp_path, "kill server once", "die with server once", "good", n_jobs=1)
    outcome = launch(plan, backend=server(plan))
    assert states(plan) == ["COMPLETED"] * 3
    assert outcome.code == 0
    assert [run.folder().state().attempt for run in plan.runs] == [1, 2, 1]
    assert "lost with the fork server that had started it" in plan.log.read_text()


def test_a_run_that_is_lost_with_its_fork_server_never_counts_as_failed(tmp_path, server):
    plan = plan_of(tmp_path, "die with server once", retries=0)
    outcome = launch(plan, backend=server(plan))
    assert (states(plan), outcome.failed, outcome.code) == (["INTERRUPTED"], [], 1)
    assert launch(plan, backend=server(plan)).code == 0
    assert states(plan) == ["COMPLETED"]


@pytest.mark.parametrize("missed", [0, 1, 2])
def test_a_run_starts_if_its_fork_server_is_just_ending(tmp_path, server, monkeypatch, missed):
    plan = plan_of(tmp_path, "good", "good", n_jobs=1, retries=0)
    backend = server(plan)
    backend.start(plan.runs[0], 0, False).process.join()
    number, waitpid = fork_server._pid(), os.waitpid
    os.kill(number, signal.SIGKILL)
    os.waitid(os.P_PID, number, os.WEXITED | os.WNOWAIT)
    looks = []

    def late(pid, options):
        looks.append(pid)
        return (0, 0) if pid == number and len(looks) <= missed else waitpid(pid, options)

    # The kernel closes a killed process's connections some time before waitpid knows of its end.
    monkeypatch.setattr(os, "waitpid", late)
    outcome = launch(plan, backend=backend)
    assert looks[: missed + 1] == [number] * (missed + 1)
    assert (states(plan), outcome.code) == (["COMPLETED"] * 2, 0)


def test_a_fork_server_that_refuses_but_lives_is_told(tmp_path, server, monkeypatch):
    plan = plan_of(tmp_path, "good", "good", n_jobs=1, retries=0)
    backend = server(plan)
    backend.start(plan.runs[0], 0, False).process.join()
    monkeypatch.setattr(fork_server, "PATIENCE", 0.1)

    def refuse(fds):
        raise ConnectionRefusedError

    monkeypatch.setattr(forkserver, "connect_to_new_process", refuse)
    outcome = launch(plan, backend=backend)
    assert "the fork server ended" in outcome.halted
    assert outcome.left == [plan.runs[1]]


class Refusing:
    """A backend that cannot start a run the first ``times`` times."""

    slots = 1

    def __init__(self, times):
        self.times = times

    def start(self, run, slot, bar):
        self.times -= 1
        if self.times >= 0:
            raise StartError("the fork server ended.")
        return process.Process(start(run, None, bar), slot)

    def wait(self, handles, seconds):
        Processes.wait(handles, seconds)

    def close(self):
        pass


@pytest.mark.parametrize(
    ("times", "code", "after"), [(2, 0, "COMPLETED"), (3, 1, "PLANNED"), (99, 1, "PLANNED")]
)
def test_a_fork_server_that_ends_is_started_again_twice(tmp_path, times, code, after):
    plan = plan_of(tmp_path, "good", "good")
    outcome = launch(plan, backend=Refusing(times))
    assert (outcome.code, set(states(plan))) == (code, {after})
    assert outcome.failed == []
    text = report(plan, outcome)
    assert ("Stopped: no run can be started: the fork server ended." in text) == bool(code)


def unable(run, plan, environment, bar):
    """Be the process of a run where TensorFlow cannot be imported."""
    package.preload = types.SimpleNamespace(failure="MemoryError: too much")
    process.make(run, plan, environment, bar)


def unwritable(run, plan, environment, bar):
    """Be the process of a run that cannot record its end."""
    run.folder().claim()
    raise RunError("input or output failed at metrics.jsonl: No space left on device")


class Changed:
    """Work that a new process cannot receive, as if a file of gatekit had changed meanwhile."""

    def __reduce__(self):
        return vanished, ()


def vanished():
    raise ImportError("cannot import name 'amount'")


class Spawned(Processes):
    """Runs in fresh processes."""

    def start(self, run, slot, bar):
        return process.started(CONTEXT, run, self.plan, {}, bar, self.main, slot=slot)


def test_where_gatekit_cannot_be_imported_any_more_no_run_fails(tmp_path, capfd):
    plan = plan_of(tmp_path, "good", "good", n_jobs=1)
    outcome = launch(plan, backend=Spawned(plan, main=Changed()))
    assert (outcome.code, outcome.failed, states(plan)) == (1, [], ["PLANNED"] * 2)
    text = report(plan, outcome)
    assert "Stopped: no run can be started: a new process of gatekit fails as it starts" in text
    assert "repeat the command" in text
    assert "cannot import name 'amount'" in capfd.readouterr().err


def ended(run, plan, environment, bar):
    """Be the process of a run whose plugin ends it."""
    run.folder().claim()
    os._exit(1)


def test_a_run_that_had_begun_ends_with_its_exit_code(tmp_path):
    plan = plan_of(tmp_path, "good", n_jobs=1)
    outcome = launch(plan, backend=Spawned(plan, main=ended))
    ((_, reason),) = outcome.failed
    assert reason == "the process ended with exit code 1 before its result was written"


def test_where_tensorflow_cannot_be_imported_no_run_fails(tmp_path):
    plan = plan_of(tmp_path, "good", "good", n_jobs=1)
    outcome = launch(plan, backend=Spawned(plan, main=unable))
    assert (outcome.code, outcome.failed, states(plan)) == (1, [], ["PLANNED"] * 2)
    assert "Stopped: no run can be started: TensorFlow cannot be imported: MemoryError" in report(
        plan, outcome
    )


def test_the_cause_of_an_end_that_a_run_cannot_record_is_recorded(tmp_path):
    plan = plan_of(tmp_path, "good")
    ((_, reason),) = launch(plan, backend=Spawned(plan, main=unwritable)).failed
    assert reason.endswith("metrics.jsonl: No space left on device")
    assert plan.runs[0].folder().state().reason == reason


def test_a_run_whose_folder_cannot_be_made_is_known_to_have_failed(tmp_path):
    plan = plan_of(tmp_path, "good")
    path = plan.runs[0].path
    path.parent.mkdir(parents=True)
    path.write_text("in the way")
    outcome = launch(plan, start)
    assert outcome.code == 1
    (cause,) = causes(survey(plan.study))
    assert cause.state == "FAILED"
    assert re.match(rf"input or output failed at {path}: .*MiB are free", cause.reason)
    path.unlink()
    # It was never claimed, so that no retry=failed is needed.
    assert launch(plan, start).code == 0
    assert [run.state for run in survey(plan.study)] == ["COMPLETED"]


def test_a_process_that_ends_before_its_claim_does_not_end_as_an_earlier_attempt_did(tmp_path):
    plan = plan_of(tmp_path, "die early")
    folder = plan.runs[0].folder()
    folder.claim()
    folder.status("INTERRUPTED", "stopped by SIGTERM")
    outcome = launch(plan, start)
    assert "exit code 9" in outcome.failed[0][1]


def test_a_signal_ends_what_blocks_and_is_kept():
    with caught() as received:
        threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
        with pytest.raises(StoppedError), raising():
            time.sleep(processes.PATIENCE)
        # What came before is not waited for either.
        with pytest.raises(StoppedError), raising():
            time.sleep(processes.PATIENCE)
    assert received == [signal.SIGINT]


IGNORING = """
import os, signal
from gatekit.runs import process
from gatekit.study.launch.signals import caught
with caught() as received:
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        os.kill(os.getpid(), number)
assert received == [signal.SIGTERM], received
stop, received = process.note_stop_signals()
for number in (signal.SIGHUP, signal.SIGTERM):
    os.kill(os.getpid(), number)
assert received == [signal.SIGTERM], received
"""


def test_what_nohup_and_a_shell_in_the_background_ignore_stays_ignored():
    shell = ["/bin/sh", "-c", "trap '' HUP INT; exec \"$@\"", "sh", sys.executable, "-c", IGNORING]
    processes.run(shell, check=True)
