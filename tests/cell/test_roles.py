"""A role is another name of its gate."""

from __future__ import annotations

from typing import Any

import pytest
from refused import at
from seams import CellError, CellSpec, by_gate, gate_of, read_cell

from gatekit.registry import catalogue, cell_names, load_cell

GRU: dict[str, Any] = {"defaults": ["gru"]}


def read(config: Any) -> CellSpec:
    return load_cell(config, catalogue())


@pytest.mark.parametrize(
    ("name", "gates", "roles", "gate"),
    [
        ("forget", ["update", "reset"], {"forget": "update"}, "update"),
        ("reset", ["update", "reset"], {"forget": "update"}, "reset"),
        ("forget", ["forget", "update"], {"forget": "update"}, "forget"),
        ("forgt", ["update"], {"forget": "update"}, "forgt"),
        ("forget", ["update"], {"forget": None}, "forget"),
    ],
)
def test_a_name_is_a_gate_and_otherwise_a_role(name, gates, roles, gate) -> None:
    assert gate_of(name, gates, roles) == gate


@pytest.mark.parametrize(
    "change", [{"bias": False}, {"kind": "power_law", "eps": 0.5}, {"reads": {"h_prev": None}}]
)
def test_a_role_in_the_gates_changes_its_gate(change: dict[str, Any]) -> None:
    by_role, by_name = (read({**GRU, "gates": {name: change}}) for name in ("forget", "update"))
    assert by_role.canonical() == by_name.canonical()
    assert by_role != read("gru")


def test_a_role_of_a_bundled_cell_is_its_gate_everywhere() -> None:
    tried = 0
    for name in cell_names():
        spec = read(name)
        for role, gate in spec.roles:
            changed = [
                read({"defaults": [name], "gates": {each: {"initializers": {"kernel": "ones"}}}})
                for each in (role, gate)
            ]
            assert changed[0].canonical() == changed[1].canonical() != spec.canonical(), name
            tried += 1
    assert tried > 15


def test_a_role_that_a_cell_of_a_function_has_is_its_gate() -> None:
    by_role, by_name = (
        read({"function": "tau_gru", "gates": {name: {"bias": False}}})
        for name in ("forget", "update")
    )
    assert by_role.canonical() == by_name.canonical()


def test_null_under_a_role_removes_its_gate() -> None:
    told = []
    for name in ("forget", "update"):
        with pytest.raises(CellError, check=at("cell.roles.forget", names=("update",))) as caught:
            read({**GRU, "gates": {name: None}})
        told.append(str(caught.value))
    assert told[0] == told[1]


def test_a_role_that_the_change_moves_is_the_new_gate() -> None:
    moved = {**GRU, "roles": {"forget": "reset"}, "gates": {"forget": {"bias": False}}}
    assert read(moved).canonical()["gates"]["reset"]["bias"] is False


@pytest.mark.parametrize("names", [("forget", "update"), ("update", "forget")])
def test_a_gate_under_both_names_is_refused(names: tuple[str, str]) -> None:
    both = {names[0]: {"bias": False}, names[1]: {"bias": True}}
    with pytest.raises(CellError, check=at(f"cell.gates.{names[1]}")):
        read({**GRU, "gates": both})


def test_two_roles_of_one_gate_are_refused() -> None:
    base = {"gates": {"update": {}}, "roles": {"forget": "update", "keep": "update"}}
    with pytest.raises(CellError, check=at("cell.gates.keep")):
        by_gate({"gates": {"forget": {"bias": False}, "keep": {"bias": True}}}, base)


def test_gates_that_a_gate_names_may_be_roles() -> None:
    def cell(other: str) -> dict[str, Any]:
        norm = {"of": "sum", "group": ["reset", other]}
        negative = {"bias": {"negative_of": other}}
        gates = {"reset": {"norm": norm, "initializers": negative}}
        return read({**GRU, "gates": gates}).canonical()

    assert cell("forget") == cell("update")


def test_an_equation_that_reads_a_role_is_told_the_gate() -> None:
    from seams import build, read_output_unit

    spec = read({**GRU, "equations": {"h": "forget * h_prev + candidate"}})
    with pytest.raises(CellError, check=at("cell.equations.h", names=("forget", "update"))):
        build(spec, 4, 3, read_output_unit("hidden", catalogue()))


def test_a_role_of_no_gate_keeps_its_error() -> None:
    config = {"gates": {"a": {"kind": "tanh"}}, "equations": {"h": "a"}, "emits": "h"}
    with pytest.raises(CellError, check=at("cell.roles.a")):
        read_cell({**config, "roles": {"a": "forget"}}, catalogue())


@pytest.mark.parametrize(
    "roles",
    [3, ["update"], {"forget": ["update"]}, {"forget": None}, {"forget": {}}, {3: "update"}],
)
def test_roles_of_any_kind_are_read_or_refused(roles: Any) -> None:
    group = {"reset": {"norm": {"of": "sum", "group": [["forget"], "reset"]}}}
    for gates in ({"forget": {"bias": False}}, group):
        with pytest.raises(CellError):
            read({**GRU, "roles": roles, "gates": gates})
