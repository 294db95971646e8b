"""The keys of a run's configuration: types, ranges and defaults; validated once, here."""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Mapping
from typing import Any

from gatekit.cell.block.reading import PLAIN
from gatekit.cell.errors import ConfigError, as_typed, kind_of, listed
from gatekit.recurrence.executors.choose import EXECUTORS
from gatekit.registry.tracker import NAMES
from gatekit.runs.names import study_name
from gatekit.tasks.seeds import PARTS
from gatekit.training import schedule as schedules

from .references import refuse_keywords
from .remedies import (
    KEY,
    NOT_KEYS,
    OTHER_NAMES,
    elsewhere,
    instead,
    key_of_part,
    likely_key,
    meant,
    shown,
)
from .schema import (
    Check,
    WrongError,
    flag,
    flag_or_auto,
    mapping,
    number,
    one_of,
    optional,
    text,
    texts,
    whole,
)

POOLS = ("last", "mean", "all")
PRECISIONS = ("float32", "float64", "mixed_float16", "mixed_bfloat16")
SCHEDULES = ("constant", "cosine", "linear", "step", "wsd")


def cells(value: Any) -> list[Any]:
    """Check for a list of cells, each a name or a mapping."""
    fine = isinstance(value, list) and value
    if not fine or not all(isinstance(each, (str, Mapping)) and each for each in value):
        raise WrongError("a list of cells in brackets, such as 'mixers=[lstm,gru]'")
    return list(value)


def trackers(value: Any) -> list[str]:
    """Check for a list of trackers, each with its module installed."""
    if not isinstance(value, list) or not all(name in NAMES for name in value):
        raise WrongError(f"a list of {', '.join(NAMES)}, such as [tensorboard]")
    for name in value:
        # A folder that is named like a module, such as ./wandb, has no origin.
        if getattr(importlib.util.find_spec(name), "origin", None) is None:
            raise WrongError(f"a list of installed trackers; type {NAMES[name]} for {name}")
    return list(dict.fromkeys(value))


def steps_or_share(value: Any) -> int | float:
    """Check for a number of steps, or a share of them that is below 1."""
    if isinstance(value, float) and 0 <= value < 1:
        return value or 0
    try:
        return int(whole(0)(value))
    except WrongError:
        raise WrongError("an integer of steps from 0, or a share of all steps below 1") from None


RUN_KEYS: dict[str, Check] = {
    "cell": mapping,
    "swap": mapping,
    "output_unit": mapping,
    "block": mapping,
    "width": optional(whole(1)),
    "mixers": optional(cells),
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
    "jit": flag_or_auto,
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
    "adamw": {"weight_decay": 0.01, "decayed": "matrices"},
    "sgd": {"momentum": 0.0, "nesterov": False},
    "rmsprop": {"momentum": 0.0},
}
"""The own keys of each optimizer, which every run records."""

_BETAS = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
_DECAY = {"weight_decay": 0.0, "decayed": "matrices"}
OMITTED: dict[str, dict[str, Any]] = {
    "adam": {**_BETAS},
    "adamw": {**_BETAS},
    "sgd": {**_DECAY},
    "rmsprop": {"epsilon": 1e-7, **_DECAY},
}
"""Own keys that came later: a run at these values omits them, so that fingerprints last."""

ALWAYS_OMITTED: dict[str, Any] = {**schedules.DEFAULTS, "ema": None}
"""The same of keys that every optimizer has."""
_OPTIMIZER: dict[str, Check] = {
    "name": one_of(*OPTIMIZERS),
    "learning_rate": number(0, above=True),
    "clipnorm": optional(number(0, above=True)),
    "schedule": one_of(*SCHEDULES),
    "momentum": number(0, 1, below=True),
    "nesterov": flag,
    "weight_decay": number(0),
    "decayed": one_of("matrices", "all"),
    "beta_1": number(0, 1, below=True),
    "beta_2": number(0, 1, below=True),
    "epsilon": number(0, above=True),
    "warmup": steps_or_share,
    "final": number(0, 1),
    "decay": number(0, 1, above=True, below=True),
    "ema": optional(number(0, 1, above=True, below=True)),
}
_TRAINER: dict[str, Check] = {
    "epochs": optional(whole(1)),
    "steps": optional(whole(1)),
    "batch": whole(1),
    "patience": optional(whole(1)),
    "tbptt": optional(whole(1)),
}
TRAINER_OMITTED: dict[str, Any] = {"tbptt": None}
"""Keys of the trainer that came later, which a run at these values omits."""
GROUP_KEYS = {"optimizer": _OPTIMIZER, "trainer": _TRAINER}
_PLACES = {"": RUN_KEYS, **{f"{group}.": keys for group, keys in GROUP_KEYS.items()}}

