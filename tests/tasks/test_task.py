"""Task, Metric, Signature, Batch: what a declaration allows."""

import dataclasses

import numpy
import pytest
from refused import at, saying
from seams import PluginError

from gatekit import Batch, ConfigError, DataError, Metric, Signature, StreamedTask, Task
from gatekit.tasks import recipe_hash


class Fixed(Task):
    """The smallest task with a training set."""

    length: int = 3
    lowest = {"length": 1}
    metric = Metric("mse", direction="min", unit="squared error")

    def signature(self):
        return Signature(features=1, vocabulary=None, outputs=1, loss="mse")

    def chance(self):
        return 1.0

    def data_hash(self):
        return recipe_hash("fixed/1", self.options())

    def splits(self, rng):
        return {}


class Streamed(Fixed):
    """The same, drawing its training data."""

    def sample(self, rng, size):
        return Batch(numpy.zeros((size, self.length, 1), "float32"), numpy.zeros((size, 1)))


def test_exports_are_all_options_with_their_values():
    assert Fixed(length=7).exports() == {"allow_nan": False, "length": 7}
    assert Fixed(length=7).options() == {"length": 7}


def test_option_below_its_lowest_value_names_both():
    with pytest.raises(ConfigError, check=at("length")):
        Fixed(length=0)


def test_unknown_option_suggests_the_nearest():
    with pytest.raises(ConfigError, check=at("lenght")):
        Fixed(lenght=2)


@pytest.mark.parametrize("name", ["places", "source", "chance", "judged"])
def test_an_option_that_is_called_like_a_part_of_every_task_is_refused(name):
    body = {"__annotations__": {name: int}, name: 5}
    with pytest.raises(PluginError, check=at(f"Odd.{name}")):
        type("Odd", (StreamedTask,), body)


def test_task_lacking_a_method_cannot_be_made():
    class Half(Task):
        pass

    with pytest.raises(TypeError, match="chance"):
        Half()


def test_only_a_task_with_sample_is_streamed():
    assert Streamed().streamed
    assert not Fixed().streamed
    with pytest.raises(DataError, match=r"splits\(rng\)\['train'\]"):
        Fixed().sample(numpy.random.default_rng(0), 2)


@pytest.mark.parametrize(
    ("name", "direction", "check"),
    [
        ("msee", "min", at("name")),
        ("mse", "down", at("direction", names=("min", "max"))),
        ("accuracy", "min", saying("a larger value is better")),
        ("bits", "max", saying("a smaller value is better")),
    ],
)
def test_metric_refuses_unknown_words(name, direction, check):
    with pytest.raises(PluginError, check=check):
        Metric(name, direction=direction, unit="")


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"loss": "hinge"}, at("loss", names=("'hinge'",))),
        ({"emission": "all"}, at("emission")),
        ({"features": None}, saying("exactly one")),
        ({"vocabulary": 4}, saying("exactly one")),
        ({"features": 0}, saying("Signature.features=0")),
        ({"outputs": True}, saying("Signature.outputs=True")),
        ({"outputs": 1.0}, saying("Signature.outputs=1.0")),
    ],
)
def test_signature_refuses_widths_and_words_that_no_model_has(change, check):
    right = {"features": 1, "vocabulary": None, "outputs": 1, "loss": "mse", "emission": "last"}
    with pytest.raises(PluginError, check=check):
        Signature(**{**right, **change})


def test_declarations_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Fixed.metric.name = "nll"
    with pytest.raises(dataclasses.FrozenInstanceError):
        Streamed().sample(None, 1).x = None


def test_recipe_hash_changes_with_recipe_and_facts_alone():
    assert recipe_hash("a/1", {"n": 1, "m": 2}) == recipe_hash("a/1", {"m": 2, "n": 1})
    assert (
        len({recipe_hash("a/1", {"n": 1}), recipe_hash("a/2", {"n": 1}), recipe_hash("a/1", {})})
        == 3
    )
