"""Noise padding: the signal tells the kind, and nothing tells where it ends."""

import numpy
import pytest
from gatekit.plugins.noise_padding import NoisePadding, gatekit_tasks
from refused import at, saying
from seams import check_sample, check_splits

from gatekit import ConfigError


def rng(seed=5):
    return numpy.random.default_rng(seed)


def test_the_nearest_pattern_is_the_kind():
    task = NoisePadding(length=30)
    batch = check_sample(task, rng(), 2000)
    distance = (batch.x[:, None, :10] - task.patterns()[None]) ** 2
    assert (distance.sum(axis=(2, 3)).argmin(axis=1) == batch.y).mean() > 0.999


def test_without_noise_the_pattern_stands_there():
    task = NoisePadding(noise=0.0, signal=3)
    batch = task.sample(rng(), 50)
    assert numpy.allclose(batch.x[:, :3], task.patterns()[batch.y], atol=1e-6)


def test_what_follows_has_the_size_of_the_signal_and_no_pattern():
    # over many patterns: one set of ten has a variance of its own
    signal, rest = [], []
    for seed in range(60):
        batch = NoisePadding(length=20, noise=2.0, data_seed=seed).sample(rng(seed), 50)
        signal.append(batch.x[:, :10])
        rest.append(batch.x[:, 10:])
    for part in (numpy.array(signal), numpy.array(rest)):
        assert part.mean() == pytest.approx(0, abs=0.05)
        assert part.std() == pytest.approx(5**0.5, rel=0.02)


def test_kinds_are_as_likely_as_each_other():
    labels = NoisePadding(length=10).sample(rng(), 20000).y
    assert numpy.allclose(numpy.bincount(labels) / 20000, NoisePadding().chance(), atol=0.01)


def test_sets_and_patterns_follow_the_data_seed_alone():
    one, two = check_splits(NoisePadding(), rng(1)), NoisePadding().splits(rng(2))
    assert all(numpy.array_equal(one[name].x, two[name].x) for name in one)
    other = NoisePadding(data_seed=1)
    assert not numpy.array_equal(other.patterns(), NoisePadding().patterns())
    assert other.data_hash() != NoisePadding().data_hash()


def test_the_numbers_of_recipe_1_stay():
    # a change here needs a new version in the recipe
    batch = NoisePadding(length=1, signal=1, test_size=1).splits(None)["test"]
    assert batch.x[0, 0].tolist() == pytest.approx(
        [-1.0189407, -0.0387039, -2.3480704, 1.8988312], abs=1e-6
    )


@pytest.mark.parametrize(
    ("options", "check"),
    [
        ({"signal": 11, "length": 10}, saying("signal=11.*length=10")),
        ({"noise": -0.1}, at("noise")),
        ({"classes": 1}, at("classes")),
    ],
)
def test_options_that_make_no_task_are_refused(options, check):
    with pytest.raises(ConfigError, check=check):
        NoisePadding(**options)


def test_the_plugin_offers_the_task():
    assert gatekit_tasks() == {"noise_padding": NoisePadding}
