"""FLOPs of a step, against a count of the operations in a traced graph of the reference."""

from __future__ import annotations

import math
from typing import Any

import pytest
import tensorflow as tf
from seams import BuiltCell as Cell
from seams import (
    Problem,
    apply_unit,
    build,
    built_cell,
    flops,
    one_step,
    read_cell,
    read_output_unit,
    state_shapes,
    state_size,
)

from gatekit import OutputUnit, Parameter, ops, registry

UNITS, FEATURES = 24, 16
# One operation for each element of the result.
ELEMENTWISE = """
    Abs Add AddN AddV2 Cos Div Elu Erf Exp Expm1 Floor FloorDiv FloorMod Greater Log Log1p
    Maximum Minimum Mul Neg Pow RealDiv Relu Rsqrt Selu SelectV2 Sigmoid Sign Sin Softplus
    Softsign Sqrt Square SquaredDifference Sub Tanh
"""
REDUCTIONS = {"Cumsum": 1, "Max": 1, "Mean": 1, "Prod": 1, "Softmax": 5, "Sum": 1}
FREE = """
    BroadcastTo Cast Const ConcatV2 ExpandDims Fill Identity NoOp Pack Placeholder
    ReadVariableOp Reshape Shape Split SplitV Squeeze StopGradient StridedSlice Tile Transpose
    OnesLike ZerosLike Range
"""


def counted(cell: Cell) -> int:
    """Return the operations of one step of one sequence, by the operations of a traced graph."""
    given = {f"weight:{w.name}": w.shape for w in cell.weights}
    given |= {f"input:{name}": (1, width) for name, width in cell.inputs.items()}
    given |= {f"input:{name}_prev": (1, cell.inputs[name]) for name in cell.shifted}
    given |= {"input:t": (1, 1)} if cell.uses_t else {}
    given |= {f"state:{state.name}": (1, state.width) for state in cell.states}

    def of(kind: str, tensors: dict[str, Any]) -> dict[str, Any]:
        return {
            name.partition(":")[2]: value
            for name, value in tensors.items()
            if name.startswith(f"{kind}:")
        }

    @tf.function(autograph=False)
    def step(tensors: dict[str, Any]) -> Any:
        inputs = of("input", tensors)
        weights, states = of("weight", tensors), of("state", tensors)
        wanted = cell.output.signals
        problem = Problem(cell, weights, inputs, None, states, {}, None, False, wanted, tf.float32)
        env = one_step(problem, tf.constant(0), inputs, None, states)
        histories = {f"{n}_history": env[n][:, None] for n, _ in cell.output.histories}
        return apply_unit(cell, {**env, **histories}, weights, tf.float32, inputs["x"])

    tensors = {name: tf.TensorSpec(shape, tf.float32) for name, shape in given.items()}
    return sum(map(operations, step.get_concrete_function(tensors).graph.get_operations()))


def operations(op: tf.Operation) -> int:
    result = op.outputs[0] if op.outputs else None
    if result is None or not result.shape.rank or not result.dtype.is_floating:
        # Sizes and indices; a comparison is counted with its selection.
        return 0
    sizes = [math.prod(tensor.shape) if tensor.shape.rank else 1 for tensor in op.inputs]
    size = math.prod(result.shape)
    if op.type == "MatMul":
        return 2 * size * int(op.inputs[0].shape[0 if op.get_attr("transpose_a") else 1])
    if op.type == "BatchMatMulV2":
        # Blocks: k 1 n, k n m -> k 1 m.
        return 2 * math.prod(op.inputs[1].shape)
    if op.type in REDUCTIONS:
        return REDUCTIONS[op.type] * max(sizes)
    if op.type in ELEMENTWISE.split():
        return size
    assert op.type in FREE.split(), op.type
    return 0


# The reference computes a matrix from its weights in each step, and a norm that gates share once
# for each of them; the stacked executor and `flops` count both once.
REPEATED = """
    antisymmetric_rnn exp_rnn gated_antisymmetric_rnn layer_norm_gru_haste layer_norm_gru_stacked
    layer_norm_lstm_stacked ligru lipschitz_rnn lipschitz_rnn_gated phased_lstm sligru
    weight_norm_lstm
"""
FEW = ("gru", "hgrn2", "ind_rnn", "layer_norm_lstm", "lstm", "lstm_lr", "mlstm", "on_lstm")


