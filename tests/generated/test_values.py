"""Generated files compute what the reference executor computes, in values and gradients."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recurrence.affine_cells import AFFINE
from recurrence.cells import ODD
from recurrence.chunk_cells import OWN as MEMORY_CELLS
from recurrence.test_owned_output import FED_BACK, Back, Maps
from reference.peers import library
from seams import Dim, built_cell, size_constants

import gatekit
from gatekit.code import generate
from gatekit.registry import cell_names

from .agreement import (
    at_once,
    jax_agrees,
    keras_agrees,
    torch_agrees,
)
from .cases import DOZEN, UNITS, case, of, run

NARROW = '''
import math

from gatekit import LinearMap, hookimpl


class Narrow(LinearMap):
    """The product with two matrices; the middle width is a root."""

    def shapes(self, width_in, width_out):
        """Return the shapes."""
        middle = math.isqrt(width_out)
        return {"down": (width_in, middle), "up": (middle, width_out)}

    def apply(self, u, weights):
        """Return the products."""
        return (u @ weights["down"]) @ weights["up"]


@hookimpl
def gatekit_linear_maps():
    return {"narrow": Narrow}
'''
ALL = tuple(cell_names(()))
OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in ALL if name not in DOZEN]


@pytest.mark.parametrize("name", [*DOZEN, *OTHERS])
@pytest.mark.one_in(2, slow=6)
def test_torch(name: str) -> None:
    torch_agrees(of(name))


def test_jax() -> None:
    jax_agrees(case("gru"))


def test_weights_that_are_not_trained_have_no_gradient_in_jax() -> None:
    text = generate(of("lmu").cell, "jax").text
    fixed = [name for name, trained in _trained("lmu").items() if not trained]
    assert fixed
    assert text.count("jax.lax.stop_gradient(") >= len(fixed)


def _trained(name: str) -> dict[str, bool]:
    return {weight.name: weight.trainable for weight in of(name).cell.weights}


@pytest.mark.slow
@pytest.mark.one_in(2, slow=34)
@pytest.mark.parametrize("name", ALL)
def test_gradients_of_jax(name: str) -> None:
    jax_agrees(of(name))


@pytest.mark.one_in(1, slow=6)
@pytest.mark.parametrize("name", [*DOZEN, *OTHERS])
def test_keras(name: str) -> None:
    keras_agrees(of(name))


OPTIONS: dict[str, dict[str, Any]] = {
    "projection": {"cell": "lstm", "output_unit": "projection"},
    "gated": {"cell": "gru", "output_unit": "gated"},
    "history": {"cell": "rnn", "output_unit": "mix_last"},
    "projections": {"cell": "lstm", "output_unit": Maps(), "zoneout": {"h": 0.1}},
    "projections of all steps at once": {"cell": "mingru", "output_unit": "glu"},
    "projections in the loop": {"cell": FED_BACK, "output_unit": Back()},
    "learned matrix": {"cell": "linear_attention", "learned_initial_state": ["S"]},
    "zoneout": {"cell": "lstm", "zoneout": {"h": 0.1, "c": 0.3}},
    "dropout": {"cell": "gru", "dropout": 0.2, "recurrent_dropout": 0.3},
    "swapped": {"cell": "gru", "swap": {"forget": "power_law"}},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_options(options: dict[str, Any]) -> None:
    own = case(**options, gradients=True)
    torch_agrees(own)
    keras_agrees(own)


def grouped(**reads: Any) -> dict[str, Any]:
    """Return a cell of three gates, of which the first and the last share a norm."""
    norm = {"of": "sum", "group": ["a", "c"]}
    gates = {name: {"kind": "tanh", "reads": read} for name, read in reads.items()}
    gates = {name: {**g, "norm": norm} if name in "ac" else g for name, g in gates.items()}
    return {"name": "own", "gates": gates, "equations": {"h": "a + b * c"}, "emits": "h"}


def test_a_shared_norm_has_the_parts_of_its_sums_that_no_product_has() -> None:
    reads = {"x": "dense", "h_prev": "diagonal"}
    torch_agrees(case(grouped(a=reads, b=["h_prev"], c=reads)))


def test_a_shared_norm_does_not_change_the_order_of_masks() -> None:
    """It needs the read of the last gate before that of the second."""
    cell = grouped(a=["x", "h_prev"], b=["x", "exp(h_prev)"], c=["x", "sin(h_prev)"])
    torch_agrees(case(cell, recurrent_dropout=0.3, training=True))


def test_a_value_that_depends_on_no_sequence_has_rows_where_a_state_needs_them() -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    gates = {name: {"kind": "sigmoid", "reads": [], "bias": True} for name in ("a", "b")}
    equations = {"c": "a", "h": "a * h_prev + b * tanh(h_prev) + c_prev"}
    own = case({"name": "own", "gates": gates, "equations": equations, "emits": "h"})
    assert own.file("torch")[0].text.count("0.0 * x") == 1
    torch_agrees(own)


def test_projections_of_an_output_unit_in_jax() -> None:
    jax_agrees(case("mingru", output_unit=Maps(), gradients=True))


def test_no_gradient_passes_stop() -> None:
    own = case(ODD["stops"], gradients=True)
    for agrees in (torch_agrees, keras_agrees, jax_agrees):
        agrees(own)


@pytest.mark.slow
def test_no_gradient_passes_stop_at_once() -> None:
    own = case(AFFINE["stops"], gradients=True)
    assert "def parallel" in own.file("torch")[0].text
    torch_agrees(own)
    jax_agrees(own)


OWNED: dict[str, dict[str, Any]] = {
    "own states": {"cell": ODD["owns_temperature"], "given": True},
    "several": {"cell": ODD["owns_several"], "learned_initial_state": ["c", "forget.m"]},
    "layers": {"cell": ODD["owns_layers"]},
    "noise": {"cell": ODD["owns_several"], "training": True, "recurrent_dropout": 0.3},
    "affine": {"cell": AFFINE["owns_mean_of_x"]},
    "memory": {"cell": MEMORY_CELLS["owns_mean"]},
}
"""Cells with gates that own states and projections, each with another option."""


@pytest.mark.one_in(1, slow=2)
@pytest.mark.parametrize("options", OWNED.values(), ids=OWNED)
@pytest.mark.parametrize(
    "agrees",
    [torch_agrees, keras_agrees, pytest.param(jax_agrees, marks=pytest.mark.slow)],
)
def test_gates_that_own_states_and_projections(agrees: Any, options: dict[str, Any]) -> None:
    if agrees is jax_agrees:
        options = {**options, "training": False}
    agrees(case(**options, gradients=agrees is not keras_agrees))


def test_weights_and_states_have_the_names_of_their_gate() -> None:
    generated = generate(case(ODD["owns_several"]).cell, "torch")
    for name in ("weight_forget_tau", "bias_forget_tau", "forget_m_prev", "initial_forget_v"):
        assert name in generated.text


def test_a_step_with_three_corrections_at_once() -> None:
    """Each correction depends on those before it in the same step."""
    own = case({"function": "gated_delta_product", "heads": 2, "steps": 3, "name": "three"})
    torch_agrees(own)


def test_padding_in_front_divides_by_no_count_of_steps_at_once() -> None:
    torch = library("torch")
    mean = {
        "name": "running_mean",
        "gates": {"value": {"kind": "linear", "reads": {"x": "dense"}}},
        "equations": {"h": "h_prev + (value - h_prev) / t"},
        "emits": "h",
    }
    own = case(mean)
    made, module = own.file("torch")
    layer = getattr(module, made.title)()
    x, mask = torch.ones(2, 3, own.cell.features), torch.tensor([[0, 0, 1], [0, 0, 0]]).bool()
    y, (h, t) = layer.parallel(x, mask=mask)
    y.sum().backward()
    assert torch.equal(y, layer(x, mask=mask)[0])
    assert torch.equal(t, torch.tensor([[1.0], [0.0]]))
    assert torch.equal(h, y[:, -1])
    assert all(torch.isfinite(weight.grad).all() for weight in layer.parameters())


def test_sizes_are_arguments() -> None:
    """One file serves every size: a file for other sizes gives the same module."""
    torch = library("torch")
    small = {"units": 6, "features": 2}
    made, module = of("gru").file("torch")
    layer = getattr(module, made.title)(**small)
    y, (h,) = layer(torch.zeros(2, 3, 2))
    assert made.sized
    assert (y.shape, h.shape) == ((2, 3, 6), (2, 6))


@pytest.mark.parametrize(
    "formula",
    [
        *("units + 2 * features - 1", "features - units", "4 * (units // 2) + units // 4"),
        *("units // heads * heads", "units * units // heads", "3 * (units // (2 * heads)) - heads"),
        *("(units + 1) // 2 * 3", "units * (units + features) + units", "units / 4 + units**2"),
        *(
            "round(units * (8 / 3))",
            "round((units + features) * 1.5)",
            "64 // heads",
            "max(1, units // 5)",
        ),
    ],
)
def test_arithmetic_on_sizes_gives_a_formula(formula: str) -> None:
    """Its text has the formula's value at other sizes, too."""
    sizes, others = (
        {"units": 48, "features": 10, "heads": 4},
        {"units": 32, "features": 7, "heads": 2},
    )
    size = eval(formula, {name: Dim.named(name, value) for name, value in sizes.items()})
    text = size.text({name: name for name in sizes})
    assert size == eval(formula, dict(sizes)) == eval(text, dict(sizes))
    assert eval(text, dict(others)) == eval(formula, dict(others))


