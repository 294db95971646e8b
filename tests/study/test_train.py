"""Training: the same seed gives the same bits, the validation data choose, NaN is an outcome."""

import hashlib
import json
import math
import random
import threading

import keras
import numpy
import pytest
import tiny
from seams import (
    Callbacks,
    InterruptedRunError,
    PluginError,
    RunFolder,
    Scores,
    SequenceModel,
    StepTimes,
    build_model,
    components,
    metrics,
    named_weights,
    optimizer,
    parsed,
    plan,
    result_of,
)
from seams import registry_cells as cells
from seams import train_run as train
from twice import untraced

from gatekit import RNN, Batch, Tracker

pytestmark = pytest.mark.usefixtures("float32")

FEW = ["units=4", "trainer.epochs=3", "trainer.batch=8"]
FAST = ("optimizer.learning_rate=0.5", "trainer.epochs=30", "trainer.patience=1")


@pytest.fixture
def train_run(place):
    """Return a function that trains a run in this process."""

    def make(*words, name="run", task=None, stop=None, callbacks=None):
        (run,) = plan(["task=echo", *FEW, *words]).runs
        folder = RunFolder(place / name)
        folder.claim()
        folder.write_config(run.config)
        chosen = task or components.load().task(run.config["task"])
        result = train(run.config, chosen, folder, stop or threading.Event(), callbacks=callbacks)
        return result, folder

    return make


@pytest.fixture(scope="module")
def kept():
    return {}


@pytest.fixture
def shared(train_run, kept, tmp_path_factory):
    """Return a function like ``made`` whose runs are trained once, for tests that only look."""

    def share(*words, key=None, **options):
        if (key or words) not in kept:
            place = tmp_path_factory.mktemp("shared") / "run"
            kept[key or words] = train_run(*words, name=place, **options)
        return kept[key or words]

    return share


def weights(folder):
    with numpy.load(folder.path / "weights.npz", allow_pickle=False) as archive:
        return dict(archive)


def digest(folder):
    found = weights(folder)
    return hashlib.sha256(b"".join(found[k].tobytes() for k in sorted(found))).hexdigest()


def numbers(folder):
    measured = metrics.read(folder.path / "metrics.jsonl")
    assert measured.lost == ()
    return [(r.epoch, r.step, r.split, r.metric, r.value) for r in measured.lines]


# That a run which was stopped ends with the same bits is tested always, in test_resume.
@pytest.mark.slow
@pytest.mark.one_in(3, slow=2)
@pytest.mark.parametrize(
    "words",
    [
        ["dropout=0.2", "bidirectional=true"],
        pytest.param(
            ["dropout=0.2", "layers=2", "residual=true", "bidirectional=true", "cell=gru"],
            marks=pytest.mark.slow,
        ),
        ["task=sum", "trainer.steps=7", "pool=mean"],
        ["task=odd", "optimizer=sgd", "optimizer.schedule=cosine", "pool=all"],
    ],
)
def test_the_same_seed_gives_the_same_bits(train_run, shared, words):
    first, one = shared(*words)
    second, two = train_run(*words)
    assert digest(one) == digest(two)
    assert numbers(one) == numbers(two)
    assert first["best"] == second["best"]


@pytest.mark.slow
def test_another_seed_gives_other_bits(shared):
    _, one = shared()
    _, two = shared("seed=1")
    assert digest(one) != digest(two)
    assert numbers(one) != numbers(two)


def test_the_result_is_that_of_the_contract(shared):
    result, folder = shared()
    assert result["state"] == "COMPLETED"
    # an LSTM of 4 units that reads 9 numbers
    assert result["state_size"] == 2 * 4
    assert result["flops"]["token"] == 2 * (9 + 4) * 4 * 4 + 3 * 4 * 4 + 5 * 4
    assert result["metric"] == {
        "name": "nll",
        "direction": "min",
        "unit": "nats/step",
        "chance": 2.0,
    }
    assert result["parameters"] == {"recurrent": 4 * (9 + 4 + 1) * 4, "total": 224 + 5 * 9}
    assert result["steps"] == 9
    assert result["executor"] in ("stacked", "reference")
    seconds = result["seconds"]
    assert 0 < seconds["step_low"] <= seconds["step"] <= seconds["step_high"]
    assert seconds["step_processor"] > 0
    folder.finish(result)
    assert folder.state().name == "COMPLETED"
    json.dumps(result, allow_nan=False)


