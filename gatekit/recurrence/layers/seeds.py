"""The base class of all layers: its seed, checks of a call, and refusals that Keras would hide."""

from __future__ import annotations

import functools
import inspect
import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

import keras
import tensorflow as tf

from gatekit.cell.calls import REQUIRED, MissingAttributeError, border, no_attribute
from gatekit.cell.errors import ConfigError, DataError, GatekitError, excerpt, listed
from gatekit.faults import Optional, Whole

from .arguments import accepted, refuse_in_call

_OF_KERAS = ("mask", "training")  # Keras passes these even to calls that do not declare them


class SeededLayer(keras.layers.Layer):
    """A layer that draws from its seed."""

    _called_with: object = None
    """The inputs of the call that builds the layer, while that call runs."""

    def __init__(self, **keras_options: Any) -> None:
        # Keras would cast inputs and states to the compute type; only products may use that type.
        super().__init__(**{**keras_options, "autocast": False})

    def _draw_from(self, seed: int | None) -> None:
        """Set the seed; None draws one."""
        self.seed = accepted("seed", seed, Optional(Whole(0)))
        self._drawn_seed = random.randint(1, 10**9) if seed is None else int(seed)

    @border
    @tf.autograph.experimental.do_not_convert
    def __call__(self, inputs: Any = REQUIRED, *args: Any, **kwargs: Any) -> Any:
        """Check the arguments, then call the layer; the first call builds it."""
        if inputs is REQUIRED:
            raise ConfigError(
                "the input is missing; write layer(x), with x as batch x time x features"
            )
        if args and isinstance(args[0], (str, bytes)):
            raise DataError(
                f"the states are {excerpt(repr(args[0]), 40)}; arrays batch x width are "
                "expected: write layer.get_initial_state(batch_size)"
            )
        if isinstance(inputs, (str, bytes)):
            raise DataError(
                f"the input is {excerpt(repr(inputs), 40)}; an array batch x time x features is "
                "expected: write layer(x)"
            )
        if isinstance(inputs, Mapping) and "x" not in inputs:
            raise DataError(
                f"the inputs are called {listed(inputs)}, and 'x' is missing; write layer(x), or "
                "layer({'x': x, ...}) with the cell's other inputs"
            )
        if not args and "states" not in kwargs and _takes_states(type(self).call):
            x = inputs["x"] if isinstance(inputs, Mapping) else inputs
            steps = "cell(x, cell.get_initial_state(batch_size)) for the first step, or "
            steps *= len(getattr(x, "shape", ())) < 3
            raise ConfigError(
                f"the states are missing; write {steps}gatekit.RNN(cell, units) for whole sequences"
            )
        numbers = (int, float, list, tuple)
        if isinstance(inputs, (list, tuple)) and all(isinstance(v, numbers) for v in inputs):
            raise DataError(
                f"the input is a {type(inputs).__name__}; an array batch x time x features is "
                "expected: write layer(np.asarray(x, 'float32'))"
            )
        if kwargs:
            refuse_in_call(kwargs, _in_calls(type(self).call))
        if self.built:
            return super().__call__(inputs, *args, **kwargs)
        # `build` only gets shapes; a message about them may need the input.
        self._called_with = inputs
        try:
            return super().__call__(inputs, *args, **kwargs)
        finally:
            self._called_with = None

    if not TYPE_CHECKING:  # otherwise a type checker would allow every attribute
        __getattr__ = no_attribute

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the layer of a configuration; Keras would quote a refusal at the end of its own.

        Raises:
            GatekitError: a part is not registered in this process, or an argument is not allowed.
        """
        try:
            return super().from_config(config)
        except TypeError as error:
            if isinstance(error.__context__, GatekitError):
                raise error.__context__ from None
            raise

    @border
    def set_weights(self, weights: Any) -> None:
        """Set all weights, in the order of `weights`.

        Args:
            weights: an array for each weight.

        Raises:
            DataError: there are more or fewer arrays; those of a layer of Keras are other ones.
        """
        if self.built and len(weights) != len(self.weights):
            raise DataError(
                f"{len(weights)} arrays are given, and the layer has {len(self.weights)} weights, "
                "whose names are those of layer.named_weights; to copy those of another layer, "
                "write for name, w in other.named_weights.items(): layer.named_weights[name]"
                ".assign(w); to convert a layer of Keras, gatekit.convert.from_keras(KERAS_LAYER)"
            )
        super().set_weights(weights)

    def _unbuilt(self, last: str) -> ConfigError:
        """Return the error of a layer that is not built yet.

        Args:
            last: the name of the input's last axis.
        """
        return MissingAttributeError(
            f"the layer {self.name!r} is not built yet: call it once, "
            f"or build((None, None, {last}))"
        )


@functools.cache
def _in_calls(call: Callable[..., object]) -> tuple[str, ...]:
    """Return the keyword arguments that a layer with this `call` method accepts."""
    own = list(inspect.signature(call).parameters)[2:]  # after self and inputs
    return tuple(dict.fromkeys([*own, *_OF_KERAS]))


@functools.cache
def _takes_states(call: Callable[..., object]) -> bool:
    """Return whether a call of the layer requires states, as that of a cell does."""
    states = inspect.signature(call).parameters.get("states")
    return states is not None and states.default is states.empty
