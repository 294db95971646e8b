"""The model of a run: input or embedding, a stack of recurrent layers, a linear head, its loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy
import tensorflow as tf
from keras import ops
from tensorflow import Tensor

from gatekit.cell.block.built_block import BuiltBlock
from gatekit.cell.block.sequence import Drop, Operation, Recur
from gatekit.cell.block.stack import Stack
from gatekit.cell.errors import ConfigError
from gatekit.cell.language.expression import Binary, names
from gatekit.recurrence.blocks.keras_parts import keras_part
from gatekit.recurrence.blocks.layer import BlockLayer
from gatekit.recurrence.executors.choose import ExecutorChoice
from gatekit.recurrence.layers.rnn import RNN
from gatekit.registry.models import model_of
from gatekit.tasks import seeds
from gatekit.tasks.task import Signature

from .carrying import CarryingBlock, CarryingRNN

NATS_PER_BIT = math.log(2)
MOST_NATS = 700

Parts = Callable[..., tuple[Tensor, Tensor, list[Any]]]


class SequenceModel(keras.Model):
    """A Keras model whose loss is pooled over all counted steps.

    The optimizer minimises this loss plus the penalties of regularizers. If there are any, the
    metric ``task_loss`` is the loss without them.

    Args:
        loss_kind: ``mse``, ``categorical``, ``bits`` or ``squared``.
        per_sequence: divide the loss by the number of sequences, not by the sum of the weights.
        arguments: the arguments of a functional Keras model.

    Attributes:
        windows: counts the training steps if some batches may have no weight, such as windows
            without a target; otherwise None. Such a batch carries states, but changes no weights
            and is not an update of the optimizer; the learning-rate schedule counts it.
        parts: computes the gradients in parts of the batch; None for whole batches. Called with the
            model, the batch and the sum of its weights, it returns the loss without and with the
            penalties, and the gradients.
        stack: the operations that the model of a run is made of.
    """

    stack: Stack

    def __init__(
        self, *arguments: object, loss_kind: str, per_sequence: bool = False, **named: object
    ) -> None:
        super().__init__(*arguments, **named)
        self.loss_kind, self.per_sequence = loss_kind, per_sequence
        self.windows: tf.Variable | None = None
        self.parts: Parts | None = None
        penalised = any(weight.regularizer is not None for weight in self.trainable_weights)
        self.task_loss = keras.metrics.Mean("task_loss") if penalised else None

    def count_windows(self) -> tf.Variable:
        """Prepare for batches without weight; return the variable that counts training steps."""
        self.windows = tf.Variable(0, trainable=False, dtype="int64", name="windows")
        return self.windows

    def compute_loss(
        self,
        x: object = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Return the mean loss over the counted steps, plus the layers' own losses."""
        values = step_loss(self.loss_kind, y, y_pred)
        weights = ops.cast(sample_weight, values.dtype)
        counted = self.counted(weights)
        # Weights below 1 may add up to less than 1. Without any weight, the loss is 0.
        total = ops.sum(values * weights) / ops.where(counted > 0, counted, 1.0)
        if self.task_loss is not None:
            size = ops.sum(weights) if self.windows is not None else ops.shape(y)[0]
            self.task_loss.update_state(total, sample_weight=size)
        for extra in self.losses:
            total += ops.cast(extra, values.dtype)
        return total

    def counted(self, weights: Tensor) -> Tensor:
        """Return what the summed loss is divided by: the sum of the weights, or the sequences."""
        if self.per_sequence and len(weights.shape) > 1:
            weights = ops.cast(ops.any(weights > 0, axis=1), weights.dtype)
        return ops.sum(weights)

    def train_step(self, data: tuple[Tensor, Tensor, Tensor]) -> dict[str, Tensor]:
        """Update the weights from one batch, unless it has no weight; return the metrics."""
        if self.parts is None and self.windows is None:
            return super().train_step(data)
        inputs, y, weights = data
        counted = self.counted(tf.cast(weights, self.output.dtype))
        size: Tensor = counted
        if self.parts is not None:
            size = y.shape[0] if self.windows is None else counted
            total, loss, gradients = self.parts(self, data, counted)
            if self.task_loss is not None:
                self.task_loss.update_state(total, sample_weight=size)
        else:
            with tf.GradientTape() as tape:
                loss = self.compute_loss(inputs, y, self(inputs, training=True), weights)
                scaled = self.optimizer.scale_loss(loss)
            gradients = tape.gradient(scaled, self.trainable_weights)
        self._loss_tracker.update_state(loss, sample_weight=size)

        def update() -> Tensor:
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
            return tf.constant(True)

        if self.windows is None:
            update()
        else:
            tf.cond(counted > 0, update, lambda: tf.constant(False))
            self.windows.assign_add(1)
        return self.get_metrics_result()


