"""Decide what XLA compiles in a run, and trace or compile the training step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.errors import ConfigError
from gatekit.recurrence.layers.rnn import RNN
from gatekit.recurrence.padding import bucket

from .feed import Fed, Feed, x_of
from .model import SequenceModel, recurrent_layers

# Measured on three CPUs in float32, one thread: experiments/speed/history.md.
_NODE = 5e-6
"""Seconds that XLA saves for each signal of a cell and time step of a training step."""
_ELEMENT = 4e-9
"""Seconds that XLA saves for each element of the output, if all steps are solved together."""
_MASK = 25e-6
"""Seconds that XLA saves for each time step under a mask."""
_PRODUCT = 0.5e-12
"""Additional seconds of XLA's matrix products, for each floating-point operation."""
_PADDED = 20e-12
"""Seconds of a floating-point operation on a padded step."""
_FORWARD = 1 / 3
"""The time of a forward pass as a share of the time of a training step."""
_COMPILE, _COMPILE_NODE = 0.2, 0.12
"""Seconds to compile a training step for one length: a constant, and more for each signal."""
_SCORES, _SCORES_NODE = 0.5, 0.15
"""Seconds to compile the scores for one length: a constant, and more for each signal."""
_SEEDS = 3
"""Runs that share one trace: a verdict needs five seeds, which two processes may divide."""
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
    """Return what XLA compiles in a run: as configured or, for ``jit=auto``, by a cost model.

    The training step is compiled if ``n s > c / 3``: XLA saves ``s`` seconds in each of ``n``
    steps, and compiling each length once takes ``c`` seconds, which the seeds of a variant share.
    Then the scores are compiled if ``k v / 3 > d / 3``: ``v / 3`` seconds are saved in each of
    ``k`` evaluations, and compiling takes ``d``. No time is measured, no seed counted, and the
    order of seed 0 is sampled, so equal runs get equal decisions, and so do the seeds of a variant
    whose splits are the same.

    Args:
        config: the run's resolved configuration.
        model: the built model.
        feed: the run's batches, without padding to few lengths.
        evaluations: the most evaluations of the validation data in a run whose length is given in
            steps.
    """
    asked = config["jit"]
    layers = recurrent_layers(model)
    why = _graph_only(layers)
    if asked is False or (asked == "auto" and why):
        return Mode(False, f"auto: {why}" if asked else "jit=false was asked for")
    # A dry run trains for only three steps, but decides for the full number of steps of its run.
    trainer = config["trainer"].get("rehearsed", config["trainer"])
    steps = trainer["steps"] or trainer["epochs"] * feed.per_epoch
    looks = min(evaluations, steps) if trainer["steps"] else trainer["epochs"]
    count = min(_SAMPLED, feed.per_epoch, steps) if feed.masked else 1
    fit = bucket if feed.masked else int
    nodes = sum(len(layer.cell.nodes) for layer in layers)

    def saved(lengths: list[int], rows: int) -> float:
        """Return the seconds that XLA saves in the training steps of some lengths."""
        seconds = 0.0
        for length in lengths:
            for layer in layers:
                seconds += length * (
                    _NODE * len(layer.cell.nodes) + _MASK * feed.masked
                    if layer.choice.executor == "fused"
                    else _ELEMENT * rows * layer.units
                )
            flops = model.stack.training_flops(rows, length)
            padding = model.stack.training_flops(rows, fit(length)) - flops
            seconds -= _PRODUCT * flops + _PADDED * padding
        return seconds

    order = feed.of_seed(0)
    trained = [_length(order.step(step)) for step in range(count)]
    gain = steps * saved(trained, feed.size) / count
    cost = (_COMPILE + _COMPILE_NODE * nodes) * len(set(map(fit, trained)))
    jit = gain > cost / _SEEDS if asked == "auto" else True
    looked = _lengths(feed, "validation")
    once = [length for name in feed.tests for length in _lengths(feed, name)]
    scoring = _FORWARD * (looks * saved(looked, feed.scored) + saved(once, feed.scored))
    compiling = (_SCORES + _SCORES_NODE * nodes) * len({*map(fit, looked), *map(fit, once)})
    reason = (
        f"auto: in {steps:,} steps XLA saves an estimated {max(gain, 0):.1f} s and compiles for "
        f"{cost:.1f} s, once for all seeds"
    )
    return Mode(
        jit,
        reason if asked == "auto" else "jit=true was asked for",
        jit and scoring > compiling / _SEEDS,
    )


def _graph_only(layers: Iterable[RNN]) -> str:
    """Return why a run is not compiled, whatever its length; empty if its length matters."""
    for layer in layers:
        executor = layer.choice.executor
        if layer.choice.mode == "graph" and "measured" in layer.choice.reason:
            return f"{executor} was measured in graph mode, for the study's tune.json"
        if layer.choice.mode == "graph":
            return f"{executor} is fastest in graph mode here"
        if executor not in ("fused", "affine", "scan"):
            return f"{executor} gains nothing from XLA that would outweigh its compilation"
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
                f"jit=true: XLA cannot compile this model. {_unknown(error)} Use other operations, "
                "or type jit=false."
            ) from error
        return outputs

    return step


def _unknown(error: Exception) -> str:
    """Return the operations that XLA does not support, as TensorFlow names them."""
    message = str(error).partition("unsupported operations")[2]
    names = sorted(
        {part.split(" (")[0].split()[-1] for part in message.split("(No registered")[:-1]}
    )
    return f"It does not support {', '.join(names)}." if names else str(error).splitlines()[0]
