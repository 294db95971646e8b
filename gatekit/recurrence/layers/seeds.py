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
            raise ConfigError("the input is missing; an array batch x time x features is expected")
        if args and isinstance(args[0], (str, bytes)):
            raise DataError(
                f"the states are {excerpt(repr(args[0]), 40)}; arrays batch x width are expected"
            )
        if isinstance(inputs, Mapping) and "x" not in inputs:
            raise DataError(f"the inputs are called {listed(inputs)}, and 'x' is missing")
        if not args and "states" not in kwargs and _takes_states(type(self).call):
            raise ConfigError("the states are missing; a cell is called with x and its states")
        numbers = (int, float, list, tuple)
        of_numbers = isinstance(inputs, (list, tuple)) and all(
            isinstance(v, numbers) for v in inputs
        )
        if of_numbers or isinstance(inputs, (str, bytes)):
            raise DataError(
                f"the input is {excerpt(repr(inputs), 40)}; an array batch x time x features is "
                "expected"
            )
        if kwargs:
            refuse_in_call(kwargs, _in_calls(type(self).call))
        return super().__call__(inputs, *args, **kwargs)

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
            DataError: there are more or fewer arrays.
        """
        if self.built and len(weights) != len(self.weights):
            raise DataError(
                f"{len(weights)} arrays are given, and the layer has {len(self.weights)} weights"
            )
        super().set_weights(weights)

    def _unbuilt(self) -> ConfigError:
        """Return the error of a layer that is not built yet."""
        return MissingAttributeError(f"the layer {self.name!r} is not built yet")


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
