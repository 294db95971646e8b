"""``jit=auto`` decides by a rule; ``jit=true`` compiles once for each length."""

import threading

import numpy
import pytest
from seams import (
    Feed,
    InterruptedRunError,
    RunFolder,
    batches,
    build_model,
    components,
    plan,
)
from seams import jit as modes
from seams import read_config as read
from seams import train_run as train
from twice import StopAt, told

from gatekit import Batch, ConfigError

pytestmark = pytest.mark.usefixtures("float32")

FEW = ["units=4", "trainer.epochs=3", "trainer.batch=8", "precision=float64"]
OUTSIDE = '''
"""A gate that leaves TensorFlow, as XLA cannot."""

import numpy
import tensorflow as tf

from gatekit import Gate, hookimpl


class Outside(Gate):
    """``outside(pre) = sign(pre)``, by NumPy; its gradient is that of the identity."""

    uses_tensorflow = True

    def activate(self, pre):
        """Return the gate's value, ``batch x units``."""

        @tf.custom_gradient
        def sign(z):
            found = tf.numpy_function(numpy.sign, [z], z.dtype)
            return tf.ensure_shape(found, z.shape), lambda d: d

        return sign(pre)


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"outside": Outside}
'''


@pytest.fixture
def made(place):
    """Return a function that trains a run in this process."""

    def make(*words, name="run", stop=None, go_on=False):
        (run,) = plan([*FEW, *words]).runs
        folder = RunFolder(place / name)
        folder.claim()
        folder.write_config(run.config)
        known = components.load(run.config["plugins"])
        task = known.task(run.config["task"])
        found = folder.checkpoint() if go_on else None
        assert go_on is (found is not None)
        result = train(run.config, task, folder, stop or threading.Event(), checkpoint=found)
        return result, folder

    return make


@pytest.mark.one_in(1, slow=4)
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("task=echo", "cell=gru"), marks=pytest.mark.slow),
        pytest.param(("task=echo", "bidirectional=true"), marks=pytest.mark.slow),
        pytest.param(("task=sum", "cell=mingru", "layers=2", "pool=mean"), marks=pytest.mark.slow),
        pytest.param(("task=odd", "probe=true"), marks=pytest.mark.slow),
    ],
)
def test_the_numbers_are_those_of_the_run_that_is_not_compiled(made, words):
    (plain, one), (compiled, other) = (
        made(*words, f"jit={jit}", name=jit) for jit in ("false", "true")
    )
    for when in ("best", "last"):
        assert compiled[when]["epoch"] == plain[when]["epoch"]
        for split in ("validation", "test"):
            assert compiled[when][split] == pytest.approx(plain[when][split], rel=1e-8)
    with numpy.load(one.path / "weights.npz") as a, numpy.load(other.path / "weights.npz") as b:
        assert sorted(a) == sorted(b)
        for name in a:
            numpy.testing.assert_allclose(b[name], a[name], rtol=1e-7, atol=1e-9)


@pytest.mark.weekly
def test_a_compiled_run_that_was_stopped_ends_like_one_that_was_not(made):
    words = ("task=echo", "jit=true", "dropout=0.2", "++cell.recurrent_dropout=0.3")
    result, whole = made(*words, name="whole")
    whole.finish(result)
    with pytest.raises(InterruptedRunError):
        made(*words, name="parts", stop=StopAt(7))
    stopped = RunFolder(whole.path.with_name("parts"))
    stopped.status("INTERRUPTED", "stopped")
    result, stopped = made(*words, name="parts", go_on=True)
    stopped.finish(result)
    assert told(stopped.path) == told(whole.path)


@pytest.mark.slow
def test_a_model_that_xla_cannot_compile_is_refused_by_its_operations(made, place):
    (place / "outside.py").write_text(OUTSIDE)
    words = ("task=sum", "swap.forget=outside", "plugins=[outside.py]", "precision=float32")
    assert made(*words, name="plain")[0]["state"] == "COMPLETED"
    with pytest.raises(ConfigError, match=r"jit=true: .*PyFunc"):
        made(*words, "jit=true")


def decided(*words, lengths=None, seed=0, **trainer):
    """Return what a run of a seed decides, without training it."""
    (run,) = plan(["cell=lstm", "task=adding", "jit=auto", *words]).runs
    config = {**run.config, "trainer": {**run.config["trainer"], **trainer}}
    task = components.load().task(config["task"])
    signature = task.signature()
    if lengths is None:
        split = Batch(numpy.ones((64, 100, 2), "float32"), numpy.ones((64, 1), "float32"))
    else:
        split = masked(lengths, time=max(lengths))
        split = Batch(split.x, numpy.ones((len(lengths), 1), "float32"), split.mask)
    splits = dict.fromkeys(("train", "validation", "test"), split)
    feed = Feed(task, splits, seed, config["trainer"]["batch"])
    model = build_model(config, signature, feed.masked)
    return modes.resolve(config, model, feed, 20)