def test_the_best_epoch_is_chosen_by_validation_and_its_weights_are_kept(shared):
    result, folder = shared(*FAST)
    scores = {e: v for e, _, split, _, v in numbers(folder) if split == "validation"}
    best = min(scores, key=scores.get)
    assert result["best"]["epoch"] == best < result["last"]["epoch"]
    assert result["best"]["validation"] == scores[best]
    assert result["last"]["validation"] == scores[result["last"]["epoch"]]
    assert sorted(weights(folder))[:2] == ["head/bias", "head/kernel"]


class Longer(tiny.Odd):
    """The same, with two further test sets of other lengths."""

    def splits(self, rng):
        found = super().splits(rng)
        for length in (3, 40):
            x = rng.integers(0, 4, (20, length)).astype("int32")
            found[f"test_{length}"] = Batch(x, (x.sum(axis=1) % 2).astype("int32"))
        return found


@pytest.mark.slow
def test_further_test_sets_are_scored_with_the_last_and_the_best_weights(train_run, shared):
    words = ("task=odd", "trainer.epochs=12", "optimizer.learning_rate=0.05")
    result, folder = train_run(*words, task=Longer())
    plain, _ = shared(*words)
    assert "splits" not in plain["best"]
    for score in ("best", "last"):
        assert list(result[score]["splits"]) == ["test_3", "test_40"]
        assert {k: v for k, v in result[score].items() if k != "splits"} == plain[score]
    assert result["best"]["splits"] != result["last"]["splits"]
    folder.finish({**result, "fingerprint": "f" * 16, "data_hash": "0", "plugins": {}})
    assert untraced(folder.path) == []
    read = result_of(parsed((folder.path / "result.json").read_bytes()))
    assert read.best.further == result["best"]["splits"]


def test_the_compared_score_is_in_the_metrics_though_its_epoch_was_not_the_last(train_run):
    result, folder = train_run(*FAST)
    assert result["best"]["epoch"] < result["last"]["epoch"]
    folder.finish(result)
    assert untraced(folder.path) == []
    # Readers that follow a run take its position from the last line.
    assert numbers(folder)[-1][0] == result["last"]["epoch"]


def test_the_score_of_a_run_that_diverges_later_is_in_the_metrics(train_run, monkeypatch):
    scores = iter([2.0, 1.0, 1.5, math.nan])
    of = Scores.of
    monkeypatch.setattr(
        Scores, "of", lambda self, split: next(scores) if split == "validation" else of(self, split)
    )
    result, folder = train_run("trainer.epochs=9")
    assert (result["state"], result["best"]["epoch"], result["last"]["epoch"]) == ("DIVERGED", 2, 4)
    folder.finish(result)
    assert untraced(folder.path) == []


def test_a_step_takes_the_median_of_its_epochs_and_the_result_has_their_range(monkeypatch):
    clock = {"perf_counter": 0.0, "process_time": 0.0}
    for name in clock:
        monkeypatch.setattr(f"gatekit.training.summary.time.{name}", lambda name=name: clock[name])
    times = StepTimes()
    assert times.record() == dict.fromkeys(("step", "step_low", "step_high", "step_processor"))

    def step(wall, processor):
        times.begin()
        clock["perf_counter"] += wall
        clock["process_time"] += processor
        times.end()

    for _ in range(5):
        step(64.0, 32.0)
    assert times.record()["step"] == 64.0
    times = StepTimes()
    for epoch in (
        [(64.0, 64.0)] * 5 + [(2.0, 4.0)],
        [(8.0, 4.0), (4.0, 2.0), (6.0, 8.0)],
        [(1, 1)],
    ):
        for one in epoch:
            step(*one)
        times.end_epoch()
    found = {"step": 2.0, "step_low": 1.0, "step_high": 6.0, "step_processor": 4.0}
    assert times.record() == found


def test_patience_stops(shared):
    result, _ = shared(*FAST)
    assert result["last"]["epoch"] == result["best"]["epoch"] + 1 < 30


