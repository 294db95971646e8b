"""``jit=true``: the same run, compiled by XLA, once for each of few lengths."""

import threading

import numpy
import pytest
from twice import StopAt, told

from gatekit.cell.errors import ConfigError
from gatekit.recurrence.padding import bucket
from gatekit.registry import components
from gatekit.runs.folder import RunFolder
from gatekit.study.command import compose
from gatekit.study.plan import plan
from gatekit.tasks.task import Batch
from gatekit.training import batches
from gatekit.training.feed import Feed
from gatekit.training.process.stopping import InterruptedRunError
from gatekit.training.trainer import train

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

    def make(*words, name="run", stop=None, found=None):
        (run,) = plan(compose([*FEW, *words])).runs
        folder = RunFolder(place / name)
        folder.claim()
        folder.write_config(run.config)
        known = components.load(run.config["plugins"])
        task = known.task(run.config["task"])
        result = train(run.config, task, folder, stop or threading.Event(), checkpoint=found)
        return result, folder

    return make


@pytest.mark.parametrize(
    "words",
    [
        ("task=echo", "cell=gru"),
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


@pytest.mark.slow
def test_a_compiled_run_that_was_stopped_ends_like_one_that_was_not(made):
    words = ("task=echo", "jit=true", "dropout=0.2", "++cell.recurrent_dropout=0.3")
    result, whole = made(*words, name="whole")
    whole.finish(result)
    with pytest.raises(InterruptedRunError):
        made(*words, name="parts", stop=StopAt(7))
    stopped = RunFolder(whole.path.with_name("parts"))
    stopped.status("INTERRUPTED", "stopped")
    found = stopped.checkpoint()
    assert found is not None
    result, stopped = made(*words, name="parts", found=found)
    stopped.finish(result)
    assert told(stopped.path) == told(whole.path)


def test_a_model_that_xla_cannot_compile_is_refused_by_its_operations(made, place):
    (place / "outside.py").write_text(OUTSIDE)
    words = ("task=sum", "swap.forget=outside", "plugins=[outside.py]", "precision=float32")
    assert made(*words, name="plain")[0]["state"] == "COMPLETED"
    with pytest.raises(ConfigError, match=r"jit=true: .* PyFunc\..* or type jit=false\."):
        made(*words, "jit=true")


def test_batches_have_few_lengths_where_they_are_compiled():
    split = masked([*range(3, 60)], time=60)
    lengths = {}
    for few in (False, True):
        feed = Feed(
            components.load().task({"name": "jsb_music21"}), {"validation": split}, 0, 1, few
        )
        lengths[few] = {step[0][0].shape[1] for step in feed.split("validation")}
    assert lengths[False] == set(range(3, 60))
    # 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 22, 27, 33, 41, 51, 63: at most a quarter too long
    assert lengths[True] == {bucket(n) for n in range(3, 60)}
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
