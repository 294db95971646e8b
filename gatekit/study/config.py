"""Validate a run's configuration: every key, every value, and their combinations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from gatekit.cell.errors import ConfigError
from gatekit.faults import (
    Fault,
    Kind,
    Place,
    Type,
    fits,
    together,
    unknown_option,
    wrong,
)
from gatekit.runs.names import study_name
from gatekit.training import schedule as schedules

from .interpolations import refuse_keywords
from .keys import (
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
)

P = Place.of
KNOWN: dict[str, Type] = {**RUN_KEYS, **LAUNCH_KEYS}

CONFLICTS: tuple[tuple[str, Callable[[Mapping[str, Any]], bool], str], ...] = (
    ("final", lambda c: c["schedule"] not in schedules.FINAL, "its schedule has no last rate"),
    ("decay", lambda c: c["schedule"] != "wsd", "only the schedule wsd decays at its end"),
    ("wait", lambda c: c["schedule"] != "plateau", "only the schedule plateau waits"),
    ("factor", lambda c: c["schedule"] != "plateau", "only the schedule plateau has it"),
    ("warmup", lambda c: c["schedule"] == "plateau", "plateau begins with the full rate"),
    (
        "decayed",
        lambda c: c["decayed"] == "all" and not c.get("weight_decay"),
        "no weights decay: optimizer.weight_decay is 0",
    ),
    (
        "nesterov",
        lambda c: c["nesterov"] and not c["momentum"],
        "it needs optimizer.momentum above 0",
    ),
)
"""Keys of the optimizer that others exclude: key, test, reason."""

WINDOWS = (
    ("bidirectional", False, "the backward direction starts at the end of a sequence"),
    ("pool", "last", "the head reads the outputs of a whole sequence"),
)
"""What cannot be computed window by window, with ``trainer.tbptt``."""


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
    refuse_keywords(data, "")
    groups = {"": KNOWN, **GROUP_KEYS}
    mistakes = (fault for group in groups for fault in _faults(group, data, groups[group]))
    if fault := together(mistakes):
        raise ConfigError(fault)
    config = {key: KNOWN[key].accept(value) for key, value in data.items()}
    for key in KNOWN:
        if key not in config:
            if key not in DEFAULTS and key not in GROUP_KEYS:
                refuse(Kind.MISSING, f"{key}.name")
            config[key] = DEFAULTS.get(key, {})
    config["optimizer"] = _optimizer(_group("optimizer", config))
    config["trainer"] = _trainer(_group("trainer", config))
    if config["trainer"]["steps"] is not None:
        schedules.schedule(config["optimizer"], config["trainer"]["steps"])
    if (tbptt := config["trainer"].get("tbptt")) is not None:
        if config["trainer"].get("accumulate", 1) > 1:
            conflict("trainer.tbptt", tbptt, "trainer.accumulate parts a batch")
        for key, needed, why in WINDOWS:
            if config[key] != needed:
                conflict("trainer.tbptt", tbptt, f"with {key}={config[key]} {why}")
    if "name" not in config["task"]:
        refuse(Kind.MISSING, "task.name")
    if config["seeds"] is not None and config["seed"] != DEFAULTS["seed"]:
        conflict("seeds", config["seeds"], "it means the seeds from 0, so seed cannot be given")
    if config["study"] is not None:
        study_name(config["study"])
    return config


def _faults(group: str, data: Mapping[str, Any], known: Mapping[str, Type]) -> Iterator[Fault]:
    given = data.get(group) if group else data
    for key, value in given.items() if isinstance(given, Mapping) else ():
        if key not in known:
            names = known if group else (*known, "experiment")
            yield unknown_option(P(group) / key, value, names)
        elif not fits(value, known[key]):
            yield wrong(P(group) / key, value, known[key])


def _group(group: str, config: Mapping[str, Any]) -> dict[str, Any]:
    given = {key: GROUP_KEYS[group][key].accept(value) for key, value in config[group].items()}
    return GROUP_DEFAULTS[group] | given


def _optimizer(config: dict[str, Any]) -> dict[str, Any]:
    name = config["name"]
    own = {*OPTIMIZERS[name], *OMITTED[name]}
    foreign = {key for each in (*OPTIMIZERS.values(), *OMITTED.values()) for key in each} - own
    for key in config:
        if key in foreign:
            conflict(f"optimizer.{key}", config[key], f"{name} has no {key}")
    config = {**OPTIMIZERS[name], **config}
    omitted = {**OMITTED[name], **ALWAYS_OMITTED}
    config = {k: v for k, v in config.items() if k not in omitted or v != omitted[k]}
    for key, excluded, why in CONFLICTS:
        if key in config and excluded(config):
            conflict(f"optimizer.{key}", config[key], why)
    return config


def _trainer(config: dict[str, Any]) -> dict[str, Any]:
    if config["steps"] is not None:
        config["epochs"] = None
    elif config["epochs"] is None:
        refuse(Kind.MISSING, "trainer.epochs", why="trainer.steps is null, too")
    return {k: v for k, v in config.items() if k not in TRAINER_OMITTED or v != TRAINER_OMITTED[k]}


def refuse(kind: Kind, place: str, **more: Any) -> NoReturn:
    """Refuse a key, or what is at a place.

    Raises:
        ConfigError: always.
    """
    raise ConfigError(Fault(kind, P(place), **more))


def conflict(place: str, given: Any, why: str) -> NoReturn:
    """Refuse a value that is allowed alone."""
    refuse(Kind.CONFLICT, place, given=given, why=why)


def refuse_removal(key: str) -> None:
    """Refuse ``~KEY`` of a key that changes numbers: the run would silently have another value.

    Raises:
        ConfigError: the key changes numbers.
    """
    group, _, inner = key.partition("@")[0].replace("/", ".").partition(".")
    if group not in RUN_KEYS or group in NO_NUMBERS:
        return
    if group not in GROUP_KEYS or not inner or inner in GROUP_KEYS[group]:
        place = f"{group}.{inner}" if inner else group
        refuse(Kind.REFUSED, place, why="a key that changes numbers cannot be removed")


def refuse_no_file(group: str) -> NoReturn:
    """Refuse ``GROUP=null``, without which the group's keys would silently have other values.

    Raises:
        ConfigError: always.
    """
    refuse(Kind.REFUSED, group, given=None, why=f"a run needs one of the files of conf/{group}")


def one_study(experiments: Sequence[str]) -> ConfigError:
    """Return the error that experiments cannot be swept, because each is a study of its own."""
    return ConfigError(f"experiment={','.join(experiments)}: one command runs one study")