def test_a_score_that_is_good_enough_stops(shared):
    result, folder = shared(*FAST[:2], "trainer.until=6.25")
    seen = [value for _, _, split, _, value in numbers(folder) if split == "validation"]
    assert len(seen) == result["last"]["epoch"] < 30
    assert min(seen[:-1]) > 6.25 >= seen[-1]


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 7])
def test_steps_are_exact(shared, steps):
    result, folder = shared("task=sum", f"trainer.steps={steps}")
    assert result["steps"] == steps
    assert numbers(folder)[-1][1] == steps


def test_steps_that_no_chunk_divides_are_exact(shared):
    """A run that is given in steps looks at its validation data at most twenty times."""
    result, folder = shared("task=sum", "optimizer=adam", "trainer.steps=43")
    assert result["steps"] == 43
    seen = [step for _, step, split, _, _ in numbers(folder) if split == "validation"]
    assert seen == [*range(3, 43, 3), 43]


def test_a_loss_that_is_not_finite_is_an_outcome(train_run):
    told = Heard()
    result, folder = train_run(
        "task=sum",
        "optimizer=sgd",
        "optimizer.learning_rate=1e30",
        "optimizer.clipnorm=null",
        "optimizer.nesterov=false",
        "optimizer.momentum=0.0",
        callbacks=Callbacks([told]),
    )
    assert result["state"] == "DIVERGED"
    assert "not finite at epoch 1, batch" in result["reason"]
    assert result["best"] is None
    assert [(event, facts.get("state")) for event, facts in told.events] == [
        ("start", None),
        ("end", "DIVERGED"),
    ]
    folder.finish(result)
    assert folder.state().name == "DIVERGED"


class Heard:
    """A callback that remembers."""

    def __init__(self):
        self.events = []

    def __call__(self, event, **facts):
        self.events.append((event, facts))


class Broken(Tracker):
    """A tracker that fails, and draws from the generators that everyone shares."""

    name = "broken"

    def open(self):
        numpy.random.seed(1)
        random.seed(1)
        raise ConnectionError("no answer")


class Followed:
    """A run with a callback and a tracker that fails: what they heard, and what was printed."""

    def __init__(self, shared, monkeypatch, capsys):
        self.told, self.traced = Heard(), []
        compute_loss = SequenceModel.compute_loss

        def counted(model, *arguments, **named):
            self.traced.append(1)
            return compute_loss(model, *arguments, **named)

        monkeypatch.setattr(SequenceModel, "compute_loss", counted)
        callbacks = Callbacks([self.told, Broken({"study": "s"})])
        self.result, self.folder = shared(key="followed", callbacks=callbacks)
        self.printed = capsys.readouterr().out


@pytest.fixture
def followed(shared, kept, monkeypatch, capsys):
    """A run that is followed, trained once."""
    if "followed" not in kept:
        kept["all of it"] = Followed(shared, monkeypatch, capsys)
    return kept["all of it"]


def test_the_step_is_traced_once(followed):
    """The optimizer's variables would have the step traced twice, were they made inside it."""
    assert len(followed.traced) == 1


def test_callbacks_are_told_of_start_epochs_and_end_and_change_nothing(followed, shared):
    told, result, folder = followed.told, followed.result, followed.folder
    assert [event for event, _ in told.events] == ["start", "epoch", "epoch", "epoch", "end"]
    assert all(facts["folder"] == folder.path for _, facts in told.events)
    for number, (_, facts) in enumerate(told.events[1:4], 1):
        assert set(facts) == {"folder", "epoch", "step", "loss", "validation", "weights"}
        assert (facts["epoch"], facts["step"]) == (number, 3 * number)
    last = told.events[-1][1]
    assert (last["state"], last["result"]) == ("COMPLETED", result)
    lines = {(e, split): v for e, _, split, _, v in numbers(folder)}
    assert lines[3, "train"] == told.events[3][1]["loss"]
    assert lines[3, "validation"] == told.events[3][1]["validation"]
    _, plain = shared()
    assert digest(plain) == digest(folder)


def test_a_callback_that_raises_is_named():
    def faulty(event, **facts):
        1 / (event != "epoch")

    callbacks = Callbacks([faulty])
    callbacks.tell("start", folder=None)
    with pytest.raises(PluginError, match=r"test_train.py\) at 'epoch': ZeroDiv"):
        callbacks.tell("epoch", folder=None)


