"""The LSTM whose weight matrices are W = g V / |V|, unit by unit.

Reference: Salimans & Kingma 2016, arXiv 1602.07868, equation 2.
"""

from __future__ import annotations

from collections import ChainMap

import numpy as np

from . import lstm
from .case import Case
from .functions import Array, States, Stepped, Weights
from .reads import Shapes


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name: those of the LSTM, and a length for each column."""
    plain = lstm.shapes(features, units)
    lengths = {f"{name}.scale": (shape[1],) for name, shape in plain.items() if len(shape) == 2}
    return plain | lengths


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step of the LSTM with the matrices that the lengths and directions stand for.

    Args:
        x: batch x features.
        states: h and c, each batch x units.
        w: weights by name, see :func:`shapes`.

    Returns:
        The emission h, batch x units, and the new states.
    """
    matrices: dict[str, Array] = {}
    for name in [name for name in w if f"{name}.scale" in w]:
        columns = []
        for unit, direction in enumerate(w[name].T):
            columns.append(w[f"{name}.scale"][unit] * direction / np.sqrt(direction @ direction))
        matrices[name] = np.stack(columns, axis=1)
    return lstm.step(x, states, ChainMap(matrices, w))


CASES = {"weight_norm_lstm": Case(step, lstm.STATES, shapes)}
