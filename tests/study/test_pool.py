"""What the head reads of a sequence with one target."""

import numpy
import pytest
import tiny
from refused import at
from seams import Feed, build_model, plan

from gatekit import RNN, Batch, ConfigError, DataError

pytestmark = pytest.mark.usefixtures("float32")


class Padded(tiny.Sum):
    """Sums of sequences of unequal length."""

    def splits(self, rng):
        return {name: self.sample(rng, 6) for name in ("validation", "test")}

    def sample(self, rng, size):
        whole = super().sample(rng, size)
        mask = numpy.arange(self.length) < rng.integers(2, self.length + 1, size)[:, None]
        return Batch(whole.x * mask[:, :, None], whole.y, mask)


class Longer(tiny.Sum):
    """Sums whose test set is longer."""

    def splits(self, rng):
        longer = tiny.Sum(length=self.length + 1)
        return {**super().splits(rng), "test": longer.sample(rng, 6)}


def made(task, *words):
    (run,) = plan(["task=sum", "units=3", "precision=float64", *words]).runs
    feed = Feed(task, task.splits(numpy.random.default_rng(0)), 0, 4)
    steps = feed.length_for(run.config["pool"])
    return build_model(run.config, task.signature(), feed.masked, steps), feed


def outputs(model, inputs):
    """Return what the last recurrent layer emits at every step."""
    layer = next(each for each in model.layers if isinstance(each, RNN))
    assert layer.return_sequences
    x, mask = inputs if isinstance(inputs, tuple) else (inputs, None)
    return numpy.asarray(layer(x, mask=mask))


def head(model, value):
    kernel, bias = (weight.numpy() for weight in model.get_layer("head").weights)
    return value @ kernel + bias


@pytest.mark.parametrize("task", [tiny.Sum(), Padded()])
def test_mean_is_over_the_valid_steps(place, task):
    model, feed = made(task, "pool=mean")
    inputs, _, _ = feed.step(0)
    every = outputs(model, inputs)
    valid = inputs[1] if feed.masked else numpy.ones(every.shape[:2], bool)
    means = numpy.stack([each[row].mean(axis=0) for each, row in zip(every, valid, strict=True)])
    said = model(list(inputs) if feed.masked else inputs)
    numpy.testing.assert_allclose(said, head(model, means), rtol=0, atol=1e-12)


def test_all_outputs_stand_side_by_side(place):
    model, feed = made(tiny.Sum(), "pool=all")
    inputs, _, _ = feed.step(0)
    every = outputs(model, inputs)
    assert model.get_layer("head").kernel.shape == (5 * 3, 1)
    numpy.testing.assert_allclose(
        model(inputs), head(model, every.reshape(4, -1)), rtol=0, atol=1e-12
    )


def test_both_directions_meet_at_the_same_step(place):
    model, feed = made(tiny.Sum(), "pool=all", "bidirectional=true")
    inputs, _, _ = feed.step(0)
    forward = numpy.asarray(model.get_layer("forward_0")(inputs))
    backward = numpy.asarray(model.get_layer("backward_0")(inputs))[:, ::-1]
    both = numpy.concatenate([forward, backward], axis=-1)
    numpy.testing.assert_allclose(
        model(inputs), head(model, both.reshape(4, -1)), rtol=0, atol=1e-12
    )


def test_a_head_with_weights_for_each_step_needs_one_length(place):
    with pytest.raises(DataError, match=r"masks.*pool=all"):
        made(Padded(), "pool=all")
    with pytest.raises(DataError, match=r"5, test 6, train 5.*pool=all"):
        made(Longer(), "pool=all")


def test_where_each_step_has_a_target_nothing_is_pooled(place):
    with pytest.raises(ConfigError, match=r"pool=mean: .*'echo'"):
        plan(["task=echo", "pool=mean"])


def test_the_head_can_start_as_that_of_torch(place):
    kernel, bias = made(tiny.Sum(), "head=torch", "units=400")[0].get_layer("head").get_weights()
    assert 0.9 / 20 < abs(kernel).max() <= 1 / 20
    assert 0 < abs(bias[0]) <= 1 / 20
    kernel, bias = made(tiny.Sum(), "head=kaiming", "units=400")[0].get_layer("head").get_weights()
    assert 0.9 < kernel.std() * 200**0.5 < 1.1
    assert 0 < abs(bias[0]) <= 1 / 20
    usual, zero = made(tiny.Sum(), "units=400")[0].get_layer("head").get_weights()
    assert abs(usual).max() > 1.5 / 20
    assert zero.tolist() == [0]


def test_the_head_can_start_in_a_range_and_have_no_bias(place):
    words = "head=0.2", "head_bias=false", "units=400"
    (kernel,) = made(tiny.Sum(), *words)[0].get_layer("head").get_weights()
    assert 0.19 < abs(kernel).max() <= 0.2
    with pytest.raises(ConfigError, check=at("head")):
        plan(["task=sum", "head=0"])
