"""Seeds of a variant share a process; whatever ends it, the other runs do not notice."""

import dataclasses
import os
import signal
import time
import types

import pytest
from deed import CONTEXT
from deeds import plan_of, states
from seams import ListedRuns, Process, Processes, launch, loop
from seams import launch_process as process
from served import serve


def queue_of(root, *deeds, **options):
    """Return a plan of ``variant/deed`` words, which count their seeds from 0."""
    variants = [word.split("/") for word in deeds]
    plan = plan_of(root, *(deed for _, deed in variants), n_jobs=1, **options)
    runs = tuple(
        dataclasses.replace(run, config={"variant": variant, "seed": k})
        for k, ((variant, _), run) in enumerate(zip(variants, plan.runs, strict=True))
    )
    return dataclasses.replace(plan, runs=runs)


@pytest.fixture
def served(monkeypatch):
    """Let processes do deeds."""

    def started(context, run, plan, environment, bar, main=None, slot=0):
        reader, writer = CONTEXT.Pipe()
        made = CONTEXT.Process(target=serve, args=(writer, run))
        made.start()
        writer.close()
        return Process(made, slot, reader)

    monkeypatch.setattr(process, "started", started)


def sweep(plan):
    """Execute a plan; return the process id of each run's latest attempt."""
    work = ListedRuns(plan.runs, grouped=True)
    outcome = launch(plan, backend=Processes(plan), work=work)
    return outcome, [run.folder().owner()[1] for run in plan.runs]


def test_seeds_of_a_variant_share_a_process_and_variants_do_not(tmp_path, served):
    plan = queue_of(tmp_path, "a/good", "b/good", "a/good", "b/good", "a/good")
    outcome, (a, b, *rest) = sweep(plan)
    assert (outcome.code, set(states(plan))) == (0, {"COMPLETED"})
    assert a != b
    assert rest == [a, b, a]


@pytest.mark.parametrize(
    ("deed", "state", "attempts"),
    [("kill once", "COMPLETED", 2), ("fail", "FAILED", 1), ("diverge", "DIVERGED", 1)],
)
def test_what_ends_a_process_ends_one_run(tmp_path, served, deed, state, attempts):
    plan = queue_of(tmp_path, "a/good", f"a/{deed}", "a/good")
    _, (first, _, third) = sweep(plan)
    assert states(plan) == ["COMPLETED", state, "COMPLETED"]
    assert [run.folder().state().attempt for run in plan.runs] == [1, attempts, 1]
    assert third != first


def test_a_timeout_ends_one_run(tmp_path, served, monkeypatch):
    plan = queue_of(tmp_path, "a/good", "a/hang", "a/good", timeout=1800.0)
    later = 0

    def hour_later():
        """Return the time; an hour passes at each look while the second run hangs.

        A single hour might pass before the start of that run is noted.
        """
        nonlocal later
        later += 3600 * (states(plan)[1] == "RUNNING")
        return time.monotonic() + later

    clock = types.SimpleNamespace(**vars(time) | {"monotonic": hour_later})
    monkeypatch.setattr(loop, "time", clock)
    outcome, (first, _, third) = sweep(plan)
    assert states(plan) == ["COMPLETED", "FAILED", "COMPLETED"]
    ((run, reason),) = outcome.failed
    assert (run, reason[:8]) == (plan.runs[1], "timeout:")
    assert third != first


def test_a_run_that_was_attempted_before_starts_in_a_new_process(tmp_path, served):
    plan = queue_of(tmp_path, "a/good", "a/good")
    folder = plan.runs[1].folder()
    folder.claim()
    folder.status("INTERRUPTED", "stopped")
    _, (first, second) = sweep(plan)
    assert states(plan) == ["COMPLETED", "COMPLETED"]
    assert first != second


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_ends_between_two_runs_is_replaced(tmp_path, served, monkeypatch, number):
    hand = Process.hand

    def ended(self, run):
        os.kill(self.pid, number)
        self.process.join()
        return hand(self, run)

    monkeypatch.setattr(Process, "hand", ended)
    plan = queue_of(tmp_path, "a/good", "a/good")
    outcome, (first, second) = sweep(plan)
    assert (outcome.code, states(plan)) == (0, ["COMPLETED", "COMPLETED"])
    assert [run.folder().state().attempt for run in plan.runs] == [1, 1]
    assert first != second


def test_a_process_owns_only_a_claim_that_is_later_than_the_known_ones(tmp_path):
    (run,) = queue_of(tmp_path, "a/good").runs
    made = CONTEXT.Process(target=os.getpid)
    made.start()
    handle, folder = Process(made, 0), run.folder()
    made.join()
    folder.claim()
    handle.pid = os.getpid()
    assert handle.owns(folder, 0)
    assert not handle.owns(folder, 1)


def test_slots_take_whole_variants_first(tmp_path):
    plan = queue_of(tmp_path, *(f"{variant}/good" for variant in "aaabbcc"))
    work = ListedRuns(plan.runs, grouped=True)
    taken = [(slot, work.take(slot).config["variant"]) for slot in (0, 1, 0, 1, 1, 0, 0)]
    assert taken == [(0, "a"), (1, "b"), (0, "a"), (1, "b"), (1, "c"), (0, "a"), (0, "c")]
    assert work.take(0) is None
    assert not work.more()
    plain = ListedRuns(plan.runs)
    assert [plain.take(slot) for slot in (0, 1, 0, 1)] == list(plan.runs[:4])
