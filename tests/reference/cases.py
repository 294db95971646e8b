"""The reference cells by name, with the shapes of their weights: what tests loop over."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from . import (
    cifg,
    gru,
    gru_reset_after,
    janet,
    lstm,
    mgu,
    mingru,
    on_lstm,
    peephole,
    power_law,
    rhn,
    rnn,
    slstm,
    ur_lstm,
)
from .run import Step

CHUNK = 2


class Case(NamedTuple):
    """A cell as tests use it.

    Args:
        step: ``step(x, states, w)``.
        states: the names of the states, the emitted one first.
        shapes: ``shapes(features, units)``, the shapes of the weights by name.
    """

    step: Step
    states: tuple[str, ...]
    shapes: Callable[[int, int], dict[str, tuple[int, ...]]]


CASES: dict[str, Case] = {
    "cifg": Case(cifg.step, cifg.STATES, cifg.shapes),
    "gru": Case(gru.step, gru.STATES, gru.shapes),
    "gru_reset_after": Case(gru_reset_after.step, gru_reset_after.STATES, gru_reset_after.shapes),
    "janet": Case(janet.step, janet.STATES, janet.shapes),
    "lstm": Case(lstm.step, lstm.STATES, lstm.shapes),
    "mgu": Case(mgu.step, mgu.STATES, mgu.shapes),
    "mingru": Case(mingru.step, mingru.STATES, mingru.shapes),
    "on_lstm": Case(on_lstm.step, on_lstm.STATES, lambda f, u: on_lstm.shapes(f, u, CHUNK)),
    "peephole": Case(peephole.step, peephole.STATES, peephole.shapes),
    "power_law": Case(power_law.step, power_law.STATES, power_law.shapes),
    "power_law_coupled": Case(power_law.step_coupled, power_law.STATES, power_law.shapes_coupled),
    "rhn": Case(rhn.step, rhn.STATES, rhn.shapes),
    "rnn": Case(rnn.step, rnn.STATES, rnn.shapes),
    "slstm": Case(slstm.step, slstm.STATES, slstm.shapes),
    "ur_lstm": Case(ur_lstm.step, ur_lstm.STATES, ur_lstm.shapes),
}
