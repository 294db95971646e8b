"""The layer's executors against each other, over cells and options in pairs, in float64."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from .cells import CORE, ODD, ZOO, canonical, merged, spec
from .layers import MASKS, computed, graph, inputs_for, layer, states_for
from .pairwise import covering
from .problems import assert_close

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
ROWS = covering({"cell": CORE, **OPTIONS})
ZOO_ROWS = covering({"cell": ZOO, **OPTIONS}, seed=2) if ZOO else []
EXHAUSTIVE = [{"cell": cell, **row} for cell in CORE for row in covering(OPTIONS, seed=1)]


def _name(row: Mapping[str, Any]) -> str:
    return "-".join(f"{k}={v}" if isinstance(v, bool) else str(v) for k, v in row.items())


def _with_options(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cell's mapping with the row's options where the cell can have them."""
    cell = canonical(row["cell"])
    states = [s for s in ("h", "c") if f"{s}_prev" in str(cell)]
    changes: dict[str, Any] = {}
    if row["dropout"]:
        changes.update(dropout=0.3, recurrent_dropout=0.4)
    if row["zoneout"]:
        changes["zoneout"] = dict(zip(states, (0.2, 0.4), strict=False))
    if row["learned"]:
        changes["learned_initial_state"] = states
    if row["norm"] != "none":
        norm = {"of": row["norm"], "group": _normable(row["cell"], row["norm"])}
        changes["gates"] = {name: {"norm": norm} for name in norm["group"]}
    return merged(cell, changes)


def _normable(cell: str, of: str) -> list[str]:
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
    made = layer(cell)
    assert [n.name for n in made.cell.nodes if n.norm] == list(cell["gates"])
    assert [s.name for s in made.cell.states if s.zoneout and s.learned] == ["h", "c"]
    assert made.spec.dropout
    assert made.spec.recurrent_dropout


def _agree(row: Mapping[str, Any]) -> None:
    cell = _with_options(row)
    found = {}
    for executor in ("reference", "fused"):
        made = layer(
            cell,
            executor=executor,
            return_state=True,
            **{k: row[k] for k in ("go_backwards", "output_unit", "return_sequences")},
        )
        inputs, states = inputs_for(made), states_for(made)

        def run(inputs: Any, states: Any, made: Any = made) -> Any:
            return computed(made, inputs, MASKS[row["mask"]], states, row["training"])

        found[executor] = (graph(run) if row["mode"] == "graph" else run)(inputs, states)
    assert_close(found["fused"][0], found["reference"][0])
    assert_close(found["fused"][1], found["reference"][1])


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_options_in_pairs(row: Mapping[str, Any]) -> None:
    _agree(row)


@pytest.mark.slow
@pytest.mark.parametrize("row", EXHAUSTIVE, ids=_name)
def test_options_in_pairs_for_each_cell(row: Mapping[str, Any]) -> None:
    _agree(row)


@pytest.mark.slow
@pytest.mark.parametrize("row", ZOO_ROWS, ids=_name)
def test_options_in_pairs_for_the_zoo(row: Mapping[str, Any]) -> None:
    _agree(row)


@pytest.mark.parametrize("name", [*ODD, *ZOO])
def test_odd_cell(name: str) -> None:
    found = {}
    for executor in ("reference", "fused"):
        made = layer(name, executor=executor, return_state=True, dropout=0.2, recurrent_dropout=0.2)
        found[executor] = computed(
            made, inputs_for(made), MASKS["holes"], states_for(made), training=True
        )
    assert_close(found["fused"][0], found["reference"][0])
    assert_close(found["fused"][1], found["reference"][1])


@pytest.mark.parametrize("executor", ["reference", "fused"])
@pytest.mark.parametrize(
    "name", ["lstm", "power_law", "parameters", "norm_sum_group", "two_levels"]
)
def test_no_weight_loses_its_gradient_in_a_graph(name: str, executor: str) -> None:
    made = layer(
        name,
        executor=executor,
        output_unit="gated",
        learned_initial_state=["h"],
        dropout=0.1,
        recurrent_dropout=0.1,
        zoneout={"h": 0.1},
        return_sequences=True,
    )
    run = graph(lambda x: computed(made, x, MASKS["holes"], training=True)[1])
    gradients = run(inputs_for(made))
    assert set(made.named_weights) < set(gradients)
    assert [n for n, g in gradients.items() if not np.any(g)] == []
