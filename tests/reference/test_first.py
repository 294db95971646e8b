"""The initial values of certified cells, and which weights they have."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import cache

import numpy as np
import pytest
from recurrence.cells import canonical, merged
from seams import (
    UNVERIFIED,
    DrawContext,
    OutputUnitSpec,
    Place,
    Weight,
    build,
    make_initializer,
    read_cell,
    read_output_unit,
)
from seams import BuiltCell as Cell
from seams import draw_values as draw
from seams import plain_declared as plain

from gatekit.registry import catalogue, load_cell

from . import laws
from .cases import CASES
from .first import FIRST, law
from .functions import Array, sigmoid, softplus
from .laws import Law

UNITS, FEATURES, ENOUGH = 8, 4, 3000
WITNESSES = {case.cell or name: name for name, case in reversed(CASES.items())}
AFTER: dict[str | None, Callable[[Array], Array]] = {
    None: lambda raw: raw,
    "exp": np.exp,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "softplus": softplus,
}


# Cells whose equations no one could check have no laws; their weights are checked all the same.
CERTIFIED = [
    name
    for name in sorted(WITNESSES)
    if dict(load_cell(name, catalogue()).about).get("tier") != UNVERIFIED
]


@cache
def built(name: str) -> Cell:
    return build(load_cell(name, catalogue()), UNITS, FEATURES, _hidden())


def _hidden() -> OutputUnitSpec:
    return read_output_unit("hidden", catalogue())


def drawn(cell: Cell, weight: Weight) -> Array:
    """Return draws of a weight as the equations read them, ``draws x shape``."""
    if isinstance(weight.init, (int, float)):
        raw = np.full((1, *weight.shape), float(weight.init))
    else:
        spec = json.dumps(plain(weight.init), sort_keys=True)
        raw = _draws(spec, weight.shape, weight.gate_units)
    return AFTER[weight.map](raw)


@cache
def _draws(spec: str, shape: tuple[int, ...], gate_units: int) -> Array:
    initializer = make_initializer(json.loads(spec), Place(("init",)), catalogue())
    context, rng = DrawContext(gate_units, UNITS, FEATURES), np.random.default_rng(1)
    first = initializer.draw(rng, shape, context)
    if np.array_equal(first, initializer.draw(rng, shape, context)):
        return first[None]
    times = max(20, math.ceil(ENOUGH / first.size))
    return np.stack([initializer.draw(rng, shape, context) for _ in range(times)])


@pytest.mark.parametrize("name", CERTIFIED)
def test_first_values_follow_their_laws(name: str) -> None:
    cell, wrong, one = built(name), [], None
    for weight in cell.weights:
        rule = law(name, weight.name, weight.kind, weight.shape)
        if rule is None:
            wrong.append(f"{weight.name}: first.py names no law for it")
        elif rule.trained != weight.trainable:
            wrong.append(f"{weight.name}: trained is {weight.trainable}")
        elif rule.of:
            one = one or draw(cell, 1)
            same = np.array_equal(one[weight.name], -one[rule.of])
            wrong += [] if same else [f"{weight.name}: {rule.text} is expected"]
        elif found := rule.wrong(drawn(cell, weight), UNITS):
            wrong.append(f"{weight.name}: {found}")
    for state in cell.states:
        rule = law(name, state.name, "state", state.shape)
        if rule and (found := rule.wrong(np.full((1, 1), state.initial), UNITS)):
            wrong.append(f"the state {state.name}: {found}")
    assert wrong == []


@pytest.mark.parametrize("name", CASES)
def test_a_witness_names_every_weight_with_its_shape(name: str) -> None:
    case = CASES[name]
    config = merged(canonical(case.cell or name), case.config)
    spec = read_cell(config, catalogue())
    cell = build(spec, case.units, case.features, _hidden())
    found = {weight.name: tuple(weight.shape) for weight in cell.weights}
    assert found == case.shapes(case.features, case.units)


def test_every_law_is_of_a_weight_or_a_state() -> None:
    assert set(FIRST) <= set(WITNESSES)
    for cell, table in FIRST.items():
        known = [*(w.name for w in built(cell).weights), *(s.name for s in built(cell).states)]
        for key in table:
            assert key in known or any(fnmatchcase(n, key) for n in known), f"{cell}: {key}"


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        (laws.constant(1.0), np.full((1, 4), 1.001)),
        (laws.uniform(0.0, 1.0), np.linspace(0.0, 1.001, 3000)[:, None]),
        (laws.uniform(0.0, 1.0), np.linspace(0.1, 0.9, 3000)[:, None]),
        (laws.normal(0.1), np.random.default_rng(0).normal(0.0, 0.12, (3000, 1))),
        (laws.normal(0.1), np.zeros((3000, 1))),
        (laws.identity(), 1.01 * np.eye(3)[None]),
        (laws.orthogonal(), np.ones((20, 3, 3))),
        (laws.orthogonal(), np.broadcast_to(np.eye(3), (20, 3, 3))),
        (laws.signs(1 / 3), np.resize([-1.0, 1.0], (3000, 1))),
        (laws.reservoir(0.9, 0.5), np.random.default_rng(0).normal(size=(5, 4, 4))),
        (laws.uniform_gate(), np.zeros((3000, 1))),
        (laws.glorot(), np.random.default_rng(0).uniform(-1, 1, (100, 4, 8))),
    ],
)
def test_a_law_refuses_what_does_not_follow_it(rule: Law, values: Array) -> None:
    assert rule.wrong(values, 8)
