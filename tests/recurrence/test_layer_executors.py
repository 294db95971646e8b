"""The layer's executors against each other, over cells and options in pairs, in float64."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from seams import analyse_affine as analyse

from .affine_cells import AFFINE
from .cells import CORE, ODD, VARIED, ZOO, built, canonical, merged, spec
from .layers import MASKS, computed, graph, inputs_for, layer, states_for
from .pairwise import covering
from .problems import assert_close, difference

OPTIONS: dict[str, tuple[Any, ...]] = {
    "mask": tuple(MASKS),
    "dropout": (False, True),
    "zoneout": (False, True),
    "norm": ("none", "read", "sum"),
    "learned": (False, True),
    "go_backwards": (False, True),
    "mode": ("eager", "graph"),
    "training": (False, True),
    "output_unit": ("hidden", "mix_last"),
    "return_sequences": (True, False),
}
# Few cells that differ most in what executors do with them.
NAMED = ("lstm", "gru_reset_after", "peephole", "on_lstm", "slstm", "mingru")
SOLVED = ("lru", "power_law_of_x", "chain", "noisy", "matrix")
EXECUTORS = ("stacked", "unroll", "affine", "scan")
ROWS = covering({"cell": (*NAMED, *SOLVED), "executor": EXECUTORS, **OPTIONS})

OTHER_ROWS = covering({"cell": [c for c in CORE if c not in NAMED], **OPTIONS}, seed=1)
# Options in pairs are covered by the cells above; each of the others has one combination.
COMBINATIONS = [row for row in covering(OPTIONS, seed=1) if row["training"]]
ZOO_ROWS = [
    {"cell": cell, **COMBINATIONS[i % len(COMBINATIONS)], "dropout": True, "mode": "eager"}
    for i, cell in enumerate(ZOO)
]


def _mapping(name: str) -> dict[str, Any]:
    return AFFINE[name] if name in AFFINE else canonical(name)


def _possible(cell: str | Mapping[str, Any]) -> tuple[str, ...]:
    """Return the executors that run a cell, besides the reference."""
    return EXECUTORS if analyse(built(cell)).affine else EXECUTORS[:2]


def _name(row: Mapping[str, Any]) -> str:
    return "-".join(f"{k}={v}" if isinstance(v, bool) else str(v) for k, v in row.items())


def _with_options(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cell's mapping with the row's options where the cell can have them."""
    cell = _mapping(row["cell"])
    states = [s for s in ("h", "c", "low", "re", "im") if re.search(rf"\b{s}_prev", str(cell))]
    changes: dict[str, Any] = {}
    if row["dropout"]:
        changes.update(dropout=0.3, recurrent_dropout=0.4)
    if row["zoneout"]:
        changes["zoneout"] = dict(zip(states, (0.2, 0.4), strict=False))
    if row["learned"]:
        changes["learned_initial_state"] = states
    if row["norm"] != "none":
        norm = {"of": row["norm"], "group": _normable(cell, row["norm"])}
        changes["gates"] = {name: {"norm": norm} for name in norm["group"]}
    return merged(cell, changes)


def _normable(cell: Mapping[str, Any], of: str) -> list[str]:
    """Return the gates that can share statistics: of sums, only what needs no gate of this step."""
    early = {"x", "h_prev", "c_prev"}
    return [
        gate.name
        for gate in spec(cell).gates
        if any(read.map_kind == "dense" for read in gate.reads)
        and (of == "read" or {read.text for read in gate.reads} <= early)
    ]


def test_norm_and_states_reach_the_cells() -> None:
    cell = _with_options(
        {"cell": "on_lstm", "dropout": True, "zoneout": True, "learned": True, "norm": "sum"}
    )
    rnn = layer(cell)
    assert [n.name for n in rnn.cell.nodes if n.norm] == list(cell["gates"])
    assert [s.name for s in rnn.cell.states if s.zoneout and s.learned] == ["h", "c"]
    assert rnn.spec.dropout
    assert rnn.spec.recurrent_dropout


def _agree(row: Mapping[str, Any], executors: tuple[str, ...]) -> None:
    cell = _with_options(row)
    found = {}
    for executor in ("reference", *executors):
        rnn = layer(
            cell,
            executor=executor,
            return_state=True,
            **{k: row[k] for k in ("go_backwards", "output_unit", "return_sequences")},
        )
        inputs, states = inputs_for(rnn), states_for(rnn)

        def run(inputs: Any, states: Any, rnn: Any = rnn) -> Any:
            return computed(rnn, inputs, MASKS[row["mask"]], states, row["training"])

        # What executors compute in a graph is held against what the reference does without one.
        in_graph = row["mode"] == "graph" and executor != "reference"
        found[executor] = (graph(run) if in_graph else run)(inputs, states)
    for executor in executors:
        assert_close(found[executor][0], found["reference"][0])
        assert_close(found[executor][1], found["reference"][1])


