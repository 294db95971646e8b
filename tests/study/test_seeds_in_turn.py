"""Seeds that share traced functions end with the bits that each has in a process of its own."""

import json
import sys
import threading

import keras
import processes
import pytest
from seams import (
    Feed,
    InterruptedRunError,
    Kept,
    RunFolder,
    checkpoint_of,
    components,
    durable,
    foreign,
    plan,
)
from seams import train_run as train
from twice import VARIANTS, StopAt, told

pytestmark = pytest.mark.usefixtures("float32")

GRAPH = {name: ["jit=false", *words] for name, words in VARIANTS.items()}
XLA = {
    f"{name}, XLA": ["jit=true", *VARIANTS[name]]
    for name in ("dropout, masks, Adam, cosine, patience", "AdamW, warm-up, wsd, averaged weights")
}
OTHERS = {
    "a block, bfloat16": [
        *("task=sum", "trainer.steps=2", "trainer.batch=4", "block=residual", "dropout=0.2"),
        *("precision=mixed_bfloat16", "jit=false"),
    ],
    "the order varies, with a probe": [
        *("task=echo", "trainer.epochs=2", "trainer.batch=8", "vary=order", "probe=true"),
        "jit=false",
    ],
}
ALL = {**GRAPH, **XLA, **OTHERS}


def trained(place, runs, kept):
    """Train runs one after another; return what each tells, by its seed."""
    found = {}
    for run in runs:
        folder = RunFolder(place / str(run.config["seed"]))
        folder.claim()
        folder.write_config(run.config)
        task = components.load().task(run.config["task"])
        result = train(run.config, task, folder, threading.Event(), 0, kept=kept)
        folder.finish(result)
        found[run.config["seed"]] = told(folder.path)
        for name in ("probe.jsonl", "probe.npz"):
            path = folder.path / name
            found[run.config["seed"]][name] = path.read_bytes() if path.exists() else b""
    return found


@pytest.mark.one_in(4, slow=4)
@pytest.mark.parametrize("variant", ALL)
def test_the_bits_do_not_depend_on_what_came_before(place, variant):
    runs = plan(["-m", "units=4", "seeds=2", *ALL[variant]]).runs
    forward, backward = Kept(), Kept()
    first = trained(place / "forward", runs, forward)
    second = trained(place / "backward", runs[::-1], backward)
    assert (forward.reused, backward.reused) == (0, 1)
    assert first == second
    assert first[0] != first[1]


@pytest.mark.slow
def test_a_reused_run_that_was_stopped_continues_in_another_process(place):
    runs = plan(["-m", "units=4", "seeds=2", *GRAPH["AdamW, warm-up, wsd, averaged weights"]]).runs
    alone = trained(place / "alone", runs[1:], Kept())
    kept = Kept()
    trained(place / "first", runs[:1], kept)
    folder, config = RunFolder(place / "stopped"), runs[1].config
    task = components.load().task(config["task"])
    folder.claim()
    folder.write_config(config)
    with pytest.raises(InterruptedRunError):
        train(config, task, folder, StopAt(8), 0, kept=kept)
    folder.status("INTERRUPTED", "stopped")
    assert kept.reused == 0
    again = RunFolder(place / "stopped")
    again.claim()
    again.write_config(config)
    result = train(config, task, again, StopAt(10**9), 0, checkpoint=checkpoint_of(again))
    again.finish(result)
    assert told(again.path) == {key: alone[1][key] for key in told(again.path)}


def test_another_trace_is_made_where_a_fact_of_the_trace_differs(place):
    words = ["task=sum", "trainer.batch=4", "units=2", "cell=rnn", "jit=false"]
    kept = Kept()
    trained(place / "a", plan([*words, "trainer.steps=2"]).runs, kept)
    before = kept.traced
    other = plan([*words, "trainer.steps=3", "seed=1"]).runs
    trained(place / "b", other, kept)
    assert kept.reused is None
    assert kept.traced is not before
    # that gatekit seeds TensorFlow anew is not taken for a plugin's doing
    assert json.loads((place / "b/1/result.json").read_text())["warnings"] == []


def test_another_trace_is_made_where_other_numbers_of_sequences_are_scored(place, monkeypatch):
    """How many are scored together depends on the data, which differ between seeds."""
    words = ["task=sum", "trainer.batch=4", "units=2", "cell=rnn", "jit=false", "trainer.steps=2"]
    kept = Kept()
    trained(place / "a", plan(words).runs, kept)
    assert kept.traced is not None
    assert kept.traced.scores.feed.scored > 4
    monkeypatch.setattr(Feed, "_together", lambda feed, size: 1)
    trained(place / "b", plan([*words, "seed=1"]).runs, kept)
    assert kept.reused is None


def test_code_that_is_neither_keras_nor_gatekits_is_foreign():
    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    x = keras.Input((2,))
    known = keras.Model(x, keras.layers.Dense(1)(x))
    assert not foreign(known)
    assert foreign(keras.Model(x, Own()(x)))
    assert foreign(known, Own())