def step_loss(kind: str, y: Tensor, logits: Tensor) -> Tensor:
    r"""Return the loss of every step.

    $\frac1o\sum_j (y_j-z_j)^2$ (mse), $-\log\mathrm{softmax}(z)_y$ (categorical),
    $\sum_j \log(1+e^{z_j}) - y_j z_j$ (bits), $\frac12\sum_j (y_j-\sigma(z_j))^2$ (squared).

    Args:
        kind: ``mse``, ``categorical``, ``bits`` or ``squared``.
        y: batch (x time) x outputs, or integer labels batch (x time).
        logits: batch (x time) x outputs.

    Returns:
        batch (x time), in nats for the likelihoods.
    """
    if kind == "categorical":
        return ops.sparse_categorical_crossentropy(y, logits, from_logits=True)
    y = ops.cast(y, logits.dtype)
    if kind == "mse":
        return ops.mean(ops.square(y - logits), axis=-1)
    if kind == "squared":
        return ops.sum(ops.square(y - ops.sigmoid(logits)), axis=-1) / 2
    return ops.sum(ops.softplus(logits) - y * logits, axis=-1)


def step_metric(metric: str, loss: str, y: Tensor, logits: Tensor) -> Tensor:
    """Return the metric of every step; a run reports what `pooled_metric` makes of their mean.

    Raises:
        ConfigError: the metric is not defined for this loss.
    """
    if metric in ("mse", "rmse") and loss == "mse":
        return step_loss("mse", y, logits)
    if metric in ("nll", "bits", "perplexity") and loss in ("categorical", "bits"):
        return step_loss(loss, y, logits) / (NATS_PER_BIT if metric == "bits" else 1.0)
    if metric == "accuracy" and loss == "categorical":
        return ops.cast(ops.equal(ops.argmax(logits, axis=-1), ops.cast(y, "int32")), "float32")
    if metric == "most_active" and loss in ("bits", "squared"):
        wanted = ops.cast(y, logits.dtype) > 0.5
        low = ops.min(ops.where(wanted, logits, math.inf), axis=-1)
        high = ops.max(ops.where(wanted, -math.inf, logits), axis=-1)
        return ops.cast(low > high, "float32")
    if metric == "accuracy" and loss in ("bits", "squared"):
        right = ops.equal(logits > 0, ops.cast(y, "float32") > 0.5)
        return ops.mean(ops.cast(right, "float32"), axis=-1)
    raise ConfigError(
        f"the metric {metric!r} is not defined for the loss {loss!r}; "
        "mse and rmse need the loss mse; nll, bits and perplexity need categorical or bits; "
        "accuracy also takes squared, and most_active needs bits or squared."
    )


def pooled_metric(metric: str, mean: float) -> float:
    """Return what a run reports: the mean over all counted steps, its root, or its exponential."""
    if metric == "rmse":
        return math.sqrt(mean)
    if metric != "perplexity":
        return mean
    return math.exp(mean) if mean < MOST_NATS else math.inf


