"""Whether a generated file computes what the reference executor computes."""

from __future__ import annotations

import types
from contextlib import ExitStack, nullcontext
from typing import Any
from unittest import mock

import keras
import numpy as np
from reference.peers import library

from .cases import BATCH, STEPS, Case, Drawn, assert_gradients, assert_same, shaped


def torch_agrees(own: Case, **options: Any) -> None:
    """Run the torch file, forward and backward."""
    torch = library("torch")
    made, module = own.file("torch")
    layer = getattr(module, made.title)(**options).double().train(own.drawn is not None)
    weights = {n: torch.from_numpy(w) for n, w in made.layout.pack(own.weights).items()}
    layer.load_state_dict(weights)
    given: dict[str, Any] = {}
    if own.mask is not None:
        given["mask"] = torch.from_numpy(own.mask)
    if own.first is not None:
        first = map(torch.from_numpy, own.first)
        given["state"] = shaped(list(first), layer.initial_state(BATCH))
    if own.drawn is not None:
        replay(module, own.drawn)
    for function in (layer, *at_once(layer)):
        y, states = function(*map(torch.from_numpy, own.inputs), **given)
        assert_same(own, y.detach(), [state.detach() for state in states])
        loss = (y * torch.from_numpy(own.loss_scale())).sum() + sum(s.sin().sum() for s in states)
        if own.gradients and loss.requires_grad:
            layer.zero_grad()
            loss.backward()
            zero = {n: torch.zeros_like(p) for n, p in layer.named_parameters()}
            found = {n: zero[n] if p.grad is None else p.grad for n, p in layer.named_parameters()}
            assert_gradients(own, made, found)


def replay(module: Any, drawn: Drawn) -> None:
    """Let a torch file draw what the reference executor has drawn."""
    torch = library("torch")
    masks, holds = iter(drawn.masks), iter(drawn.holds)

    def dropout(ones: Any, rate: float, training: bool) -> Any:
        assert training
        return ones * torch.from_numpy(next(masks)).reshape(ones.shape)

    def zoneout(new: Any, old: Any, rate: float, training: bool) -> Any:
        assert training
        return torch.where(torch.from_numpy(next(holds)).reshape(new.shape), old, new)

    module.F = types.SimpleNamespace(**{**vars(torch.nn.functional), "dropout": dropout})
    module.zoneout = zoneout


def at_once(owner: Any) -> list[Any]:
    """Return the function that computes all steps at once, if there is one."""
    return [owner.parallel] if hasattr(owner, "parallel") else []


def jax_agrees(own: Case) -> None:
    """Run the JAX file, compiled where gradients are compared."""
    jax = library("jax")
    made, module = own.file("jax")
    with jax.enable_x64(True):
        first = module.init(jax.random.key(0))
        weights = {n: jax.numpy.asarray(w) for n, w in made.layout.pack(own.weights).items()}
        assert {n: v.shape for n, v in first.items()} == {n: v.shape for n, v in weights.items()}
        inputs = [jax.numpy.asarray(array) for array in own.inputs]
        given: dict[str, Any] = {}
        if own.mask is not None:
            given["mask"] = jax.numpy.asarray(own.mask)
        if own.first is not None:
            first = map(jax.numpy.asarray, own.first)
            given["state"] = shaped(list(first), module.initial_state(weights, BATCH))
        if not own.gradients:
            with jax.disable_jit():
                assert_same(own, *module.apply(weights, *inputs, **given))
            return

        def loss(params: Any, function: Any) -> Any:
            y, states = function(params, *inputs, **given)
            total = (y * own.loss_scale()).sum() + sum(jax.numpy.sin(s).sum() for s in states)
            return total, (y, states)

        compiled = jax.jit(jax.grad(loss, has_aux=True), static_argnums=1)
        for function in (module.apply, *at_once(module)):
            gradients, (y, states) = compiled(weights, function)
            assert_same(own, y, states)
            assert_gradients(own, made, gradients)


def keras_agrees(own: Case) -> None:
    """Run the Keras file in `keras.layers.RNN`."""
    made, module = own.file("keras")
    cell = getattr(module, made.title)(dtype="float64")
    over_time = keras.layers.RNN
    if made.noisy:
        over_time = getattr(module, made.title.removesuffix("Cell"))
    layer = over_time(cell, return_sequences=True, return_state=True, dtype="float64")
    x = np.concatenate(own.inputs, axis=-1)
    layer.build(x.shape)
    weights = made.layout.pack(own.weights)
    shapes = {weight.name: tuple(weight.shape) for weight in cell.weights}
    assert shapes == {name: weight.shape for name, weight in weights.items()}
    for weight in cell.weights:
        weight.assign(weights[weight.name])
    # The last output may be a state before these.
    first = cell.get_initial_state(BATCH)
    if own.first is not None:
        before = len(first) - len(own.first)
        first = [*first[:before], *shaped(own.first, first[before:])]
    with replayed(own.drawn) if own.drawn else nullcontext():
        y, *states = layer(x, initial_state=first, mask=own.mask, training=own.drawn is not None)
    assert_same(own, y, states[len(states) - len(own.states) :])
    again = type(cell).from_config(cell.get_config())
    assert (again.state_size, again.output_size) == (cell.state_size, cell.output_size)


def replayed(drawn: Drawn) -> ExitStack:
    """Return a context in which a Keras file draws what the reference executor has drawn."""
    masks = iter(drawn.masks)
    count = len(drawn.holds) // STEPS
    holds = iter([np.stack(drawn.holds[state::count], axis=1) for state in range(count)])

    def dropout(x: Any, rate: float, shape: Any, seed: Any) -> Any:
        mask = next(masks)
        return x * mask.reshape(len(mask), 1, -1)

    def uniform(shape: Any, seed: Any) -> Any:
        return np.where(next(holds), 0.0, 1.0)

    stack = ExitStack()
    stack.enter_context(mock.patch.object(keras.random, "dropout", dropout))
    stack.enter_context(mock.patch.object(keras.random, "uniform", uniform))
    return stack
