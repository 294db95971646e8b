"""Files of several layers compute what gatekit's layers do, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from recurrence.cells import ODD
from reference.peers import library
from seams import Stack

import gatekit
from gatekit import ConfigError
from gatekit.code import FRAMEWORKS, Generated, generate

from .block_cases import parts_of
from .cases import BATCH, CLOSE, FEATURES, MASK, STEPS, UNITS, run, scale
from .test_text import formatted

STACKS: dict[str, tuple[tuple[Any, ...], str]] = {
    # The last input is a state, as wide as what is below.
    "hybrid": (("qrnn", "mlstm", "qrnn", "qrnn"), "plain"),
    # What the second layer reads is as wide as a constant says.
    "narrow": (("lstmp", "lstmp"), "plain"),
    "blocks": (("gru", "mamba", "gru"), "modern"),
    # States of gates as wide as what is below, in two cells that are not equal.
    "owned": ((ODD["owns_temperature"], ODD["owns_several"]), "plain"),
}


@dataclass(frozen=True)
class StackCase:
    """A stack with random weights, and what gatekit's layers give."""

    stack: Stack
    weights: dict[str, Any]
    x: Any
    y: Any
    states: list[list[Any]]
    gradients: dict[str, Any]

    def file(self, to: str) -> tuple[Generated, Any]:
        """Return the generated file, and the module that it is."""
        generated = generate(self.stack, to)
        return generated, run(generated.text)

    def assert_same(self, y: Any, states: Any) -> None:
        """Compare outputs and states, matrices as vectors."""
        np.testing.assert_allclose(np.asarray(y), self.y, CLOSE, CLOSE)
        for own, theirs in zip(states, self.states, strict=True):
            kept = [np.asarray(state) for state in own][len(own) - len(theirs) :]
            for value, expected in zip(kept, theirs, strict=True):
                np.testing.assert_allclose(value.reshape(expected.shape), expected, CLOSE, CLOSE)


@cache
def of_stack(name: str) -> StackCase:
    """Return a case; several tests share it."""
    cells, block = STACKS[name]
    options = {"return_sequences": True, "return_state": True, "executor": "reference"}
    options |= {"dtype": "float64"}
    rng = np.random.default_rng(0)
    layers: list[Any] = []
    for index, cell in enumerate(cells):
        if block == "plain":
            layers.append(gatekit.RNN(cell, UNITS, seed=index, **options))
        else:
            finish = index + 1 == len(cells)
            layers.append(
                gatekit.BlockLayer(block, cell, UNITS, finish=finish, seed=index, **options)
            )
    variables: dict[str, Any] = {}
    width = FEATURES if block == "plain" else UNITS
    for index, layer in enumerate(layers):
        layer.build((None, None, width))
        width = layer.cell.output.width if block == "plain" else UNITS
        parts = {"": layer} if block == "plain" else parts_of(layer)
        for part, each in parts.items():
            named = getattr(each, "named_weights", None)
            named = {v.name: v for v in each.weights} if named is None else named
            before = f"{index}/{part}/" if part else f"{index}/"
            variables.update({f"{before}{key}": value for key, value in named.items()})
    weights = {}
    for key, variable in variables.items():
        weights[key] = np.asarray(variable) + 0.1 * rng.normal(size=variable.shape)
        variable.assign(weights[key])
    x = rng.normal(size=(BATCH, STEPS, FEATURES if block == "plain" else UNITS))
    states = []
    with tf.GradientTape() as tape:
        y = tf.constant(x)
        for layer in layers:
            y, *own = layer(y, mask=tf.constant(MASK))
            states.append([np.asarray(state) for state in own if np.asarray(state).size])
        loss = tf.reduce_sum(y * scale(y.shape))
    values = [v.value for v in variables.values()]
    found = tape.gradient(loss, values, unconnected_gradients="zero")
    gradients = dict(zip(weights, map(np.asarray, found), strict=True))
    built = [layer.cell if block == "plain" else layer.built_block for layer in layers]
    return StackCase(Stack(tuple(built)), weights, x, np.asarray(y), states, gradients)


