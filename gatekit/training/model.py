"""The model of a run: input or embedding, a stack of recurrent layers, a linear head, its loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy
from keras import ops

from gatekit import registry
from gatekit.cell.analysis.cost import flops, state_size, training_flops
from gatekit.cell.errors import ConfigError
from gatekit.cell.schema import CellSpec
from gatekit.recurrence.executors.choose import Choice
from gatekit.recurrence.layers.rnn import RNN
from gatekit.tasks import seeds
from gatekit.tasks.task import Signature

from .pool import pooled

NATS_PER_BIT = math.log(2)


class SequenceModel(keras.Model):
    """A Keras model whose loss is pooled over all counted steps.

    The optimizer minimises this loss plus the penalties of regularizers. If there are any, the
    metric ``task_loss`` is the loss without them.

    Args:
        loss_kind: ``mse``, ``categorical`` or ``bits``.
        arguments: what a functional Keras model takes.
    """

    def __init__(self, *arguments: Any, loss_kind: str, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.loss_kind = loss_kind
        penalised = any(weight.regularizer is not None for weight in self.trainable_weights)
        self.task_loss = keras.metrics.Mean("task_loss") if penalised else None

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the mean loss over the counted steps, plus the layers' own losses."""
        values = step_loss(self.loss_kind, y, y_pred)
        weights = ops.cast(sample_weight, values.dtype)
        total = ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1.0)
        if self.task_loss is not None:
            self.task_loss.update_state(total, sample_weight=ops.shape(y)[0])
        for extra in self.losses:
            total += ops.cast(extra, values.dtype)
        return total


