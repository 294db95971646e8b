"""The fused executor against the reference, on problems: values and gradients in float64."""

from __future__ import annotations

import pytest
import tensorflow as tf

from .cells import BUNDLED, ODD, built
from .problems import EXECUTORS, Given, assert_close, values_and_gradients

EVERYTHING = {"mask": True, "training": True, "drop": True}


def _agree(given: Given) -> None:
    @tf.function
    def both(tensors):  # type: ignore[no-untyped-def]
        return {n: values_and_gradients(run, given, tensors) for n, run in EXECUTORS.items()}

    found = both(given.tensors)
    assert_close(found["fused"][0], found["reference"][0])
    assert_close(found["fused"][1], found["reference"][1])


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_cell(name: str) -> None:
    _agree(Given(built(name), **EVERYTHING))


@pytest.mark.parametrize("name", ODD)
def test_odd_cell(name: str) -> None:
    _agree(Given(built(name)))


@pytest.mark.parametrize("name", ODD)
def test_odd_cell_masked_dropped_and_zoned(name: str) -> None:
    _agree(Given(built(name), **EVERYTHING))