def test_a_gate_may_read_sizes() -> None:
    gate = {"activation": "tanh(pre / units) / heads", "reads": ["x", "h_prev"]}
    heads = {"activation": "pre", "reads": ["x"], "units": "heads"}
    gates = {"h": gate, "weight": heads}
    cell = {
        "name": "own",
        "constants": {"heads": 4},
        "gates": gates,
        "equations": {"out": "h * sum(weight)"},
        "emits": "out",
    }
    text = gatekit.code(cell, "torch")
    assert "/ self.units) / self.heads" in text


def test_a_division_with_a_remainder_is_one_in_the_file() -> None:
    gates = {"part": {"activation": "pre", "reads": ["x"], "units": "units // heads * heads"}}
    equations = {"h": "h_prev / 2 + part"}
    cell = {"name": "own", "constants": {"heads": 4}, "gates": gates, "equations": equations}
    jax = library("jax")
    module = run(gatekit.code({**cell, "emits": "h"}, "jax", units=6))
    assert module.init(jax.random.key(0))["weight_x"].shape == (32, 4)


def test_sizes_are_fixed_where_a_plugin_loses_their_formulas(tmp_path: Path) -> None:
    plugin = tmp_path / "narrow.py"
    plugin.write_text(NARROW)
    gates = {"h": {"activation": "pre", "reads": {"x": "narrow"}}}
    text = gatekit.code({"name": "own", "gates": gates, "emits": "h"}, "jax", plugins=[plugin])
    assert "# The sizes are fixed: 32 features, 64 units." in text
    assert "glorot(next(keys), 32, 8)" in text


