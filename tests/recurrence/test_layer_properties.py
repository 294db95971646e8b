"""Properties that every registered cell has; the numbers are those of the list of faults."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from .cells import CORE
from .layers import BATCH, HOLES, TIME, inputs_for, layer, states_for
from .problems import difference

CELLS = [*CORE, "power_law", "raw_input", "norm_sum_group", "full_gate"]


@pytest.fixture(name="made", params=CELLS)
def _made(request: pytest.FixtureRequest) -> Any:
    return layer(request.param, return_sequences=True)


def test_p2_rows_may_be_permuted(made: Any) -> None:
    x, states, order = inputs_for(made), states_for(made), [2, 0, 3, 1]
    whole = np.asarray(made(x, mask=HOLES, initial_state=states))
    moved = {n: tf.gather(v, order) for n, v in states.items()}
    found = made(tf.gather(x, order), mask=HOLES[order], initial_state=moved)
    np.testing.assert_array_equal(found, whole[order])


def test_p3_further_rows_change_nothing(made: Any) -> None:
    x = inputs_for(made, batch=2 * BATCH)
    assert difference(made(x)[:BATCH], made(x[:BATCH])) <= 1e-14


def test_p4_a_batch_of_one_is_a_row(made: Any) -> None:
    x, states = inputs_for(made), states_for(made)
    whole = made(x, mask=HOLES, initial_state=states)
    for row in range(BATCH):
        one = {n: v[row : row + 1] for n, v in states.items()}
        alone = made(x[row : row + 1], mask=HOLES[row : row + 1], initial_state=one)
        assert difference(alone, whole[row : row + 1]) <= 1e-14


def test_p14_backwards_is_the_flipped_input(made: Any) -> None:
    back = type(made).from_config({**made.get_config(), "go_backwards": True})
    back.build((None, None, made.cell.features))
    for name, variable in back.named_weights.items():
        variable.assign(made.named_weights[name])
    x = inputs_for(made)
    expected = made(tf.reverse(x, [1]), mask=HOLES[:, ::-1])
    np.testing.assert_array_equal(back(x, mask=HOLES), expected)


def test_p15_the_past_does_not_see_the_future(made: Any) -> None:
    x = np.array(inputs_for(made))
    before = np.asarray(made(x))
    for step in range(1, TIME):
        changed = x.copy()
        changed[:, step] += 1.0
        after = np.asarray(made(changed))
        np.testing.assert_array_equal(after[:, :step], before[:, :step])
        assert not np.array_equal(after[:, step], before[:, step])
