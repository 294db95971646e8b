"""``gatekit plan``: what would run, what is broken, how long it takes, before anything trains."""

import json
import os
import sys

import processes
import pytest
from deeds import changed, plan_of, start
from seams import compose, launch, main, plan, plan_or_errors, preview

SCRIPT = """
import sys
from gatekit.cli.main import main
if __name__ == "__main__":
    code = main(sys.argv[1:])
    assert not {"tensorflow", "keras"} & set(sys.modules), "the parent imported TensorFlow"
    sys.exit(code)
"""

FAULTY = '''
import concurrent.futures
import multiprocessing
import time

import numpy
from gatekit import Batch, Metric, Signature, Task, hookimpl


if multiprocessing.parent_process() is not None:  # a run ends although this thread would hold it
    concurrent.futures.ThreadPoolExecutor().submit(time.sleep, 600)


class Faulty(Task):
    """Data that hold NaN, which only reading them shows."""

    good: bool = True
    whole: bool = True
    metric = Metric("mse", direction="min", unit="squared error")

    def chance(self):
        return 1.0

    def signature(self):
        return Signature(features=1, vocabulary=None, outputs=1, loss="mse")

    def data_hash(self):
        return "faulty"

    def splits(self, rng):
        x = rng.random((70, 3, 1)).astype("float32")
        y = x[:, 0].copy()
        if not self.good:
            x[2, 1] = numpy.nan
        if not self.whole:
            raise ValueError("a file is cut short")
        return {name: Batch(x, y) for name in ("train", "validation", "test")}


@hookimpl
def gatekit_tasks():
    return {"faulty": Faulty}
'''


COUNTED = '''
from gatekit import Batch, Metric, Signature, StreamedTask, hookimpl

drawn = 0


class Counted(StreamedTask):
    """Data that end after 200 batches."""

    validation_size = test_size = 4
    recipe = "counted/1"
    metric = Metric("mse", direction="min", unit="squared error")

    def chance(self):
        return 1.0

    def signature(self):
        return Signature(features=1, vocabulary=None, outputs=1, loss="mse")

    def sample(self, rng, size):
        global drawn
        drawn += 1
        if drawn > 200:
            raise ValueError("more than 200 batches were drawn")
        x = rng.random((size, 3, 1)).astype("float32")
        return Batch(x, x[:, 0])


@hookimpl
def gatekit_tasks():
    return {"counted": Counted}
'''


def previewed(*argv, **options):
    planned, broken = plan_or_errors(compose(["task=sum", *argv]))
    return preview(planned, broken, try_out=False, **options)


@pytest.mark.usefixtures("place")
def test_runs_are_counted_by_variant_and_state():
    words = ["-m", "cell=lstm,gru", "seeds=3", "units=5"]
    planned = plan(["task=sum", *words])
    first = planned.runs[0].folder()
    first.claim()
    first.write_config({})
    first.finish({"state": "COMPLETED"})
    second = planned.runs[1].folder()
    second.claim()
    second.status("FAILED", "why")
    lstm, gru = previewed(*words).trials
    assert lstm.states == {"COMPLETED": 1, "FAILED": 1, "PLANNED": 1}
    assert (lstm.todo, gru.todo) == (1, 3)
    assert lstm.parameters == planned.runs[0].parameters
    assert [t.todo for t in previewed(*words, "retry=failed").trials] == [2, 3]


@pytest.mark.usefixtures("place")
def test_runs_that_differ_in_rates_only_are_tried_once():
    rates = ["dropout=0,0.1,0.2", "optimizer.learning_rate=0.1,0.2"]
    plain, dropping = previewed("-m", "cell=gru", *rates, "units=5").trials
    assert (plain.todo, dropping.todo) == (2, 4)
    assert "dropout=0 " in f"{plain.label} "
    assert "learning_rate" not in plain.label
    assert "dropout" not in dropping.label
    assert "cell=gru" in dropping.label


@pytest.mark.usefixtures("place")
def test_broken_variants_are_all_told_beside_those_that_work():
    seen = previewed("-m", "cell=rnn,lstm,mgu", "swap.input=sigmoid")
    assert [t.label for t in seen.trials] == ["task=sum cell=lstm swap.input=sigmoid"]
    assert [label.split()[1] for label, _ in seen.broken] == ["cell=rnn", "cell=mgu"]
    assert [
        part for part in ("swap.input", "'rnn'", "candidate") if part not in seen.broken[0][1]
    ] == []


@pytest.mark.usefixtures("place")
def test_learning_rates_are_no_variants_of_their_own():
    seen = previewed("-m", "optimizer.learning_rate=0.1,0.01,0.001")
    assert [t.todo for t in seen.trials] == [3]


