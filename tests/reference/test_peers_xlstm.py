"""mLSTM and sLSTM against the authors' own step functions, in float64, weights copied.

Outputs, last states and the gradients of all weights, of x and of the initial states are compared;
torch differentiates the authors' code.
"""

from __future__ import annotations

from typing import Any

import pytest

from .peers import BATCH, TIME, Tensors, library, same_as_torch

torch = library("torch")
mlstm = library("xlstm.blocks.mlstm.backends")
slstm = library("xlstm.blocks.slstm.src.vanilla.slstm")

HEADS = 2


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
    def peer(x: Any, states: Tensors, w: Tensors) -> tuple[Any, Tensors]:
        emitted = []
        for t in range(TIME):
            h, states = step(x[:, t], states, w)
            emitted.append(h)
        return torch.stack(emitted, 1), states

    same_as_torch(name, peer, tolerance=1e-11, seed=4)