def build_model(
    config: Mapping[str, Any],
    signature: Signature,
    masked: bool,
    steps: int | None = None,
    resets: bool = False,
    sparse: bool = False,
) -> SequenceModel:
    """Set Keras' dtype policy; return the model, each weight drawn from the seed by its name.

    Args:
        config: the run's resolved configuration.
        signature: the inputs and targets of the task.
        masked: whether the data have masks.
        steps: the length of all sequences, if the head has weights for each step.
        resets: whether rows contain several sequences.
        sparse: whether the head is computed only at the places of an input, batch x places.

    Returns:
        The model. Its input is x alone, or a list of x and those of the mask, the resets, the
        beginnings of streams and the places that the run has.
    """
    seed = seeds.part(config, "init")
    keras.config.set_dtype_policy(config["precision"])
    stack = model_of(config, signature, steps=steps or 1)
    tokens = signature.vocabulary is not None
    shape = (None,) if tokens else (None, signature.features)
    x = keras.Input(shape, name="x", dtype="int32" if tokens else "float32")
    mask = keras.Input((None,), name="mask", dtype="bool") if masked else None
    starts = keras.Input((None,), name="resets", dtype="bool") if resets else None
    carries = config["trainer"].get("tbptt") is not None
    begins = keras.Input((), name="begins", dtype="bool") if carries else None
    timed = {"mask": mask, "resets": starts, "begins": begins}
    timed = {name: given for name, given in timed.items() if given is not None}
    places = keras.Input((None,), name="places", dtype="int32") if sparse else None
    # Only the last layer may return only the last step, which the head reads.
    single = [op.name for op in stack.rows[-1]] if stack.after[0].name == "last_steps" else []
    values: dict[str, Tensor] = {"x": x}
    for op in stack.ops:
        read = [values[name] for name in names(op.of)]
        value = read[0]
        if op is stack.after[-1] and places is not None:
            value = AtPlaces(name="places_of_labels")(value, places)
        if isinstance(op, Recur):
            value = recurrent(config, op, op.name not in single, value, timed)
        elif len(read) > 1:
            joined = keras.layers.Add if isinstance(op.of, Binary) else keras.layers.Concatenate
            value = joined(name=op.name)(read)
        elif op.name.endswith("_steps"):
            value = pooled(config["pool"], value, mask, steps)
        else:
            value = _part(op, config, seed, op is stack.after[-1])(value)
        values[op.name] = value
    inputs = [x, *timed.values(), *([] if places is None else [places])]
    model = SequenceModel(
        inputs if inputs[1:] else x,
        value,
        loss_kind=signature.loss,
        per_sequence=stack.around is not None and stack.around.per_sequence,
    )
    model.stack = stack
    return model


def _part(op: Operation, config: Mapping[str, Any], seed: int, head: bool) -> keras.layers.Layer:
    """Return the Keras layer of an operation, its weights drawn from the seed by their names."""
    policy = keras.config.dtype_policy()
    if head:
        # The loss is computed in full precision, whatever the precision of the layers.
        policy = keras.DTypePolicy("float64" if config["precision"] == "float64" else "float32")
    number = int(op.name.removeprefix("dropout_")) if isinstance(op, Drop) else 0
    drawn = seeds.integer(seed, "dropout", number, bits=31)
    layer = keras_part(op, op.name, policy, drawn)
    for variable, weight in zip(layer.weights, op.weights, strict=True):
        random = seeds.generator(seed, "init", op.name, weight.name)
        values = numpy.zeros(weight.shape)
        if weight.first == "normal":
            values = random.normal(0, weight.limit, weight.shape)
        elif weight.limit:
            values = random.uniform(-weight.limit, weight.limit, weight.shape)
        variable.assign(values.astype(variable.dtype))
    return layer


