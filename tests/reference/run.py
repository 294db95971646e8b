"""The driver of the reference recurrences: a loop over time, and gradients by complex steps.

Nothing here is clever or fast; it is the witness that the executors of gatekit are held against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .functions import Array, States, Stepped, Weights

Step = Callable[[Array, States, Weights], Stepped]
# Its square is lost against any float64, so that the derivative carries no truncation error.
_COMPLEX_STEP = 1e-30


class Gradients(NamedTuple):
    """Gradients by argument, each shaped as what it is the gradient of."""

    x: Array
    states: dict[str, Array]
    w: dict[str, Array]


def zero_states(names: Iterable[str], batch: int, units: int) -> dict[str, Array]:
    """Zeros, batch x units, for each state (``t`` of the power law gate, broadcast, included)."""
    return {name: np.zeros((batch, units)) for name in names}


def draw(
    shapes: Mapping[str, tuple[int, ...]], rng: np.random.Generator, scale: float = 0.5
) -> dict[str, Array]:
    """Normal arrays in float64 for each name, with standard deviation ``scale``."""
    return {name: scale * rng.standard_normal(shape) for name, shape in shapes.items()}


def run(
    step: Step,
    x: Array,
    states: States,
    w: Weights,
    mask: Array | None = None,
    go_backwards: bool = False,
) -> tuple[Array, dict[str, Array]]:
    """Run a cell over a sequence.

    A masked step leaves every state of its row as it was and emits again what the row's last
    valid step emitted, or zeros before the first valid one. What x holds in a masked step, NaN
    included, has no effect.

    Args:
        step: a cell's ``step(x, states, w) -> (emission, new states)``.
        x: batch x time x features.
        states: the states before the first step, each batch x units.
        w: weights by name.
        mask: batch x time, True where a step is valid; None means that all are.
        go_backwards: whether to read the sequence (and its mask) from the end. As in Keras,
            outputs then stand in the order of reading: the first belongs to the last time.

    Returns:
        The outputs, batch x time x units, and the states after the last step.

    Raises:
        ValueError: the mask is not a boolean batch x time, or the step does not return the states
            it was given.
    """
    if mask is None:
        mask = np.ones(x.shape[:2], dtype=bool)
    if mask.dtype != np.bool_ or mask.shape != x.shape[:2]:
        raise ValueError(f"mask must be bool {x.shape[:2]}, and is {mask.dtype} {mask.shape}")
    if go_backwards:
        x, mask = x[:, ::-1], mask[:, ::-1]
    x = np.where(mask[..., None], x, 0.0)
    states = dict(states)
    emitted: Any = 0.0
    outputs = []
    for t in range(x.shape[1]):
        emission, new = step(x[:, t], states, w)
        if new.keys() != states.keys():
            raise ValueError(f"the step returned {sorted(new)}, and was given {sorted(states)}")
        valid = mask[:, t, None]
        states = {name: np.where(valid, new[name], old) for name, old in states.items()}
        emitted = np.where(valid, emission, emitted)
        outputs.append(emitted)
    return np.stack(outputs, axis=1), states


def gradients(
    step: Step,
    x: Array,
    states: States,
    w: Weights,
    cotangent: Array,
    mask: Array | None = None,
    go_backwards: bool = False,
    state_cotangents: Mapping[str, Array] | None = None,
) -> Gradients:
    """The gradient of sum(outputs * cotangent) + sum(final state * its cotangent).

    One complex step per scalar, so that it is exact to rounding and shares nothing with
    backpropagation.

    Args:
        step: a cell's ``step``.
        x: batch x time x features.
        states: the states before the first step, each batch x units.
        w: weights by name.
        cotangent: batch x time x units.
        mask: as in :func:`run`.
        go_backwards: as in :func:`run`.
        state_cotangents: by state, batch x units; a state that is not named does not enter.

    Returns:
        The gradients with respect to x, every initial state and every weight.
    """
    final = state_cotangents or {}

    def loss(x: Array, states: States, w: Weights) -> Any:
        outputs, after = run(step, x, states, w, mask, go_backwards)
        return np.sum(outputs * cotangent) + sum(np.sum(after[n] * final[n]) for n in final)

    def of_state(name: str) -> Array:
        return _derivative(lambda probe: loss(x, {**states, name: probe}, w), states[name])

    def of_weight(name: str) -> Array:
        return _derivative(lambda probe: loss(x, states, {**w, name: probe}), w[name])

    return Gradients(
        _derivative(lambda probe: loss(probe, states, w), x),
        {name: of_state(name) for name in states},
        {name: of_weight(name) for name in w},
    )


def _derivative(loss: Callable[[Array], Any], at: Array) -> Array:
    gradient = np.empty(at.shape)
    probe = at.astype(np.complex128)
    for index in np.ndindex(at.shape):
        probe[index] = complex(at[index], _COMPLEX_STEP)
        gradient[index] = np.imag(loss(probe)) / _COMPLEX_STEP
        probe[index] = at[index]
    return gradient
