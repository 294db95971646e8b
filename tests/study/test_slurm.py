"""Runs in Slurm jobs: through submitit's local executor, and the script that sbatch would get."""

import dataclasses
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from deed import child_of
from deeds import plan_of, start, states
from refused import at
from seams import (
    ListedRuns,
    SweepOutcome,
    compose,
    launch,
    read_options,
    slurm_queue,
    submitit_executor,
)
from seams import launch_report as report
from seams import loop_make as make
from seams import plan_jobs as planned
from seams import slurm as module

from gatekit import ConfigError

pytestmark = [
    # What submitit leaves to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
FAKES = {
    "srun": "exit 0",
    "sbatch": 'cp "$1" "$FAKE/script-$(ls "$FAKE" | grep -c script).sh"; '
    'echo "Submitted batch job $((100 + $(ls "$FAKE" | grep -c script)))"',
    "sacct": 'echo "JobID|State|NodeList"; for f in "$FAKE"/state-*; do '
    'echo "${f##*state-}|$(cat "$f")|node7"; done',
    "scancel": 'echo "$@" >> "$FAKE/cancelled"',
}


@pytest.fixture
def submitit(monkeypatch):
    """The library, and jobs that find the tests' deeds as they would find gatekit."""
    library = pytest.importorskip("submitit", reason="needs gatekit[slurm]")
    here = Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (here, here.parent))))
    return library


@pytest.fixture
def fake(submitit, tmp_path, monkeypatch):
    """A folder with commands that look like Slurm's; each submitted script is kept there."""
    folder = tmp_path / "fake"
    folder.mkdir()
    for name, words in FAKES.items():
        (folder / name).write_text(f"#!/bin/bash\n{words}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE", str(folder))
    submitit.SlurmJob.watcher.clear()
    return folder


def options(script):
    """Return what a script asks of sbatch, by name."""
    return dict(re.findall(r"^#SBATCH --([a-z-]+)=(.*)$", script.read_text(), re.M))


def test_without_submitit_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ConfigError, match=r"pip install 'submitit>=1\.5\.3'"):
        launch(plan_of(tmp_path, "good", backend="slurm"))
    assert list(tmp_path.iterdir()) == []


def test_where_there_is_no_slurm_it_says_so(submitit, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match=r"srun.*cluster=local"):
        launch(plan_of(tmp_path, "good", backend="slurm"))
    assert list(tmp_path.iterdir()) == []


def test_slurm_chooses_the_gpus(submitit, tmp_path):
    with pytest.raises(ConfigError, match=r"gpus=\[0,1\]: on Slurm, Slurm chooses"):
        launch(plan_of(tmp_path, "good", backend="slurm", gpus=("0", "1")))


@pytest.mark.parametrize(
    ("gpus", "at_once", "asked"), [("auto", 3, 6), (8, None, 8), (0, 3, 0), (1, 1, None)]
)
def test_a_job_has_the_devices_of_its_runs(tmp_path, gpus, at_once, asked):
    plan = plan_of(tmp_path, "good", backend="slurm", gpus=gpus, threads=2)
    launch = dataclasses.replace(plan.launch, devices=2, jobs=at_once)
    plan = dataclasses.replace(plan, launch=launch)
    if asked is None:
        with pytest.raises(ConfigError, match=r"devices=2: .*launcher\.gpus=1"):
            slurm_queue.gpus_of(plan)
    else:
        assert slurm_queue.gpus_of(plan) == asked
        assert slurm_queue.at_once(plan) == (at_once or 4)


