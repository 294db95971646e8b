"""The keys of a run's configuration: types, ranges and defaults; validated once, here."""

from __future__ import annotations

import contextlib
import importlib.util
import re
from collections.abc import Mapping
from typing import Any

from gatekit.cell.errors import ConfigError, listed, nearest
from gatekit.recurrence.executors.choose import EXECUTORS
from gatekit.registry.tracker import NAMES
from gatekit.runs.names import study_name
from gatekit.tasks.seeds import PARTS

from .references import refuse_keywords
from .schema import Check, WrongError, flag, mapping, number, one_of, optional, text, texts, whole

POOLS = ("last", "mean", "all")
PRECISIONS = ("float32", "float64", "mixed_float16", "mixed_bfloat16")
SCHEDULES = ("constant", "cosine", "step")


def trackers(value: Any) -> list[str]:
    """Check for a list of trackers, each with its module installed."""
    if not isinstance(value, list) or not all(name in NAMES for name in value):
        raise WrongError(f"a list of {', '.join(NAMES)}, such as [tensorboard]")
    for name in value:
        # A folder that is named like a module, such as ./wandb, has no origin.
        if getattr(importlib.util.find_spec(name), "origin", None) is None:
            raise WrongError(f"a list of installed trackers; type {NAMES[name]} for {name}")
    return list(dict.fromkeys(value))


RUN_KEYS: dict[str, Check] = {
    "cell": mapping,
    "swap": mapping,
    "output_unit": mapping,
    "units": whole(1),
    "layers": whole(1, 64),
    "bidirectional": flag,
    "residual": flag,
    "dropout": number(0, 1, below=True),
    "pool": one_of(*POOLS),
    "task": mapping,
    "optimizer": mapping,
    "trainer": mapping,
    "executor": one_of(*EXECUTORS),
    "jit": flag,
    "precision": one_of(*PRECISIONS),
    "seed": whole(0),
    "vary": optional(one_of(*PARTS)),
    "match": optional(text),
    "probe": flag,
    "plugins": texts,
}
"""Keys of a run; all but `match`, `probe` and `plugins` belong to its fingerprint."""

LAUNCH_KEYS: dict[str, Check] = {
    "study": optional(text),
    "root": text,
    "seeds": optional(whole(1, 100_000)),
    "n_jobs": optional(whole(1, 4096)),
    "threads": whole(1, 1024),
    "retry": optional(one_of("failed")),
    "allow_changed": flag,
    "trials": optional(whole(1, 1_000_000)),
    "track": trackers,
}
"""Keys that decide where and how runs are executed, and never what they compute."""

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {},
    "adamw": {"weight_decay": 0.01},
    "sgd": {"momentum": 0.0, "nesterov": False},
    "rmsprop": {"momentum": 0.0},
}
_OPTIMIZER: dict[str, Check] = {
    "name": one_of(*OPTIMIZERS),
    "learning_rate": number(0, above=True),
    "clipnorm": optional(number(0, above=True)),
    "schedule": one_of(*SCHEDULES),
    "momentum": number(0, 1, below=True),
    "nesterov": flag,
    "weight_decay": number(0),
}
_TRAINER: dict[str, Check] = {
    "epochs": optional(whole(1)),
    "steps": optional(whole(1)),
    "batch": whole(1),
    "patience": optional(whole(1)),
}
GROUP_KEYS = {"optimizer": _OPTIMIZER, "trainer": _TRAINER}
OTHER_NAMES = {
    "lr": "optimizer.learning_rate",
    "batch_size": "trainer.batch",
    "max_epochs": "trainer.epochs",
    "max_steps": "trainer.steps",
    "early_stopping": "trainer.patience",
    "hidden_size": "units",
    "hidden_units": "units",
    "hidden_dim": "units",
    "num_layers": "layers",
    "num_units": "units",
    "dtype": "precision",
    "dataset": "task",
    "model": "cell",
    "wd": "optimizer.weight_decay",
    "clip_norm": "optimizer.clipnorm",
    "gates": "swap.ROLE=GATE or cell.gates.NAME",
    "gate": "swap.ROLE=GATE",
    "equations": "cell.equations.NAME",
    "parameters": "cell.parameters.NAME",
    "batch": "trainer.batch",
}
"""Names that other libraries use for keys, with the key that is meant."""

DEFAULTS: dict[str, Any] = {
    "swap": {},
    "output_unit": {"kind": "hidden"},
    "units": 64,
    "layers": 1,
    "bidirectional": False,
    "residual": False,
    "dropout": 0.0,
    "pool": "last",
    "executor": "auto",
    "jit": False,
    "precision": "float32",
    "seed": 0,
    "vary": None,
    "match": None,
    "probe": False,
    "plugins": [],
    "study": None,
    "root": "experiments",
    "seeds": None,
    "n_jobs": None,
    "threads": 1,
    "retry": None,
    "allow_changed": False,
    "trials": None,
    "track": [],
}


