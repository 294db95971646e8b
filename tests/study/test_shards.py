"""``threads=N`` computes a batch in N shards: only the order of sums differs from a whole batch."""

import dataclasses
import functools
import json
import os
import sys
import threading
from pathlib import Path

import keras
import numpy
import processes
import pytest
from refused import at, saying
from seams import (
    Feed,
    Options,
    PartialGradients,
    Scores,
    SequenceModel,
    Shards,
    build_model,
    components,
    extension,
    plan,
    slot_environments,
    write_plan,
)
from short import trained

from gatekit import ConfigError

pytestmark = pytest.mark.usefixtures("float32")

WORDS = ["cell=lstm", "units=3", "precision=float64", "trainer.steps=5", "trainer.batch=5"]
DRAWS = ["dropout=0.3", "++cell.zoneout.c=0.2", "++cell.recurrent_dropout=0.3"]
STREAMS = ["trainer.tbptt=2", "++cell.learned_initial_state=[c]", "dropout=0.2"]


@pytest.mark.one_in(7, slow=3)
@pytest.mark.parametrize(
    "words",
    [
        ["task=echo", "jit=false", "optimizer.clipnorm=0.05", *DRAWS],
        ["task=odd", "jit=true", "++cell.dropout=0.3", *DRAWS],
        ["task=sum", "jit=false", *STREAMS, "optimizer.schedule=linear"],
        ["task=prose", "jit=false", *STREAMS],
        ["task=echo", "jit=false", "trainer.accumulate=2", *DRAWS],
        ["task=sum", "jit=false", "block=modern", "dropout=0.3"],
    ],
)
def test_the_numbers_are_those_of_a_whole_batch(place, words):
    # Of 5 rows, the second shard has 2.
    shards, counted = trained(place / "a", *WORDS, *words, "threads=2")
    whole, expected = trained(place / "b", *WORDS, *words)
    assert shards.keys() == whole.keys()
    for name, values in whole.items():
        numpy.testing.assert_allclose(shards[name], values, rtol=1e-9, atol=1e-11, err_msg=name)
    numpy.testing.assert_allclose(counted, expected, rtol=1e-9)


@pytest.mark.parametrize(
    "words",
    [
        ["task=odd"],
        pytest.param(["task=prose", *STREAMS], marks=pytest.mark.slow),
    ],
)
def test_scores_are_those_of_whole_batches(place, monkeypatch, words):
    run = only(*WORDS, *words)
    task, seen = components.load().task(run.config["task"]), []
    build_model(run.config, task.signature(), False)  # Keras sets `call` with the first model
    call = SequenceModel.call

    @functools.wraps(call)
    def noted(model, inputs, *others, **named):
        x = inputs[0] if isinstance(inputs, list) else inputs
        seen.append(x.shape[0])
        return call(model, inputs, *others, **named)

    monkeypatch.setattr(SequenceModel, "call", noted)

    def scored(shards):
        tbptt = run.config["trainer"].get("tbptt")
        feed = Feed(task, task.splits(numpy.random.default_rng(0)), 0, 33, tbptt=tbptt)
        model = build_model(run.config, task.signature(), feed.masked)
        seen.clear()
        scores = Scores(model, task, feed, threading.Event(), shards)
        found = [scores.of(split) for split in ("validation", "test", "validation")]
        return found, [*seen]

    whole, rows = scored(Shards())
    parts, of_shards = scored(Shards(2))
    assert (rows, of_shards) == ([33], [17, 16])
    # Correct answers are counted, so their share has no rounding error.
    numpy.testing.assert_allclose(parts, whole, rtol=0 if task.metric.name == "accuracy" else 1e-12)


@pytest.mark.one_in(1, slow=2)
@pytest.mark.parametrize(
    ("kind", "words", "devices"),
    [
        ("devices", ["jit=true"], ["CPU:0", "CPU:1"]),
        pytest.param("threads", ["jit=true"], [], marks=pytest.mark.slow),
        pytest.param("devices", ["jit=false"], ["CPU:0", "CPU:1"], marks=pytest.mark.slow),
    ],
)
def test_side_by_side_a_stopped_run_ends_as_if_it_never_was(tmp_path, kind, words, devices):
    script = Path(__file__).with_name("side_by_side.py")
    done = processes.run(
        [sys.executable, script, tmp_path, kind, *words],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(script.parents[1])},
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert (seen["stopped"], seen["same"]) == (True, True)
    assert seen["apart"] < 1e-6
    assert (seen["counts"], seen["devices"]) == ([2, max(1, len(devices))], devices)


def only(*words):
    (run,) = plan(["task=sum", "trainer.batch=5", *words]).runs
    return run


def test_shards_follow_from_threads_and_batch_and_name_the_run(place):
    plain = only()
    assert plain.config["shards"] == 1
    assert only("threads=2", "shards=1").fingerprint == plain.fingerprint
    assert only("threads=2", "trainer.batch=1").config["shards"] == 1
    two = only("threads=2")
    assert (two.config["shards"], only("threads=4").config["shards"]) == (2, 3)
    assert two.fingerprint not in (plain.fingerprint, only("threads=4").fingerprint)
    # Alone, the run needs no threads to have the same numbers.
    (again,) = plan(["trainer.batch=5", *two.words]).runs
    assert again.fingerprint == two.fingerprint == only("devices=2").fingerprint


def test_more_seeds_have_the_shards_of_the_first(place):
    first = plan(["task=sum", "threads=2", "study=s", "seeds=1"])
    (first.study / "runs").mkdir(parents=True)
    command = "gatekit train task=sum threads=2 study=s seeds=1"
    write_plan(dataclasses.replace(first, command=command))
    whole, _ = extension("s", "experiments", 2, ["threads=4"])
    assert [run.config["shards"] for run in whole.runs] == [2, 2]
    assert whole.launch.threads == 4


def test_what_draws_or_counts_by_itself_is_refused():
    def model(layer):
        x = keras.Input((3,))
        made = SequenceModel(x, keras.layers.Dense(1)(layer(x)), loss_kind="mse")
        made.compile("sgd")
        return made

    with pytest.raises(ConfigError, match="'drawn' draws random numbers"):
        PartialGradients(model(keras.layers.GaussianNoise(0.1, name="drawn")), 1, Shards(2))
    counts = model(keras.layers.BatchNormalization())
    counts.parts = PartialGradients(counts, 1, Shards(2))
    data = numpy.ones((4, 3)), numpy.ones((4, 1)), numpy.ones(4)
    with pytest.raises(ConfigError, match=r"moving_mean changes with the rows"):
        counts.train_step(tuple(map(keras.ops.convert_to_tensor, data)))


def test_runs_on_several_gpus_share_none():
    found = slot_environments(Options(gpus=("0", "1", "2", "3", "4")), 2)
    assert [each["CUDA_VISIBLE_DEVICES"] for each in found] == ["0,1", "2,3"]


@pytest.mark.parametrize(
    ("words", "check"),
    [
        (["devices=all", "hydra.launcher.backend=slurm"], saying("type how many devices")),
        (["devices=3", "hydra.launcher.gpus=[0,1]"], saying("2 GPUs are visible here")),
        (["devices=2", "hydra.launcher.runs_per_gpu=2"], saying("runs share one GPU")),
        (["devices=some"], at("devices", names=("64", "all"))),
    ],
)
def test_devices_that_a_run_cannot_have_are_refused(place, words, check):
    with pytest.raises(ConfigError, check=check):
        only(*words)