@pytest.mark.parametrize("cell", ["gru", "delta_net", "gru_d"])
def test_functions_get_sizes_from_the_weights(cell: str) -> None:
    jax = library("jax")
    _, module = of(cell).file("jax")
    params = module.init(jax.random.key(0), features=2, units=12)
    inputs = [jax.numpy.zeros((2, 3, 2))] * len(of(cell).inputs)
    y, states = module.apply(params, *inputs)
    assert y.shape == (2, 3, 12)
    first = module.initial_state(params, 2)
    assert [state.shape for state in states] == [state.shape for state in first]


@pytest.mark.parametrize("cell", ["gla", "gsa", "mamba2", "lstmp", "rwkv6", "nru"])
def test_constants_that_are_sizes_are_arguments(cell: str) -> None:
    """A file for other constants gives the same values."""
    bundled = built_cell(cell, 12, 5, "hidden", None, ())
    other = {name: 2 if name == "heads" else 3 for name in size_constants(bundled)}
    constants = {**dict(bundled.spec.constants), **other}
    spec = {**bundled.spec.canonical(), "constants": constants}
    changed = built_cell(spec, 12, 5, "hidden", None, ())
    x = np.random.default_rng(1).normal(size=(2, 10, 5))
    mask = np.arange(10) < np.array([[10], [6]])

    def called(function: Any, *arguments: Any) -> Any:
        taken = inspect.signature(function).parameters
        return function(*arguments, **{n: size for n, size in other.items() if n in taken})

    jax = library("jax")
    one, two = (run(generate(each, "jax").text) for each in (bundled, changed))
    params = called(one.init, jax.random.key(0))
    for name, value in two.init(jax.random.key(0)).items():
        np.testing.assert_array_equal(params[name], value)
    y, states = called(one.apply, params, jax.numpy.asarray(x), None, mask)
    expected, last = two.apply(params, jax.numpy.asarray(x), None, mask)
    for value, right in zip((y, *states), (expected, *last), strict=True):
        np.testing.assert_array_equal(value, right)
    torch = library("torch")
    modules = [run(generate(each, "torch").text) for each in (bundled, changed)]
    layers = [getattr(module, generate(bundled, "torch").title) for module in modules]
    first, second = layers[0](**other).double(), layers[1]().double()
    first.load_state_dict(second.state_dict())
    for steps in (8, 10):  # one by one, and at once where this is faster
        given = torch.tensor(x[:, :steps]), None, torch.tensor(mask[:, :steps])
        (y, states), (expected, last) = first(*given), second(*given)
        for value, right in zip((y, *states), (expected, *last), strict=True):
            torch.testing.assert_close(value, right, rtol=0, atol=0)