def test_padding_changes_nothing(train_run, shared):
    class Dirty(tiny.Echo):
        """The same data, with NaN where no step is valid."""

        def splits(self, rng):
            found = super().splits(rng)
            for batch in found.values():
                batch.x[~batch.mask] = numpy.nan
                batch.y[~batch.mask] = numpy.nan
            return found

    _, clean = shared()
    _, dirty = train_run(task=Dirty())
    assert numbers(clean) == numbers(dirty)


@pytest.mark.slow
def test_asked_to_stop_it_stops_after_the_batch(train_run):
    stop = threading.Event()
    stop.set()
    with pytest.raises(InterruptedRunError):
        train_run(stop=stop)


def test_one_seed_one_start_for_weights_of_equal_name(place):
    first, second = (
        named_weights(build_model(run.config, tiny.Echo().signature(), masked=True))
        for words in ((), ("swap.forget=sigmoid",))
        for run in plan(["task=echo", *FEW, *words]).runs
    )
    assert set(first) == set(second)
    for name in first:
        if "forget" not in name:
            numpy.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.mark.parametrize(
    ("schedule", "place", "share"),
    [("constant", 99, 1.0), ("cosine", 50, 0.5), ("step", 60, 0.1), ("step", 90, 0.01)],
)
def test_schedules(schedule, place, share):
    config = {"name": "adam", "learning_rate": 0.2, "clipnorm": None, "schedule": schedule}
    made = optimizer(config, 100)
    made.iterations.assign(place)
    assert math.isclose(float(made.learning_rate), 0.2 * share, rel_tol=1e-5)


@pytest.mark.parametrize(("weights", "loss"), [([3, 1], 3.25), ([0.03, 0.01], 3.25), ([0, 0], 0)])
def test_the_loss_is_a_mean_also_if_weights_add_up_to_less_than_one(weights, loss):
    x = keras.Input((None, 1))
    model = SequenceModel(x, x, loss_kind="mse")
    y, weights = numpy.array([[[2.0], [1.0]]]), numpy.array([weights], "float32")
    seen = model.compute_loss(None, y, numpy.array([[[0.0], [0.0]]]), weights)
    assert float(seen) == pytest.approx(loss)


def test_the_cell_of_a_run_is_read_once_for_all_layers(monkeypatch, place, float32):
    (run,) = plan(["task=sum", "layers=3", "bidirectional=true", "units=2"]).runs
    calls = []
    read = cells.composer.read_cell
    monkeypatch.setattr(cells.composer, "read_cell", lambda *given: calls.append(1) or read(*given))
    task = components.load(()).task(run.config["task"])
    model = build_model(run.config, task.signature(), masked=False)
    assert len(calls) == 1
    layers = [layer for layer in model.layers if isinstance(layer, RNN)]
    assert len(layers) == 6
    assert all(layer.spec is layers[0].spec for layer in layers)


def test_adamw_decays_weights_apart_from_the_gradient():
    config = {"name": "adamw", "learning_rate": 0.1, "clipnorm": None, "schedule": "constant"}
    built = optimizer({**config, "weight_decay": 0.5}, 100)
    weight = keras.Variable([2.0, -4.0])
    built.build([weight])
    built.apply([numpy.zeros(2, "float32")])
    # Without a gradient a step multiplies by 1 - 0.1 * 0.5.
    numpy.testing.assert_allclose(weight.numpy(), [1.9, -3.8], rtol=1e-6)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop", "muon"])
def test_every_optimizer_learns(shared, name):
    result, folder = shared("task=sum", f"optimizer={name}", "trainer.steps=43")
    scores = [v for _, _, split, _, v in numbers(folder) if split == "validation"]
    assert min(scores[-3:]) < scores[0]
    assert result["state"] == "COMPLETED"


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float64", "mixed_bfloat16"])
def test_precisions(shared, precision):
    result, folder = shared(f"precision={precision}", "trainer.epochs=1")
    assert result["state"] == "COMPLETED"
    kinds = {v.dtype.name for v in weights(folder).values()}
    assert kinds == {"float64" if precision == "float64" else "float32"}


def test_a_tracker_that_fails_changes_nothing(followed, shared):
    assert "tracking with broken has ended" in followed.printed
    assert followed.result["warnings"] == []
    assert digest(shared()[1]) == digest(followed.folder)