def test_the_script_asks_for_what_was_typed(fake, tmp_path):
    plan = plan_of(
        tmp_path,
        *["good"] * 5,
        backend="slurm",
        detach=True,
        n_jobs=3,
        threads=2,
        runs_per_job=2,
        max_jobs=2,
        partition="long",
        account="lab",
        qos="low",
        constraint="avx512",
        minutes=90,
        memory_gb=7.5,
        gpus=1,
        setup=("module load cuda",),
        sbatch=(("mail-type", "FAIL"),),
    )
    outcome = launch(plan)
    assert outcome.code == 0
    assert outcome.jobs == ["101_0", "101_1", "101_2"]
    text = report(plan, outcome)
    assert "3 Slurm jobs continue without this command: 101_0, 101_1, 101_2" in text
    assert f"gatekit status s --root {tmp_path}" in text
    script = fake / "script-0.sh"
    asked = options(script)
    assert asked["array"] == "0-2%2"
    assert asked["cpus-per-task"] == "6"
    assert asked["time"] == "90"
    assert asked["mem"] == "7680MB"
    assert asked["gpus-per-node"] == "1"
    assert asked["signal"] == "USR2@120"
    assert asked["job-name"] == "gatekit_s"
    assert asked["mail-type"] == "FAIL"
    assert [asked[k] for k in ("partition", "account", "qos", "constraint")] == [
        "long",
        "lab",
        "low",
        "avx512",
    ]
    assert "module load cuda" in script.read_text().split("srun")[0]
    assert sys.executable in script.read_text().split("srun")[1]
    folder = tmp_path / "s" / "slurm"
    for k, runs in enumerate((2, 2, 1)):
        job = submitted(folder / f"101_{k}_submitted.pkl")
        assert [run.label for run in job.plan.runs] == ["good"] * runs
        assert (job.plan.launch.n_jobs, job.plan.launch.threads) == (3, 2)
        assert (job.plan.launch.options.backend, job.plan.launch.options.gpus) == (
            "process",
            "auto",
        )
    # Jobs are told apart from runs, and write no plans of their own.
    assert len(list((tmp_path / "s").glob("plan-*.json"))) == 1


def submitted(path):
    from submitit.core.utils import DelayedSubmission

    return DelayedSubmission.load(path).function


def test_what_is_queued_already_is_left_alone(fake, tmp_path):
    asked = {"backend": "slurm", "detach": True, "runs_per_job": 2}
    plan = plan_of(tmp_path, "good", "good", "good", **asked)
    assert launch(plan).jobs == ["101_0", "101_1"]
    (fake / "state-101_0").write_text("PENDING")
    (fake / "state-101_1").write_text("NODE_FAIL")
    again = launch(plan)
    assert [run.fingerprint for run, _ in again.skipped] == [r.fingerprint for r in plan.runs[:2]]
    assert again.jobs == ["102"]
    assert len(submitted(tmp_path / "s" / "slurm" / "102_submitted.pkl").plan.runs) == 1
    (fake / "state-102").write_text("RUNNING")
    third = launch(plan)
    assert (third.jobs, len(third.skipped), third.code) == ([], 3, 0)


def test_what_slurm_refuses_is_told(fake, tmp_path):
    (fake / "sbatch").write_text("#!/bin/bash\necho 'sbatch: error: invalid account' >&2; exit 1")
    with pytest.raises(ConfigError, match=r"invalid account.*partition"):
        launch(plan_of(tmp_path, "good", backend="slurm", detach=True))


def test_ctrl_c_cancels_the_jobs(fake, tmp_path):
    (fake / "state-101").write_text("RUNNING")
    plan = plan_of(tmp_path, "good", "good", backend="slurm", max_jobs=1)
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    outcome = launch(plan)
    assert time.monotonic() - began < 8
    assert outcome.code == 130
    assert (fake / "cancelled").read_text() == "101\n"
    assert len(outcome.left) == 2


def local(plan, main=child_of):
    """Make the runs of a plan in jobs that are processes here."""
    outcome = SweepOutcome()
    (plan.study / "runs").mkdir(parents=True, exist_ok=True)
    todo = [run for run in plan.runs if run.folder().state().name not in ("COMPLETED", "DIVERGED")]
    if plan.launch.options.detach:
        return module.detach(plan, submitit_executor(plan), todo, outcome, main=main)
    backend = module.Slurm(plan, submitit_executor(plan), main)
    return make(module.untimed(plan), backend, ListedRuns(todo), outcome, log=plan.log)


