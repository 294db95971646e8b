"""The initial values of weights, drawn from a seed.

Each weight has its own generator, derived from its name, so the values of a weight do not depend
on other weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatekit.cell.errors import GatekitError
from gatekit.cell.graph import Cell, Weight
from gatekit.cell.learned import DrawContext
from gatekit.cell.row_wise import place_in
from gatekit.cell.schema import make_initializer
from gatekit.faults import Place


def generator(seed: int, name: str) -> np.random.Generator:
    """Return the generator of a weight: a function of seed and name alone."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


def draw(cell: Cell, seed: int) -> dict[str, NDArray[Any]]:
    """Return the initial values of all weights by name, in float64.

    Args:
        cell: the built cell.
        seed: the layer's seed.

    Raises:
        GatekitError: an initializer fails or returns another shape, or ``negative_of`` forms a
            cycle.
    """
    values: dict[str, NDArray[Any]] = {}
    by_name = {w.name: w for w in cell.weights}

    def value(name: str, chain: tuple[str, ...]) -> NDArray[Any]:
        if name in chain:
            raise GatekitError(f"negative_of forms a cycle: {' -> '.join((*chain, name))}")
        if name not in values:
            weight = by_name[name]
            init = weight.init
            if isinstance(init, Mapping) and "negative_of" in init:
                part = name.split(".", 1)[1]
                values[name] = -value(f"{init['negative_of']}.{part}", (*chain, name))
            else:
                values[name] = _drawn(cell, weight, init, seed)
        return values[name]

    return {name: value(name, ()) for name in by_name}


def _drawn(cell: Cell, weight: Weight, init: Any, seed: int) -> NDArray[Any]:
    if isinstance(init, (int, float)):
        return np.full(weight.shape, float(init))
    initializer = make_initializer(init, Place((weight.name,)), cell.spec.catalogue)
    context = DrawContext(weight.gate_units, cell.units, cell.features)
    of_numpy: Any = np.random.get_state()
    try:
        drawn = np.asarray(
            initializer.draw(generator(seed, weight.name), weight.shape, context), dtype=np.float64
        )
    except GatekitError as error:
        raise type(error)(f"{weight.name}: {error}") from None
    except Exception as error:
        place = place_in(type(initializer).draw, error)
        raise GatekitError(f"{weight.name}: {place}: {type(error).__name__}: {error}") from None
    if not all(map(np.array_equal, of_numpy, np.random.get_state())):
        raise GatekitError(
            f"{weight.name}: {place_in(type(initializer).draw)}: {initializer!r} draws from "
            "numpy.random, not from its argument rng"
        )
    if drawn.shape != tuple(weight.shape):
        raise GatekitError(
            f"{weight.name}: {place_in(type(initializer).draw)}: {initializer!r} drew the shape "
            f"{drawn.shape}, but {weight.shape} is needed"
        )
    return drawn
