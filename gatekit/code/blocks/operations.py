"""The operations of a block's parts in each framework, in addition to those of a cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gatekit.code.notations import FRAMEWORKS, Framework

_HELPERS = {
    "convolve": '''def convolve(x: A, kernel: A, earlier: A, mask: A | None) -> tuple[A, A]:
    """Return the kernel over the last valid steps of x, and the inputs to carry on."""
    before = kernel.shape[0] - 1
    if mask is not None:
        x = take(x, valid_first(mask))
    inputs = {joined}
    y = inputs[:, before:] * kernel[0]
    for back in range(1, before + 1):
        y = y + inputs[:, before - back : -back] * kernel[back]
    if mask is None:
        return y, inputs[:, -before:]
    count = {count}
    y = take(y, {last})
    return y, take(inputs, count[:, -1:] + {arange})''',
    "repeat_valid": '''def repeat_valid(y: A, mask: A) -> A:
    """Return y; at masked steps that of the last valid step, before it zeros."""
    count = {count}
    last = take(take(y, valid_first(mask)), {last})
    return {where}(count[..., None] > 0, last, 0.0)''',
    "valid_first": '''def valid_first(mask: A) -> A:
    """Return the places of the valid steps in order, then those of the others."""
    return {order}''',
    "take": """def take(x: A, places: A) -> A:
    return {taken}""",
}
# A matrix for each step, instead of a weight for each channel.
_HELPERS["convolve_full"] = (
    _HELPERS["convolve"]
    .replace("def convolve(", "def convolve_full(")
    .replace("] * kernel[", "] @ kernel[")
)
_ROOT_MEAN_SQUARE = """def rms_norm(x: A, epsilon: float) -> A:
    return x / {m}.sqrt({m}.mean({m}.square(x), axis=-1, keepdims=True) + epsilon)"""


def _of_arrays(m: str) -> dict[str, str]:
    return {
        "joined": f"{m}.concatenate([earlier, x], axis=1)",
        "count": f"{m}.cumsum(mask, axis=1)",
        "last": f"{m}.maximum(count - 1, 0)",
        "arange": f"{m}.arange(before)",
        "where": f"{m}.where",
        "taken": f"{m}.take_along_axis(x, places[..., None], axis=1)",
    }


_OPERATIONS: Mapping[str, Mapping[str, str]] = {
    "torch": {
        "joined": "torch.cat([earlier, x], dim=1)",
        "count": "mask.cumsum(dim=1)",
        "last": "(count - 1).clamp(min=0)",
        "arange": "torch.arange(before, device=x.device)",
        "where": "torch.where",
        "order": "torch.argsort(mask.int(), dim=1, descending=True, stable=True)",
        "taken": "x.take_along_dim(places[..., None], dim=1)",
    },
    "numpy": {**_of_arrays("np"), "order": 'np.argsort(~mask, axis=1, kind="stable")'},
    "jax": {**_of_arrays("jnp"), "order": "jnp.argsort(~mask, axis=1)"},
    "keras": {
        **_of_arrays("ops"),
        "count": 'ops.cumsum(ops.cast(mask, "int32"), axis=1)',
        # Keras' sort may be unstable, so the keys are distinct.
        "order": "ops.argsort(ops.where(mask, steps, steps + ops.shape(mask)[1]), axis=1)",
    },
}
_RMS = {"rms_norm": "rms_norm({0}, {1})"}
_FUNCTIONS: Mapping[str, Mapping[str, str]] = {
    "torch": {
        "rms_norm": "F.rms_norm({0}, {0:5}.shape[-1:], eps={1})",
        "dropout": "F.dropout({0}, {1}, self.training)",
    },
    "numpy": _RMS,
    "jax": {**_RMS, "dropout": "dropout({0}, {1}, rng, {2})"},
    "keras": {**_RMS, "dropout": "self.dropout({0}, training=training)"},
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
    framework, table = FRAMEWORKS[to], _OPERATIONS[to]
    helpers = {
        name: source.format_map(table) if "{" in source else source
        for name, source in _HELPERS.items()
    }
    if to == "keras":
        body = "    return ops.argsort"
        steps = "    steps = ops.arange(ops.shape(mask)[1])\n"
        helpers["valid_first"] = helpers["valid_first"].replace(body, steps + body)
    if to != "torch":
        module = {"jax": "jnp", "numpy": "np", "keras": "ops"}[to]
        helpers["rms_norm"] = _ROOT_MEAN_SQUARE.format(m=module)
    return replace(
        framework,
        functions={**framework.functions, **_FUNCTIONS[to]},
        draws_noise=to != "numpy",
        helpers={**framework.helpers, **{n: framework.typed(s) for n, s in helpers.items()}},
    )
