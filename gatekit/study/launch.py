"""One process per run: what happens to one of them never touches the others."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Any

from gatekit.cell.errors import RunError

from . import files
from .environment import gpu_visible
from .folder import OUTCOMES, RunFolder
from .plan import Plan, Run
from .progress import Progress

GRACE = 4.0
"""Seconds that a run gets to stop by itself after its batch."""

PRELOAD = "gatekit.study.preload"


@dataclass
class Outcome:
    """What became of the runs of one command, by the run's label."""

    made: list[tuple[Run, str]] = field(default_factory=list)
    skipped: list[tuple[Run, str]] = field(default_factory=list)
    failed: list[tuple[Run, str]] = field(default_factory=list)
    signal: int | None = None

    @property
    def code(self) -> int:
        """The exit code: 0, 1 when a run failed, 128 + n after signal n."""
        if self.signal is not None:
            return 128 + self.signal
        return 1 if self.failed else 0


@dataclass
class _Slot:
    run: Run
    process: Any
    began: float


def launch(plan: Plan, start: Callable[[Run, Plan, bool], Any] | None = None) -> Outcome:
    """Make the runs of a plan that are not complete yet.

    Args:
        plan: the runs, and how to make them.
        start: returns the started process of a run; by default a process forked from a server that
            has imported TensorFlow and executed nothing.

    Returns:
        What was made, skipped and failed; the numbers are in the folders.

    Raises:
        RunError: the study's folder cannot be written.
    """
    outcome = Outcome()
    todo = _pending(plan, outcome)
    if not todo:
        return outcome
    _prepare(plan)
    start = start or _starter()
    slots = min(plan.launch.n_jobs, len(todo))
    progress = Progress(len(todo), slots)
    bar = len(plan.runs) == 1 and sys.stdout.isatty()
    active: list[_Slot] = []
    try:
        with _signals() as received:
            while (todo and not received) or active:
                while todo and not received and len(active) < slots:
                    run = todo.pop(0)
                    active.append(_Slot(run, start(run, plan, bar), time.monotonic()))
                    progress.started()
                if received:
                    _stop(active, received)
                    outcome.signal = received[0]
                wait([slot.process.sentinel for slot in active], timeout=0.2)
                for slot in [s for s in active if not s.process.is_alive()]:
                    active.remove(slot)
                    _collect(slot, outcome, progress, bool(received))
    finally:
        progress.close()
        for slot in active:
            slot.process.kill()
    return outcome


def _pending(plan: Plan, outcome: Outcome) -> list[Run]:
    todo = []
    for run in plan.runs:
        state = run.folder().state()
        if state.name in (*OUTCOMES, "RUNNING"):
            outcome.skipped.append((run, state.name))
        elif state.name == "FAILED" and not plan.launch.retry_failed:
            outcome.failed.append((run, f"failed before: {state.reason}"))
        else:
            todo.append(run)
    return todo


def _collect(slot: _Slot, outcome: Outcome, progress: Progress, stopping: bool) -> None:
    slot.process.join()
    run, folder, seconds = slot.run, slot.run.folder(), time.monotonic() - slot.began
    code, state = slot.process.exitcode, folder.state()
    if state.name == "RUNNING" and folder.owner() != slot.process.pid:
        outcome.skipped.append((run, "RUNNING"))
        progress.finished(run.label, "RUNNING", "elsewhere", seconds)
        return
    if state.name not in (*OUTCOMES, "FAILED", "INTERRUPTED"):
        name = "INTERRUPTED" if stopping else "FAILED"
        with contextlib.suppress(OSError):
            files.folder(folder.path)
            folder.status(name, "stopped by a signal" if stopping else _reason(code))
        state = folder.state()
        if state.name not in ("FAILED", "INTERRUPTED"):
            outcome.failed.append((run, _reason(code)))
            progress.finished(run.label, "FAILED", _reason(code), seconds)
            return
    if state.name == "FAILED":
        outcome.failed.append((run, state.reason or _reason(code)))
        words = state.reason or ""
    else:
        outcome.made.append((run, state.name))
        words = _score(folder) if state.name == "COMPLETED" else state.reason or ""
    progress.finished(run.label, state.name, words, seconds)