def by_layer(packed: dict[str, Any]) -> list[dict[str, Any]]:
    """Return weights as the functions take them."""
    layers: dict[int, dict[str, Any]] = {}
    for name, weight in packed.items():
        _, index, own = name.split(".")
        layers.setdefault(int(index), {})[own] = weight
    return [layers[index] for index in sorted(layers)]


@pytest.mark.parametrize("name", STACKS)
def test_torch(name: str) -> None:
    torch = library("torch")
    own = of_stack(name)
    made, module = own.file("torch")
    layer = getattr(module, made.title)().double().eval()
    packed = made.layout.pack(own.weights)
    layer.load_state_dict({n: torch.from_numpy(w) for n, w in packed.items()})
    y, states = layer(torch.from_numpy(own.x), mask=torch.from_numpy(MASK))
    own.assert_same(y.detach(), [[s.detach() for s in each] for each in states])
    x, mask = torch.from_numpy(own.x), torch.from_numpy(MASK)
    _, middle = layer(x[:, :2], mask=mask[:, :2])
    rest, last = layer(x[:, 2:], middle, mask[:, 2:])
    own.assert_same(y.detach(), [[s.detach() for s in each] for each in last])
    valid = MASK[:, 2:] & (np.cumsum(MASK, axis=1)[:, 2:] > 0)
    np.testing.assert_allclose(rest.detach()[valid], own.y[:, 2:][valid], CLOSE, CLOSE)
    (y * torch.from_numpy(scale(own.y.shape))).sum().backward()
    expected = made.layout.pack(own.gradients)
    for key, weight in layer.named_parameters():
        limit = CLOSE * (1 + np.abs(expected[key]).max())
        actual = np.zeros(weight.shape) if weight.grad is None else weight.grad
        np.testing.assert_allclose(actual, expected[key], 0, limit, err_msg=key)


@pytest.mark.parametrize(
    "name", ["hybrid", *(pytest.param(n, marks=pytest.mark.slow) for n in ("blocks", "owned"))]
)
def test_keras(name: str) -> None:
    own = of_stack(name)
    made, module = own.file("keras")
    layer = getattr(module, made.title)(dtype="float64")
    layer.build(own.x.shape)
    packed = made.layout.pack(own.weights)
    names = [f"layers.{i}.{w.name}" for i, part in enumerate(layer.layers) for w in part.weights]
    assert sorted(names) == sorted(packed)
    for index, part in enumerate(layer.layers):
        for weight in part.weights:
            weight.assign(packed[f"layers.{index}.{weight.name}"])
    own.assert_same(*layer(own.x, mask=MASK))
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hybrid", "blocks"])
def test_jax(name: str) -> None:
    jax = library("jax")
    own = of_stack(name)
    made, module = own.file("jax")
    with jax.enable_x64(True):
        params = by_layer(made.layout.pack(own.weights))
        first = module.init(jax.random.key(0))
        shapes = [{n: w.shape for n, w in layer.items()} for layer in params]
        assert [{n: w.shape for n, w in layer.items()} for layer in first] == shapes

        def loss(params: Any) -> Any:
            y, states = module.apply(params, own.x, mask=MASK)
            return (y * scale(own.y.shape)).sum(), (y, states)

        found, (y, states) = jax.jit(jax.grad(loss, has_aux=True))(params)
        own.assert_same(y, states)
        for ours, theirs in zip(found, by_layer(made.layout.pack(own.gradients)), strict=True):
            for key, value in theirs.items():
                limit = CLOSE * (1 + np.abs(value).max())
                np.testing.assert_allclose(ours[key], value, 0, limit, err_msg=key)


@pytest.mark.slow
def test_torch_compiles_and_exports_a_block() -> None:
    torch = library("torch")
    generated = generate(of_stack("blocks").stack.layers[-1], "torch")
    layer = getattr(run(generated.text), generated.title)().eval()
    x = torch.randn(2, STEPS, UNITS)
    expected, _ = layer(x)
    exported, _ = torch.export.export(layer, (x,)).module()(x)
    torch.testing.assert_close(exported, expected)
    compiled, _ = torch.compile(layer, backend="aot_eager")(x)
    torch.testing.assert_close(compiled, expected)


