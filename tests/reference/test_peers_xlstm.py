"""mLSTM and sLSTM against the authors' own step functions, in float64, weights copied.

Outputs, last states and the gradients of all weights, of x and of the initial states are compared;
torch differentiates the authors' code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from recurrence.cells import canonical, merged
from recurrence.layers import computed, layer
from recurrence.problems import assert_close

from .cases import CASES
from .peers import library
from .run import draw

torch = library("torch")
mlstm = library("xlstm.blocks.mlstm.backends")
slstm = library("xlstm.blocks.slstm.src.vanilla.slstm")

BATCH, TIME, HEADS = 3, 5, 2
Tensors = dict[str, Any]


def _linear(w: Tensors, gate: str, x: Any) -> Any:
    return x @ w[f"{gate}.x"] + w[f"{gate}.bias"]


def mlstm_step(x: Any, states: Tensors, w: Tensors) -> tuple[Any, Tensors]:
    """One step of the authors' mLSTM between our projections."""
    q, k, v = (
        _linear(w, gate, x).reshape(BATCH, HEADS, 1, -1) for gate in ("query", "key", "value")
    )
    size = q.shape[-1]
    read, (C, n, m) = mlstm.recurrent_step_stabilized_simple(
        c_state=states["C"].reshape(BATCH, HEADS, size, size),
        n_state=states["n"].reshape(BATCH, HEADS, size, 1),
        m_state=states["m"].reshape(BATCH, HEADS, 1, 1),
        q=q,
        k=k,
        v=v,
        igate_preact=_linear(w, "input", x).reshape(BATCH, HEADS, 1, 1),
        fgate_preact=_linear(w, "forget", x).reshape(BATCH, HEADS, 1, 1),
    )
    h = torch.sigmoid(_linear(w, "output", x)) * read.reshape(BATCH, -1)
    new = {"m": m, "C": C, "n": n}
    return h, {name: value.reshape(BATCH, -1) for name, value in new.items()}


def slstm_step(x: Any, states: Tensors, w: Tensors) -> tuple[Any, Tensors]:
    """One step of the authors' sLSTM; the order of its gates is theirs."""
    gates = ("input", "forget", "candidate", "output")
    read = torch.cat([x @ w[f"{gate}.x"] for gate in gates], 1)
    recalled = torch.cat([states["h"] @ w[f"{gate}.h_prev"] for gate in gates], 1)
    bias = torch.cat([w[f"{gate}.bias"] for gate in gates])[None]
    order = ("h", "c", "n", "m")
    given = torch.stack([states[name] for name in order])
    new, _ = slstm.slstm_forward_pointwise(read, recalled, bias, given, {})
    return new[0], dict(zip(order, new, strict=True))


@pytest.mark.parametrize(("name", "step"), [("mlstm", mlstm_step), ("slstm", slstm_step)])
def test_the_authors_code(name: str, step: Any) -> None:
    case, rng = CASES[name], np.random.default_rng(4)
    made = layer(
        merged(canonical(name), case.config),
        units=case.units,
        features=case.features,
        return_sequences=True,
        return_state=True,
    )
    weights = draw(case.shapes(case.features, case.units), rng)
    for key, value in weights.items():
        made.named_weights[key].assign(value)
    x = rng.standard_normal((BATCH, TIME, case.features))
    first = case.drawn_states(rng, BATCH)
    states = {key: tf.constant(value) for key, value in first.items()}
    values, gradients = computed(made, tf.constant(x), None, states)

    leaves = {
        **{key: torch.tensor(value, requires_grad=True) for key, value in weights.items()},
        **{f"state {key}": torch.tensor(v, requires_grad=True) for key, v in first.items()},
        "input x": torch.tensor(x, requires_grad=True),
    }
    held = {key: leaves[f"state {key}"] for key in first}
    emitted = []
    for t in range(TIME):
        h, held = step(leaves["input x"][:, t], held, leaves)
        emitted.append(h)
    found = {"outputs": torch.stack(emitted, 1), **{key: held[key] for key in made.state_names}}
    assert_close(values, {key: value.detach().numpy() for key, value in found.items()})
    total = sum(
        (torch.tensor(np.random.default_rng(index).normal(size=value.shape)) * value).sum()
        for index, value in enumerate(found.values())
    )
    total.backward()
    assert_close(gradients, {key: leaves[key].grad.numpy() for key in gradients}, 1e-11)
