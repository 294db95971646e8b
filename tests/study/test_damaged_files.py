"""Whatever is in the place of a file of a study costs one run at most, and is never COMPLETED."""

from __future__ import annotations

import itertools
import json
import os
import time
from types import SimpleNamespace

import damages
import pytest
import seams
from compare.probing import probe_run
from compare.synthetic import METRIC, configuration
from inline import Inline
from seams import (
    SMALL,
    Checkpoint,
    ClaimedError,
    Launch,
    PlannedRun,
    RunFolder,
    SweepOutcome,
    SweepPlan,
    durable,
    launch,
    main,
    pending,
    resume,
    survey,
)
from seams import run_process as process

from gatekit import RunError
from gatekit.compare import load

CHECKED = ("result.json", "config.yaml", "env.json", "metrics.jsonl", "weights.npz")
BESIDE = ("status.json", "stale.json", "log.txt", "probe.jsonl", "probe.npz", "beat")
OPEN = ("attempts/1.claim", "status.json", "config.yaml", "metrics.jsonl", "checkpoint.bin", "beat")
GOOD = ("a" * 16, "b" * 16)


class Quick(durable.Disk):
    """A disk that nobody waits for."""

    def fsync(self, number):
        pass


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    seams.disk(monkeypatch, Quick())


def record(test, name):
    """Return the result of a run."""
    score = {"epoch": 1, "validation": 8.5, "test": test}
    return {
        "state": "COMPLETED",
        "fingerprint": name,
        "task": "jsb_music21",
        "metric": METRIC,
        "best": score,
        "last": score,
        "parameters": {"recurrent": 9, "total": 9},
        "seconds": {"total": 1.0, "step": 0.1},
        "steps": 1,
        "executor": "stacked",
        "data_hash": "ab",
        "plugins": {"power_law": "c" * 64},
    }


def begun(runs, name, seed=0, cell="lstm", units=64):
    """Write a run as far as its first epoch."""
    folder = RunFolder(runs / name)
    folder.claim()
    folder.write_config(configuration(cell, seed, units=units))
    folder.write_env({"python": "3.11", "versions": {"numpy": "2"}, "cpu": "x", "gpu": []})
    line = {"epoch": 1, "step": 1, "split": "validation", "metric": "nll", "value": 8.5}
    folder.log({**line, "seconds": 1.0})
    folder.write_weights(bytes(1000))
    folder.beat()
    (folder.path / "log.txt").write_text("trained\n")
    return folder


def done(runs, name, seed=0, cell="lstm", units=64):
    """Write a complete run."""
    folder = begun(runs, name, seed, cell, units)
    folder.finish(record(8.65 + seed / 100, name))
    return folder


def orphaned(folder):
    """Have the claim of a run name a process that is gone."""
    path = folder.path / "attempts" / "1.claim"
    path.write_text(json.dumps({**json.loads(path.read_text()), "born": "0"}))
    path = folder.path / "status.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pid": 2**22 + 1}))


def write_damaged(root):
    """Write a study in which each file of a run and of a study is damaged in each way.

    Its ``finished`` and ``open`` name the run in which a file is damaged in a way.
    """
    path = root / "demo"
    runs = path / "runs"
    done(runs, GOOD[0], 0)
    done(runs, GOOD[1], 0, "gru")
    names = (f"{number:016x}" for number in itertools.count())
    finished, unfinished = {}, {}
    for name, way in itertools.product((*CHECKED, *BESIDE), damages.EVERY):
        # Stale runs are not compared with others.
        units = len(finished) if name == "stale.json" else 64
        folder = done(runs, next(names), len(finished) + 1, units=units)
        if name.startswith("probe"):
            probe_run(folder.path, (0.5, 0.9))
        damages.EVERY[way](folder.path / name)
        finished[name, way] = folder.path
    for name, way in itertools.product(OPEN, damages.EVERY):
        folder = begun(runs, next(names), len(unfinished) + 1)
        orphaned(folder)
        damages.EVERY[way](folder.path / name)
        unfinished[name, way] = folder.path
    for number, way in enumerate(damages.EVERY):
        for name in (
            f"plan-{number}.json",
            f"slurm/job-{number}.json",
            f"plugins/{number:064x}.py",
        ):
            damages.EVERY[way](path / name)
    closed = done(runs, "f" * 16).path
    closed.chmod(0)
    return SimpleNamespace(root=root, path=path, finished=finished, open=unfinished, closed=closed)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    with pytest.MonkeyPatch.context() as patch:
        seams.disk(patch, Quick())
        yield write_damaged(root)
    damages.readable_again(root)


def test_status_calls_no_damaged_run_completed(study):
    with damages.without_privileges():
        found = {run.path: run for run in survey(study.path)}
    for (name, way), path in study.finished.items():
        run = found[path]
        assert run.state == ("CORRUPT" if name in CHECKED else "COMPLETED"), (name, way)
        if name in CHECKED:
            assert name in run.reason, (name, way)
    assert found[study.closed].state == "CORRUPT"
    assert "Permission denied" in found[study.closed].reason
    assert [found[study.path / "runs" / name].state for name in GOOD] == ["COMPLETED"] * 2


def test_compare_agrees_about_what_it_reads(study):
    with damages.without_privileges():
        found = {run.path: run for run in load("demo", study.root).runs}
    for (name, way), path in study.finished.items():
        read = name in ("result.json", "config.yaml", "metrics.jsonl")
        assert found[path].state == ("CORRUPT" if read else "COMPLETED"), (name, way)
        assert not read or name in found[path].reason, (name, way)
    assert found[study.closed].reason == "config.yaml cannot be read: Permission denied"