def test_dropout_is_drawn_after_each_layer() -> None:
    torch = library("torch")
    layers = of_stack("hybrid").stack.layers
    stack = Stack(layers[:1] * 1 + layers[2:3], dropout=0.5)
    module = run(generate(stack, "torch").text)
    layer = module.QRNNStack()
    y, _ = layer(torch.ones(40, 3, FEATURES))
    assert 0.3 < float((y == 0).double().mean()) < 0.7
    assert not (layer.eval()(torch.ones(40, 3, FEATURES))[0] == 0).any()
    text = generate(stack, "keras").text
    keras_layer = run(text).QRNNStack()
    y = np.asarray(keras_layer(np.ones((40, 3, FEATURES), "float32"), training=True)[0])
    assert 0.3 < (y == 0).mean() < 0.7
    assert isinstance(keras_layer.dropout, keras.layers.Dropout)
    assert generate(stack, "jax").text.count("x = dropout(x, 0.5, keys[") == 2


@pytest.mark.slow
def test_files_are_formatted(tmp_path: Any) -> None:
    for name in STACKS:
        for to in FRAMEWORKS:
            (tmp_path / f"{name}_{to}.py").write_text(generate(of_stack(name).stack, to).text)
    for to in FRAMEWORKS:
        text = gatekit.code("lstm", to=to, layers=4)
        (tmp_path / f"four_{to}.py").write_text(text)
        # One class, or one set of functions, serves all layers.
        assert text.count("orthogonal(units, units)" if to != "torch" else "orthogonal_(") <= 1
    formatted(tmp_path)


def test_a_stack_of_a_layer_has_its_sizes_and_its_block() -> None:
    layer = gatekit.RNN("gru", 8)
    assert "features: int = 32, units: int = 8" in gatekit.code(layer, layers=2)
    layer.build((None, None, 5))
    assert "features: int = 5, units: int = 8" in gatekit.code([layer, layer])
    with pytest.raises(ConfigError, match="equal units, but these have 16, 8"):
        gatekit.code([layer, gatekit.RNN("gru", 16)])
    block = gatekit.BlockLayer("modern", "gru", 8)
    assert "class GRUBlock(" in gatekit.code(block)
    block.build((None, None, 8))
    text = gatekit.code(block, layers=2)
    assert "class GRUBlockStack(" in text
    assert "width: int = 8" in text
    assert "class GRUBlock(" in gatekit.code(block, swap={"reset": "power_law"})
    other = gatekit.BlockLayer("residual", "gru", 8)
    rated = gatekit.BlockLayer("modern", "gru", 8, dropout=0.25)
    unbuilt = gatekit.code(rated)
    rated.build((None, None, 8))
    assert unbuilt == gatekit.code(rated)
    assert "0.25" in gatekit.code(rated, swap={"reset": "power_law"})
    assert "0.25" in gatekit.code(rated, layers=2)
    both = gatekit.BlockLayer("modern", "gru", 8, bidirectional=True)
    both.build((None, None, 8))
    for options in ({}, {"layers": 2}, {"swap": {"reset": "power_law"}}):
        assert "self.backward_rnn = GRU(" in gatekit.code(both, **options)
    plain = gatekit.BlockLayer("plain", "gru", 8)
    plain.build((None, None, 8))
    assert "units: int = 8" in gatekit.code(plain, swap={"reset": "power_law"})
    for different in ([block, other], [block, layer], [block, rated]):
        with pytest.raises(ConfigError, match="different blocks, but a stack has one"):
            gatekit.code(different)


def test_mistakes_have_remedies() -> None:
    with pytest.raises(ConfigError, match="the list of cells is empty"):
        gatekit.code([], layers=2)
    with pytest.raises(ConfigError, match=r"layers=0: .*; write layers=1"):
        gatekit.code("gru", layers=0)
    with pytest.raises(ConfigError, match=r"width=0: .*; write width=64"):
        gatekit.code("gru", block="modern", width=0)
    with pytest.raises(ConfigError, match="give layers=2, or a multiple"):
        gatekit.code(["gru", "lstm"], layers=3)
    with pytest.raises(ConfigError, match="omit layers to write the cell alone"):
        gatekit.code("phased_lstm", layers=2)
