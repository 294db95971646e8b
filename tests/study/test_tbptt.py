"""Runs with ``trainer.tbptt``: what is refused, what is recorded, and what they compute."""

import itertools
import json
import threading

import numpy
import pytest
import tiny
from refused import at
from seams import (
    Feed,
    PluginError,
    RunFolder,
    Scores,
    Shards,
    build_model,
    components,
    named_weights,
    plan,
    set_weights,
    validate,
)
from seams import train_run as train
from twice import StopAt

from gatekit import ConfigError

pytestmark = pytest.mark.usefixtures("float32")


def planned(*words):
    (run,) = plan(["units=4", *words]).runs
    return run


def train_run(path, *words):
    """Make a run in this process and return its result and its best weights."""
    run = planned(*words)
    folder = RunFolder(path)
    folder.claim()
    folder.write_config({"seed": 0})
    task = components.load().task(run.config["task"])
    folder.finish(train(run.config, task, folder, StopAt(10**9), verbose=0))
    with numpy.load(path / "weights.npz") as weights:
        return json.loads((path / "result.json").read_text()), dict(weights)


@pytest.mark.slow
def test_windows_that_cover_the_sequences_train_like_whole_sequences(place):
    words = ("task=odd", "trainer.epochs=2", "trainer.batch=4", "dropout=0.2")
    whole, weights = train_run(place / "whole", *words)
    windows, same = train_run(place / "windows", *words, "trainer.tbptt=9")
    assert whole["best"] == windows["best"]
    assert all((weights[name] == same[name]).all() for name in weights)
    assert windows["windows"] == {
        "steps": 9,
        "streams": 4,
        "per_stream": 1,
        "contiguous": False,
    }


@pytest.mark.slow
def test_windows_without_a_target_change_no_weight_and_the_next_one_does(place):
    words = ("task=sum", "trainer.batch=4", "trainer.tbptt=2")
    run = planned(*words, "trainer.steps=3")
    task = components.load().task(run.config["task"])
    feed = Feed(task, task.splits(numpy.random.default_rng(0)), 0, 4, tbptt=2)
    model = build_model(run.config, task.signature(), feed.masked)
    windows = model.count_windows()
    model.compile("adam", jit_compile=False)
    seen = [named_weights(model)]
    for step in range(3):
        model.train_on_batch(*feed.step(step))
        seen.append(named_weights(model))
    changed = [
        any((one[name] != other[name]).any() for name in one)
        for one, other in itertools.pairwise(seen)
    ]
    assert changed == [False, False, True]
    assert (int(windows), int(model.optimizer.iterations)) == (3, 1)


THREE = ("task=sum", "trainer.batch=4", "trainer.tbptt=2")
"""Each batch has three windows, of which the last one has the target."""


@pytest.mark.slow
def test_averages_begin_with_the_first_update_and_not_with_the_first_window(place):
    _, first = train_run(place / "plain", *THREE, "trainer.steps=3")
    _, averaged = train_run(place / "averaged", *THREE, "trainer.steps=3", "optimizer.ema=0.75")
    for name, value in first.items():
        numpy.testing.assert_allclose(averaged[name], value, rtol=1e-6, err_msg=name)


@pytest.mark.slow
def test_adam_s_first_update_is_its_learning_rate_after_windows_without_a_target(place):
    run = planned(*THREE, "trainer.steps=3", "optimizer.learning_rate=0.01")
    task = components.load().task(run.config["task"])
    feed = Feed(task, task.splits(numpy.random.default_rng(0)), 0, 4, tbptt=2)
    model = build_model(run.config, task.signature(), feed.masked)
    before = named_weights(model)["head/kernel"]
    _, after = train_run(place / "run", *THREE, "trainer.steps=3", "optimizer.learning_rate=0.01")
    moved = numpy.abs(after["head/kernel"] - before)
    assert moved.max() == pytest.approx(0.01, rel=1e-3)


@pytest.mark.slow
def test_a_schedule_counts_windows_without_a_target(place):
    words = (*THREE, "trainer.steps=3", "optimizer=sgd", "optimizer.learning_rate=0.1")
    run = planned(*words)
    task = components.load().task(run.config["task"])
    feed = Feed(task, task.splits(numpy.random.default_rng(0)), 0, 4, tbptt=2)
    before = named_weights(build_model(run.config, task.signature(), feed.masked))
    _, constant = train_run(place / "constant", *words)
    _, falling = train_run(place / "falling", *words, "optimizer.schedule=linear")
    # The third of three steps has a third of the rate.
    for name in before:
        full, part = constant[name] - before[name], falling[name] - before[name]
        numpy.testing.assert_allclose(3 * part, full, rtol=1e-3, atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_no_score_depends_on_the_window(place):
    scores, weights = set(), None
    for tbptt in (1, 7, 1000):
        run = planned("task=prose", "trainer.batch=3", f"trainer.tbptt={tbptt}")
        task = tiny.Prose()
        feed = Feed(task, task.splits(numpy.random.default_rng(0)), 0, 3, tbptt=tbptt)
        model = build_model(run.config, task.signature(), feed.masked)
        weights = weights or named_weights(model)
        set_weights(model, weights)
        judge = Scores(model, task, feed, threading.Event(), Shards())
        scores.add((judge.of("validation"), judge.of("validation"), judge.of("test")))
    assert len(scores) == 1
    first, again, _ = scores.pop()
    assert first == again


@pytest.mark.slow
def test_evaluations_of_long_sequences_come_after_whole_ones(place):
    train_run(place / "run", "task=sum", "trainer.batch=4", "trainer.tbptt=2", "trainer.steps=30")
    text = (place / "run" / "metrics.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    looks = [line["step"] for line in lines if line["split"] == "validation"]
    assert looks == list(range(3, 31, 3))
    assert all(line["value"] > 0 for line in lines if line["split"] == "train")


def test_a_run_without_windows_is_the_run_that_it_was(place):
    assert "tbptt" not in validate_trainer(None)
    assert validate_trainer(5)["tbptt"] == 5
    names = {w: planned("task=prose", *w).fingerprint for w in ((), ("trainer.tbptt=null",))}
    assert len(set(names.values())) == 1
    assert planned("task=prose", "trainer.tbptt=5").fingerprint not in names.values()


def validate_trainer(tbptt):
    trainer = {"epochs": 1, "tbptt": tbptt}
    return validate({"cell": {}, "task": {"name": "sum"}, "trainer": trainer})["trainer"]


@pytest.mark.parametrize(
    ("words", "check"),
    [
        (["trainer.tbptt=0"], at("trainer.tbptt")),
        (
            ["trainer.tbptt=2", "bidirectional=true"],
            at("trainer.tbptt"),
        ),
        (["trainer.tbptt=2", "pool=mean"], at("trainer.tbptt")),
        (["trainer.bptt=2"], at("trainer.bptt")),
    ],
)
def test_what_no_window_has_is_refused(place, words, check):
    with pytest.raises(ConfigError, check=check):
        planned("task=sum", *words)


def test_a_document_has_no_order_to_vary(place):
    with pytest.raises(ConfigError, match=r"vary=order .*trainer.tbptt=2"):
        planned("task=prose", "trainer.tbptt=2", "vary=order")


def test_a_task_cannot_be_contiguous_without_a_target_for_each_step(place, monkeypatch):
    monkeypatch.setattr(tiny.Odd, "contiguous", True)
    with pytest.raises(PluginError, match="contiguous = True means"):
        planned("task=odd", "trainer.tbptt=2")
