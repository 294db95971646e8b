"""Sums over parts of a batch: one after another, or side by side as shards.

The rows of a batch are independent, so its gradients and scores are the sums of those of its parts.
A shard is a function of its rows and of all variables, and returns their new values: shards share
nothing, so TensorFlow executes them at the same time, each on a thread or device of its own. Each
draws what its rows draw in a whole batch, so shards change nothing but the order of sums.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import keras
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.errors import ConfigError
from gatekit.recurrence import noise
from gatekit.recurrence.layers.cell_layer import CellLayer

from .carrying import Carrying
from .model import SequenceModel, step_loss

Sums = tuple[Tensor, Tensor, list[Any]]
"""The loss without and with penalties, and the gradients."""


@dataclass(frozen=True)
class Shards:
    """Parts of a batch that are computed side by side.

    Args:
        count: the number of parts.
        devices: the device of each part; empty for the default device.
        jit: whether XLA compiles; several parts are compiled one by one.
    """

    count: int = 1
    devices: Sequence[str] = ()
    jit: bool = False

    @property
    def whole(self) -> bool:
        """Whether XLA compiles a whole step instead, because there is a single part."""
        return self.jit and self.count == 1

    def of(
        self, model: SequenceModel, compute: Callable[..., Any], data: Any, *given: Tensor
    ) -> list[Any]:
        """Return the results of each part, and store the values of variables that they change.

        Args:
            model: the model.
            compute: returns tensors for some rows; it may read variables of the model only.
            data: inputs, targets and weights; the first argument of ``compute``.
            given: further arguments of ``compute``, the same for all rows.
        """
        if self.count == 1:
            return [compute(data, *given)]
        variables, size = [*_variables(model)], data[1].shape[0]
        changed: list[keras.Variable] = []
        kept: list[keras.Variable] = []

        @tf.function(autograph=False, jit_compile=self.jit)  # type: ignore[untyped-decorator]
        def shard(first: Tensor, data: Any, given: Any, values: Any) -> Any:
            scope = keras.StatelessScope(zip(variables, values, strict=True), collect_losses=True)
            before = dict(scope.state_mapping)
            rows = noise.Shard(first, data[1].shape[0], size)
            with scope, noise.only(rows):
                result = compute(data, *given)
            new = {id(v): (v, scope.get_current_value(v)) for v in variables}
            new = {key: pair for key, pair in new.items() if pair[1] is not before[key]}
            changed[:] = [variable for variable, _ in new.values()]
            kept[:] = [variable for variable, _ in rows.kept]
            return result, [value for _, value in new.values()], [value for _, value in rows.kept]

        # Tensors, as XLA cannot read a variable of another device.
        values, results = [tf.convert_to_tensor(variable) for variable in variables], []
        rows = -(-size // self.count)
        for number, first in enumerate(range(0, size, rows)):
            part = tf.nest.map_structure(lambda a, at=first: a[at : at + rows], data)
            with tf.device(self.devices[number % len(self.devices)] if self.devices else None):
                results.append(shard(tf.constant(first), part, given, values))
        parts, new, states = zip(*results, strict=True)
        for variable, each in zip(changed, zip(*new, strict=True), strict=True):
            _store(model, variable, each)
        for variable, each in zip(kept, zip(*states, strict=True), strict=True):
            variable.assign(tf.concat(each, 0))
        return [*parts]


class PartialGradients:
    """Computes the gradients of a batch in parts; see `SequenceModel.parts`.

    Args:
        model: the model.
        accumulate: equal parts that are computed one after another, to save memory.
        shards: how each of these is computed.

    Raises:
        ConfigError: a layer draws random numbers for the rows that it is given.
    """

    def __init__(self, model: SequenceModel, accumulate: int, shards: Shards) -> None:
        self.accumulate, self.shards = accumulate, shards
        for layer in model._flatten_layers() if shards.count > 1 else ():
            if layer._seed_generators and not isinstance(layer, (CellLayer, noise.Dropout)):
                raise ConfigError(
                    f"shards={shards.count}: the layer {layer.name!r} draws random numbers "
                    "itself, and each shard would draw the same"
                )

    def __call__(self, model: SequenceModel, data: Any, counted: Tensor) -> Sums:
        """Return the sums over the batch, and store the values that a step changes.

        Args:
            model: the model.
            data: inputs, targets and weights.
            counted: the sum of the weights.
        """
        whole = tf.where(counted > 0, counted, 1.0)
        scale = model.optimizer.scale_loss(tf.ones([], whole.dtype))
        if self.accumulate == 1:
            return self._of(model, data, whole, scale)
        count, rows = self.accumulate, data[1].shape[0] // self.accumulate

        def parts(values: Tensor) -> Tensor:
            return tf.reshape(values, [count, rows, *tf.unstack(tf.shape(values)[1:])])

        split = tf.nest.map_structure(parts, data)

        def add(place: Tensor, total: Tensor, loss: Tensor, sums: list[Tensor]) -> Any:
            part = tf.nest.map_structure(
                lambda all_rows, each: tf.ensure_shape(each[place], [rows, *all_rows.shape[1:]]),
                data,
                split,
            )
            share, every, gradients = self._of(model, part, whole, scale)
            sums = [s + tf.convert_to_tensor(g) for s, g in zip(sums, gradients, strict=True)]
            return place + 1, total + share, loss + every, sums

        zero = tf.zeros([], whole.dtype)
        first = [tf.zeros(weight.shape, weight.dtype) for weight in model.trainable_weights]
        _, total, loss, sums = tf.while_loop(
            lambda place, *_: place < count, add, [0, zero, zero, first], parallel_iterations=1
        )
        return total, loss, sums

    def _of(self, model: SequenceModel, data: Any, whole: Tensor, scale: Tensor) -> Sums:
        """Return the sums over a batch, or over one of the parts to accumulate."""
        parts = self.shards.of(model, partial(self._sums, model), data, whole, scale)
        total, loss, gradients = zip(*parts, strict=True)
        return added(total), added(loss), [*map(added, zip(*gradients, strict=True))]

    def _sums(self, model: SequenceModel, data: Any, whole: Tensor, scale: Tensor) -> Sums:
        """Return the contributions of some rows.

        Args:
            model: the model.
            data: inputs, targets and weights of the rows.
            whole: the sum of the weights of the whole batch.
            scale: the factor of the loss whose gradient the optimizer takes.
        """
        inputs, y, counts = data
        # In a shard, these are tensors.
        weights = [variable.value for variable in model.trainable_weights]
        with tf.GradientTape() as tape:
            tape.watch([each for each in weights if not isinstance(each, tf.Variable)])
            values = step_loss(model.loss_kind, y, model(inputs, training=True))
            share = tf.reduce_sum(values * tf.cast(counts, values.dtype)) / whole
            every = share
            # The penalties of regularizers count once.
            for extra in model.losses:
                every += tf.cast(extra, values.dtype) / (self.accumulate * self.shards.count)
            scaled = every * scale
        return share, every, tape.gradient(scaled, weights, unconnected_gradients="zero")


def _variables(model: SequenceModel) -> Iterator[keras.Variable]:
    """Yield the variables that a step may read."""
    yield from model.trainable_variables
    yield from model.non_trainable_variables
    for layer in model.layers:
        if isinstance(layer, Carrying):
            yield from layer.carried.trained.by_name.values()
            yield from layer.carried.evaluated.by_name.values()


def _store(model: SequenceModel, variable: keras.Variable, new: Sequence[Tensor]) -> None:
    """Store the value that the shards give a variable, which is the same for each."""
    if any(variable is weight for weight in model.weights):
        raise ConfigError(
            f"shards={len(new)}: the variable {variable.path} changes with the rows of a batch, so "
            "shards would compute other numbers"
        )
    variable.assign(new[0])


def added(parts: Sequence[Any]) -> Any:
    """Return a sum in the order of the shards; of rows of an embedding, the rows of all parts."""
    if not all(isinstance(part, tf.IndexedSlices) for part in parts):
        return reduce(operator.add, map(tf.convert_to_tensor, parts))
    values = tf.concat([part.values for part in parts], 0)
    indices = tf.concat([part.indices for part in parts], 0)
    return tf.IndexedSlices(values, indices, parts[0].dense_shape)
