"""How runs have ended, judged from what a process or a Slurm job shows; none is started here."""

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import pytest
from deed import RESULT
from deeds import plan_of
from seams import (
    CAUGHT,
    Cause,
    ListedRuns,
    Process,
    RunState,
    StoppedError,
    SweepOutcome,
    caught,
    raising,
    slurm,
)
from seams import launch_process as process


class Shown:
    """A process as multiprocessing shows it.

    Args:
        exitcode: its exit code.
        method: how it was started.
        alive: whether it lives.
    """

    def __init__(self, exitcode, method="spawn", alive=False):
        self.exitcode, self._start_method, self.alive = exitcode, method, alive
        self.pid = os.getpid()

    def is_alive(self):
        return self.alive


ENDS = {
    # exit code, how it was started, what it sent, whether it had begun, whether the kernel killed
    # a process, whether memory is limited; then its reason and its cause
    "killed": ((-9, "spawn", None, True, False, False), "signal 9 (SIGKILL, perhaps", "OUTSIDE"),
    "by the kernel": (
        (-9, "spawn", None, True, True, False),
        "out of memory: killed by the",
        "RUN",
    ),
    "crashed": ((-11, "spawn", None, True, True, False), "killed by signal 11 (SIGSEGV)", "RUN"),
    "no server": (
        (255, "forkserver", None, True, False, False),
        "lost with the fork server",
        "PARENT",
    ),
    "no server, not begun": (
        (255, "forkserver", None, False, False, True),
        "lost with the fork server",
        "START",
    ),
    "no server, with a cause": ((255, "forkserver", "why", True, False, False), "why", "RUN"),
    "no fork": ((255, "spawn", None, True, False, False), "ended with exit code 255 before", "RUN"),
    "exit": ((1, "forkserver", None, True, False, False), "ended with exit code 1 before", "RUN"),
    "exit, limited": ((1, "spawn", None, True, False, True), "ulimit -v unlimited", "START"),
    "a cause, limited": ((1, "spawn", "why", True, False, True), "why", "RUN"),
    "not begun": ((1, "spawn", None, False, False, False), "fails as it starts", "START"),
    "imports fail": ((70, "spawn", "no TensorFlow", True, False, False), "no Tens", "START"),
    "0": ((0, "spawn", None, True, False, True), "exit code 0 before its result", "RUN"),
    "0, not begun": ((0, "spawn", None, False, False, False), "exit code 0 before", "RUN"),
}


@pytest.mark.parametrize("case", ENDS)
def test_an_exit_code_is_judged_with_what_is_known_beside_it(case, monkeypatch):
    (code, method, sent, begun, by_kernel, limited), reason, cause = ENDS[case]
    kills = iter([3, *[3 + by_kernel] * 9])
    monkeypatch.setattr(process.system, "kernel_kills", lambda: next(kills))
    monkeypatch.setattr(process.system, "memory_limited", lambda: limited)
    ended = Process(Shown(code, method), 0)
    ended.sent, ended.begun, ended.peak = sent, begun, 3 << 29
    assert reason in ended.reason()
    assert ("at 1.5 GiB" in ended.reason()) is (code == -9)
    assert ended.cause().name == cause


@pytest.mark.parametrize(
    ("shown", "lives", "reached"),
    [
        (Shown(None, alive=True), True, True),
        (Shown(None, alive=True), False, False),
        (Shown(255, "forkserver"), True, True),
        (Shown(255, "forkserver"), False, False),
        (Shown(255, "spawn"), True, False),
        (Shown(0), True, False),
    ],
)
def test_a_signal_reaches_only_a_process_that_lives(shown, lives, reached, monkeypatch):
    sent = []
    ended = Process(shown, 0)
    monkeypatch.setattr(ended, "owner", types.SimpleNamespace(alive=lambda: lives))
    monkeypatch.setattr(os, "kill", lambda *words: sent.append(words))
    ended.terminate()
    ended.kill()
    number = os.getpid()
    assert sent == [(number, signal.SIGTERM), (number, signal.SIGKILL)] * reached