@pytest.mark.slow
def test_every_way_to_end_touches_only_that_run(submitit, tmp_path, monkeypatch):
    jobs, most = [], []
    note = module.note

    def noted(plan, job, runs):
        note(plan, job, runs)
        jobs.append(job)
        most.append((sum(not job.done() for job in jobs), len(runs)))

    monkeypatch.setattr(module, "note", noted)
    deeds = ("good", "exit", "kill once", "orphan once", "diverge")
    plan = plan_of(
        tmp_path, *deeds, backend="slurm", cluster="local", runs_per_job=3, max_jobs=2, n_jobs=3
    )
    outcome = local(plan)
    assert dict(zip(deeds, states(plan), strict=True)) == {
        **dict.fromkeys(("good", "kill once", "orphan once"), "COMPLETED"),
        "exit": "FAILED",
        "diverge": "DIVERGED",
    }
    assert outcome.code == 1
    # The job whose process was killed is made again, for the run that it left.
    assert sorted(most) in ([(1, 1), (1, 3), (2, 2)], [(1, 3), (2, 1), (2, 2)])
    assert "and left it" in plan.log.read_text()


@pytest.mark.slow
def test_detached_jobs_go_on(submitit, tmp_path):
    plan = plan_of(tmp_path, "good", "good", backend="slurm", cluster="local", detach=True)
    outcome = local(plan)
    assert (len(outcome.jobs), outcome.executed) == (2, [])
    deadline = time.monotonic() + 120
    while states(plan) != ["COMPLETED"] * 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.slow
def test_a_job_at_its_time_limit_goes_on_from_the_checkpoint(submitit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["task=adding", "task.length=10", "units=4", "cell=gru", "trainer.steps=3000"]
    words += ["cell.dropout=0.1", "study=s", "hydra.launcher.backend=slurm"]
    words += ["hydra.launcher.cluster=local", "hydra.launcher.requeues=1"]
    once = planned(compose([*words, "root=once"]))
    assert launch(once, backend=None, start=None).code == 0
    plan = planned(compose([*words, "root=twice"]))
    watching = []
    look = module.SlurmRun.look

    def interrupting(self):
        if not watching and list(plan.study.glob("runs/*/metrics.jsonl")):
            watching.append(self)
            # As Slurm does before the end of a job's time: not to who waits for it, but to it.
            waits = self.job.job._process.pid
            (it,) = Path(f"/proc/{waits}/task/{waits}/children").read_text().split()
            os.kill(int(it), signal.SIGUSR2)
        look(self)

    monkeypatch.setattr(module.SlurmRun, "look", interrupting)
    assert launch(plan).code == 0
    assert watching
    (run,), (other,) = plan.runs, once.runs
    assert run.folder().state().attempt == 2
    assert "continues after epoch" in run.folder().log_tail(500)[0]
    for name in ("weights.npz", "metrics"):
        assert last(run.path, name) == last(other.path, name)


def last(path, name):
    if name == "metrics":
        from seams import read_metrics as read

        return [(m.step, m.metric, m.value) for m in read(path / "metrics.jsonl").lines]
    return (path / name).read_bytes()


def test_a_job_at_its_end_stops_its_runs_and_tells_those_that_do_not(submitit, tmp_path):
    plan = plan_of(tmp_path, "wait", "hang")
    for run in plan.runs:
        start(run, plan, False)
    deadline = time.monotonic() + 60
    while states(plan) != ["RUNNING"] * 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    before, module.STOP_WITHIN = module.STOP_WITHIN, 2.0
    try:
        again = module.JobBody(plan, str(tmp_path)).checkpoint()
    finally:
        module.STOP_WITHIN = before
    assert states(plan) == ["INTERRUPTED"] * 2
    assert "killed at the end of its Slurm job" in plan.runs[1].folder().state().reason
    assert again.function.plan.runs == plan.runs


@pytest.mark.parametrize("key", ["partition", "account", "qos", "constraint"])
@pytest.mark.parametrize(
    "value", ["a\n#SBATCH --uid=0", "a\rb", "a\tb", "a\x1b[2Jb", "a\u2028b", " "]
)
def test_an_option_of_slurm_is_one_line(key: str, value: str) -> None:
    with pytest.raises(ConfigError, check=at(f"hydra.launcher.{key}")):
        read_options({key: value})
