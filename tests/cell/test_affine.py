"""Which states are affine in their own past: found, with their coefficients, or refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from recurrence.affine_cells import AFFINE
from recurrence.cells import built, canonical, lstm_with, merged
from seams import LARGEST_BLOCK, AffineStates, Apply, Before, lower, solved
from seams import analyse_affine as analyse


def analysed(cell: Any) -> AffineStates:
    return analyse(built(cell))


@pytest.mark.parametrize("name", AFFINE)
def test_affine_cells_are_found(name: str) -> None:
    affine = analysed(AFFINE[name])
    assert affine.affine, affine.reason
    states = [state for block in affine.blocks for state in block.states]
    assert sorted(states) == sorted(state.name for state in built(AFFINE[name]).states)


@pytest.mark.parametrize(
    ("name", "a", "b"),
    [
        ("min_gru", "1-z", "z*g"),
        ("min_lstm", "f/(f+i)", "i*g/(f+i)"),
        ("gilr", "g", "(1-g)*new"),
        ("rg_lru", "exp(log_a)", "sqrt(1-exp(2*log_a))*(i*v)"),
        ("t_gru", "f", "z*o"),
        ("diagonal", "new.h_prev", "new.bias+new:x"),
    ],
)
def test_coefficients_are_those_of_the_equations(name: str, a: str, b: str) -> None:
    (block,) = analysed(AFFINE[name]).blocks
    assert (str(block.a[0][0]), str(block.b[0])) == (a, b)


def test_coupled_states_are_one_block() -> None:
    (block,) = analysed(AFFINE["lru"]).blocks
    assert block.states == ("re", "im")
    assert [str(entry) for entry in block.a[0]] == ["size*cos(theta)", "-(size*sin(theta))"]


def test_a_state_of_a_solved_state_comes_after_it() -> None:
    first, second = analysed(AFFINE["chain"]).blocks
    assert (first.states, second.states) == (("low",), ("h",))
    assert str(second.a[0][0]) == "g"
    ops = solved(lower(built(AFFINE["chain"])), (first, second))
    listed = [(op.out if isinstance(op, (Apply, Before)) else op) for op in ops]
    assert listed.index(first) < listed.index("low_prev") < listed.index("g")
    assert listed.index("g") < listed.index(second)


def test_a_gates_own_state_is_a_state_like_others() -> None:
    assert [block.states for block in analysed(AFFINE["power_law_of_x"]).blocks] == [
        ("forget.k",),
        ("c",),
    ]


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("lstm", "forget reads h_prev through a dense map"),
        ("gru", "update reads h_prev through a dense map"),
        ("ind_rnn", "new needs h_prev within relu(...)"),
        ("norm_read_group", "is normalised"),
    ],
)
def test_what_is_not_affine_says_why(cell: str, why: str) -> None:
    affine = analysed(cell)
    assert not affine.affine
    assert affine.blocks == ()
    assert why in affine.reason


def _cell(equation: str, **changes: Any) -> dict[str, Any]:
    gates = {"f": {"kind": "sigmoid", "reads": ["x"]}}
    return merged({"gates": gates, "equations": {"h": equation}, "emits": "h"}, changes)


@pytest.mark.parametrize(
    ("equation", "why"),
    [
        ("f*h_prev*h_prev", "h is not linear in h_prev"),
        ("f/(1+h_prev)", "h is not linear in h_prev"),
        ("f*mean(h_prev)", "h needs h_prev within mean(...)"),
        ("f*h_prev**2", "h is not linear in h_prev"),
        ("f*stop(h_prev)", "h needs h_prev within stop(...)"),
    ],
)
def test_an_equation_that_is_not_affine_says_where(equation: str, why: str) -> None:
    assert why in analysed(_cell(equation)).reason


@pytest.mark.parametrize("equation", ["-(h_prev-f)/f", "f - (f - h_prev)", "(h_prev+f)*f*2"])
def test_signs_and_quotients_are_linear(equation: str) -> None:
    assert analysed(_cell(equation)).affine


def test_a_ring_of_more_states_than_a_block_holds_is_refused() -> None:
    ring = {f"s{k}": f"f*s{(k + 1) % 3}_prev" for k in range(LARGEST_BLOCK + 1)}
    cell = _cell("s0 + s1 + s2", equations=ring)
    assert "s0: it needs s1_prev" in analysed(cell).reason


def test_a_cell_without_state_is_not_affine() -> None:
    assert analysed(_cell("2*f")).reason == "it has no state"


def test_the_analysis_of_a_doubling_chain_stays_small() -> None:
    chain = {"s1": "h_prev+h_prev", **{f"s{k}": f"s{k - 1}+s{k - 1}" for k in range(2, 40)}}
    assert "is too large" in analysed(_cell("s39*f", equations=chain)).reason


def test_a_swapped_gate_can_end_the_affinity() -> None:
    assert analysed(canonical("mingru")).affine
    assert not analysed(lstm_with(gates={"forget": {"reads": ["x"]}})).affine
