"""A cell's step as a list of operations: it says and computes what the cell's nodes do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from generated.cases import Case, case
from generated.options import OWN, accepted, base, others, regular, with_options
from seams import (
    Apply,
    Before,
    Binary,
    Linear,
    Memories,
    Norm,
    Opaque,
    Program,
    Window,
    affine,
    build,
    chunk,
    lower,
    newton,
    outs,
    read_cell,
    read_output_unit,
    scheduler,
    solved,
    step,
)
from seams import BuiltCell as Cell
from seams import ProgramBlock as Block
from seams import share_operations as share

from gatekit import Gate
from gatekit.registry import catalogue

from .affine_cells import AFFINE
from .cells import BUNDLED, ODD, built, lstm_with
from .chunk_cells import OWN as MEMORIES
from .newton_cells import OWN as UNITWISE
from .test_owned_output import FED_BACK, Back, Maps

NAMES = (*BUNDLED, *ODD)
PAIRS = [*regular(), *others()]


def evaluate(program: Program, own: Case) -> tuple[Any, list[Any]]:
    """Return the outputs ``batch x time x width`` and the last states, step by step in NumPy."""
    inputs = dict(zip(program.inputs, own.inputs, strict=True))
    batch, steps = inputs["x"].shape[:2]
    mask = np.ones((batch, steps), bool) if own.mask is None else own.mask
    inputs = {name: np.where(mask[..., None], value, 0.0) for name, value in inputs.items()}
    fixed = {**program.constants, **own.weights}
    fixed |= {f"raw:{name}": value for name, value in own.weights.items()}
    step(program, program.setup, fixed)

    def where(new: Any, old: Any, valid: Any) -> Any:
        return np.where(valid.reshape(-1, *[1] * (old.ndim - 1)), new, old)

    # In the order in which a layer returns them: states, shifted inputs, t, and histories.
    carried: dict[str, Any] = {}
    for state in program.states:
        value = own.weights[state.learned] if state.learned else np.full(state.width, state.initial)
        carried[f"{state.name}_prev"] = np.broadcast_to(value, (batch, state.width))
    for previous, now in program.carried.items():
        if previous not in carried:
            carried[previous] = np.zeros((batch, *program.shapes[now]))
    if program.counts:
        carried["t"] = np.zeros((batch, 1))
    windows = [op for op in program.after if isinstance(op, Window)]
    for op in windows:
        carried[f"earlier:{op.of}"] = np.zeros((batch, op.length - 1, *program.shapes[op.of]))
    for key, given in zip(carried, own.first or (), strict=False):
        carried[key] = given
    for previous, now in program.carried.items():
        carried[previous] = carried[previous].reshape(batch, *program.shapes[now])
    outputs = np.zeros((batch, steps, *program.shapes[program.result]))
    last = outputs[:, 0]
    for place in range(steps):
        valid = mask[:, place]
        env = {**fixed, **{n: v[:, place] for n, v in inputs.items()}, **carried, "valid": valid}
        if program.counts:
            env["t"] = carried["t"] = carried["t"] + valid[:, None]
            env["t"] = np.maximum(env["t"], 1.0)
        step(program, (*program.step, *program.holds, *program.after), env)
        last = where(np.broadcast_to(env[program.result], last.shape), last, valid)
        outputs[:, place] = last
        for previous, now in program.carried.items():
            new = np.broadcast_to(env[now], carried[previous].shape)
            carried[previous] = where(new, carried[previous], valid)
        for op in windows:
            key = f"earlier:{op.of}"
            carried[key] = where(env[op.out][:, 1:], carried[key], valid)
    return outputs, [*carried.values()]


def agrees(own: Case) -> None:
    """Assert that the program computes what the reference executor computes."""
    outputs, states = evaluate(lower(own.cell), own)
    np.testing.assert_allclose(outputs, own.y, rtol=1e-10, atol=1e-12)
    for actual, expected in zip(states, own.states, strict=True):
        flat = np.reshape(actual, np.shape(expected))
        np.testing.assert_allclose(flat, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("name", "row"), [pytest.param(*p, id=p[0]) for p in PAIRS])
@pytest.mark.one_in(12, slow=8)
def test_the_values_are_those_of_the_reference(name: str, row: Any) -> None:
    cell = base(name)
    levels = accepted(cell, {**row, "noise": "zoneout"} if row["noise"] != OWN else row)
    agrees(case(**with_options(cell, levels)))


@pytest.mark.parametrize(
    ("unit", "cell", "state"), [(Maps, "lstm", "h"), (Back, FED_BACK, "y")], ids=["after", "back"]
)
def test_output_units_with_projections_and_histories_are_computed(
    unit: Any, cell: Any, state: str
) -> None:
    agrees(case(cell=cell, output_unit=unit(), zoneout={state: 0.3}))


@pytest.mark.parametrize("name", ODD)
@pytest.mark.one_in(8, slow=2)
def test_values_of_cells_that_bend_the_contract(name: str) -> None:
    agrees(case(cell=built(name).spec))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.one_in(6)
def test_what_waits_for_what_is_as_the_nodes_say(name: str) -> None:
    cell = built(name)
    program = lower(cell)
    for node in cell.nodes:
        assert program.stage[node.name] == node.stage, node.name
        hoisted = node.name in program.timeless and not node.own_states
        assert hoisted == node.hoisted, node.name
    assert set(program.signals) <= set(program.source)
    assert program.result in program.shapes
    order = [name for op in program.all for name in outs(op)]
    assert len(order) == len(set(order))
    known = {*program.fixed, *program.inputs, *program.carried, "t"}
    for op in program.all:
        assert known.issuperset(op.reads), op
        known.update(outs(op))


def by_product(cell: Cell) -> list[list[tuple[str, str]]]:
    """Return the reads of each product in a step of the fused loop, in the order of the nodes."""
    place = {node.name: k for k, node in enumerate(cell.nodes)}
    products = [p for stage in scheduler.make(cell, ()).stages for p in stage.products]
    return [
        sorted(
            ((node.name, read.text) for group in product.groups for node, read in group.members),
            key=lambda member: place[member[0]],
        )
        for product in products
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.one_in(6)
def test_products_are_those_of_the_fused_loop(name: str) -> None:
    cell = built(name)
    if not cell.states:
        return
    program = lower(cell)
    found = [
        [(op.owner, op.text) for op in product.members]
        for product in share(program, program.step)
        if product.of not in program.timeless
    ]
    assert sorted(found) == sorted(by_product(cell))


def test_a_product_has_its_columns_in_the_order_of_the_signals() -> None:
    """The norm of a group needs the reads of later gates first."""
    norm = {"of": "sum", "group": ["a", "c"]}
    gates = {
        "a": {"kind": "tanh", "reads": ["x", "h_prev"], "norm": norm},
        "b": {"kind": "tanh", "reads": ["x", "h_prev"]},
        "c": {"kind": "tanh", "reads": ["x", "h_prev"], "norm": norm},
    }
    program = lower(built({"gates": gates, "equations": {"h": "a + b + c"}, "emits": "h"}))
    linear = [op.owner for op in program.step if isinstance(op, Linear) and op.of == "h_prev"]
    assert linear == ["a", "c", "b"]
    assert [[op.owner for op in p.members] for p in share(program)] == [["a", "b", "c"]] * 2


def test_matrices_that_are_not_trained_may_be_apart() -> None:
    reads = {"a": {"h_prev": "dense"}, "b": {"h_prev": "frozen"}, "c": {"h_prev": "dense"}}
    gates = {name: {"kind": "tanh", "reads": read} for name, read in reads.items()}
    program = lower(built({"gates": gates, "equations": {"h": "a*b*c"}, "emits": "h"}))

    def owners(**options: bool) -> list[list[str]]:
        return [[op.owner for op in p.members] for p in share(program, **options)]

    assert owners() == [["a", "b", "c"]]
    assert owners(apart=True) == [["a", "c"], ["b"]]


class Twice(Gate):
    """A gate that uses one value twice."""

    def activate(self, pre: Any) -> Any:
        """Return the square of a half."""
        half = pre / 2
        return half * half


class Slice(Gate):
    """A gate that cannot be written as an expression, with a state."""

    uses_tensorflow = True
    states = {"k": 0.0}

    def activate(self, pre: Any, c_prev: Any, k_prev: Any) -> Any:
        """Return the gate's value and state."""
        return pre[..., :] + c_prev, {"k": k_prev + 1}


