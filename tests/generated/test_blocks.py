"""Files of blocks compute what `gatekit.BlockLayer` computes, in values and gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recurrence.cells import ODD
from reference.peers import library
from seams import analyse_affine as analyse
from seams import block_diagram

import gatekit
from gatekit import ConfigError
from gatekit.code import generate

from .block_cases import (
    LAYER_NORMS,
    LONG_MASK,
    PRESETS,
    BlockCase,
    block_case,
    files,
    of_preset,
)
from .cases import scale, shaped
from .test_text import formatted

QUICK = ("modern",)


def slow(name: str) -> Any:
    """Return the mark of a preset whose test is slow."""
    return () if name in QUICK else pytest.mark.slow


def torch_agrees(own: BlockCase) -> None:
    """Run the torch file, forward and backward."""
    torch = library("torch")
    made, module = own.file("torch")
    layer = getattr(module, made.title)().double().eval()
    layer.load_state_dict(
        {n: torch.from_numpy(w) for n, w in made.layout.pack(own.weights).items()}
    )
    states = shaped([torch.from_numpy(s) for s in own.first], layer.initial_state(len(own.x)))
    y, states = layer(torch.from_numpy(own.x), states, torch.from_numpy(LONG_MASK))
    own.assert_same(y.detach(), [state.detach() for state in states])
    loss = (y * torch.from_numpy(scale(own.y.shape))).sum() + sum(s.sin().sum() for s in states)
    loss.backward()
    found = {n: p.grad for n, p in layer.named_parameters()}
    own.assert_gradients(made, found)


def jax_agrees(own: BlockCase) -> None:
    """Run the JAX file, compiled, forward and backward."""
    jax = library("jax")
    made, module = own.file("jax")
    with jax.enable_x64(True):
        first = module.init(jax.random.key(0))
        params = {n: jax.numpy.asarray(w) for n, w in made.layout.pack(own.weights).items()}
        assert {n: v.shape for n, v in first.items()} == {n: v.shape for n, v in params.items()}
        states = shaped(own.first, module.initial_state(first, len(own.x)))

        def loss(params: Any) -> Any:
            y, last = module.apply(params, own.x, states, LONG_MASK)
            total = (y * scale(own.y.shape)).sum() + sum(jax.numpy.sin(s).sum() for s in last)
            return total, (y, last)

        gradients, (y, last) = jax.jit(jax.grad(loss, has_aux=True))(params)
        own.assert_same(y, last)
        own.assert_gradients(made, gradients)


def keras_agrees(own: BlockCase) -> None:
    """Run the Keras file."""
    made, module = own.file("keras")
    layer = getattr(module, made.title)(dtype="float64")
    layer.build(own.x.shape)
    weights = made.layout.pack(own.weights)
    assert {w.name: tuple(w.shape) for w in layer.weights} == {
        name: weight.shape for name, weight in weights.items()
    }
    for weight in layer.weights:
        weight.assign(weights[weight.name])
    y, last = layer(own.x, initial_state=keras_states(own, layer), mask=LONG_MASK)
    own.assert_same(y, last[len(last) - len(own.states) :])
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def keras_states(own: BlockCase, layer: Any) -> list[Any]:
    """Return the initial states of a Keras file, whose first one may be the last output."""
    zeros = layer.get_initial_state(len(own.x))
    before = len(zeros) - len(own.first)
    return [*zeros[:before], *shaped(own.first, zeros[before:])]


@pytest.mark.parametrize("name", PRESETS)
def test_torch(name: str) -> None:
    torch_agrees(of_preset(name))


@pytest.mark.slow
@pytest.mark.one_in(1, slow=6)
@pytest.mark.parametrize("name", PRESETS)
def test_jax(name: str) -> None:
    jax_agrees(of_preset(name))


@pytest.mark.parametrize("name", [pytest.param(n, marks=slow(n)) for n in PRESETS])
def test_keras(name: str) -> None:
    keras_agrees(of_preset(name))


OPTIONS: dict[str, dict[str, Any]] = {
    "layer norms, gelu, another ratio": LAYER_NORMS,
    "no norms": {"block": {"kind": "modern", "norm": "none", "conv": 1}, "cell": "lstm"},
    "two maps": {"block": "plain", "cell": "lstm", "output_unit": "glu"},
    "a memory": {"block": "mamba", "cell": "delta_net", "output_unit": "gated"},
    "a gate with states of its own": {"block": "griffin", "cell": ODD["owns_temperature"]},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_options(options: dict[str, Any]) -> None:
    own = block_case(**options)
    torch_agrees(own)


PLUGIN = '''
"""A block with a matrix for each step, and a branch; one with a layer of its own; a function."""

import numpy as np

from gatekit import Block, Function, Initializer, hookimpl, ops

bump = Function("bump", 1, compose=lambda x: ops.tanh(x) * ops.sigmoid(x))


class Roots(Initializer):
    """Roots of draws."""

    def draw(self, rng, shape, context):
        return np.sqrt(rng.uniform(0.25, 1.0, shape)) / context.units


class Bumped(Block):
    """A function of the author's before and after the projection.

    Reference: unpublished
    """

    def mix(self, parts, x):
        """Return a function of the recurrent layer."""
        return bump(parts.mixer(parts.norm("norm", x)))

    def combine(self, parts, x, mixed):
        """Return the sum."""
        return x + bump(parts.dense("project", mixed, parts.width))


class Branched(Block):
    """A full convolution, and one of one step.

    Reference: unpublished
    """

    def mix(self, parts, x):
        """Return two branches."""
        mixed = parts.mixer(parts.convolution("before", x, 3, width=5))
        after = parts.convolution("after", mixed, 2, bias=False)
        return after + parts.convolution("mask", x, kernel=1, width=parts.width_of(mixed))

    def combine(self, parts, x, mixed):
        """Return the sum."""
        return x + ops.tanh(parts.dense("state", mixed, parts.width))


class Scaled(Block):
    """What is computed with the model's width.

    Reference: unpublished
    """

    def combine(self, parts, x, mixed):
        """Return the mean."""
        return (parts.width - 1) * x / parts.width + parts.fitted("project", mixed) / parts.width


class Tapped(Block):
    """A Keras layer.

    Reference: unpublished
    """

    def mix(self, parts, x):
        """Return the sum."""
        return parts.mixer(x) + parts.layer("tap", x, list, parts.units, count=1)


@hookimpl
def gatekit_blocks():
    """Register."""
    return {"branched": Branched, "tapped": Tapped, "bumped": Bumped, "scaled": Scaled}


@hookimpl
def gatekit_functions():
    """Register."""
    return {"bump": bump}


@hookimpl
def gatekit_initializers():
    """Register."""
    return {"roots": Roots}
'''


@pytest.fixture
def plugin(tmp_path: Path) -> str:
    """Return a plugin file with blocks."""
    path = tmp_path / "own_blocks.py"
    path.write_text(PLUGIN)
    return str(path)


def test_a_block_of_your_own(plugin: str) -> None:
    """Two convolutions with states, a matrix for each step, names of the file itself."""
    own = block_case("branched", "gru", units=6, plugins=[plugin])
    torch_agrees(own)


def test_a_block_may_compute_with_the_width(plugin: str) -> None:
    own = block_case("scaled", "gru", units=6, width=4, plugins=[plugin])
    torch_agrees(own)
    assert "(self.width - 1) * x / self.width" in own.file("torch")[0].text
    assert "# The sizes are fixed: width 4, 6 units." in own.file("jax")[0].text


OWN_CELL = {
    "name": "bumps",
    "gates": {
        "z": {"activation": "sigmoid(pre)", "reads": ["x"], "initializers": {"bias": "roots"}},
        "c": {"activation": "bump(pre)", "reads": ["x"]},
    },
    "equations": {"h": "z * h_prev + (1 - z) * bump(c)"},
    "emits": "h",
}


@pytest.mark.parametrize(
    "agrees",
    [torch_agrees, keras_agrees, pytest.param(jax_agrees, marks=pytest.mark.slow)],
)
def test_a_function_an_initializer_and_a_block_of_your_own(plugin: str, agrees: Any) -> None:
    """They are analysed, drawn, trained and written as code."""
    own = block_case("bumped", OWN_CELL, units=3, width=4, plugins=[plugin])
    assert analyse(own.built.cell).affine
    assert ">bump<" in block_diagram(own.built)
    assert all(np.any(gradient) for gradient in own.gradients.values())
    agrees(own)
    assert "sqrt(" in own.file(agrees.__name__.partition("_")[0])[0].text


def test_a_keras_layer_of_the_author_is_refused(plugin: str) -> None:
    with pytest.raises(ConfigError, match=r".tap. of the block .tapped."):
        gatekit.code("gru", block="tapped", plugins=[plugin])


def test_a_cell_with_several_inputs_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"reads time, x, .*omit block"):
        gatekit.code("phased_lstm", block="modern")


def test_a_block_below_the_last_one_has_no_further_norm() -> None:
    """One file serves a stack: its last block is created otherwise."""
    inner = block_case("residual", "gru", finish=False)
    jax = library("jax")
    _, module = block_case("residual", "gru").file("jax")
    weights = inner.file("jax")[0].layout.pack(inner.weights)
    with jax.enable_x64(True):
        assert set(module.init(jax.random.key(0), last=False)) == set(weights)
        params = {name: jax.numpy.asarray(weight) for name, weight in weights.items()}
        states = tuple(map(jax.numpy.asarray, inner.first))
        inner.assert_same(*module.apply(params, jax.numpy.asarray(inner.x), states, LONG_MASK))
    layer = library("torch") and block_case("residual", "gru").file("torch")[1].GRUBlock(last=False)
    assert not hasattr(layer, "final_norm_scale")


def test_steps_one_by_one_are_the_whole_sequence() -> None:
    own = of_preset("modern")
    torch = library("torch")
    made, module = own.file("torch")
    layer = getattr(module, made.title)().double().eval()
    x, state, outputs = torch.from_numpy(own.x), None, []
    whole, last = layer(x)
    for t in range(own.x.shape[1]):
        y, state = layer(x[:, t : t + 1], state)
        outputs.append(y)
    torch.testing.assert_close(torch.cat(outputs, dim=1), whole, rtol=1e-12, atol=1e-12)
    for each, expected in zip(state, last, strict=True):
        torch.testing.assert_close(each, expected, rtol=1e-12, atol=1e-12)


def test_a_layer_gives_the_file_of_its_block() -> None:
    layer = gatekit.BlockLayer("modern", "gru", seed=0)
    layer.build((None, None, 16))
    text = gatekit.code(layer)
    assert "def __init__(self, width: int = 16, units: int = 16) -> None:" in text
    again = gatekit.code("gru", block="mamba", width=16)
    assert "width: int = 16, units: int = 32, last: bool = True" in again
    with pytest.raises(ConfigError, match="block='modern'"):
        gatekit.code("gru", width=16)


def test_dropout_is_drawn_in_training() -> None:
    built = block_case("modern", "gru", dropout=0.5).built
    assert generate(built, "torch").text.count("F.dropout(") == 2
    assert generate(built, "jax").text.count(", 0.5, rng, ") == 2
    assert generate(built, "keras").text.count("self.dropout(") == 2
    own = block_case("modern", "gru", dropout=0.5)
    torch_agrees(own)
    keras_agrees(own)
    made, module = own.file("keras")
    layer = getattr(module, made.title)(dtype="float64")
    drawn = [np.asarray(layer(own.x, training=training)[0]) for training in (True, True, False)]
    assert not (drawn[0] == drawn[1]).all()
    np.testing.assert_array_equal(drawn[2], layer(own.x)[0])


@pytest.mark.slow
def test_ruff_changes_nothing_and_sizes_are_arguments(tmp_path: Path) -> None:
    files(tmp_path)
    formatted(tmp_path)
