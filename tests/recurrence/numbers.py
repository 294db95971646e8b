"""Every function of elements, with plain numbers in every choice of its arguments."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from gatekit import registry

ELEMENTWISE = {n: f for n, f in registry.catalogue().functions.items() if f.kind == "elementwise"}
SIGNALS = ("a", "b", "c")
NUMBERS = ("0.3", "2", "units / 8")
_TOGETHER = 12


def calls(number: str) -> list[str]:
    """Return calls in which at least one argument is the number, and the others are signals."""
    found = []
    for name, function in ELEMENTWISE.items():
        for plain in product([True, False], repeat=function.arity):
            if any(plain):
                given = [number if p else s for p, s in zip(plain, SIGNALS, strict=False)]
                found.append(f"{name}({', '.join(given)})")
    return found


def cell(number: str) -> dict[str, Any]:
    """Return a cell that emits a sum of all the calls, each with a factor of its own.

    Its state is affine in the state before, so that every executor computes it.
    """
    terms = [f"{0.5 + place / 50} * {call}" for place, call in enumerate(calls(number))]
    parts = [" + ".join(terms[i : i + _TOGETHER]) for i in range(0, len(terms), _TOGETHER)]
    equations = {f"v{place}": part for place, part in enumerate(parts)}
    names = " + ".join(equations)
    return {
        "name": "numbers",
        "gates": {name: {"kind": "linear", "reads": ["x"]} for name in SIGNALS},
        "equations": {**equations, "h": f"0.5 * h_prev + {names}"},
        "emits": "h",
    }


def expected(number: str, x: Any, weights: dict[str, Any]) -> Any:
    """Return what the cell emits, as NumPy computes it."""
    gates = {n: x @ weights[f"{n}.x"] + weights[f"{n}.bias"] for n in SIGNALS}
    env = {**ELEMENTWISE, **gates, "units": gates["a"].shape[-1]}
    parts = [part for name, part in cell(number)["equations"].items() if name != "h"]
    values = [np.zeros_like(gates["a"]) + eval(part, env) for part in parts]
    h, found = 0.0, []
    for step in range(x.shape[1]):
        h = 0.5 * h + sum(value[:, step] for value in values)
        found.append(h)
    return np.stack(found, 1)