class Job:
    """A Slurm job as submitit shows it."""

    job_id, state = "7", "FAILED"
    paths = types.SimpleNamespace(stderr="7_log.err")

    def __init__(self):
        self.ended, self.cancelled = False, []

    def done(self):
        return self.ended

    def cancel(self, **options):
        self.cancelled.append(options)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands at the time in a list, in seconds."""
    now = [100.0]
    faked = types.SimpleNamespace(monotonic=lambda: now[0], sleep=lambda seconds: None)
    monkeypatch.setattr(slurm, "time", faked)
    return now


def test_a_job_is_over_when_its_last_writes_are_visible(clock):
    queued = slurm.QueuedJob(Job(), 15.0)
    assert not queued.over()
    clock[0] = 200.0
    queued.job.ended = True
    assert not queued.over()
    clock[0] = 214.9
    assert not queued.over()
    clock[0] = 215.0
    assert queued.over()
    queued.cancel()
    queued.cancel()
    assert queued.job.cancelled == [{"check": False}]
    assert queued.summary() == "7 ended (FAILED; its output: 7_log.err)"


def test_a_run_of_a_job_ends_with_an_outcome_or_with_its_job(tmp_path, clock):
    (planned,) = plan_of(tmp_path, "good").runs
    earlier = planned.folder()
    earlier.claim()
    earlier.status("FAILED", "before")
    run = slurm.SlurmRun(planned, 0)
    run.look()
    assert (run.waiting(), run.over(), run.owns(planned.folder(), 1)) == (True, False, False)
    run.job = slurm.QueuedJob(Job(), 0.0)
    folder = planned.folder()
    folder.claim()
    run.look()
    assert (run.waiting(), run.over(), run.owns(planned.folder(), 1)) == (False, False, True)
    run.job.job.ended = True
    run.look()
    assert not run.over()  # its process lives, here
    folder.status("INTERRUPTED", "asked")
    run.look()
    assert (run.over(), run.cause()) == (True, Cause.OUTSIDE)
    assert run.reason() == f"its job {run.job.summary()} and left it INTERRUPTED"


@pytest.mark.parametrize("end", ["FAILED", "COMPLETED"])
def test_a_run_may_end_before_its_job(tmp_path, end):
    (planned,) = plan_of(tmp_path, "good").runs
    run = slurm.SlurmRun(planned, 0)
    run.job = slurm.QueuedJob(Job(), 0.0)
    folder = planned.folder()
    folder.claim()
    folder.write_config({})
    if end == "FAILED":
        folder.status(end, "why")
    else:
        folder.finish(RESULT)
    run.look()
    assert (run.name, run.over()) == (end, True)


def test_a_run_that_is_killed_takes_its_job_along_if_it_has_one(tmp_path):
    one, other = (slurm.SlurmRun(run, 0) for run in plan_of(tmp_path, "good", "good").runs)
    one.job = slurm.QueuedJob(Job(), 0.0)
    one.terminate()
    assert one.job.job.cancelled
    assert not one.over()
    one.kill()
    assert (one.over(), one.cause(), one.owns(one.run.folder(), -1)) == (True, Cause.RUN, False)
    other.terminate()
    assert other.over()
    killed = slurm.SlurmRun(one.run, 0)
    killed.job = slurm.QueuedJob(Job(), 0.0)
    killed.kill()
    assert killed.job.job.cancelled


def test_runs_are_submitted_as_jobs_are_filled(tmp_path, monkeypatch, clock):
    jobs = []

    class Executor:
        def submit(self, body):
            jobs.append([run.label for run in body.plan.runs])
            return Job()

    monkeypatch.setattr(slurm, "submitting", contextlib.nullcontext)
    plan = plan_of(tmp_path, *"abcde", backend="slurm", runs_per_job=3, max_jobs=2)
    (plan.study / "slurm").mkdir(parents=True)  # as submitit does
    backend = slurm.Slurm(plan, Executor())
    assert backend.slots == 6
    runs = []
    for run in plan.runs[:4]:
        runs.append(backend.start(run, 0, False))
        assert backend.slots == 6
    assert jobs == [["a", "b", "c"]]
    # A killed run is not submitted, and its job has one run less.
    runs.append(backend.start(plan.runs[4], 0, False))
    runs[3].terminate()
    backend.wait([], 0.0)
    assert jobs == [["a", "b", "c"], ["e"]]
    assert backend.slots == 4
    backend.wait([], 0.0)
    assert len(jobs) == 2
    # The queue is looked at from time to time only.
    for run in runs:
        run.look = lambda run=run: setattr(run, "ended", True)
    clock[0] += 1.9
    backend.wait([], 0.0)
    assert not runs[0].ended
    clock[0] += 0.1
    backend.wait([], 0.0)
    assert runs[0].ended
    assert backend.slots == 6


def test_the_exit_code_is_0_only_if_nothing_is_open(tmp_path):
    (run,) = plan_of(tmp_path, "a").runs
    good = SweepOutcome(executed=[(run, "COMPLETED")], skipped=[(run, "RUNNING")], peaks={"a": 1})
    assert good.code == 0
    for name, value in (
        ("failed", [(run, "why")]),
        ("damaged", [(run, RunState("CORRUPT", None, 1))]),
        ("held", [(run, "why")]),
        ("left", [run]),
        ("halted", "why"),
    ):
        assert dataclasses.replace(good, **{name: value}).code == 1
    assert dataclasses.replace(good, signal=2, failed=[(run, "why")]).code == 130
    for state, left in (("INTERRUPTED", [run]), ("COMPLETED", [])):
        outcome = SweepOutcome()
        outcome.ended(run, state)
        assert (outcome.executed, outcome.left) == ([(run, state)], left)


def test_listed_runs_are_taken_in_their_order(tmp_path):
    # The first and the last are of one variant, and stay apart unless they are grouped.
    runs = plan_of(tmp_path, *"aba").runs
    for grouped, order in ((None, [0, 1, 2]), (True, [0, 2, 1])):
        listed = ListedRuns(runs) if grouped is None else ListedRuns(runs, grouped)
        assert (listed.total, listed.more()) == (3, True)
        assert [listed.take(0) for _ in runs] == [runs[k] for k in order]
        assert (listed.take(0), listed.rest(), listed.more()) == (None, [], False)


def test_signals_are_recorded_within_the_block_alone():
    before = [signal.getsignal(number) for number in CAUGHT]
    with caught() as received:
        with raising():
            pass
        os.kill(os.getpid(), signal.SIGTERM)  # nothing blocks, so nothing is raised
        with pytest.raises(StoppedError), raising():
            pytest.fail("a signal had come before")
    assert received == [signal.SIGTERM]
    assert [signal.getsignal(number) for number in CAUGHT] == before
    with raising():
        pass


def test_another_thread_catches_no_signals():
    before = [signal.getsignal(number) for number in CAUGHT]

    def inside():
        assert threading.current_thread() is not threading.main_thread()
        with caught() as received, raising():
            return received, [signal.getsignal(number) for number in CAUGHT]

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(inside).result() == ([], before)


def test_a_long_reason_fits_into_the_pipe_that_nobody_reads_yet():
    reader, writer = multiprocessing.Pipe(duplex=False)
    with reader, writer:
        os.set_blocking(writer.fileno(), False)
        process._send(writer, "é" * 1_000_000)
        writer.close()
        text = reader.recv_bytes().decode()
    assert len(text) >= 1000
    assert set(text) == {"é"}
