"""Validate a run's configuration: every key, every value, and their combinations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from gatekit.cell.errors import ConfigError, as_typed, kind_of, listed
from gatekit.runs.names import study_name
from gatekit.training import schedule as schedules

from .interpolations import refuse_keywords
from .remedies import (
    KEY,
    NOT_KEYS,
    OTHER_NAMES,
    allowed,
    elsewhere,
    in_shell,
    instead,
    key_of_part,
    likely_key,
    meant,
    shown,
)
from .removed import no_more
from .schema import (
    ALWAYS_OMITTED,
    DEFAULTS,
    GROUP_DEFAULTS,
    GROUP_KEYS,
    LAUNCH_KEYS,
    NO_NUMBERS,
    OMITTED,
    OPTIMIZERS,
    RUN_KEYS,
    TRAINER_OMITTED,
    USUAL,
    Check,
    WrongError,
    example,
)

_PLACES = {"": RUN_KEYS, **{f"{group}.": keys for group, keys in GROUP_KEYS.items()}}


def validate(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with every value checked and every default filled in.

    Args:
        data: plain data, as composed.

    Returns:
        All keys of ``RUN_KEYS`` and ``LAUNCH_KEYS``. Where a key takes a float, an integer is
        converted to one; either ``epochs`` or ``steps`` is null.

    Raises:
        ConfigError: a key is unknown or missing, or a value has the wrong type or is out of range.
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
    """Refuse ``adding.length=9``, which has the name of the task instead of ``task``."""
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
    """Refuse settings that cannot be computed window by window."""
    if (parts := config["trainer"].get("accumulate", 1)) > 1:
        raise ConfigError(
            f"trainer.tbptt={tbptt} with trainer.accumulate={parts}: a window continues the states "
            "of the one before, so its batch cannot be computed in parts. Remove one of them."
        )
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
    config = GROUP_DEFAULTS["optimizer"] | _checked(given, GROUP_KEYS["optimizer"], "optimizer.")
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
            "optimizer.decayed=all needs weight decay; also type optimizer.weight_decay=0.01."
        )
    if "final" in config and config["schedule"] not in schedules.FINAL:
        raise ConfigError(
            f"optimizer.final={config['final']}: the schedule {config['schedule']} has a fixed "
            "last rate; remove it or type optimizer.schedule=cosine, linear or wsd."
        )
    if "decay" in config and config["schedule"] != "wsd":
        raise ConfigError(
            f"optimizer.decay={config['decay']} is the share of the steps in which the schedule "
            f"wsd decays, and {config['schedule']} has no such part; remove it or type "
            "optimizer.schedule=wsd. Weight decay is optimizer.weight_decay."
        )
    if config.get("nesterov") and not config["momentum"]:
        raise ConfigError(
            "optimizer.nesterov=true needs momentum; also type optimizer.momentum=0.9."
        )
    return config


def _trainer(given: Mapping[str, Any]) -> dict[str, Any]:
    config = GROUP_DEFAULTS["trainer"] | _checked(given, GROUP_KEYS["trainer"], "trainer.")
    if config["steps"] is not None:
        config["epochs"] = None
    elif config["epochs"] is None:
        raise ConfigError(
            "trainer.epochs and trainer.steps are both null; type trainer.epochs=20 "
            "or trainer.steps=1000."
        )
    return {k: v for k, v in config.items() if k not in TRAINER_OMITTED or v != TRAINER_OMITTED[k]}


def refuse_removal(key: str) -> None:
    """Refuse ``~KEY`` of a key that changes numbers: the run would silently have another value.

    Keys that change no number may be removed; Hydra refuses to remove a key that does not exist.

    Args:
        key: the key or the group, without ``~``.

    Raises:
        ConfigError: the key changes numbers.
    """
    group, _, inner = key.partition("@")[0].replace("/", ".").partition(".")
    check = GROUP_KEYS.get(group, {}).get(inner) if inner else RUN_KEYS.get(group)
    if group not in RUN_KEYS or group in NO_NUMBERS or (group in GROUP_KEYS and check is None):
        return
    whole = f"{group}.{inner}" if inner else group
    part_of_cell = group == "cell" and inner.count(".") == 1
    if group == "swap" or part_of_cell or (check is not None and allowed(check, None)):
        typed = f"{group}.ROLE=null" if whole == "swap" else f"{whole}=null"
    elif whole in USUAL:
        typed = f"{group}={USUAL[group]}"
    else:
        default = (GROUP_DEFAULTS.get(group, {}) if inner else DEFAULTS).get(inner or group)
        value = example(whole) if default is None or default is False else default
        typed = f"{whole}={'VALUE' if value is None else as_typed(value)}"
    raise ConfigError(
        f"~{whole}: a key that changes numbers must have a value, so it cannot be removed; type "
        f"{typed}"
    )


def refuse_no_file(group: str) -> NoReturn:
    """Refuse ``GROUP=null``, without which the group's keys would silently have other values.

    Raises:
        ConfigError: always.
    """
    raise ConfigError(
        f"{group}=null: a run needs one of the files of conf/{group}; type {group}={USUAL[group]}, "
        "the default."
    )


def one_study(experiments: Sequence[str]) -> ConfigError:
    """Return the error that experiments cannot be swept, because each is a study of its own."""
    each = " && ".join(f"gatekit train experiment={name}" for name in experiments)
    return ConfigError(
        f"experiment={','.join(experiments)}: one command runs one study, and each experiment is a "
        f"study of its own; type {each}. With the same study=NAME in each command, they share one."
    )


def meant_key(key: str) -> str:
    """Return the key that is probably meant by a misspelt key, or the key itself."""
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
            if gone := no_more(f"{prefix}{key}="):
                raise ConfigError(f"{prefix}{key} is not a key{gone}")
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
                such = f" Type for example {prefix}{first}={example(f'{prefix}{first}')}."
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
                near += f" Type {in_shell(f'{group}={as_typed(value)}')}."
            raise ConfigError(f"{prefix}{key} is not a key{near}")
        try:
            checked[key] = known[key](value)
        except WrongError as wrong:
            name = f"{prefix}{key}"
            remedy = instead(name, value, known[key], example(name))
            raise ConfigError(
                f"{name}={shown(value)} ({kind_of(value)}) is not allowed: {name} is {wrong}."
                f"{remedy}"
            ) from None
    return checked
