"""The notation of Keras 3."""

from __future__ import annotations

from dataclasses import replace

from gatekit.code.sources import sources

from .arrays import array_framework

_HELPERS = {
    **{name: sources("numpy")[name] for name in ("legendre", "hippo")},
    **sources("ops"),
    **sources("keras"),
}


KERAS = replace(
    array_framework("keras", "ops", {}, _HELPERS, "", "keras ops np math self cont2discrete"),
    # Under a mask, keras.layers.RNN can only carry vectors on some backends.
    reshape="ops.reshape({value}, (-1, {shape}))",
    projects=False,
    drawn="drawn",
    held="{hold} * {old} + (1 - {hold}) * {new}",
)
