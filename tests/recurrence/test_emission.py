"""The bundled output units against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from seams import CellError

from .layers import inputs_for, layer, states_for
from .problems import assert_close

UNITS = 8


def _sigmoid(a: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(1 / (1 + np.exp(-a)))


def _signals(rnn: Any) -> dict[str, NDArray[Any]]:
    """Return h and c of an LSTM, batch x time x units, from layers that emit them."""
    found = {"x": np.asarray(inputs_for(rnn))}
    for name, unit in (("h", "hidden"), ("c", "memory")):
        plain = layer("lstm", output_unit=unit, return_sequences=True)
        for weight, variable in plain.named_weights.items():
            variable.assign(rnn.named_weights[weight])
        given = {n: v for n, v in states_for(rnn).items() if n in "hc"}
        found[name] = np.asarray(plain(inputs_for(rnn), initial_state=given))
    return found


@pytest.mark.parametrize("unit", ["projection", "gated"])
def test_units_with_reads(unit: str) -> None:
    rnn = layer("lstm", output_unit=unit, return_sequences=True)
    w = {n: v.numpy() for n, v in rnn.named_weights.items() if n.startswith("output_unit")}
    signals = _signals(rnn)
    signals["emitted"] = signals["h"]
    reads = [n for n in w if n != "output_unit.bias"]
    pre = sum(signals[n.removeprefix("output_unit.")] @ w[n] for n in reads) + w["output_unit.bias"]
    expected = pre if unit == "projection" else _sigmoid(pre) * signals["h"]
    assert len(reads) == (1 if unit == "projection" else 2)
    actual = rnn(inputs_for(rnn), initial_state=states_for(rnn))
    assert_close({"y": actual}, {"y": expected})


def test_glu_gates_one_map_with_another() -> None:
    """Dauphin et al. (2017), section 2: (X W + b) * sigmoid(X V + c), without the convolution."""
    rnn = layer("lstm", output_unit={"kind": "glu", "units": 5}, return_sequences=True)
    names = ("value.emitted", "value.bias", "gate.emitted", "gate.bias")
    w, b, v, c = (rnn.named_weights[f"output_unit.{name}"].numpy() for name in names)
    h = _signals(rnn)["h"]
    expected = (h @ w + b) * _sigmoid(h @ v + c)
    assert expected.shape[-1] == 5
    actual = rnn(inputs_for(rnn), initial_state=states_for(rnn))
    assert_close({"y": actual}, {"y": expected})


def test_mix_last_mixes_the_last_four() -> None:
    rnn = layer("lstm", output_unit="mix_last", return_sequences=True)
    raw = rnn.named_weights["output_unit.w"].numpy()
    weights = np.exp(raw) / np.exp(raw).sum()
    states = states_for(rnn)
    padded = np.concatenate([states["h_history"], _signals(rnn)["h"]], 1)
    expected = sum(weights[k] * padded[:, k : k + 5] for k in range(4))
    actual = rnn(inputs_for(rnn), initial_state=states)
    assert_close({"y": actual}, {"y": expected})


def test_a_unit_of_another_width_than_the_cell_emits_is_answered_with_the_width() -> None:
    """A projection emits units // 2."""
    with pytest.raises(CellError, match="emits 4"):
        layer("lstmp_peephole", units=UNITS, output_unit="gated", return_sequences=True)
    fitting = {"kind": "gated", "units": 4}
    rnn = layer("lstmp_peephole", units=UNITS, output_unit=fitting, return_sequences=True)
    assert rnn(inputs_for(rnn)).shape[-1] == 4