def validate(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with every value checked and every default filled in.

    Args:
        data: plain data, as composed.

    Returns:
        The keys of ``RUN_KEYS`` and ``LAUNCH_KEYS``; floats are floats; of ``epochs`` and ``steps``
        one is null.

    Raises:
        ConfigError: a key is unknown or missing, or a value is of another type or out of range.
    """
    known = {**RUN_KEYS, **LAUNCH_KEYS}
    refuse_keywords(data, "")
    config = _checked(data, known, "", also=("experiment",))
    for key in known:
        if key not in config:
            if key not in DEFAULTS and key not in ("optimizer", "trainer"):
                raise ConfigError(f"{key} is missing; type {key}=NAME.")
            config[key] = DEFAULTS.get(key, {})
    config["optimizer"] = _optimizer(config["optimizer"])
    config["trainer"] = _trainer(config["trainer"])
    if "name" not in config["task"]:
        raise ConfigError("task.name is missing; type task=NAME.")
    if config["seeds"] is not None and config["seed"] != DEFAULTS["seed"]:
        raise ConfigError(
            f"seeds={config['seeds']} means the seeds 0 to {config['seeds'] - 1}; "
            f"remove seed={config['seed']}, or type seed=0,1,2 with -m."
        )
    if config["study"] is not None:
        study_name(config["study"])
    return config


def _optimizer(given: Mapping[str, Any]) -> dict[str, Any]:
    config = _checked(given, _OPTIMIZER, "optimizer.")
    config = {
        "name": "adam",
        "learning_rate": 1e-3,
        "clipnorm": None,
        "schedule": "constant",
        **config,
    }
    own = OPTIMIZERS[config["name"]]
    for key in ("momentum", "nesterov", "weight_decay"):
        if key in own:
            config.setdefault(key, own[key])
        elif key in config:
            having = [name for name, keys in OPTIMIZERS.items() if key in keys]
            raise ConfigError(
                f"optimizer.{key}={config[key]}: {config['name']} has no {key}; "
                f"remove it or type optimizer={having[0]}."
            )
    if config.get("nesterov") and not config["momentum"]:
        raise ConfigError(
            "optimizer.nesterov=true needs momentum; type optimizer.momentum=0.9 as well."
        )
    return config


def _trainer(given: Mapping[str, Any]) -> dict[str, Any]:
    config = {"epochs": None, "steps": None, "batch": 32, "patience": None}
    config.update(_checked(given, _TRAINER, "trainer."))
    if config["steps"] is not None:
        config["epochs"] = None
    elif config["epochs"] is None:
        raise ConfigError(
            "trainer.epochs and trainer.steps are both null; type trainer.epochs=20 "
            "or trainer.steps=1000."
        )
    return config


def _checked(
    data: Mapping[str, Any], known: Mapping[str, Check], prefix: str, also: tuple[str, ...] = ()
) -> dict[str, Any]:
    checked = {}
    for key, value in data.items():
        if key not in known:
            raise ConfigError(
                f"{prefix}{key} is not a key{_meant(str(key), [*known, *also], prefix)} "
                f"Keys: {listed([*known, *also], 40)}."
            )
        try:
            checked[key] = known[key](value)
        except WrongError as wrong:
            raise ConfigError(
                f"{prefix}{key}={_shown(value)} ({_kind(value)}) is not allowed: "
                f"{prefix}{key} is {wrong}.{_instead(f'{prefix}{key}', value, known[key])}"
            ) from None
    return checked


def _instead(key: str, value: Any, check: Check) -> str:
    """Return what to type for a value that is nearly right, as a sentence, or an empty string."""
    if key == "swap" and isinstance(value, str):
        return f" Name the role that the gate plays: type swap.forget={value}."
    if key == "seeds":
        return " seeds=3 runs the seeds 0, 1, 2; to choose them type -m seed=0,1,2 instead."
    if isinstance(value, str) and (ends := re.fullmatch(r"(\d+) *(?:\.\.\.?|:|-) *(\d+)", value)):
        return f" For a range type -m '{key}=range({ends[1]},{int(ends[2]) + 1})'."
    words = {"yes": True, "on": True, "1": True, "no": False, "off": False, "0": False}
    nearly: bool | int | None = words.get(str(value).lower()) if check is flag else None
    if isinstance(value, float) and value.is_integer():
        nearly = int(value)
    with contextlib.suppress(WrongError):
        if nearly is not None:
            check(nearly)
            return f" Type {key}={_shown(nearly)}."
    return ""


def _meant(key: str, known: list[str], prefix: str) -> str:
    """Return which key is likely meant: in words of other libraries, of a group, or misspelt."""
    meant = OTHER_NAMES.get(key)
    if meant is None and not prefix:
        meant = next((f"{group}.{key}" for group, keys in GROUP_KEYS.items() if key in keys), None)
    if meant is None and (hint := nearest(key, known)):
        meant = prefix + hint.split("'")[1]
    return f"; did you mean {meant}?" if meant else "."


def _shown(value: Any) -> str:
    shown = {None: "null", True: "true", False: "false"}.get(value) if _scalar(value) else None
    shown = shown or repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."


def _scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _kind(value: Any) -> str:
    kinds = {bool: "a boolean", int: "an integer", float: "a number", str: "a string"}
    kinds |= {dict: "a mapping", list: "a list", type(None): "nothing"}
    return kinds.get(type(value), type(value).__name__)
