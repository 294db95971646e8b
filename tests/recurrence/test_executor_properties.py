"""Every executor has the properties: a few cells on drawn lengths and masks, then every cell."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from seams import analyse_affine as analyse

from gatekit import RNN

from .affine_cells import AFFINE
from .cells import VARIED, built
from .layers import HOLES, inputs_for, layer
from .properties import PROPERTIES, Property, p8_all_executors_agree

# Every executor, on cells that differ most in what it does with them.
PAIRS = [
    ("lstm", "stacked"),
    ("lstm", "reference"),
    ("power_law", "stacked"),
    ("gru", "unroll"),
    ("min_lstm", "affine"),
    ("lru", "affine"),
    ("chain", "affine"),
    ("t_gru", "scan"),
    ("power_law_of_x", "scan"),
    ("oscillator", "scan"),
    ("norm_sum_group", "stacked"),
    ("full_gate", "stacked"),
]
BATCH = 3
# Longer than the longest delay within a bundled cell, so that every weight is reached.
MASK = np.concatenate([HOLES, ~HOLES[:, :2]], axis=1)


def _make(cell: str, executor: str) -> RNN:
    return layer(
        AFFINE.get(cell, cell), return_sequences=True, return_state=True, executor=executor
    )


_made = functools.cache(_make)


@st.composite
def calls(draw: Any) -> Any:
    """Return a layer, its input, a mask, and a place in time."""
    rnn = _made(*draw(st.sampled_from(PAIRS)))
    time = draw(st.integers(2, 10))
    bits = draw(st.lists(st.booleans(), min_size=BATCH * time, max_size=BATCH * time))
    mask = np.reshape(bits, (BATCH, time))
    return rnn, inputs_for(rnn, BATCH, time), mask, draw(st.integers(1, time - 1))


def _few(count: int) -> Any:
    checks = [HealthCheck.too_slow]
    return settings(
        max_examples=count, deadline=None, derandomize=True, suppress_health_check=checks
    )


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    "holds",
    # That executors agree is tested by test_stacked and test_layer_executors, always.
    [
        pytest.param(p, marks=pytest.mark.slow) if p is p8_all_executors_agree else p
        for p in PROPERTIES
    ],
    ids=lambda p: p.__name__,
)
@_few(7)
@given(call=calls())
def test_executors_have_the_property(holds: Property, call: Any) -> None:
    holds(*call)


@pytest.mark.weekly
@pytest.mark.parametrize("holds", PROPERTIES, ids=lambda p: p.__name__)
@_few(20)
@given(call=calls())
def test_executors_have_the_property_on_many_draws(holds: Property, call: Any) -> None:
    holds(*call)


@pytest.mark.slow
@pytest.mark.one_in(1, slow=6)
@pytest.mark.parametrize("cell", VARIED)
def test_cells_of_every_structure_have_them_on_every_executor_that_runs_it(cell: str) -> None:
    executors = ["stacked", "affine", "scan"] if analyse(built(cell)).affine else ["stacked"]
    for executor in executors:
        made = _make(cell, executor)
        # That executors agree on every cell is tested in `test_layer_executors`.
        for holds in (p for p in PROPERTIES if p is not p8_all_executors_agree):
            holds(made, inputs_for(made, len(MASK), MASK.shape[1]), MASK, 3)
