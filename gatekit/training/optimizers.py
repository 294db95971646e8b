"""The optimizer of a run and the schedule of its learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras


def optimizer(config: Mapping[str, Any], total_steps: int) -> keras.optimizers.Optimizer:
    """Return the optimizer; ``clipnorm`` bounds the norm of all gradients together.

    Args:
        config: name, learning_rate, clipnorm, schedule and the optimizer's own keys.
        total_steps: the length of the schedule: ``cosine`` falls to zero at its end, ``step``
            divides by ten at one half and three quarters.
    """
    rate: Any = config["learning_rate"]
    schedules = keras.optimizers.schedules
    if config["schedule"] == "cosine":
        rate = schedules.CosineDecay(rate, total_steps)
    elif config["schedule"] == "step":
        bounds = [max(1, total_steps // 2), max(2, total_steps * 3 // 4)]
        rate = schedules.PiecewiseConstantDecay(bounds, [rate, rate / 10, rate / 100])
    named = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
    kind = {**named, "rmsprop": keras.optimizers.RMSprop}[config["name"]]
    own = {key: config[key] for key in ("momentum", "nesterov") if key in config}
    made: keras.optimizers.Optimizer = kind(
        learning_rate=rate, global_clipnorm=config["clipnorm"], **own
    )
    return made