DEFAULTS: dict[str, Any] = {
    "swap": {},
    "output_unit": {"kind": "hidden"},
    "block": dict(PLAIN),
    "width": None,
    "mixers": None,
    "units": 64,
    "layers": 1,
    "bidirectional": False,
    "residual": False,
    "dropout": 0.0,
    "pool": "last",
    "executor": "auto",
    # Older than `auto`, which conf/train.yaml sets: a run without it was not compiled, and the name
    # of a run that is `auto` is never that of such a run.
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


EXAMPLES: dict[str, Any] = {
    "width": 64,
    "dropout": 0.1,
    "mixers": ["lstm", "gru"],
    "vary": "init",
    "match": "lstm",
    "executor": "auto",
    "seeds": 3,
    "n_jobs": 2,
    "retry": "failed",
    "trials": 20,
    "study": "first",
    "plugins": ["plugins/mine.py"],
    "track": ["tensorboard"],
    "jit": "auto",
    "optimizer.name": "adam",
    "optimizer.learning_rate": 0.001,
    "optimizer.clipnorm": 1.0,
    "optimizer.schedule": "cosine",
    "optimizer.momentum": 0.9,
    "optimizer.nesterov": True,
    "optimizer.weight_decay": 0.01,
    "optimizer.decayed": "matrices",
    "optimizer.beta_1": 0.9,
    "optimizer.beta_2": 0.999,
    "optimizer.epsilon": 1e-7,
    "optimizer.warmup": 0.1,
    "optimizer.final": 0.1,
    "optimizer.decay": 0.2,
    "optimizer.ema": 0.999,
    "trainer.epochs": 20,
    "trainer.steps": 1000,
    "trainer.batch": 32,
    "trainer.patience": 5,
    "trainer.tbptt": 50,
}
"""A value of each key that has no default, or a default that shows nothing."""


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
    _refuse_name_as_key(data, known)
    config = _checked(data, known, "", also=("experiment",))
    for key in known:
        if key not in config:
            if key not in DEFAULTS and key not in ("optimizer", "trainer"):
                raise ConfigError(f"{key} is missing; type {key}=NAME.")
            config[key] = DEFAULTS.get(key, {})
    config["optimizer"] = _optimizer(config["optimizer"])
    config["trainer"] = _trainer(config["trainer"])
    if config["trainer"]["steps"] is not None:
        schedules.schedule(config["optimizer"], config["trainer"]["steps"])
    if (tbptt := config["trainer"].get("tbptt")) is not None:
        _windows(config, tbptt)
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


def _refuse_name_as_key(data: Mapping[str, Any], known: Mapping[str, Check]) -> None:
    """Refuse ``adding.length=9``: the name of what was chosen in place of its key."""
    chosen = {"task": "name", "cell": "name", "optimizer": "name", "block": "kind"}
    for group, key in chosen.items():
        name = data[group].get(key) if isinstance(data.get(group), Mapping) else None
        if isinstance(name, str) and name in data and name not in known:
            inner = data[name]
            given = inner.items() if isinstance(inner, Mapping) else ()
            option, value = next(iter(given), ("KEY", "VALUE"))
            raise ConfigError(
                f"{name}.{option} is not a key: {name} is the name of the {group}; type "
                f"{group}.{option}={as_typed(value)}."
            )


def _windows(config: Mapping[str, Any], tbptt: int) -> None:
    """Refuse what cannot be computed window by window."""
    if config["bidirectional"]:
        raise ConfigError(
            f"trainer.tbptt={tbptt} with bidirectional=true: the backward direction starts at the "
            "end of a sequence, which a window does not contain. Type bidirectional=false, or "
            "remove trainer.tbptt to train on whole sequences."
        )
    if config["pool"] != "last":
        raise ConfigError(
            f"trainer.tbptt={tbptt} with pool={config['pool']}: the head would read the outputs of "
            "a whole sequence, which no window contains. Remove pool, or remove trainer.tbptt to "
            "train on whole sequences."
        )


def _optimizer(given: Mapping[str, Any]) -> dict[str, Any]:
    config = _checked(given, _OPTIMIZER, "optimizer.")
    config = {
        "name": "adam",
        "learning_rate": 1e-3,
        "clipnorm": None,
        "schedule": "constant",
        **config,
    }
    known = {name: {**own, **OMITTED[name]} for name, own in OPTIMIZERS.items()}
    for key in {key: None for keys in known.values() for key in keys}:
        if key in config and key not in known[config["name"]]:
            having = [name for name, keys in known.items() if key in keys]
            raise ConfigError(
                f"optimizer.{key}={config[key]}: {config['name']} has no {key}; "
                f"remove it or type optimizer={having[0]}."
            )
    for key, value in OPTIMIZERS[config["name"]].items():
        config.setdefault(key, value)
    omitted = {**OMITTED[config["name"]], **ALWAYS_OMITTED}
    config = {k: v for k, v in config.items() if k not in omitted or v != omitted[k]}
    if config.get("decayed") == "all" and not config.get("weight_decay"):
        raise ConfigError(
            "optimizer.decayed=all needs weight decay; type optimizer.weight_decay=0.01 as well."
        )
    if "final" in config and config["schedule"] not in schedules.FINAL:
        raise ConfigError(
            f"optimizer.final={config['final']}: the schedule {config['schedule']} sets its last "
            "rate itself; remove it or type optimizer.schedule=cosine, linear or wsd."
        )
    if "decay" in config and config["schedule"] != "wsd":
        raise ConfigError(
            f"optimizer.decay={config['decay']} is the share of the steps in which the schedule "
            f"wsd decays, and {config['schedule']} has no such part; remove it or type "
            "optimizer.schedule=wsd. Weight decay is optimizer.weight_decay."
        )
    if config.get("nesterov") and not config["momentum"]:
        raise ConfigError(
            "optimizer.nesterov=true needs momentum; type optimizer.momentum=0.9 as well."
        )
    return config


def with_omitted(optimizer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a run's optimizer with those that it omits.

    A run of AdamW without ``decayed`` is older than this key, and all its weights decayed.

    Args:
        optimizer: as a run has recorded it.
    """
    name, kind = optimizer.get("name"), optimizer.get("schedule")
    omitted = {**OMITTED.get(str(name), {}), **ALWAYS_OMITTED}
    if name == "adamw":
        omitted["decayed"] = "all"
    if kind not in schedules.FINAL:
        omitted.pop("final")
    if kind != "wsd":
        omitted.pop("decay")
    return {**omitted, **optimizer}


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
    return {k: v for k, v in config.items() if k not in TRAINER_OMITTED or v != TRAINER_OMITTED[k]}


def _example(key: str) -> Any:
    """Return a value that a key allows, for messages."""
    return EXAMPLES.get(key, DEFAULTS.get(key))


def meant_key(key: str) -> str:
    """Return the key that is meant by a misspelt one, or the key itself."""
    group, dot, name = key.rpartition(".")
    keys = GROUP_KEYS.get(group, {**RUN_KEYS, **LAUNCH_KEYS} if not group else {})
    if name in keys or not keys:
        return key
    return likely_key(name, [*keys], group + dot, _PLACES) or key


def _checked(
    data: Mapping[str, Any], known: Mapping[str, Check], prefix: str, also: tuple[str, ...] = ()
) -> dict[str, Any]:
    checked = {}
    for key, value in data.items():
        if key not in known:
            near = meant(str(key), [*known, *also], prefix, _PLACES)
            group = likely_key(str(key), [*known, *also], prefix, _PLACES)
            if isinstance(value, Mapping) and value and group in GROUP_KEYS:
                inner, value = next(iter(value.items()))
                group = meant_key(f"{group}.{inner}")
                near = f"; did you mean {group}?"
            part = "" if prefix or str(key) in OTHER_NAMES else key_of_part(str(key), data)
            if part:
                near, group = f"; did you mean {part}?", part
            if near == ".":
                first = next(iter(known))
                such = f" Type for example {prefix}{first}={_example(f'{prefix}{first}')}."
                every = f" Keys: {listed([*known, *also], 40)}.{such}"
                near = elsewhere(str(key), "gatekit train", [str(value)]) or near
                note = NOT_KEYS.get(str(key), "")
                near = f": {note}." if note else near
                near += every if prefix else " Remove it; `gatekit train --help` lists all keys."
            elif group.startswith("optimizer.beta") and isinstance(value, list):
                pairs = zip(("beta_1", "beta_2"), value, strict=False)
                near += f" Type {' '.join(f'optimizer.{k}={as_typed(v)}' for k, v in pairs)}."
            elif isinstance(value, Mapping) and value:
                word = " ".join(f"{group}.{k}={as_typed(v)}" for k, v in value.items())
                near += f" Type {word}." if KEY.fullmatch(group) else ""
            elif KEY.fullmatch(group):
                word = f"{group}={as_typed(value)}"
                near += f" Type {shlex.quote(word) if set(word) & set('[]{} ') else word}."
            raise ConfigError(f"{prefix}{key} is not a key{near}")
        try:
            checked[key] = known[key](value)
        except WrongError as wrong:
            name = f"{prefix}{key}"
            remedy = instead(name, value, known[key], _example(name))
            raise ConfigError(
                f"{name}={shown(value)} ({kind_of(value)}) is not allowed: {name} is {wrong}."
                f"{remedy}"
            ) from None
    return checked
