"""Decide what XLA compiles in a run, and trace or compile the training step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.errors import ConfigError
from gatekit.recurrence.layers.rnn import RNN

from .batches import bucket
from .feed import Fed, Feed, x_of
from .model import SequenceModel, recurrent_layers

_PAYS = 10_000
"""Time steps of training from which XLA saves more than compiling one length takes.

Measured on CPUs in float32, one thread: experiments/speed/history.md. The seeds of a variant share
the compilation, and three seeds must pay for it.
"""
_FORWARD = 3
"""A forward pass takes a third of the time of a training step."""
_SAMPLED = 50
"""Training steps whose lengths are taken as representative."""


@dataclass(frozen=True)
class Mode:
    """What XLA compiles in a run, and why.

    Attributes:
        jit: whether it compiles the training step.
        reason: why, or why not.
        scores: whether it compiles the scores, too.
    """

    jit: bool
    reason: str
    scores: bool = False


def resolve(config: Mapping[str, Any], model: SequenceModel, feed: Feed, evaluations: int) -> Mode:
    """Return what XLA compiles in a run: as configured or, for ``jit=auto``, by a rule.

    XLA compiles unless the machine or the cell cannot gain by it, or the run is too short: with
    ``n`` training steps of ``t`` time steps and ``k`` lengths, from ``n t >= 10,000 k`` on. The
    scores are compiled, too, if their time steps are three times as many. No time is measured, no
    seed counted, and the order of seed 0 is sampled, so equal runs get equal decisions, and so do
    the seeds of a variant whose splits are the same.

    Args:
        config: the run's resolved configuration.
        model: the built model.
        feed: the run's batches, without padding to few lengths.
        evaluations: the most evaluations of the validation data in a run whose length is given in
            steps.
    """
    asked, why = config["jit"], _graph_only(recurrent_layers(model))
    if asked is False or (asked == "auto" and why):
        return Mode(False, f"auto: {why}" if asked else "jit=false was asked for")
    # A dry run trains for only three steps, but decides for the full number of steps of its run.
    trainer = config["trainer"].get("rehearsed", config["trainer"])
    steps = trainer["steps"] or trainer["epochs"] * feed.per_epoch
    count = min(_SAMPLED, feed.per_epoch, steps) if feed.masked else 1
    order = feed.of_seed(0)
    lengths = [_length(order.step(step)) for step in range(count)]
    trained, needed = steps * sum(lengths) // count, _PAYS * _different(lengths, feed)
    jit = asked is True or trained >= needed
    looks = min(evaluations, steps) if trainer["steps"] else trainer["epochs"]
    looked = _lengths(feed, "validation")
    once = [length for name in feed.tests for length in _lengths(feed, name)]
    scored = looks * sum(looked) + sum(once)
    scores = jit and scored >= _FORWARD * _PAYS * _different(looked + once, feed)
    reason = f"auto: {trained:,} time steps of training; XLA pays from {needed:,} on"
    return Mode(jit, reason if asked == "auto" else "jit=true was asked for", scores)


def _different(lengths: Sequence[int], feed: Feed) -> int:
    """Return how many lengths XLA compiles."""
    return len({*map(bucket if feed.masked else int, lengths)})


def _graph_only(layers: Iterable[RNN]) -> str:
    """Return why a run is not compiled, whatever its length; empty if its length matters."""
    for layer in layers:
        executor = layer.choice.executor
        if layer.choice.mode == "graph":
            return f"{executor} is fastest in graph mode here"
        if executor == "chunk":
            return "chunk gains nothing from XLA that would outweigh its compilation"
        for each in layer.cell.spec.gates:
            if each.gate.uses_tensorflow:
                return f"the gate {each.name} uses TensorFlow, and XLA may not know an operation"
    return ""


def _lengths(feed: Feed, split: str) -> list[int]:
    """Return the length of each batch of a split."""
    if feed.masked:
        return [_length(batch) for batch in feed.split(split)]
    size = len(feed.splits[split].x)
    return [feed.splits[split].x.shape[1]] * -(-size // feed.scored)


def _length(batch: Fed) -> int:
    return int(x_of(batch[0]).shape[1])


def training_step(
    model: keras.Model, spec: object, jit: bool
) -> Callable[[Fed], dict[str, Tensor]]:
    """Return the training step as a traced function of one batch, compiled by XLA or not.

    Keras disables its own ``jit_compile=True`` if TensorFlow is deterministic, because XLA cannot
    make every operation deterministic. It can for the operations of a run, or rejects them by name;
    and a run executes its first step twice and compares the results.

    Args:
        model: the compiled model.
        spec: shapes and types of a batch.
        jit: whether XLA compiles the step.

    Raises:
        ConfigError: the returned function raises it if XLA does not support an operation.
    """
    # Called directly, a concrete function does not look for a fitting trace in every step.
    traced = tf.function(
        model.train_step, input_signature=(spec,), autograph=False, jit_compile=jit
    ).get_concrete_function()

    def step(batch: Fed) -> dict[str, Tensor]:
        try:
            outputs: dict[str, Tensor] = traced(batch)
        except tf.errors.InvalidArgumentError as error:
            if not jit or "unsupported operations" not in str(error):
                raise
            raise ConfigError(
                f"jit=true: XLA cannot compile this model: {_unknown(error)}"
            ) from error
        return outputs

    return step


def _unknown(error: Exception) -> str:
    """Return the operations that XLA does not support, as TensorFlow names them."""
    message = str(error).partition("unsupported operations")[2]
    names = sorted(
        {part.split(" (")[0].split()[-1] for part in message.split("(No registered")[:-1]}
    )
    return f"it does not support {', '.join(names)}" if names else str(error).splitlines()[0]
