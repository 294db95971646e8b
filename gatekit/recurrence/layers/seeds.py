"""Layers of one model that have the same seed draw different weights.

The first of them draws from the seed itself. Later ones derive their seed from their position in
the order in which the model builds its layers. Names, and other models of the process, do not
matter.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import keras
import tensorflow as tf
from keras.src.backend.common import global_state

from gatekit.cell.calls import REQUIRED, MissingAttributeError, border, no_attribute
from gatekit.cell.errors import ConfigError, DataError, GatekitError, excerpt, listed
from gatekit.faults import Kind, Note, Optional, Whole

from .arguments import accepted, refuse_in_call

_OF_KERAS = ("mask", "training")  # Keras passes these even to calls that do not declare them


class SeededLayer(keras.layers.Layer):
    """A layer that draws from its seed, or from a derived seed if earlier twins of it exist.

    A twin is a layer of the same model with the same seed.
    """

    _called_with: object = None
    """The inputs of the call that builds the layer, while that call runs."""

    def __init__(self, **keras_options: Any) -> None:
        # Keras would cast inputs and states to the compute type; only products may use that type.
        super().__init__(**{**keras_options, "autocast": False})

    def _draw_from(self, seed: int | None) -> None:
        """Set the seed; None draws one."""
        self.seed = accepted("seed", seed, Optional(Whole(0)), 0)
        self._drawn_seed = random.randint(1, 10**9) if seed is None else int(seed)

    def _seed_within(self, kind: type[keras.layers.Layer]) -> int:
        """Return the seed of a layer that is being built; built layers of `kind` are its twins."""
        if self.seed is None:
            return self._drawn_seed
        return seed_of(self._drawn_seed, earlier_twins(self, kind, self._called_with))

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
        # `build` only gets shapes, but the graph of a model is found through its tensors.
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
            refusal = error.__context__
            if not isinstance(refusal, GatekitError):
                raise
            fault = refusal.fault
            unknown = fault is not None and fault.kind is Kind.UNKNOWN
            if fault is None or not unknown or fault.what in ("arguments", "keys", "options"):
                raise refusal from None
            before = "before the model is loaded, write gatekit.use_plugins('path/to/file.py')"
            raise type(refusal)(replace(fault, fixes=(Note((before,)),))) from None

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


def seed_of(seed: int, earlier: int) -> int:
    """Return the seed of a layer, given how many layers with its seed the model built before.

    Args:
        seed: the seed that the layer was given.
        earlier: how many layers with this seed were built before it.
    """
    if not earlier:
        return seed
    digest = hashlib.sha256(f"{seed}/{earlier}".encode()).digest()
    return int.from_bytes(digest[:4], "little") >> 1


def earlier_twins(layer: keras.layers.Layer, kind: type[keras.layers.Layer], inputs: object) -> int:
    """Return how many built layers of the same model have this layer's seed.

    The model consists of everything that encloses the layer while it is built (a wrapper, a
    `keras.Sequential`, a subclassed model) and of the functional graph of its inputs.

    Args:
        layer: the layer that is about to be built.
        kind: the class of layers that draw from a seed.
        inputs: the inputs of the call; None if the layer is built without a call.
    """
    owners = {id(owner): owner for owner in (*_enclosing(), *_connected(inputs))}
    twins = {
        id(other)
        for owner in owners.values()
        for other in owner._flatten_layers()
        if isinstance(other, kind) and other is not layer
        if other.built and other.seed == layer.seed
    }
    return len(twins)


def _enclosing() -> list[keras.layers.Layer]:
    """Return the layers whose `build` or call is running, outermost first."""
    # This is not public; tests/recurrence/test_twins.py fails if Keras removes it.
    scopes = global_state.get_global_attribute("name_scope_stack") or []
    callers = [getattr(scope, "caller", None) for scope in scopes]
    return [caller for caller in callers if isinstance(caller, keras.layers.Layer)]


def _connected(inputs: object) -> Iterator[keras.layers.Layer]:
    """Yield the layers of the graph that symbolic inputs belong to."""
    waiting = list(_operations(keras.tree.flatten(inputs)))
    seen = {id(operation) for operation in waiting}
    while waiting:
        operation = waiting.pop()
        if isinstance(operation, keras.layers.Layer):
            yield operation
        near = [node.operation for node in operation._outbound_nodes]
        for node in operation._inbound_nodes:
            near += _operations(node.input_tensors)
        for other in near:
            if id(other) not in seen:
                seen.add(id(other))
                waiting.append(other)


def _operations(tensors: Iterable[object]) -> list[keras.Operation]:
    """Return the operations that made these symbolic tensors."""
    histories = [getattr(tensor, "_keras_history", None) for tensor in tensors]
    return [history.operation for history in histories if history is not None]