@pytest.mark.parametrize("cell", ["variational_dropout_lstm", "mingru"])
def test_states_in_jax_have_the_type_of_the_weights(cell: str) -> None:
    jax = library("jax")
    _, module = of(cell).file("jax")
    shapes = jax.eval_shape(module.init, jax.random.key(0))
    with jax.enable_x64(True):
        for dtype in ("bfloat16", "float32", "float64"):
            params = {n: jax.ShapeDtypeStruct(s.shape, dtype) for n, s in shapes.items()}
            x = jax.ShapeDtypeStruct((2, 9, of(cell).cell.features), "float32")
            y, state = jax.eval_shape(module.apply, params, x)
            assert {str(each.dtype) for each in (y, *state)} == {dtype}


def test_a_long_sequence_is_computed_at_once() -> None:
    """In PyTorch; a pair of states is slower so on a CPU."""
    torch = library("torch")
    made, module = of("mingru").file("torch")
    layer = getattr(module, made.title)()
    layer.parallel = lambda *_: "at once"
    short, long = (torch.zeros(2, steps, of("mingru").cell.features) for steps in (8, 9))
    assert layer(short)[0].shape[:2] == (2, 8)
    assert layer(long) == "at once"
    text = of("lru").file("torch")[0].text
    assert text.count("parallel(") == 1


def test_a_sequence_of_no_step_gives_no_output_and_the_first_states() -> None:
    jax = library("jax")
    x = np.zeros((2, 0, of("gru").cell.features))
    _, module = of("gru").file("jax")
    y, (h,) = module.apply(module.init(jax.random.key(0)), jax.numpy.asarray(x))
    assert (y.shape, h.shape) == ((2, 0, UNITS), (2, UNITS))


@pytest.mark.parametrize("cell", ["mingru", "lru", "mamba"])
def test_no_step_at_once_is_no_step_one_by_one(cell: str) -> None:
    jax = library("jax")
    x = np.zeros((2, 0, of(cell).cell.features), "float32")
    _, module = of(cell).file("jax")
    params = module.init(jax.random.key(0))
    state = tuple(jax.numpy.ones_like(s) for s in module.initial_state(params, 2))
    y, new = module.parallel(params, jax.numpy.asarray(x), state)
    assert y.shape == module.apply(params, jax.numpy.asarray(x), state)[0].shape
    assert all((n == s).all() for n, s in zip(new, state, strict=True))


def test_noise_is_drawn_in_training_only() -> None:
    torch = library("torch")
    own = case("lstm", zoneout={"h": 0.5}, dropout=0.5, recurrent_dropout=0.5)
    made, module = own.file("torch")
    layer = getattr(module, made.title)()
    x = torch.ones(2, 3, own.cell.features)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])