def _marked(row: Mapping[str, Any]) -> Any:
    # A graph costs ten times as much as eager mode; few cells in graphs are enough to begin with.
    slow = row["mode"] == "graph" and row["cell"] not in ("lstm", "peephole")
    return pytest.param(row, marks=pytest.mark.slow if slow else ())


@pytest.mark.one_in(3, slow=6)
@pytest.mark.parametrize("row", [_marked(row) for row in ROWS], ids=_name)
def test_options_in_pairs(row: Mapping[str, Any]) -> None:
    possible = _possible(_with_options(row))
    _agree(row, (row["executor"] if row["executor"] in possible else "stacked",))


def test_the_mean_of_zoneout_in_inference() -> None:
    row = {"cell": "lstm", "mask": "holes", "dropout": False, "zoneout": True, "norm": "none"}
    row |= {"learned": False, "go_backwards": False, "mode": "eager", "training": False}
    _agree({**row, "output_unit": "hidden", "return_sequences": True}, ("stacked",))


@pytest.mark.one_in(3, slow=2)
@pytest.mark.parametrize("cell", AFFINE)
def test_solved_cells(cell: str) -> None:
    row = {"cell": cell, "mask": "holes", "dropout": True, "zoneout": False, "norm": "none"}
    row |= {"learned": True, "go_backwards": False, "mode": "eager", "training": True}
    _agree({**row, "output_unit": "hidden", "return_sequences": True}, ("affine", "scan"))


@pytest.mark.slow
@pytest.mark.one_in(1, slow=7)
@pytest.mark.parametrize("row", OTHER_ROWS, ids=_name)
def test_options_in_pairs_for_other_cells(row: Mapping[str, Any]) -> None:
    _agree(row, _possible(_with_options(row)))


@pytest.mark.slow
@pytest.mark.one_in(2, slow=17)
@pytest.mark.parametrize("row", ZOO_ROWS, ids=_name)
def test_options_for_the_zoo(row: Mapping[str, Any]) -> None:
    # Unrolled steps are the reference's own; a few cells are enough.
    _agree(row, tuple(e for e in _possible(_with_options(row)) if e != "unroll"))


@pytest.mark.one_in(3, slow=8)
@pytest.mark.parametrize(
    "name", [*ODD, *(pytest.param(c, marks=pytest.mark.slow) for c in VARIED if c not in ODD)]
)
def test_odd_cell(name: str) -> None:
    possible = _possible(name)
    executors = ["reference", *(e for e in possible if e != "unroll" or name in ODD)]
    found = {}
    for executor in executors:
        rnn = layer(name, executor=executor, return_state=True, dropout=0.2, recurrent_dropout=0.2)
        found[executor] = computed(
            rnn, inputs_for(rnn), MASKS["holes"], states_for(rnn), training=True
        )
    for executor in executors[1:]:
        assert_close(found[executor][0], found["reference"][0])
        assert_close(found[executor][1], found["reference"][1])


@pytest.mark.one_in(5)
@pytest.mark.parametrize(
    ("name", "executor"),
    [
        ("lstm", "reference"),
        pytest.param("norm_sum_group", "reference", marks=pytest.mark.slow),
        *((n, "stacked") for n in ("lstm", "power_law", "parameters", "norm_sum_group")),
        ("two_levels", "stacked"),
        ("two_levels", "unroll"),
        *((n, e) for n in ("chain", "rg_lru", "diagonal") for e in ("affine", "scan")),
    ],
)
def test_no_weight_loses_its_gradient_in_a_graph(name: str, executor: str) -> None:
    rnn = layer(
        AFFINE.get(name, name),
        executor=executor,
        output_unit="gated",
        learned_initial_state=["h"],
        dropout=0.1,
        recurrent_dropout=0.1,
        zoneout={"h": 0.1},
        return_sequences=True,
    )
    run = graph(lambda x: computed(rnn, x, MASKS["holes"], training=True)[1])
    gradients = run(inputs_for(rnn))
    assert set(rnn.named_weights) < set(gradients)
    assert [n for n, g in gradients.items() if not np.any(g)] == []


@pytest.mark.parametrize("executor", ["reference", "stacked"])
def test_loops_have_second_derivatives(executor: str) -> None:
    rnn = layer("gru", executor=executor)
    x, direction = inputs_for(rnn), np.random.default_rng(1).normal(size=(4, 5, 3))

    def slope(x: Any) -> Any:
        return tf.reduce_sum(tf.sin(computed(rnn, x)[1]["update.h_prev"]))

    with tf.GradientTape() as tape:
        tape.watch(x)
        value = slope(x)
    exact = tf.reduce_sum(tape.gradient(value, x) * direction)
    measured = (slope(x + 1e-5 * direction) - slope(x - 1e-5 * direction)) / 2e-5
    assert difference(exact, measured) < 1e-8
