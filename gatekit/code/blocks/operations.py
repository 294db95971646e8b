"""The operations of blocks and stacks in each framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gatekit.code.notations import FRAMEWORKS, Framework

_ARRAYS = {
    "rms_norm": "rms_norm({0}, {1})",
    "embed": "{0}[{1}]",
    "last_step": "{0}[:, -1]",
    "all_steps": "{0}.reshape(len({0}), -1)",
}
_FUNCTIONS: Mapping[str, Mapping[str, str]] = {
    "torch": {
        "rms_norm": "F.rms_norm({0}, {0:5}.shape[-1:], eps={1})",
        "dropout": "F.dropout({0}, {1}, self.training)",
        "embed": "F.embedding({1}, {0})",
        "last_step": "{0}[:, -1]",
        "all_steps": "{0}.flatten(1)",
    },
    "jax": {**_ARRAYS, "dropout": "dropout({0}, {1}, rng, {2})"},
    "keras": {
        **_ARRAYS,
        "dropout": "self.dropout({0}, training=training)",
        "embed": "ops.take({0}, {1}, axis=0)",
        "all_steps": "ops.reshape({0}, (-1, {1}))",
    },
}
# Calls of the cell. ``{function}`` is its loop, or the function that computes all steps together;
# ``{cell}`` is the prefix of its functions.
CALLS = {
    "torch": "{target}, {state} = self.rnn{function}({value}, {state}, mask)",
    "jax": "{target}, {state} = {cell}{function}(params, {value}, {state}, mask{noise})",
    "keras": "{target}, *{state} = self.rnn({value}, initial_state={state}, mask=mask{noise})",
}
# Calls of the cell that reads time backwards; ``back`` has its weights.
BACKWARD = {
    "torch": "{target}, _ = self.backward_rnn{function}({value}, None, mask_back)",
    "jax": "{target}, _ = {cell}{function}(back, {value}, None, mask_back{noise})",
    "keras": "{target}, *_ = self.backward_rnn({value}, mask=mask_back{noise})",
}
FLIPPED = {"torch": "{0}.flip(1)", "keras": "ops.flip({0}, 1)", "jax": "{0}[:, ::-1]"}
ANY = {
    "torch": "mask.any(dim=1, keepdim=True)",
    "keras": "ops.any(mask, axis=1, keepdims=True)",
    "jax": "mask.any(axis=1, keepdims=True)",
}
ZEROS = {
    "torch": "x.new_zeros((x.shape[0], {0}, {1}))",
    "keras": "ops.zeros((ops.shape(x)[0], {0}, {1}), x.dtype)",
    "jax": "jnp.zeros((x.shape[0], {0}, {2}.shape[-1]), x.dtype)",
}
NOISE = {"jax": ", rng", "keras": ", training=training"}
LOOPS = {"torch": "", "jax": "apply", "keras": ""}


def with_parts(to: str) -> Framework:
    """Return a framework's notation, with the operations of parts added.

    Args:
        to: the framework's name.
    """
    framework = FRAMEWORKS[to]
    return replace(framework, functions={**framework.functions, **_FUNCTIONS[to]})