COMMANDS = [
    ["status", "demo", "--runs"],
    ["status", "demo", "--json", "--verify"],
    ["failures", "demo"],
    ["failures", "demo", "--json"],
    ["logs", GOOD[0], "--json"],
    ["prune", "demo", "--failed", "--stale"],
    ["compare", "demo"],
    ["compare", "demo", "--json"],
    ["why", GOOD[0], GOOD[1]],
    ["gates-report", "demo"],
    ["report", "demo"],
    ["bundle", "demo", "--weights"],
]


@pytest.mark.one_in(5)
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_ends_with_a_traceback(study, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with damages.without_privileges():
        code = main([*words, "--root", str(study.root)])
    printed = capsys.readouterr()
    assert code in (0, 1), printed.err


def plan_of(study, folders):
    """Return a plan of runs whose folders are there already."""
    runs = tuple(PlannedRun(f.name, {"run": f.name}, f.name, "", {}, {}, f) for f in folders)
    where = Launch(study.name, study.parent, 1, 1, retry_failed=False, jobs=1)
    return SweepPlan(where, runs, ())


def test_the_same_command_repeats_what_is_damaged_and_nothing_else(tmp_path):
    study = write_damaged(tmp_path)
    plan = plan_of(study.path, [*study.finished.values(), *study.open.values()])
    with damages.without_privileges():
        launch(plan, backend=Inline(lambda config: 0.5, slots=1))
        for (name, way), path in (study.finished | study.open).items():
            state = RunFolder(path).state()
            again = path in study.open.values() or name in CHECKED
            assert (state.name, state.attempt) == ("COMPLETED", 1 + again), (name, way)
        with pytest.raises(RunError, match="Permission denied"):
            RunFolder(study.closed).claim()
    damages.readable_again(tmp_path)


@pytest.mark.parametrize("way", sorted({*damages.EVERY} - {"missing", "huge"}))
@pytest.mark.parametrize("told", [True, False])
def test_a_damaged_claim_frees_no_run_whose_owner_may_live(tmp_path, way, told):
    """This process owns it: its status says so, or is damaged as well."""
    folder = begun(tmp_path / "demo" / "runs", GOOD[0])
    damages.EVERY[way](folder.path / "attempts" / "1.claim")
    if not told:
        damages.EVERY[way](folder.path / "status.json")
    with damages.without_privileges():
        state = RunFolder(folder.path).state()
        assert state.name == "RUNNING"
        assert "its owner is unknown" in state.reason
        with pytest.raises(ClaimedError, match=r"delete .*1\.claim"):
            RunFolder(folder.path).claim()
        (run,) = plan_of(tmp_path / "demo", [folder.path]).runs
        folder.beat()
        assert not run.folder().is_silent()
        # It beats no more: whoever takes the run over is found by the owner before it writes.
        before = time.time() - 2 * process.SILENCE
        os.utime(folder.path / "beat", (before, before))
        plan = plan_of(tmp_path / "demo", [folder.path])
        assert pending(plan, SweepOutcome()) == list(plan.runs)
        assert RunFolder(folder.path).claim() == 2
        with pytest.raises(ClaimedError, match="taken over"):
            folder.write_weights(b"")


def test_a_run_whose_claim_was_deleted_is_free_and_its_owner_stops(tmp_path):
    folder = begun(tmp_path, GOOD[0])
    (folder.path / "attempts" / "1.claim").unlink()
    assert folder.state().name == "LOST"
    assert RunFolder(folder.path).claim() == 2
    with pytest.raises(ClaimedError, match="taken over"):
        folder.write_weights(b"")


@pytest.mark.parametrize("name", ["checkpoint.bin", "metrics.jsonl", "weights.npz", "probe.jsonl"])
@pytest.mark.parametrize("way", sorted({*damages.EVERY} - {"missing", "unreadable"}))
def test_what_a_checkpoint_needs_is_set_aside_or_not_touched(tmp_path, name, way):
    folder = begun(tmp_path, GOOD[0])
    folder.write_checkpoint(Checkpoint({}, {"epoch": 1, "step": 1}, {}))
    damages.EVERY[way](folder.path / name)
    orphaned(folder)
    again = RunFolder(folder.path)
    again.claim()
    checkpoint = resume.checkpoint_of(again)
    if checkpoint is not None:
        assert name in ("weights.npz", "probe.jsonl")
        again.go_back(checkpoint)
    again.log({"epoch": 1})
    again.log_probe({"epoch": 1})
    again.write_weights(b"")
    again.write_checkpoint(Checkpoint({}, {"epoch": 1, "step": 1}, {}))
    assert again.checkpoint() is not None


def test_weights_are_hashed_where_they_are_small_or_it_is_asked_for(tmp_path):
    study = tmp_path / "demo"
    small, large = done(study / "runs", GOOD[0]), begun(study / "runs", GOOD[1])
    large.write_weights(bytes(SMALL + 1))
    large.finish(record(8.65, GOOD[1]))
    for folder in (small, large):
        damages.one_bit(folder.path / "weights.npz")
    assert [run.state for run in survey(study)] == ["CORRUPT", "COMPLETED"]
    assert [run.state for run in survey(study, verify=True)] == ["CORRUPT", "CORRUPT"]
    assert large.state().name == "CORRUPT"
    damages.half(large.path / "weights.npz")
    assert [run.state for run in survey(study)] == ["CORRUPT", "CORRUPT"]


@pytest.mark.parametrize("name", CHECKED)
@pytest.mark.parametrize("damage", [damages.half, damages.one_bit])
def test_a_small_change_is_found(tmp_path, name, damage):
    folder = done(tmp_path / "demo" / "runs", GOOD[0])
    damage(folder.path / name)
    ((run),) = survey(tmp_path / "demo")
    assert (run.state, name in run.reason) == ("CORRUPT", True)
