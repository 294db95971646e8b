"""The optimizer of a run, its learning rate over the steps, and the weights that decay."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops
from tensorflow import Tensor

from .model import SequenceModel, recurrent_layers
from .schedule import Schedule, schedule

OWN = ("momentum", "nesterov", "weight_decay", "beta_1", "beta_2", "epsilon")
"""Keys that are passed to Keras under the same name, if the optimizer has them."""


def optimizer(
    config: Mapping[str, Any],
    total_steps: int,
    left_out: Sequence[tf.Variable] = (),
    steps: tf.Variable | None = None,
    vectors: Sequence[str] = (),
) -> keras.optimizers.Optimizer:
    r"""Return the optimizer; ``clipnorm`` bounds the norm of all gradients together.

    Before each update, weight decay sets $w \leftarrow w - \eta_t \lambda w$. With ``ema`` $= m$
    the optimizer also averages: $a = w$ after the first update, and
    $a \leftarrow m a + (1 - m) w$ after each further one.

    Args:
        config: name, learning_rate, clipnorm, schedule and the keys of this optimizer.
        total_steps: the length of the schedule.
        left_out: the variables without weight decay.
        steps: a variable with the number of training steps, if some steps are not updates. The
            schedule then follows this variable; moments and averages still follow the updates.
        vectors: for ``muon``, the paths of the weights that AdamW updates.

    Raises:
        ConfigError: the schedule does not fit into the steps.

    With ``muon``, a matrix moves along the orthogonalised mean of its gradients,
    $w \leftarrow w - 0.2 \eta_t \sqrt{\max(n, m)}\, U V^\top$, and AdamW updates all other weights.

    Reference: arXiv:1711.05101 (decoupled weight decay); arXiv:2502.16982 (Muon).
    """
    kinds = {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "sgd": keras.optimizers.SGD,
        "rmsprop": keras.optimizers.RMSprop,
        "muon": Muon,
    }
    arguments = {key: config[key] for key in OWN if key in config}
    if config["name"] == "muon":
        of_adam = {f"adam_{key}": arguments.pop(key) for key in ("beta_1", "beta_2")}
        arguments |= of_adam | {
            "adam_weight_decay": arguments["weight_decay"],
            "exclude_layers": [f"^{re.escape(path)}$" for path in vectors],
        }
    if "ema" in config:
        arguments |= {"use_ema": True, "ema_momentum": config["ema"]}
    rate = _rate(schedule(config, total_steps))
    if steps is not None and callable(rate):
        rate = _StepSchedule(rate, steps)
    built: keras.optimizers.Optimizer = kinds[config["name"]](
        learning_rate=rate,
        global_clipnorm=config["clipnorm"],
        # TensorFlow keeps a kernel for each name of a variable, and Keras numbers optimizers.
        name=config["name"],
        **arguments,
    )
    if left_out:
        built.exclude_from_weight_decay(var_list=list(left_out))
    return built


def decayed(model: keras.Model, config: Mapping[str, Any]) -> dict[str, bool]:
    """Return whether each trainable weight decays, by path; empty without weight decay.

    With ``decayed: matrices``, only the matrices of linear maps decay: those of a cell's reads and
    of a block's parts, the embedding and the head. Biases, scales and offsets of norms, parameters
    such as gains and decays, diagonal maps and learned initial states do not decay.

    Args:
        model: the run's model.
        config: the keys of ``optimizer``.
    """
    if not config.get("weight_decay"):
        return {}
    everything = config.get("decayed") == "all"
    found = matrices(model)
    return {weight.path: everything or weight.path in found for weight in model.trainable_weights}


def vectors(model: SequenceModel) -> list[str]:
    """Return the paths of the trainable weights that Muon leaves to AdamW: all but the matrices of
    gates and of blocks, so also the embedding, the map of the inputs and the head."""
    ends = tuple(f"{op.name}/" for op in (*model.stack.before, *model.stack.after))
    found = {path for path in matrices(model) if not path.startswith(ends)}
    return [weight.path for weight in model.trainable_weights if weight.path not in found]


def matrices(model: keras.Model) -> set[str]:
    """Return the paths of the trainable weights that are matrices of linear maps."""
    kinds = {
        variable.path: weight.kind
        for layer in recurrent_layers(model)
        for weight in layer.cell.weights
        if (variable := layer.named_weights.get(weight.name)) is not None
    }
    return {
        weight.path
        for weight in model.trainable_weights
        if len(weight.shape) > 1
        and kinds.get(weight.path, weight.name)
        in ("kernel", "recurrent", "recurrent_kernel", "embeddings")
    }


def _rate(plan: Schedule) -> float | Callable[[Tensor], Tensor]:
    """Return the learning rate for Keras: a number, or a schedule."""
    schedules, rate = keras.optimizers.schedules, plan.peak
    length, final = plan.steps - plan.decay_from, plan.final or 0.0
    # The rate of `constant` and `plateau` is a variable of the optimizer.
    later: float | Callable[[Tensor], Tensor] = rate
    if plan.kind == "cosine":
        later = schedules.CosineDecay(rate, length, alpha=final / rate)
    elif plan.kind in ("linear", "wsd"):
        later = schedules.PolynomialDecay(rate, length, final)
    elif plan.kind == "step":
        bounds = [max(1, length // 2), max(2, length * 3 // 4)]
        later = schedules.PiecewiseConstantDecay(bounds, [rate, rate / 10, rate / 100])
    if plan.warmup or plan.kind == "wsd":
        return _WarmUp(rate, plan.warmup, later, plan.decay_from)
    return later


class Muon(keras.optimizers.Muon):  # type: ignore[misc]
    """Muon in every precision; Keras' own fails in float64."""

    def lr_adjust(self, x: Tensor) -> Tensor:
        """Return an update with the root mean square of one of Adam."""
        return x * (math.sqrt(max(x.shape)) * self.rms_rate)


class _WarmUp(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A linear rise to the peak, a stable part, and another schedule after it.

    Args:
        peak: the rate at the end of the warm-up.
        warmup: updates of the warm-up.
        later: the rate afterwards: a number, or a schedule.
        start: the update at which that schedule begins.
    """

    def __init__(
        self, peak: float, warmup: int, later: float | Callable[[Tensor], Tensor], start: int
    ) -> None:
        super().__init__()
        self.peak, self.warmup, self.later, self.start = peak, warmup, later, start

    def __call__(self, step: Tensor) -> Tensor:
        """Return the rate before an update."""
        step = ops.convert_to_tensor(step)
        peak = ops.convert_to_tensor(self.peak)
        after = self.later(ops.maximum(step - self.start, 0)) if callable(self.later) else peak
        rise = peak * (ops.cast(step, peak.dtype) + 1) / max(1, self.warmup)
        return ops.where(step < self.warmup, rise, after)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        names = ("peak", "warmup", "later", "start")
        return {name: getattr(self, name) for name in names}


class _StepSchedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A schedule that follows the training steps instead of the optimizer's updates.

    Args:
        schedule: the schedule.
        steps: a variable with the number of training steps.
    """

    def __init__(self, schedule: Callable[[Tensor], Tensor], steps: tf.Variable) -> None:
        super().__init__()
        self.schedule, self.steps = schedule, steps

    def __call__(self, step: Tensor) -> Tensor:
        """Return the rate before an update."""
        return self.schedule(ops.convert_to_tensor(self.steps))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"schedule": self.schedule, "steps": self.steps}