@pytest.mark.usefixtures("place")
def test_the_numbers_of_each_schedule_are_shown_once(capsys):
    words = ["trainer.steps=200", "optimizer.learning_rate=0.1,0.02", "seeds=2"]
    words += ["optimizer.schedule=wsd", "optimizer.warmup=0.05", "optimizer.final=0.5"]
    (trial,) = previewed("-m", *words).trials
    numbers = {"kind": "wsd", "steps": 200, "warmup": 10, "decay_from": 180}
    assert trial.schedules == [
        {**numbers, "peak": 0.1, "final": 0.05},
        {**numbers, "peak": 0.02, "final": 0.01},
    ]
    assert main(["plan", "-m", "task=sum", *words, "--list"]) == 0
    shown = capsys.readouterr().out
    lines = [line.split() for line in shown.splitlines() if line.startswith("wsd")]
    assert lines == [
        ["wsd", rate, "10", "180", end, "200"] for rate, end in [("0.1", "0.05"), ("0.02", "0.01")]
    ]
    assert all(len(line) <= 80 for line in shown.splitlines())
    (plain,) = previewed("trainer.steps=200").trials
    assert plain.schedules == []


@pytest.mark.usefixtures("place")
def test_nothing_is_written(capsys):
    assert main(["plan", "-m", "task=sum", "units=3,4", "--list"]) == 0
    shown = capsys.readouterr().out
    assert "`gatekit train` would start 2 runs of study default" in shown
    assert "recurrent parameters" in shown
    assert os.listdir() == []


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("asked", "slots", "where", "gib"),
    [
        (["backend=slurm", "max_jobs=2", "n_jobs=3", "memory_gb=4"], 6, "a job", 4),
        (["backend=slurm", "gpus=2", "runs_per_gpu=2", "max_jobs=1"], 4, "a job", 0),
        (["backend=ray", "address=auto", "n_jobs=2"], 2, "the Ray cluster", 0),
    ],
)
def test_the_place_decides_how_many_at_once(asked, slots, where, gib):
    seen = previewed("-m", "seeds=30", *(f"hydra.launcher.{word}" for word in asked))
    assert (seen.slots, seen.place, seen.available / 2**30) == (slots, where, gib)


def test_what_a_changed_source_would_outdate_is_counted(tmp_path):
    old = changed(plan_of(tmp_path, "good"), "1" * 8)
    launch(old, start)
    config = {"units": 1, "optimizer": {"name": "sgd"}, "deed": "good"}
    new = changed(old, "2" * 8)
    object.__setattr__(new.runs[0], "config", config)
    (trial,) = preview(new, [], try_out=False).trials
    assert trial.stale == 1


def test_three_steps_tell_time_memory_and_what_is_broken(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "faulty_task.py").write_text(FAULTY)
    (tmp_path / "script.py").write_text(SCRIPT)
    words = ["plan", "-m", "task=faulty", "task.good=true,false", "units=4", "seeds=2", "--json"]
    words += ["optimizer=adamw", "optimizer.schedule=linear", "optimizer.warmup=0.1"]
    done = processes.run(
        [sys.executable, "script.py", *words, "trainer.epochs=50", "trainer.batch=8"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    seen = json.loads(done.stdout)
    good, bad = seen["trials"]
    assert "x is nan at row 2" in bad["error"]
    assert good["error"] is None
    # The head has 4 weights and a bias; compare counts these, too.
    assert good["total"] == good["parameters"] + 5
    assert "] tried task.good=True seed=0" in done.stderr
    assert "COMPLETED" not in done.stderr
    assert good["memory"] > 100 * 2**20
    # 50 epochs of 9 steps
    assert good["seconds"] > 450 * good["step"] > 0
    assert good["jit"] is False
    assert good["jit_reason"].startswith("auto: ")
    (numbers,) = good["schedules"]
    assert (numbers["steps"], numbers["warmup"], numbers["final"]) == (450, 45, 0.0)
    assert "rnn_0/forget.x" in good["weight_decay"]["decayed"]
    assert "rnn_0/forget.bias" in good["weight_decay"]["left_out"]
    assert seen["seconds"] == pytest.approx(2 * good["seconds"] / seen["slots"])
    assert sorted(os.listdir(tmp_path)) == ["plugins", "script.py"]


def test_a_dry_run_takes_a_few_steps_and_no_more(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "counted_task.py").write_text(COUNTED)
    (tmp_path / "script.py").write_text(SCRIPT)
    words = ["plan", "task=counted", "units=4", "trainer.steps=1000", "trainer.batch=2", "--json"]
    command = [sys.executable, "script.py", *words]
    done = processes.run(command, cwd=tmp_path, capture_output=True, text=True)
    (trial,) = json.loads(done.stdout)["trials"]
    assert trial["error"] is None
    assert trial["step"] > 0


def test_a_dry_run_ends_with_an_error_that_is_none_of_gatekit(tmp_path):
    """The plugin's thread would hold its process for ten minutes."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "faulty_task.py").write_text(FAULTY)
    (tmp_path / "script.py").write_text(SCRIPT)
    words = ["plan", "task=faulty", "task.whole=false", "units=4", "trainer.epochs=1", "--json"]
    command = [sys.executable, "script.py", *words]
    done = processes.run(command, cwd=tmp_path, capture_output=True, text=True)
    (trial,) = json.loads(done.stdout)["trials"]
    assert "a file is cut short" in trial["error"]