def step_loss(kind: str, y: Any, logits: Any) -> Any:
    r"""Return the loss of every step.

    $\frac1o\sum_j (y_j-z_j)^2$ (mse), $-\log\mathrm{softmax}(z)_y$ (categorical),
    $\sum_j \log(1+e^{z_j}) - y_j z_j$ (bits).

    Args:
        kind: ``mse``, ``categorical`` or ``bits``.
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
    return ops.sum(ops.softplus(logits) - y * logits, axis=-1)


def step_metric(metric: str, loss: str, y: Any, logits: Any) -> Any:
    """Return the metric of every step; a run reports its mean over all counted steps.

    Raises:
        ConfigError: the metric is not defined for this loss.
    """
    if metric == "mse" and loss == "mse":
        return step_loss("mse", y, logits)
    if metric in ("nll", "bits") and loss in ("categorical", "bits"):
        return step_loss(loss, y, logits) / (1.0 if metric == "nll" else NATS_PER_BIT)
    if metric == "accuracy" and loss == "categorical":
        return ops.cast(ops.equal(ops.argmax(logits, axis=-1), ops.cast(y, "int32")), "float32")
    if metric == "accuracy" and loss == "bits":
        right = ops.equal(logits > 0, ops.cast(y, "float32") > 0.5)
        return ops.mean(ops.cast(right, "float32"), axis=-1)
    raise ConfigError(
        f"the metric {metric!r} is not defined for the loss {loss!r}; "
        "mse goes with mse, accuracy, nll and bits with categorical and bits."
    )


def build_model(
    config: Mapping[str, Any], signature: Signature, masked: bool, steps: int | None = None
) -> SequenceModel:
    """Return the model, every weight drawn from the run's seed by the weight's name.

    Args:
        config: the run's resolved configuration.
        signature: what the task takes in and gives out.
        masked: whether the data have masks; then the model takes ``[x, mask]``.
        steps: of every sequence, where the head has weights for each.
    """
    seed = seeds.part(config, "init")
    keras.config.set_dtype_policy(config["precision"])
    plugins = tuple(config["plugins"])
    # Read once for all layers.
    cell = registry.load_cell(config["cell"], registry.catalogue(plugins), plugins)
    pool = config["pool"]
    every = signature.emission == "every" or pool != "last"
    tokens = signature.vocabulary is not None
    shape = (None,) if tokens else (None, signature.features)
    x = keras.Input(shape, name="x", dtype="int32" if tokens else "float32")
    mask = keras.Input((None,), name="mask", dtype="bool") if masked else None
    value: Any = x
    if tokens:
        value = keras.layers.Embedding(
            signature.vocabulary, config["units"], embeddings_initializer="zeros", name="embedding"
        )(value)
    for index in range(config["layers"]):
        sequences = every or index + 1 < config["layers"]
        before = value
        value = recurrent(config, cell, index, sequences, before, mask)
        if config["residual"] and sequences and before.shape[-1] == value.shape[-1]:
            value = keras.layers.Add(name=f"residual_{index}")([before, value])
        if config["dropout"]:
            drawn = seeds.integer(seed, "dropout", index, bits=31)
            value = keras.layers.Dropout(config["dropout"], seed=drawn, name=f"dropout_{index}")(
                value
            )
    if pool != "last":
        value = pooled(pool, value, mask, steps)
    # The loss is computed in full precision whatever the layers compute in.
    dtype = "float64" if config["precision"] == "float64" else "float32"
    head = keras.layers.Dense(
        signature.outputs, kernel_initializer="zeros", name="head", dtype=dtype
    )(value)
    inputs = x if mask is None else [x, mask]
    model = SequenceModel(inputs, head, loss_kind=signature.loss)
    # Keras' own initializers would draw from Python's global generator.
    for layer in model.layers:
        if isinstance(layer, (keras.layers.Dense, keras.layers.Embedding)):
            _draw(layer, seed)
    return model


def recurrent(
    config: Mapping[str, Any], cell: CellSpec, index: int, sequences: bool, value: Any, mask: Any
) -> Any:
    """Return the output of one recurrent layer; a bidirectional run has both directions side by
    side."""

    def apply(name: str, backwards: bool) -> Any:
        layer = RNN(
            cell,
            config["units"],
            output_unit=config["output_unit"],
            return_sequences=sequences,
            go_backwards=backwards,
            executor=config["executor"],
            seed=seeds.integer(seeds.part(config, "init"), "init", name, bits=31),
            plugins=tuple(config["plugins"]),
            name=name,
        )
        return layer(value) if mask is None else layer(value, mask=mask)

    if not config["bidirectional"]:
        return apply(f"rnn_{index}", False)
    forward, backward = apply(f"forward_{index}", False), apply(f"backward_{index}", True)
    # A layer that goes backwards emits its first step last.
    backward = ops.flip(backward, axis=1) if sequences else backward
    return keras.layers.Concatenate(name=f"rnn_{index}")([forward, backward])


def choice_of(model: keras.Model) -> Choice:
    """Return which executor the recurrent layers run on, as resolved, its best mode, and why."""
    return next(layer.choice for layer in model.layers if isinstance(layer, RNN))


def token_costs(model: keras.Model) -> dict[str, int]:
    """Return the FLOPs of all recurrent layers for a token, and the numbers that they carry."""
    cells = [layer.cell for layer in model.layers if isinstance(layer, RNN)]
    return {"flops": sum(map(flops, cells)), "state": sum(map(state_size, cells))}


def step_flops(model: keras.Model, step_size: tuple[float, float], every: bool) -> float:
    """Return the floating-point operations of a training step.

    Args:
        model: the model.
        step_size: sequences of a step, and valid steps of a sequence.
        every: whether every step of a sequence has a target.
    """
    cells = [layer.cell for layer in model.layers if isinstance(layer, RNN)]
    head = math.prod(model.get_layer("head").kernel.shape)
    return training_flops(cells, *step_size, head, every)


def named_weights(model: keras.Model) -> dict[str, numpy.ndarray]:
    """Return a copy of every weight, by its path such as ``rnn_0/forget.h_prev``."""
    return {weight.path: numpy.array(weight.numpy()) for weight in model.weights}


def set_weights(model: keras.Model, values: Mapping[str, numpy.ndarray]) -> None:
    """Set every weight by its path."""
    for weight in model.weights:
        weight.assign(values[weight.path])


def parameter_counts(model: keras.Model) -> dict[str, int]:
    """Return the trainable parameters of the recurrent layers and of the whole model."""
    plain = (keras.layers.Dense, keras.layers.Embedding)
    counts = {
        layer.name: sum(math.prod(w.shape) for w in layer.trainable_weights)
        for layer in model.layers
    }
    recurrent_only = sum(counts[la.name] for la in model.layers if not isinstance(la, plain))
    return {"recurrent": int(recurrent_only), "total": int(sum(counts.values()))}


def _draw(layer: keras.Layer, seed: int) -> None:
    for weight in layer.weights:
        random = seeds.generator(seed, "init", layer.name, weight.name)
        if weight.name == "bias":
            values = numpy.zeros(weight.shape)
        elif weight.name == "embeddings":
            values = random.uniform(-0.05, 0.05, weight.shape)
        else:
            limit = math.sqrt(6 / sum(weight.shape))
            values = random.uniform(-limit, limit, weight.shape)
        weight.assign(values.astype(weight.dtype))
