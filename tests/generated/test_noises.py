"""Noise that a gate declares, in generated code: its mean outside training, drawn in training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference.peers import library

import gatekit

from .agreement import jax_agrees, keras_agrees, torch_agrees
from .cases import BATCH, FEATURES, UNITS, case

MEANS = {"uniform": 0.5, "normal": 0.0, "gumbel": 0.5772156649015329, "logistic": 0.0}
SPREADS = {"uniform": 12**-0.5, "normal": 1.0, "gumbel": np.pi / 6**0.5, "logistic": np.pi / 3**0.5}
LONG = 400


def _concrete() -> dict[str, Any]:
    """Return an LSTM with a concrete gate and a gate with noise of half its width."""
    noisy = {"activation": "sigmoid((pre + e) / 0.5)", "noises": {"e": "gumbel"}}
    config = gatekit.RNN("lstm", UNITS).spec.canonical()
    gates = {**config["gates"], "forget": noisy, "input": {**noisy, "noises": {"e": "logistic"}}}
    return {**config, "gates": gates}


def _shown(kind: str) -> dict[str, Any]:
    noisy = {"activation": "e", "noises": {"e": kind}, "reads": [], "bias": False}
    return {"name": "own", "gates": {"g": noisy}, "equations": {"h": "g + 0*h_prev"}, "emits": "h"}


@pytest.mark.parametrize("agrees", [torch_agrees, jax_agrees, keras_agrees])
def test_outside_training_a_file_computes_what_the_layer_computes(agrees: Any) -> None:
    agrees(case(_concrete(), gradients=agrees is not keras_agrees))


def _torch(kind: str, training: bool) -> Any:
    torch = library("torch")
    made, module = case(_shown(kind)).file("torch")
    layer = getattr(module, made.title)().double().train(training)
    return layer(torch.zeros(BATCH, LONG, FEATURES, dtype=torch.float64))[0].detach().numpy()


def _jax(kind: str, training: bool) -> Any:
    jax = library("jax")
    _, module = case(_shown(kind)).file("jax")
    params = module.init(jax.random.key(0))
    given = {"rng": jax.random.key(3)} if training else {}
    return np.asarray(module.apply(params, jax.numpy.zeros((BATCH, LONG, FEATURES)), **given)[0])


def _keras(kind: str, training: bool) -> Any:
    made, module = case(_shown(kind)).file("keras")
    cell = getattr(module, made.title)()
    layer = getattr(module, made.title.removesuffix("Cell"))(cell, seed=1, return_sequences=True)
    return np.asarray(layer(np.zeros((BATCH, LONG, FEATURES), "float32"), training=training))


@pytest.mark.parametrize("kind", MEANS)
@pytest.mark.parametrize("values", [_torch, _jax, _keras])
def test_in_training_a_file_draws_by_its_framework(values: Any, kind: str) -> None:
    drawn = values(kind, True)
    assert drawn.shape == (BATCH, LONG, UNITS)
    assert drawn.mean() == pytest.approx(MEANS[kind], abs=6 * SPREADS[kind] / drawn.size**0.5)
    assert drawn.std() == pytest.approx(SPREADS[kind], rel=0.08)
    assert len(np.unique(drawn)) > 0.99 * drawn.size
    np.testing.assert_allclose(values(kind, False), MEANS[kind], rtol=1e-6)
