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
    kinds = {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "sgd": keras.optimizers.SGD,
        "rmsprop": keras.optimizers.RMSprop,
    }
    own = {key: config[key] for key in ("momentum", "nesterov", "weight_decay") if key in config}
    built: keras.optimizers.Optimizer = kinds[config["name"]](
        learning_rate=rate, global_clipnorm=config["clipnorm"], **own
    )
    return built
