"""Means over tasks: their intervals against Student's, Welch's and SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from seams import mean_interval, stratified_mean, stratified_t_interval


def test_every_task_counts_the_same() -> None:
    assert stratified_mean([[1.0, 3.0], [10.0] * 8]) == 6.0


def test_one_task_has_students_interval() -> None:
    values = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0]
    one, plain = stratified_t_interval([values]), mean_interval(values)
    assert one is not None
    assert plain is not None
    assert (one.low, one.high) == pytest.approx((plain.low, plain.high))


def test_two_tasks_have_welchs_interval() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(1, 1, 5), rng.normal(0, 4, 9)
    welch = scipy.stats.ttest_ind(x, y, equal_var=False).confidence_interval(0.9)
    found = stratified_t_interval([x.tolist(), (-y).tolist()], 0.9)
    assert found is not None
    assert (2 * found.low, 2 * found.high) == pytest.approx((welch.low, welch.high))


def test_a_task_with_one_seed_has_no_interval() -> None:
    assert stratified_t_interval([[1.0, 2.0], [1.0]]) is None
    assert stratified_t_interval([]) is None