def of_forget(gate: type[Gate]) -> Program:
    """Return the program of the LSTM with another forget gate."""
    known = replace(catalogue(), gates={**catalogue().gates, "other": gate})
    spec = read_cell(lstm_with(gates={"forget": {"kind": "other"}}), known)
    return lower(build(spec, 4, 2, read_output_unit("hidden", known)))


def test_what_a_function_uses_twice_is_one_object() -> None:
    op = of_forget(Twice).source["forget"]
    assert isinstance(op, Apply)
    assert isinstance(op.expr, Binary)
    assert op.expr.left is op.expr.right
    assert op.reads == ("forget:pre",)


def test_a_function_that_is_no_expression_is_one_operation() -> None:
    op = of_forget(Slice).source["forget"]
    assert isinstance(op, Opaque)
    assert op.outs == ("forget", "forget.k")
    assert op.reads == ("forget:pre", "c_prev", "forget.k_prev")


def test_a_state_and_a_gate_of_a_fed_back_output_are_held() -> None:
    program = lower(case(cell=FED_BACK, output_unit=Back()).cell)
    assert program.result == "y:held"
    assert program.after == ()
    norms = [op for op in program.step if isinstance(op, Norm)]
    assert [op.outs for op in norms] == [("output_unit.b:normed",)]


SOLVED = [
    *((name, name) for name in BUNDLED),
    *((name, cell) for cells in (ODD, AFFINE, MEMORIES, UNITWISE) for name, cell in cells.items()),
]


@pytest.mark.parametrize("own", [own for _, own in SOLVED], ids=[name for name, _ in SOLVED])
@pytest.mark.one_in(3, slow=1)
def test_a_list_without_a_loop_reads_what_it_has_computed(own: Any) -> None:
    cell = built(own)
    program = lower(cell)
    for analysis in (affine, chunk, newton):
        found = analysis.analyse(cell)
        known = {*program.fixed, *program.inputs, "t", *(f"{n}_prev" for n in program.inputs)}
        assert bool(found.blocks) == (not found.reason)
        for op in solved(program, found.blocks):
            assert known.issuperset(op.reads), op
            if isinstance(op, Before):
                known.add(op.out)
            elif isinstance(op, Memories):
                for memory in op.memories:
                    known.update(part.name for part in (*memory.reads, *memory.terms))
            elif isinstance(op, Block):
                known.update(f"{state}:held" for state in op.states)
            else:
                known.update(outs(op))
        assert found.reason or known.issuperset(cell.output.signals)
