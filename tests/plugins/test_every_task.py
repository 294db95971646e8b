"""What every task that draws its data keeps to, whatever its options are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from seams import check_sample, check_splits

from gatekit import Batch, ConfigError, StreamedTask, registry

DRAWN = {name: kind for name, kind in registry.tasks().items() if issubclass(kind, StreamedTask)}
FIRST = Path(__file__).with_name("first_numbers.json")
"""A digest of the first sets of each task. If one changes, its recipe needs a new version."""
VALUES = {bool: st.booleans(), int: st.integers(0, 24), float: st.floats(0, 1.5)}


def rng(seed: int = 5) -> numpy.random.Generator:
    return numpy.random.default_rng(seed)


def same(one: Batch, other: Batch) -> bool:
    """Return whether two batches hold the same numbers."""
    fields = ("x", "y", "mask", "weights")
    return all(numpy.array_equal(getattr(one, f), getattr(other, f)) for f in fields)


def digest(name: str) -> str:
    """Return a digest of a task's sets, of four-digit numbers: others may differ by machine."""
    found = hashlib.sha256()
    for key, batch in DRAWN[name](validation_size=2, test_size=2).splits(None).items():
        found.update(key.encode())
        for array in (batch.x, batch.y, batch.mask, batch.weights):
            rounded = numpy.round(numpy.asarray(0 if array is None else array) * 1e4)
            found.update(rounded.astype("<i8").tobytes())
    return found.hexdigest()[:16]


def test_the_first_numbers_of_every_recipe_stay() -> None:
    assert {name: digest(name) for name in DRAWN} == json.loads(FIRST.read_text())


@pytest.mark.parametrize("name", DRAWN)
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(data=st.data())
def test_options_are_refused_or_make_a_task(name: str, data: Any) -> None:
    usual = DRAWN[name]().exports()
    small = {"validation_size": 3, "test_size": 3}
    free = [k for k, v in usual.items() if type(v) in VALUES and k not in ("allow_nan", *small)]
    if name == "mqar_zoology":  # takes sizes below those it trains on, and fails as it samples
        free = ["vocabulary"]
    chosen = data.draw(st.lists(st.sampled_from(free), unique=True, max_size=2))
    options = {key: data.draw(VALUES[type(usual[key])], label=key) for key in chosen}
    try:
        task = DRAWN[name](**small, **options)
    except ConfigError:
        return
    one, two = check_splits(task, rng(1)), task.splits(rng(2))
    assert all(same(one[split], two[split]) for split in one)
    assert same(check_sample(task, rng(3), 4), task.sample(rng(3), 4))
    assert DRAWN[name](**small, **options).data_hash() == task.data_hash()
    if task.options() != DRAWN[name](**small).options():
        assert task.data_hash() != DRAWN[name](**small).data_hash()


@pytest.mark.parametrize("name", DRAWN)
def test_sets_differ_from_one_another_and_follow_the_data_seed(name: str) -> None:
    task = DRAWN[name](validation_size=9, test_size=9)
    sets, others = task.splits(None), task.replaced(data_seed=1).splits(None)
    assert not same(sets["validation"], sets["test"])
    assert not any(same(sets[split], others[split]) for split in sets)
    assert not same(task.sample(rng(1), 9), task.sample(rng(2), 9))
