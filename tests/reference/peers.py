"""Other libraries that cells are held against: the group ``peers``, which CI installs.

What imports TensorFlow or torch does so when it is called: the pages of the cells read this module.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from . import cases
from .functions import Array
from .run import draw

BATCH, TIME = 3, 5
Tensors = dict[str, Any]
Stepped = tuple[Any, Tensors]
REASON = "needs the group peers: pip install --group peers"

# Which cells are compared with another library's, values and gradients in float64; the tests of
# each library say that these are all, and the pages of the zoo name them.
COMPARED = {
    "Keras": ("gru", "gru_reset_after", "lstm", "rnn"),
    "torch": ("lstm", "lstmp"),
    "torchrecurrent": (
        *("antisymmetric_rnn", "atr", "brc", "cfn", "cornn", "dsgu", "fast_grnn", "fast_rnn"),
        *("gated_antisymmetric_rnn", "ind_rnn", "intersection_rnn", "light_ru", "ligru_plain"),
        *(
            "memory_control_lstm",
            "mgu",
            "minimal_rnn",
            "miru1",
            "miru2",
            "multiplicative_lstm_tanh",
        ),
        *("mut1", "mut2", "mut3", "nas_additive", "nbrc", "original_lstm", "peephole", "ran"),
        *("res_lstm", "sgrn", "sgu", "star", "tgru", "tlstm", "trnn", "ugrnn"),
        *("unicornn", "wmc_lstm"),
    ),
    "ncps": ("cfc", "cfc_no_gate", "cfc_pure", "ltc"),
    "xlstm": ("mlstm", "slstm"),
    "flax": ("gru_reset_after", "lstm", "mgu_flax", "rnn"),
}


def library(module: str) -> Any:
    """Return a module of another library; without it the test is skipped, and fails in CI.

    Args:
        module: its full name.
    """
    if os.environ.get("CI", "").lower() in ("", "0", "false"):
        found = pytest.importorskip(module, reason=REASON)
    else:
        found = importlib.import_module(module)
    if module == "jax":
        # Compiling takes most of the time; what is compiled computes the same, only slower.
        found.config.update("jax_disable_most_optimizations", True)
    return found


def drawn(name: str, seed: int = 3) -> tuple[Array, dict[str, Array], dict[str, Array]]:
    """Return x, initial states and weights of a case."""
    case, rng = cases.CASES[name], np.random.default_rng(seed)
    x = rng.standard_normal((BATCH, TIME, case.features))
    return x, case.drawn_states(rng, BATCH), draw(case.shapes(case.features, case.units), rng)


def of_layer(
    name: str, x: Array, states: Mapping[str, Array], weights: Mapping[str, Array]
) -> tuple[Any, Any]:
    """Return what the layer of a case computes with these weights, and all gradients."""
    import tensorflow as tf
    from recurrence.cells import canonical, merged
    from recurrence.layers import computed, layer

    case = cases.CASES[name]
    rnn = layer(
        merged(canonical(case.cell or name), case.config),
        units=case.units,
        features=case.features,
        return_sequences=True,
        return_state=True,
    )
    for key, value in weights.items():
        rnn.named_weights[key].assign(value)
    return computed(rnn, tf.constant(x), None, {n: tf.constant(v) for n, v in states.items()})


def rows(w: Tensors, names: Sequence[str]) -> Any:
    """Matrices one below the other, as torch multiplies from the left; vectors end to end."""
    parts = [w[n].T if w[n].ndim == 2 else w[n] for n in names]
    return library("torch").cat(parts)


def leaves(arrays: Mapping[str, Array]) -> Tensors:
    """Arrays as tensors of torch that get a gradient."""
    return {n: library("torch").tensor(a, requires_grad=True) for n, a in arrays.items()}


def same_as_torch(
    name: str,
    peer: Callable[[Any, Tensors, Tensors], Stepped],
    tolerance: float = 1e-12,
    seed: int = 3,
) -> None:
    """Compare the layer of a case with a peer in torch: values, states and all gradients.

    Args:
        name: the case.
        peer: ``peer(x, states, weights) -> (outputs, last states)``.
        tolerance: how far gradients may be apart.
        seed: draws x, states and weights.

    Raises:
        AssertionError: they differ.
    """
    from recurrence.problems import assert_close, loss

    x, states, weights = drawn(name, seed)
    values, actual = of_layer(name, x, states, weights)
    inputs, w = leaves({"input x": x, **states}), leaves(weights)
    outputs, last = peer(inputs["input x"], {n: inputs[n] for n in states}, w)
    expected = {"outputs": outputs, **{n: last[n] for n in values if n != "outputs"}}
    assert_close(values, {n: v.detach().numpy() for n, v in expected.items()}, 1e-12)
    total = sum(
        (v * library("torch").tensor(np.random.default_rng(i).normal(size=v.shape))).sum()
        for i, v in enumerate(expected.values())
    )
    assert float(total.detach()) == pytest.approx(float(loss(values)), abs=1e-10)
    total.backward()
    exact = {**w, **{f"state {n}": inputs[n] for n in states}, "input x": inputs["input x"]}
    assert_close(actual, {n: exact[n].grad.numpy() for n in actual}, tolerance)
