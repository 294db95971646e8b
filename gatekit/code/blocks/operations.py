"""The operations of a block's parts in each framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gatekit.code.notations import FRAMEWORKS, Framework

_RMS = {"rms_norm": "rms_norm({0}, {1})", "embed": "{0}[{1}]"}
_FUNCTIONS: Mapping[str, Mapping[str, str]] = {
    "torch": {
        "rms_norm": "F.rms_norm({0}, {0:5}.shape[-1:], eps={1})",
        "dropout": "F.dropout({0}, {1}, self.training)",
        "embed": "F.embedding({1}, {0})",
    },
    "numpy": _RMS,
    "jax": {**_RMS, "dropout": "dropout({0}, {1}, rng, {2})"},
    "keras": {
        **_RMS,
        "dropout": "self.dropout({0}, training=training)",
        "embed": "ops.take({0}, {1}, axis=0)",
    },
}
# Calls of the cell. ``{function}`` is its loop, or the function that computes all steps together;
# ``{cell}`` is the prefix of its functions.
CALLS = {
    "torch": "{target}, {state} = self.rnn{function}({value}, {state}, mask)",
    "jax": "{target}, {state} = {cell}{function}(params, {value}, {state}, mask{noise})",
    "numpy": "{target}, {state} = {cell}{function}(params, {value}, {state}, mask)",
    "keras": "{target}, *{state} = self.rnn({value}, initial_state={state}, mask=mask{noise})",
}
NOISE = {"jax": ", rng", "keras": ", training=training"}
LOOPS = {"torch": "", "jax": "apply", "numpy": "forward", "keras": ""}


def with_parts(to: str) -> Framework:
    """Return a framework's notation, with the operations of parts added.

    Args:
        to: the framework's name.
    """
    framework = FRAMEWORKS[to]
    functions = {**framework.functions, **_FUNCTIONS[to]}
    return replace(framework, functions=functions, draws_noise=to != "numpy")
