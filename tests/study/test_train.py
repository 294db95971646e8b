"""Training: the same seed gives the same bits, the validation data choose, NaN is an outcome."""

import hashlib
import json
import math
import threading

import keras
import numpy
import pytest
import tiny

from gatekit.study import metrics, parts
from gatekit.study.command import compose
from gatekit.study.folder import RunFolder
from gatekit.study.plan import plan
from gatekit.study.train import InterruptedRunError, optimizer, train

FEW = ["units=4", "trainer.epochs=3", "trainer.batch=8"]


@pytest.fixture(autouse=True)
def float32():
    """Leave Keras' policy as it was."""
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


@pytest.fixture
def made(place):
    """Return a function that trains a run in this process."""

    def make(*words, name="run", task=None, stop=None):
        (run,) = plan(compose(["task=echo", *FEW, *words])).runs
        folder = RunFolder(place / name)
        folder.claim()
        chosen = task or parts.load().task(run.config["task"])
        result = train(run.config, chosen, folder, stop or threading.Event())
        return result, folder

    return make


def weights(folder):
    with numpy.load(folder.path / "weights.npz", allow_pickle=False) as archive:
        return dict(archive)


def digest(folder):
    found = weights(folder)
    return hashlib.sha256(b"".join(found[k].tobytes() for k in sorted(found))).hexdigest()


def numbers(folder):
    records, lost = metrics.read(folder.path / "metrics.jsonl")
    assert lost == 0
    return [(r["epoch"], r["step"], r["split"], r["metric"], r["value"]) for r in records]


@pytest.mark.parametrize(
    "words",
    [
        ["dropout=0.2", "layers=2", "residual=true", "bidirectional=true"],
        ["task=sum", "trainer.steps=9", "cell=gru"],
        ["task=parity", "optimizer=sgd", "optimizer.schedule=cosine"],
    ],
)
def test_the_same_seed_gives_the_same_bits(made, words):
    first, one = made(*words, name="one")
    second, two = made(*words, name="two")
    assert digest(one) == digest(two)
    assert numbers(one) == numbers(two)
    assert first["best"] == second["best"]
    _, other = made(*words, "seed=1", name="three")
    assert digest(other) != digest(one)


def test_the_result_is_that_of_the_contract(made):
    result, folder = made("task=echo")
    assert result["state"] == "COMPLETED"
    assert result["metric"] == {
        "name": "nll",
        "direction": "min",
        "unit": "nats/step",
        "chance": 2.0,
    }
    assert result["parameters"] == {"recurrent": 4 * (9 + 4 + 1) * 4, "total": 224 + 5 * 9}
    assert result["steps"] == 9
    assert result["executor"] in ("fused", "reference")
    assert result["seconds"]["step"] > 0
    folder.finish(result)
    assert folder.state().name == "COMPLETED"
    json.dumps(result, allow_nan=False)


def test_the_best_epoch_is_chosen_by_validation_and_its_weights_are_kept(made):
    result, folder = made("optimizer.learning_rate=0.3", "trainer.epochs=6")
    scores = {e: v for e, _, split, _, v in numbers(folder) if split == "validation"}
    best = min(scores, key=scores.get)
    assert result["best"]["epoch"] == best
    assert result["best"]["validation"] == scores[best]
    assert result["last"]["epoch"] == 6
    assert result["last"]["validation"] == scores[6]
    assert sorted(weights(folder))[:2] == ["head/bias", "head/kernel"]


def test_patience_stops(made):
    result, _ = made("trainer.epochs=30", "trainer.patience=1", "optimizer.learning_rate=0.5")
    assert result["last"]["epoch"] == result["best"]["epoch"] + 1 < 30


@pytest.mark.parametrize("steps", [1, 7, 23])
def test_steps_are_exact(made, steps):
    result, folder = made("task=sum", f"trainer.steps={steps}")
    assert result["steps"] == steps
    assert numbers(folder)[-1][1] == steps


def test_row_83_a_loss_that_is_not_finite_is_an_outcome(made):
    result, folder = made(
        "task=sum", "optimizer=sgd", "optimizer.learning_rate=1e30", "optimizer.clipnorm=null"
    )
    assert result["state"] == "DIVERGED"
    assert "not finite at epoch 1, batch" in result["reason"]
    assert result["best"] is None
    folder.finish(result)
    assert folder.state().name == "DIVERGED"


def test_padding_changes_nothing(made):
    class Dirty(tiny.Echo):
        """The same data, with NaN where no step is valid."""

        def splits(self, rng):
            found = super().splits(rng)
            for batch in found.values():
                batch.x[~batch.mask] = numpy.nan
                batch.y[~batch.mask] = numpy.nan
            return found

    _, clean = made(name="one")
    _, dirty = made(name="two", task=Dirty())
    assert numbers(clean) == numbers(dirty)


def test_asked_to_stop_it_stops_after_the_batch(made):
    stop = threading.Event()
    stop.set()
    with pytest.raises(InterruptedRunError):
        made(stop=stop)


def test_one_seed_one_start_for_weights_of_equal_name(made):
    zero = "optimizer.learning_rate=1e-30"
    _, one = made(zero, name="one")
    _, two = made(zero, "swap.forget=sigmoid", name="two")
    first, second = weights(one), weights(two)
    assert set(first) == set(second)
    for name in first:
        if "forget" not in name:
            numpy.testing.assert_allclose(first[name], second[name], atol=1e-25, err_msg=name)


@pytest.mark.parametrize(
    ("schedule", "place", "share"),
    [("constant", 99, 1.0), ("cosine", 50, 0.5), ("step", 60, 0.1), ("step", 90, 0.01)],
)
def test_schedules(schedule, place, share):
    config = {"name": "adam", "learning_rate": 0.2, "clipnorm": None, "schedule": schedule}
    made = optimizer(config, 100)
    made.iterations.assign(place)
    assert math.isclose(float(made.learning_rate), 0.2 * share, rel_tol=1e-5)


@pytest.mark.parametrize("name", ["adam", "sgd", "rmsprop"])
def test_every_optimizer_learns(made, name):
    result, folder = made("task=sum", f"optimizer={name}", "trainer.steps=60")
    scores = [v for _, _, split, _, v in numbers(folder) if split == "validation"]
    assert scores[-1] < scores[0]
    assert result["state"] == "COMPLETED"


@pytest.mark.parametrize("precision", ["float64", "mixed_bfloat16"])
def test_precisions(made, precision):
    result, folder = made(f"precision={precision}")
    assert result["state"] == "COMPLETED"
    kinds = {v.dtype.name for v in weights(folder).values()}
    assert kinds == {"float64" if precision == "float64" else "float32"}