@pytest.mark.parametrize(
    ("words", "jit", "reason"),
    [
        (
            ["trainer.steps=2000"],
            True,
            "auto: 200,000 time steps of training; XLA pays from 10,000 on",
        ),
        (
            ["trainer.steps=99"],
            False,
            "auto: 9,900 time steps of training; XLA pays from 10,000 on",
        ),
        (["trainer.steps=100"], True, "auto: 10,000 time steps"),
        pytest.param(
            *(
                ["trainer.steps=100000", "units=256"],
                False,
                "stacked is fastest in graph mode here",
            ),
            marks=pytest.mark.slow,
        ),
        (["trainer.steps=100000", "precision=mixed_bfloat16"], False, "fastest in graph mode"),
        (["trainer.steps=100000", "executor=reference"], False, "reference is fastest in graph"),
        (["trainer.steps=100000", "cell=gla", "executor=chunk"], False, "chunk gains nothing"),
        (["trainer.steps=20000", "cell=mingru"], True, "auto: 2,000,000 time steps"),
        (["trainer.steps=300", "jit=true"], True, "jit=true was asked for"),
        (["trainer.steps=100000", "jit=false"], False, "jit=false was asked for"),
    ],
)
def test_auto_compiles_what_saves_more_than_compiling_costs(words, jit, reason):
    mode = decided(*words)
    assert mode.jit is jit
    assert reason in mode.reason


@pytest.mark.parametrize(
    ("words", "jit", "scores"),
    [
        (["trainer.epochs=2000"], True, True),
        (["trainer.steps=20000"], True, False),  # validated 20 times only
        (["trainer.steps=10", "jit=true"], True, False),
        (["trainer.epochs=2000", "jit=true"], True, True),  # as a run that goes on decides
        (["trainer.epochs=2000", "jit=false"], False, False),
    ],
)
def test_scores_are_compiled_where_there_are_many(words, jit, scores):
    mode = decided(*words)
    assert (mode.jit, mode.scores) == (jit, scores)


def test_auto_counts_each_length():
    needed = []
    for lengths in ([100] * 64, [*range(37, 101)]):
        reason = decided("trainer.steps=1000", "trainer.batch=2", lengths=lengths).reason
        needed.append(int(reason.split("from ")[1].split()[0].replace(",", "")))
    few = {batches.bucket(n) for n in range(37, 101)}
    assert needed[0] == 10_000
    assert 30_000 < needed[1] <= 10_000 * len(few)


def test_seeds_of_a_variant_decide_alike_whatever_their_orders():
    words = ("trainer.steps=20", "trainer.batch=2")  # of 64 lengths, each order has others first
    reasons = {decided(*words, lengths=[*range(37, 101)], seed=each).reason for each in range(5)}
    assert len(reasons) == 1


def test_a_dry_run_decides_as_the_run_that_it_stands_for():
    whole = {"steps": None, "epochs": 5000, "batch": 32, "patience": None}
    assert decided("trainer.steps=3", rehearsed=whole).jit is True
    assert decided("trainer.steps=3").jit is False


@pytest.mark.slow
def test_auto_is_recorded_and_no_graph_run_of_before_has_its_name(made):
    result, folder = made("task=sum", "trainer.epochs=1")
    assert result["jit"] is False
    assert result["jit_reason"].startswith("auto: ")
    assert read(folder.path / "config.yaml")["jit"] == "auto"
    auto, graph = (plan([*FEW, "task=sum", *w]).runs[0] for w in ([], ["jit=false"]))
    assert auto.config["jit"] == "auto"
    assert auto.fingerprint != graph.fingerprint


@pytest.mark.slow
def test_a_run_that_goes_on_keeps_what_was_decided(made, place, monkeypatch):
    monkeypatch.setattr(modes, "_PAYS", 0)
    with pytest.raises(InterruptedRunError):
        made("task=echo", "jit=auto", name="parts", stop=StopAt(3))
    found = RunFolder(place / "parts").checkpoint()
    assert found is not None
    assert found.made_with["jit"] is True


def test_batches_have_few_lengths_where_they_are_compiled():
    split = masked([*range(3, 60)], time=60)
    lengths = {}
    for few in (False, True):
        feed = Feed(components.load().task({"name": "jsb_music21"}), {"train": split}, 0, 1, few)
        lengths[few] = {feed.step(step)[0][0].shape[1] for step in range(feed.per_epoch)}
    assert lengths[False] == set(range(3, 60))
    # 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 22, 27, 33, 41, 51, 63: at most a quarter too long
    assert lengths[True] == {batches.bucket(n) for n in range(3, 60)}
    assert len(lengths[True]) == 16


def masked(lengths, time, features=2):
    x = numpy.arange(len(lengths) * time * features, dtype="float32")
    x = x.reshape(len(lengths), time, features) + 1
    return Batch(x, x[:, :, :1].copy(), numpy.arange(time)[None] < numpy.array(lengths)[:, None])


@pytest.mark.parametrize(("longest", "padded"), [(9, 10), (10, 10), (13, 15), (40, 41)])
@pytest.mark.parametrize("every", [False, True])
def test_what_a_batch_is_padded_with_counts_for_nothing(longest, padded, every):
    batch = masked([longest - 2, longest], time=max(longest, 40))
    if not every:
        batch = Batch(batch.x, numpy.arange(2), batch.mask)
    cut = batches.taken(batch, numpy.arange(2), 2, every)
    long = batches.lengthened(cut, every)
    assert (cut.x.shape[1], long.x.shape[1], long.mask.shape[1]) == (longest, padded, padded)
    numpy.testing.assert_array_equal(long.x[:, :longest], cut.x)
    assert not long.x[:, longest:].any()
    assert not long.mask[:, longest:].any()
    assert long.weights.sum() == cut.weights.sum()
    assert long.y.shape[1:] == ((padded, 1) if every else ())


def test_data_without_masks_have_one_length_already():
    step = batches.taken(Batch(numpy.ones((2, 9, 1)), numpy.ones(2)), numpy.arange(2), 2, False)
    assert batches.lengthened(step, False) is step