def built(name: str) -> Cell:
    known = registry.catalogue()
    unit = read_output_unit("hidden", known)
    return build(registry.load_cell(name, known), UNITS, FEATURES, unit)


def test_those_of_an_lstm_are_counted_by_hand() -> None:
    products = 2 * (FEATURES + UNITS) * 4 * UNITS
    sums, activations, memory = 2 * 4 * UNITS, 4 * UNITS, 3 * UNITS + 2 * UNITS
    assert flops(built("lstm")) == products + sums + activations + memory


@pytest.mark.parametrize(
    ("read", "products"),
    [
        ({"kind": "dense"}, 2 * UNITS * UNITS),
        ({"kind": "diagonal"}, UNITS),
        ({"kind": "identity"}, 0),
        ({"kind": "low_rank", "rank": 3}, 2 * 2 * UNITS * 3),
        ({"kind": "block", "blocks": 2}, 2 * UNITS * UNITS // 2),
        ({"kind": "orthogonal"}, 2 * UNITS * UNITS),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_a_map_costs_its_products(read: dict[str, object], products: int) -> None:
    gate = {"kind": "linear", "reads": {"h_prev": read, "x": "dense"}, "bias": False}
    own = {"name": "own", "gates": {"g": gate}, "equations": {"h": "g"}, "emits": "h"}
    known = registry.catalogue()
    cell = build(read_cell(own, known), UNITS, FEATURES, read_output_unit("hidden", known))
    assert flops(cell) == products + 2 * FEATURES * UNITS + UNITS


@pytest.mark.parametrize("name", FEW)
def test_they_are_those_of_the_traced_graph(name: str) -> None:
    cell = built(name)
    assert flops(cell) == pytest.approx(counted(cell), rel=0.01)


@pytest.mark.slow
def test_they_are_those_of_the_traced_graph_for_every_cell() -> None:
    cells = [built(name) for name in registry.cell_names() if name not in REPEATED.split()]
    assert len(cells) > 100
    off = {
        c.spec.name: (flops(c), n) for c in cells if abs(flops(c) - (n := counted(c))) > 0.05 * n
    }
    assert not off


@pytest.mark.parametrize("name", ["lstm", "qrnn", "rwkv6", "tau_gru", "linear_attention", "rg_lru"])
@pytest.mark.parametrize("unit", ["hidden", "mix_last"])
def test_the_state_is_all_that_is_carried(name: str, unit: str) -> None:
    known = registry.catalogue()
    cell = build(registry.load_cell(name, known), 8, 3, read_output_unit(unit, known))
    carried = {k: math.prod(shape[1:]) for k, shape in state_shapes(cell, None).items() if k != "t"}
    assert state_size(cell) == sum(carried.values())


def test_an_output_unit_is_part_of_the_cell() -> None:
    known = registry.catalogue()
    cell = registry.load_cell("lstm", known)
    gated = build(cell, UNITS, FEATURES, read_output_unit("gated", known))
    more = flops(gated) - flops(built("lstm"))
    assert more == 2 * (FEATURES + UNITS) * UNITS + 2 * UNITS + 2 * UNITS


def test_what_several_gates_read_is_computed_once() -> None:
    reads = ["x", "tanh(h_prev)"]
    gates = {name: {"kind": "linear", "reads": reads, "bias": False} for name in ("a", "b")}
    cell = with_unit({"gates": gates, "equations": {"h": "a + b"}, "emits": "h"})
    products, sums = 2 * 2 * (FEATURES + UNITS) * UNITS, 2 * UNITS + UNITS
    assert flops(cell) == products + sums + UNITS


def with_unit(cell: Any, unit: Any = "hidden") -> Cell:
    return built_cell(cell, UNITS, FEATURES, unit, None, ())


class Mean(OutputUnit):
    """The mean of the last three values, scaled."""

    history = {"emitted": 3}
    parameters = {"scale": Parameter("units")}

    def emit(self, emitted_history: Any, scale: Any) -> Any:
        """Return ``... x units``."""
        return scale * ops.mean(emitted_history, axis=-2)