@pytest.mark.slow
def test_noise_is_drawn_in_jax_where_a_generator_is_given() -> None:
    jax = library("jax")
    own = case("lstm", zoneout={"h": 0.5}, dropout=0.5, recurrent_dropout=0.5)
    _, module = own.file("jax")
    params = module.init(jax.random.key(0))
    x = jax.numpy.ones((2, 3, own.cell.features))
    first, same, other = (
        module.apply(params, x, rng=jax.random.key(seed))[0] for seed in (1, 1, 2)
    )
    assert (first == same).all()
    assert not (first == other).all()
    # Half of the elements of the first step keep the initial state, which is zero.
    zeros = module.apply(params, jax.numpy.ones((500, 1, own.cell.features)), rng=jax.random.key(3))
    assert float((zeros[0] == 0).mean()) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("to", ["torch", "jax", "keras"])
def test_a_reservoir_without_a_radius_is_zeros(to: str) -> None:
    """gatekit does the same; a small sparse matrix may have no eigenvalue but zero."""
    library(to)
    module = run(generate(of("esn").cell, to).text)
    generator = (library("jax").random.key(0),) if to == "jax" else ()
    assert not np.asarray(module.reservoir(*generator, 3, 0.9, 0.0)).any()
    drawn = np.asarray(module.reservoir(*generator, 3, 0.9, 1.0))
    assert np.abs(np.linalg.eigvals(drawn)).max() == pytest.approx(0.9, rel=1e-5)


@pytest.mark.one_in(1, slow=3)
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["lstm", "delta_net", "mamba"])
def test_a_step_runs_in_onnx(name: str, tmp_path: Path) -> None:
    torch = library("torch")
    for module in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(module, reason="needs the extra onnx: pip install -e .[onnx]")
    import onnxruntime

    made, module = of(name).file("torch")
    layer = getattr(module, made.title)().eval()

    class Step(torch.nn.Module):
        """A step with its states side by side."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Any, *state: Any) -> Any:
            given = self.layer.project(x) if hasattr(self.layer, "project") else x
            y, new = self.layer.step(given, state)
            return y, *new

    given = (torch.randn(2, of(name).cell.features), *layer.initial_state(2))
    path = tmp_path / "step.onnx"
    torch.onnx.export(Step(), given, path, dynamo=True)
    session = onnxruntime.InferenceSession(path)
    names = [entry.name for entry in session.get_inputs()]
    found = session.run(None, {n: t.numpy() for n, t in zip(names, given, strict=True)})
    for own, theirs in zip(found, Step()(*given), strict=True):
        np.testing.assert_allclose(own, theirs.detach(), 1e-5, 1e-6)


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_torch_exports_for_a_batch_of_any_size(name: str) -> None:
    torch = library("torch")
    own = case(name)
    made, module = own.file("torch")
    layer = getattr(module, made.title)()
    x = torch.randn(3, 4, own.cell.features)
    batch = {0: torch.export.Dim("batch")}
    exported = torch.export.export(layer, (x,), dynamic_shapes=(batch,))
    for rows in (2, 5):
        x = torch.randn(rows, 4, own.cell.features)
        torch.testing.assert_close(exported.module()(x)[0], layer(x)[0])


@pytest.mark.slow
@pytest.mark.one_in(1, slow=3)
@pytest.mark.parametrize("name", ["lstm", "gru", "delta_net", "mamba", "mlstm", "lru"])
def test_torch_compiles_and_exports(name: str) -> None:
    torch = library("torch")
    own = case(name)
    made, module = own.file("torch")
    layer = getattr(module, made.title)()
    x = torch.randn(2, 4, own.cell.features)
    expected, _ = layer(x)
    compiled, _ = torch.compile(layer, backend="aot_eager")(x)
    torch.testing.assert_close(compiled, expected)
    exported, _ = torch.export.export(layer, (x,)).module()(x)
    torch.testing.assert_close(exported, expected)
    for function in at_once(layer):
        y, _ = torch.compile(function, backend="aot_eager")(x)
        torch.testing.assert_close(y, expected)
