"""Files of blocks compute what `gatekit.BlockLayer` computes, in values and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference.peers import library

from .block_cases import LONG_MASK, PRESETS, BlockCase, of_preset
from .cases import scale
from .test_values import at_once

QUICK = ("modern", "gla")


def slow(name: str) -> Any:
    """Return the mark of a preset whose test is slow."""
    return () if name in QUICK else pytest.mark.slow


def numpy_agrees(own: BlockCase) -> None:
    """Run the NumPy file, with its own first values for their shapes."""
    made, module = own.file("numpy")
    weights = made.layout.pack(own.weights)
    first = module.init(np.random.default_rng(0))
    assert {n: v.shape for n, v in first.items()} == {n: v.shape for n, v in weights.items()}
    states = shaped(own.first, module.initial_state(first, len(own.x)))
    own.assert_same(*module.forward(weights, own.x, states, LONG_MASK))


def shaped(states: list[Any], like: Any) -> Any:
    """Return states in the shapes that a file has for them."""
    return tuple(s.reshape(tuple(own.shape)) for s, own in zip(states, like, strict=True))


def torch_agrees(own: BlockCase) -> None:
    """Run the torch file, forward and backward."""
    torch = library("torch")
    made, module = own.file("torch")
    layer = getattr(module, made.title)().double().eval()
    layer.load_state_dict(
        {n: torch.from_numpy(w) for n, w in made.layout.pack(own.weights).items()}
    )
    at_once(module, layer.rnn)
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
    at_once(module, module)
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
    states = shaped(own.first, layer.get_initial_state(len(own.x)))
    y, last = layer(own.x, initial_state=states, mask=LONG_MASK)
    own.assert_same(y, last)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("name", PRESETS)
def test_numpy(name: str) -> None:
    numpy_agrees(of_preset(name))


@pytest.mark.parametrize("name", PRESETS)
def test_torch(name: str) -> None:
    torch_agrees(of_preset(name))


@pytest.mark.parametrize("name", [pytest.param(n, marks=slow(n)) for n in PRESETS])
def test_jax(name: str) -> None:
    jax_agrees(of_preset(name))


@pytest.mark.parametrize("name", [pytest.param(n, marks=slow(n)) for n in PRESETS])
def test_keras(name: str) -> None:
    keras_agrees(of_preset(name))
