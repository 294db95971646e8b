"""The notation of Keras 3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gatekit.code.sources import sources

from .arrays import array_framework

_HELPERS = {
    **{name: sources("numpy")[name] for name in ("legendre", "hippo")},
    **sources("ops"),
    **sources("keras"),
}


def _keras_numbers(name: str, numbers: Sequence[bool]) -> str | None:
    """Return ``where`` for two plain numbers, which Keras would make single precision."""
    if name == "where" and numbers[1] and numbers[2]:
        return "ops.where({0:1} > 0, {1:5} * ops.ones_like({0}), {2})"
    return None


KERAS = replace(
    array_framework("keras", "ops", {}, _HELPERS, "", "keras ops np math self cont2discrete"),
    numbers=_keras_numbers,
    # Under a mask, keras.layers.RNN can only carry vectors on some backends.
    reshape="ops.reshape({value}, (-1, {shape}))",
    projects=False,
    drawn="drawn",
    held="{hold} * {old} + (1 - {hold}) * {new}",
)
