"""Which cells are memories that chunks solve: found in their form, or refused by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from recurrence.cells import BUNDLED as ZOO
from recurrence.cells import built
from recurrence.chunk_cells import BUNDLED, GAIN, OWN, READ, REFUSED, cell
from seams import Largest, Parallel, build, parallel, read_cell, read_output_unit
from seams import analyse_chunk as analyse
from seams import language_ops as ops
from seams import parallel_text as text

from gatekit import Function
from gatekit.registry import catalogue


def analysed(cell: Any) -> Parallel:
    return analyse(built(cell))


@pytest.mark.parametrize("name", [*BUNDLED, *OWN])
def test_memories_are_found(name: str) -> None:
    result = analysed(OWN.get(name, name))
    assert not result.reason
    states = [state for block in result.blocks for state in block.states]
    assert sorted(states) == sorted(state.name for state in built(OWN.get(name, name)).states)


@pytest.mark.parametrize("name", REFUSED)
def test_what_chunks_cannot_solve_says_why(name: str) -> None:
    mapping, why = REFUSED[name]
    result = analysed(mapping)
    assert why in result.reason
    assert result.blocks == ()


def test_the_zoo_has_these_memories_and_no_others() -> None:
    assert sorted(name for name in ZOO if not analysed(name).reason) == sorted(BUNDLED)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("lstm", "no state is a matrix that is read by vecmat or matvec"),
        ("mamba", "multiplies each element of a memory by a separate factor"),
    ],
)
def test_bundled_cells_that_are_refused(name: str, why: str) -> None:
    assert why in analysed(name).reason


def _log(decay: str, **gates: Any) -> str:
    kinds = {name: {"kind": kind, "reads": ["x"]} for name, kind in gates.items()}
    made = cell("decaying", gates=kinds, S=f"column({decay}) * S_prev + {GAIN}", h=READ)
    (memory,) = analysed(made).memories
    return str(memory.column)


@pytest.mark.parametrize(
    ("decay", "logarithm"),
    [
        ("split(f, heads)", "split(log_sigmoid(f:pre),2)"),
        ("1 - split(f, heads)", "split(log_sigmoid(-f:pre),2)"),
        ("split(f, heads) ** 2", "2*split(log_sigmoid(f:pre),2)"),
        ("sqrt(split(f, heads))", "0.5*split(log_sigmoid(f:pre),2)"),
        ("exp(-split(f, heads))", "-split(f,2)"),
    ],
)
def test_logarithms_are_those_of_the_equations(decay: str, logarithm: str) -> None:
    assert _log(decay, f="sigmoid") == logarithm


def test_a_function_of_a_plugin_has_the_logarithm_of_what_it_consists_of() -> None:
    own = Function("halfway", 1, compose=lambda x: (1 - ops.sigmoid(x)) ** 2)
    known = replace(catalogue(), functions={**catalogue().functions, "halfway": own})
    gates = {"f": {"kind": "linear", "reads": ["x"]}}
    made = cell("own", gates=gates, S=f"column(halfway(split(f, heads))) * S_prev + {GAIN}", h=READ)
    unit = read_output_unit("hidden", known)
    (memory,) = analyse(build(read_cell(made, known), 8, 3, unit)).memories
    assert str(memory.column) == "2*log_sigmoid(-split(f,2))"


def test_mlstm_solves_its_stabiliser_first() -> None:
    result = analysed("mlstm")
    assert [block.states for block in result.blocks] == [("m",), ("n",), ("C",)]
    assert isinstance(result.blocks[0], Largest)


def test_a_correction_is_pushed_through_the_decay() -> None:
    (memory,) = analysed("gated_delta_net").memories
    (term,) = memory.terms
    assert memory.corrects
    assert "exp(" in str(term.erase)


def test_an_analysis_is_bounded() -> None:
    chain = {"S": f"S_prev + {GAIN}", "a0": "vecmat(split(query, heads), S_prev)"}
    for i in range(1, 60):
        chain[f"a{i}"] = f"a{i - 1} + a{i - 1}"
    assert "too large" in analysed(cell("doubling", **chain, h="flat(a59)")).reason


def test_the_result_is_shown() -> None:
    assert parallel(built("gla")) == {
        "form": "S has a decay of each row whose logarithm is split(forget, 4) / 16, and gains 1 "
        "outer product per step",
        "kind": "chunk",
        "executor": "chunk",
        "reason": "",
    }
    assert parallel(built("mingru"))["executor"] == "scan"
    shown = text("lstm", parallel(built("lstm")))
    assert shown.startswith("lstm: sequential; no executor computes all steps together\n")
    assert max(map(len, shown.splitlines())) <= 80