def _reason(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        guess = ", perhaps for want of memory" if -code == signal.SIGKILL else ""
        return f"killed by signal {-code} ({name}{guess})"
    return f"the process ended with exit code {code} before its result was written"


def _score(folder: RunFolder) -> str:
    try:
        result = folder.result()
        return f"{result['metric']['name']} {result['best']['test']:.4g}"
    except (RunError, KeyError, TypeError):
        return ""


def _stop(active: list[_Slot], received: list[int]) -> None:
    if len(received) > 1:
        for slot in active:
            slot.process.kill()
        return
    deadline = time.monotonic() + GRACE
    for slot in active:
        slot.process.terminate()
    while time.monotonic() < deadline and len(received) == 1:
        if not any(slot.process.is_alive() for slot in active):
            return
        time.sleep(0.05)
    for slot in active:
        slot.process.kill()


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    received: list[int] = []
    caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {s: signal.signal(s, lambda number, _: received.append(number)) for s in caught}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _prepare(plan: Plan) -> None:
    study = plan.launch.root / plan.launch.study
    runs, sources = study / "runs", study / "plugins"
    try:
        files.folder(runs)
        probe = runs / f".probe.{os.getpid()}"
        files.write(probe, "")
        probe.unlink()
        for digest, source in plan.sources.items():
            path = sources / f"{digest}.py"
            if not path.exists():
                files.folder(sources)
                files.create(path, source)
    except OSError as error:
        raise RunError(
            f"cannot write to {runs}: {error.strerror or error}. "
            "Give another place with root=FOLDER."
        ) from None


def _starter() -> Callable[[Run, Plan, bool], Any]:
    # A fork of a process that has initialised CUDA is broken; whether the import alone does so
    # depends on the driver, so that a visible GPU means a fresh interpreter.
    context: Any = multiprocessing.get_context("spawn" if gpu_visible() else "forkserver")

    def start(run: Run, plan: Plan, bar: bool) -> Any:
        with _quiet(plan.launch.threads):
            if context.get_start_method() == "forkserver":
                context.set_forkserver_preload([PRELOAD])
            process = context.Process(target=_run, args=(run, plan.launch.threads, bar))
            process.start()
        return process

    return start


def _run(run: Run, threads: int, bar: bool) -> None:
    from .preload import worker

    worker.work(worker.Request(run.path, run.config, run.data_hash, run.plugins, threads, bar))


@contextlib.contextmanager
def _quiet(threads: int) -> Iterator[None]:
    """Set what TensorFlow and BLAS read when imported, for the processes started inside."""
    wanted = {"TF_CPP_MIN_LOG_LEVEL": "3"} | {
        name: str(threads)
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(
        {n: v for n, v in wanted.items() if before[n] is None or n != "TF_CPP_MIN_LOG_LEVEL"}
    )
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def report(plan: Plan, outcome: Outcome) -> str:
    """Return what a command says at its end: what ran, was skipped, failed, what to type next."""
    lines = []
    study = plan.launch.study
    made = [state for _, state in outcome.made]
    counts = [f"{made.count(s)} {s.lower()}" for s in dict.fromkeys(made)]
    counts += [f"{len(outcome.failed)} failed"] if outcome.failed else []
    lines.append(f"study {study}: " + (", ".join(counts) or "nothing new was run") + ".")
    done = [r for r, s in outcome.skipped if s != "RUNNING"]
    elsewhere = [r for r, s in outcome.skipped if s == "RUNNING"]
    if done:
        lines.append(f"{len(done)} complete already, skipped.")
    if elsewhere:
        lines.append(f"{len(elsewhere)} being worked on by another process, skipped.")
    if plan.duplicates:
        lines.append(
            f"{len(plan.duplicates)} asked for twice, run once: {'; '.join(plan.duplicates[:5])}"
        )
    for run, reason in outcome.failed:
        lines.append(f"FAILED {run.label}: {reason}")
        lines += [f"    {line}" for line in run.folder().log_tail(6)]
        lines.append(f"    whole log: {run.path / 'log.txt'}")
    if outcome.failed:
        lines.append("To retry what failed: the same command with retry=failed.")
    if outcome.signal is not None:
        lines.append("Interrupted. To continue: the same command again.")
    root = "" if str(plan.launch.root) == "experiments" else f" --root {plan.launch.root}"
    lines.append(f"Now type: gatekit compare {study}{root}")
    return "\n".join(lines)
