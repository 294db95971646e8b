"""Noise padding: the signal tells the kind, and nothing tells where it ends."""

import numpy
import pytest
from gatekit.plugins.noise_padding import NoisePadding
from seams import check_sample


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