QUEUE = """
import json, os, sys, threading, time
from pathlib import Path
from gatekit.study.command import compose
from gatekit.study.plan import plan
from gatekit.runs import process
from gatekit.training import worker
from gatekit.training.process import programs

runs = list(plan(compose(["-m", *sys.argv[1:]])).runs)
first = runs[0]
if os.environ.get("STEAL"):
    process.BEAT_EVERY = 0.01
seen = []

def request(run):
    return worker.Request(run.path, run.config, run.data_hash, run.plugins, 1, False)

def following(stop):
    assert not stop.is_set()
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join(10)  # on a busy machine, one that ends may not have ended yet
    files = len(os.listdir("/proc/self/fd"))
    stored = len([*programs._own.glob("*.pb")]) if programs._own else 0
    seen.append((threading.active_count(), files, stored))
    if os.environ.get("STEAL") and len(seen) == 1:
        # Another process claims the run that has just ended.
        first.folder().claim_path(2).write_text("{}")
        time.sleep(0.3)
    return request(runs.pop(0)) if runs else None

if __name__ == "__main__":
    worker.work(request(runs.pop(0)), following)
    Path("seen.json").write_text(json.dumps(seen))
"""
WORDS = ["task=adding", "task.length=4", "units=2", "trainer.steps=2", "trainer.batch=4"]


SMALL = ["task.validation_size=4", "task.test_size=4"]


def queue(place, *words, common=(*SMALL, *WORDS)):
    """Train a queue in a process; return its threads, open files and stored programs after each
    run."""
    (place / "several.py").write_text(QUEUE)
    given = [sys.executable, "several.py", *common, "jit=false", *words]
    processes.run(given, cwd=place, check=True)
    return json.loads((place / "seen.json").read_text())


def test_a_queue_leaves_nothing_behind_and_ends_like_single_runs(tmp_path, monkeypatch):
    seen = queue(tmp_path, "cell=rnn", "seeds=4")
    assert len(seen) == 4
    assert len({tuple(each) for each in seen[1:]}) == 1
    monkeypatch.chdir(tmp_path)
    runs = plan(
        [
            "-m",
            "task.validation_size=4",
            "task.test_size=4",
            *WORDS,
            "jit=false",
            "cell=rnn",
            "seeds=4",
        ]
    ).runs
    used = [run.folder().environment()["program_of_seed"] for run in runs]
    assert used == [None, 0, 0, 0]
    assert all("Epoch 1/2" in (run.path / "log.txt").read_text() for run in runs)
    trained(tmp_path / "alone", runs[3:], Kept())
    weights = [
        durable.sha256(path / "weights.npz") for path in (tmp_path / "alone/3", runs[3].path)
    ]
    assert weights[0] == weights[1]


def test_a_claim_of_the_run_before_does_not_end_the_next(tmp_path, monkeypatch):
    monkeypatch.setenv("STEAL", "yes")
    assert len(queue(tmp_path, "cell=rnn", "seeds=2")) == 2


@pytest.mark.slow
def test_the_next_run_finds_the_stored_programs(tmp_path, monkeypatch):
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("GATEKIT_PROGRAMS", str(folder))
    # A run that traces anew reads what the first run has stored.
    seen = queue(tmp_path, "cell=rnn", "seeds=2", "jit=true")
    stored = [each[2] for each in seen]
    assert stored[0] > 0
    assert stored == [stored[0]] * 2
    assert [path.suffix for path in folder.iterdir()] == [".pb"] * stored[0]


RANDOM = '''
"""A gate that draws while it is traced."""
import numpy
from gatekit import Gate, hookimpl


class Drawn(Gate):
    """A scaled sum.

    ``drawn = r pre``

    Reference: unpublished
    """

    def activate(self, pre):
        """Return the gate's value, ``batch x units``."""
        return pre * float(numpy.random.uniform())


@hookimpl
def gatekit_gates():
    return {"drawn": Drawn}
'''


def test_a_run_follows_one_whose_data_have_a_remark(tmp_path):
    """The remark is about every seed's data; it says nothing about what is traced."""
    words = ["task=dyck_1", "task.strings=20", "task.test_size=3", "trainer.steps=2", "units=2"]
    assert len(queue(tmp_path, "cell=rnn", "seeds=2", common=words)) == 2
    results = (tmp_path / "experiments/default/runs").glob("*/result.json")
    remarks = [json.loads(result.read_text())["warnings"] for result in results]
    assert ["also in train" in each for (each, *_) in remarks] == [True] * 2


@pytest.mark.slow
def test_no_run_follows_one_with_a_remark(tmp_path):
    (tmp_path / "drawn.py").write_text(RANDOM)
    words = ["plugins=[drawn.py]", "cell=lstm", "swap.forget=drawn", "seeds=2"]
    assert queue(tmp_path, *words) == []
    (result,) = (tmp_path / "experiments/default/runs").glob("*/result.json")
    assert "NumPy's global random generator" in json.loads(result.read_text())["warnings"][0]
