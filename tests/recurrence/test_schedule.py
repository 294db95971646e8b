"""How the fused executor arranges cells: few products in the loop, all else before or after it."""

from __future__ import annotations

from typing import Any

import pytest
from seams import make

from .cells import BUNDLED, ODD, built

UNITS = 8
# The widths of the products in the loop, one after another.
PRODUCTS = {
    "lstm": {"h_prev": 4 * UNITS},
    "peephole": {"h_prev": 4 * UNITS},
    "gru": {"h_prev": 2 * UNITS, "reset*h_prev": UNITS},
    "gru_reset_after": {"h_prev": 3 * UNITS},
    "cifg": {"h_prev": 3 * UNITS},
    "mgu": {"h_prev": UNITS, "forget*h_prev": UNITS},
    "on_lstm": {"h_prev": 4 * UNITS + 4},
    "slstm": {"h_prev": 4 * UNITS},
    "rnn": {"h_prev": UNITS},
    "mingru": {},
    "ind_rnn": {},
}


def _products(name: str) -> dict[str, int]:
    cell = built(name)
    found: dict[str, int] = {}
    for group in make(cell, cell.output.signals).products:
        found[group.text] = found.get(group.text, 0) + group.width
    return found


@pytest.mark.parametrize("name", PRODUCTS)
def test_one_product_for_each_distinct_recurrent_read(name: str) -> None:
    assert _products(name) == PRODUCTS[name]


@pytest.mark.parametrize("name", ["lstm", "gru", "peephole", "rnn", "cifg"])
def test_no_more_products_than_reads(name: str) -> None:
    cell = built(name)
    assert len(make(cell, cell.output.signals).products) == len(PRODUCTS[name])


def test_one_product_before_the_loop_makes_all_that_it_gets() -> None:
    cell = built("gru_reset_after")
    schedule = make(cell, cell.output.signals)
    assert schedule.one_input_product
    assert [node.name for node in schedule.by_products] == ["candidate"]
    assert [(g.part is not None, g.biased, g.width) for g in schedule.groups] == [
        (False, True, UNITS),
        (True, False, 2 * UNITS),
    ]
    assert schedule.input_products == {}


INPUT_COLUMNS = {
    "lstm": {"h_prev": True},
    "gru": {"h_prev": True, "reset*h_prev": True},
    "gru_reset_after": {"h_prev": True},
    "layer_norm_lstm": {},
    "mingru": {},
}


@pytest.mark.parametrize("name", INPUT_COLUMNS)
def test_inputs_enter_each_steps_products_where_all_gates_read_the_same(name: str) -> None:
    cell = built(name)
    schedule = make(cell, cell.output.signals, weights_cached=True)
    assert {p.text: p.takes_input for p in schedule.products if p.takes_input} == INPUT_COLUMNS[
        name
    ]
    assert [read.text for read in schedule.input_columns] == (["x"] if INPUT_COLUMNS[name] else [])
    # Only what the row-wise part reads as it is comes from before the loop.
    expected = ("candidate",) if name == "gru_reset_after" else ()
    assert not INPUT_COLUMNS[name] or tuple(schedule.widths) == expected


def test_inputs_enter_each_steps_products_only_where_that_was_asked_for() -> None:
    cell = built("lstm")
    schedule = make(cell, cell.output.signals)
    assert schedule.input_columns == ()
    assert not any(p.takes_input for p in schedule.products)


@pytest.mark.parametrize("name", [*BUNDLED, *ODD])
def test_what_reads_no_state_is_not_in_the_loop(name: str) -> None:
    cell = built(name)
    schedule = make(cell, cell.output.signals)
    in_loop = {node.name for stage in schedule.stages for node in stage.nodes}
    assert in_loop == {node.name for node in cell.nodes if not node.hoisted}
    states = {s.name for s in cell.states}
    free = _reads_no_state(cell)
    assert in_loop == {node.name for node in cell.nodes} - free or states & free


def _reads_no_state(cell: Any) -> set[str]:
    """Return the signals that need, through others too, nothing of an earlier step but inputs."""
    inputs = {*cell.inputs, *(f"{n}_prev" for n in cell.inputs), "t"}
    free = set(inputs)
    for node in cell.nodes:
        if set(node.depends) <= free and not node.own_states:
            free.add(node.name)
    return free - inputs


def test_mingru_has_nothing_but_its_state_in_the_loop() -> None:
    cell = built("mingru")
    assert [[n.name for n in stage.nodes] for stage in make(cell, ("h",)).stages] == [["h"]]