class AtPlaces(keras.layers.Layer):
    """Some steps of each sequence: ``batch x time x width`` becomes ``batch x places x width``."""

    supports_masking = True

    def compute_mask(self, inputs: object, previous_mask: object = None) -> None:
        """Return None: a mask of steps is none of places, whose weights mark those that count."""

    def call(self, inputs: Tensor, places: Tensor) -> Tensor:
        """Return the values at the places, ``batch x places`` integers."""
        return tf.gather(inputs, places, batch_dims=1)


def recurrent(
    config: Mapping[str, Any],
    op: Recur,
    sequences: bool,
    value: Tensor,
    timed: Mapping[str, Tensor],
) -> Tensor:
    """Return the output of one recurrent layer, or of the block around it.

    Args:
        config: the run's configuration.
        op: the layer.
        sequences: whether it returns every step.
        value: its input.
        timed: the inputs beside x by name.
    """
    carries = "begins" in timed
    more: dict[str, Any] = {"batch": config["trainer"]["batch"]} if carries else {}
    parts = [op.cell.spec]
    kind: type[keras.layers.Layer] = CarryingRNN if carries else RNN
    if isinstance(op.cell, BuiltBlock):
        kind, finish = CarryingBlock if carries else BlockLayer, op.cell.finish is not None
        parts = [op.cell.spec.canonical(), op.cell.cell.spec]
        more |= {"bidirectional": op.cell.directions > 1, "finish": finish}
        more |= {"dropout": config["dropout"]}
    elif op.backwards:
        more |= {"go_backwards": True}
    layer = kind(
        *parts,
        config["units"],
        output_unit=config["output_unit"],
        return_sequences=sequences,
        executor=config.get("chosen") or config["executor"],
        # A run names chunks; one that does not is older, or has no use for them.
        chunks=False,
        seed=seeds.integer(seeds.part(config, "init"), "init", op.name, bits=31),
        plugins=tuple(config["plugins"]),
        name=op.name,
        **more,
    )
    value = layer(value, **timed)
    # A layer that goes backwards emits its first step last.
    return ops.flip(value, axis=1) if op.backwards and sequences else value


def pooled(pool: str, value: Tensor, mask: Tensor | None, steps: int | None) -> Tensor:
    r"""Return the input of the head: $\frac{1}{n}\sum_t y_t$ over the n valid steps, or all $y_t$.

    Args:
        pool: ``mean``, ``all``, or ``last`` for the value itself.
        value: outputs, ``batch x time x width``; of ``last``, those of the last step.
        mask: ``batch x time`` bool, or None.
        steps: the length of all sequences, from `Feed.length_for`.

    Returns:
        ``batch x width``, or ``batch x steps * width`` with the outputs one after another.
    """
    if pool == "last":
        return value
    if pool == "all":
        assert steps is not None
        return keras.layers.Reshape((steps * value.shape[-1],), name="all_steps")(value)
    if mask is None:
        return ops.mean(value, axis=1)
    valid = ops.expand_dims(ops.cast(mask, value.dtype), -1)
    return ops.sum(value * valid, axis=1) / ops.maximum(ops.sum(valid, axis=1), 1.0)


def choice_of(model: keras.Model) -> ExecutorChoice:
    """Return the executor of the first recurrent layer, its best mode, and the reason."""
    return recurrent_layers(model)[0].choice


def recurrent_layers(model: keras.Model) -> list[RNN]:
    """Return the recurrent layers of a run's model, those inside blocks too."""
    mixers = (each.mixers if isinstance(each, BlockLayer) else [each] for each in model.layers)
    return [layer for layers in mixers for layer in layers if isinstance(layer, RNN)]


def named_weights(model: keras.Model) -> dict[str, numpy.ndarray]:
    """Return a copy of every weight, by its path such as ``rnn_0/forget.h_prev``."""
    return {weight.path: numpy.array(weight.numpy()) for weight in model.weights}


def set_weights(model: keras.Model, values: Mapping[str, numpy.ndarray]) -> None:
    """Set every weight by its path."""
    for weight in model.weights:
        weight.assign(values[weight.path])
