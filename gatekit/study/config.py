"""Validate a run's configuration: every key, every value, and their combinations."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from gatekit.cell.errors import ConfigError, read_with
from gatekit.faults import (
    NOTHING,
    Both,
    Fault,
    Fix,
    Kind,
    Note,
    Place,
    Remove,
    Rename,
    Run,
    Set,
    Several,
    Type,
    Whole,
    fits,
    known_as,
    nearest_key,
    nearest_name,
    note_for,
    together,
    unknown_option,
    wrong,
)
from gatekit.faults.speak import CHOICES
from gatekit.faults.types import several
from gatekit.faults.values import amount_of, as_typed, is_off
from gatekit.registry.tracker import NAMES
from gatekit.runs.names import study_name
from gatekit.training import schedule as schedules

from .interpolations import refuse_keywords
from .keys import (
    ALWAYS_OMITTED,
    DECLARED,
    DEFAULTS,
    GROUP_DEFAULTS,
    GROUP_KEYS,
    LAUNCH_KEYS,
    MISSING,
    NO_NUMBERS,
    OMITTED,
    OPTIMIZERS,
    RUN_KEYS,
    TRAINER_OMITTED,
    USUAL,
    example,
    not_installed,
)

P = Place.of
KNOWN: dict[str, Type] = {**RUN_KEYS, **LAUNCH_KEYS}


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
    return read_with(_validated, data, Place())


def _validated(data: Mapping[str, Any]) -> dict[str, Any]:
    refuse_keywords(data, "")
    if fault := together((*_unknown_keys(data), *_wrong_values(data))):
        raise ConfigError(fault)
    config = _accepted(data, KNOWN)
    for key in KNOWN:
        if key not in config:
            if key not in DEFAULTS and key not in ("optimizer", "trainer"):
                refuse(Kind.MISSING, f"{key}.name", Set(P(f"{key}.name"), USUAL[key]))
            config[key] = DEFAULTS.get(key, {})
    config["optimizer"] = _optimizer(config["optimizer"])
    config["trainer"] = _trainer(config["trainer"])
    if config["trainer"]["steps"] is not None:
        schedules.schedule(config["optimizer"], config["trainer"]["steps"])
    if (tbptt := config["trainer"].get("tbptt")) is not None:
        _windows(config, tbptt)
    if "name" not in config["task"]:
        refuse(Kind.MISSING, "task.name", Set(P("task.name"), USUAL["task"]))
    count, seed = config["seeds"], config["seed"]
    if count is not None and seed != DEFAULTS["seed"]:
        listed = Both((Remove(P("seeds")), Set(P("seed"), Several(range(seed, seed + count)))))
        why = f"it means the seeds 0 to {count - 1}"
        refuse(Kind.CONFLICT, "seeds", Remove(P("seed")), listed, given=count, why=why)
    if config["study"] is not None:
        study_name(config["study"])
    return config


def refuse(kind: Kind, place: str, *fixes: Fix, **more: Any) -> NoReturn:
    """Refuse a configuration.

    Args:
        kind: what is wrong.
        place: the full key.
        fixes: what to do about it, the likeliest first.
        more: further fields of the `Fault`.

    Raises:
        ConfigError: always.
    """
    raise ConfigError(Fault(kind, P(place), fixes=fixes, **more))


def _windows(config: Mapping[str, Any], tbptt: int) -> None:
    """Refuse settings that cannot be computed window by window."""
    if (parts := config["trainer"].get("accumulate", 1)) > 1:
        refuse(
            Kind.CONFLICT,
            "trainer.tbptt",
            *(Remove(P("trainer.accumulate")), Remove(P("trainer.tbptt"))),
            given=tbptt,
            why=(
                f"a batch in {parts} parts (",
                P("trainer.accumulate"),
                ") cannot continue the states of the window before",
            ),
        )
    for key, needed, why in (
        ("bidirectional", False, "the backward direction starts at the end of a sequence"),
        ("pool", "last", "the head reads the outputs of a whole sequence"),
    ):
        if config[key] != needed:
            refuse(
                Kind.CONFLICT,
                "trainer.tbptt",
                *(Set(P(key), needed), Remove(P("trainer.tbptt"))),
                given=tbptt,
                why=("with this ", P(key), f" {why}, which no window contains"),
            )


def _optimizer(given: Mapping[str, Any]) -> dict[str, Any]:
    config = GROUP_DEFAULTS["optimizer"] | _accepted(given, GROUP_KEYS["optimizer"])
    known = {name: {**own, **OMITTED[name]} for name, own in OPTIMIZERS.items()}
    for key in {key: None for keys in known.values() for key in keys}:
        if key in config and key not in known[config["name"]]:
            having = next(name for name, keys in known.items() if key in keys)
            fixes: tuple[Fix, ...] = Set(P("optimizer.name"), having), Remove(P(f"optimizer.{key}"))
            _conflict(config, key, f"{config['name']} has no {key}", *fixes)
    for key, value in OPTIMIZERS[config["name"]].items():
        config.setdefault(key, value)
    omitted = {**OMITTED[config["name"]], **ALWAYS_OMITTED}
    config = {k: v for k, v in config.items() if k not in omitted or v != omitted[k]}
    kind = config["schedule"]
    if config.get("decayed") == "all" and not config.get("weight_decay"):
        _conflict(config, "decayed", "no weight decays", Set(P("optimizer.weight_decay"), 0.01))
    if "final" in config and kind not in schedules.FINAL:
        fixes = Remove(P("optimizer.final")), Set(P("optimizer.schedule"), "cosine")
        _conflict(config, "final", f"the schedule {kind} has no last rate to set", *fixes)
    if "decay" in config and kind != "wsd":
        why = f"only the schedule wsd has a part in which it decays, and {kind} has none"
        fixes = Remove(P("optimizer.decay")), Set(P("optimizer.schedule"), "wsd")
        weights = Rename(P("optimizer.decay"), P("optimizer.weight_decay"))
        _conflict(config, "decay", why, *fixes, weights)
    for key in ("wait", "factor"):
        if key in config and kind != "plateau":
            fixes = Remove(P(f"optimizer.{key}")), Set(P("optimizer.schedule"), "plateau")
            _conflict(config, key, f"the schedule {kind} does not wait for a plateau", *fixes)
    if "warmup" in config and kind == "plateau":
        why = "the schedule plateau begins with the full rate"
        _conflict(config, "warmup", why, Remove(P("optimizer.warmup")))
    if config.get("nesterov") and not config["momentum"]:
        _conflict(config, "nesterov", "it needs momentum", Set(P("optimizer.momentum"), 0.9))
    return config


def _conflict(config: Mapping[str, Any], key: str, why: str, *fixes: Fix) -> NoReturn:
    """Refuse a key of the optimizer that does not go with the others."""
    refuse(Kind.CONFLICT, f"optimizer.{key}", *fixes, given=config[key], why=why)


def _trainer(given: Mapping[str, Any]) -> dict[str, Any]:
    config = GROUP_DEFAULTS["trainer"] | _accepted(given, GROUP_KEYS["trainer"])
    if config["steps"] is not None:
        config["epochs"] = None
    elif config["epochs"] is None:
        fixes = Set(P("trainer.epochs"), 20), Set(P("trainer.steps"), 1000)
        refuse(Kind.MISSING, "trainer.epochs", *fixes, why=(P("trainer.steps"), " is null, too"))
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
    type_ = GROUP_KEYS.get(group, {}).get(inner) if inner else RUN_KEYS.get(group)
    if group not in RUN_KEYS or group in NO_NUMBERS or (group in GROUP_KEYS and type_ is None):
        return
    whole = f"{group}.{inner}" if inner else group
    value: Any = None
    if whole == "swap":
        whole = "swap.forget"
    elif whole in USUAL:
        value = USUAL[group]
    elif group != "swap" and (type_ is None or not fits(None, type_)):
        value = (GROUP_DEFAULTS.get(group, {}) if inner else DEFAULTS).get(inner or group)
        value = example(whole) if value is None or value is False else value
        if value is None and not (group == "cell" and inner.count(".") == 1):
            value = "VALUE"
    why = "a key that changes numbers must have a value, so it cannot be removed"
    refuse(Kind.REFUSED, whole, Set(P(whole), value), why=why)


def refuse_no_file(group: str) -> NoReturn:
    """Refuse ``GROUP=null``, without which the group's keys would silently have other values.

    Raises:
        ConfigError: always.
    """
    why = f"a run needs one of the files of conf/{group}"
    refuse(Kind.REFUSED, group, Set(P(group), USUAL[group]), given=None, why=why)


def one_study(experiments: Sequence[str]) -> ConfigError:
    """Return the error that experiments cannot be swept, because each is a study of its own."""
    each = " && ".join(f"gatekit train experiment={name}" for name in experiments)
    return ConfigError(
        f"experiment={','.join(experiments)}: one command runs one study, and each experiment is a "
        f"study of its own; type {each}. With the same study=NAME in each command, they share one."
    )


def meant_key(key: str) -> str:
    """Return the key that is probably meant by a misspelt key, or the key itself."""
    place, group = P(key), key.rpartition(".")[0]
    if key in DECLARED or group not in ("", *GROUP_KEYS):
        return key
    return str(next(_meant(place, {}), key))


def refuse_elsewhere(group: str, given: Mapping[str, Any], own: Collection[str]) -> None:
    """Refuse a key of a task or block that is not one of its options, but a key of the run."""
    for name in (name for name in given if name not in own):
        if known_as("option", name, own) or known_as(group, name):
            continue  # another name of an option
        to, place, value = meant_key(name), P(group) / name, given[name]
        near = nearest_name(name, [*own, *RUN_KEYS])
        known = known_as("key", name) == to and near not in own
        likely = to.rpartition(".")[2] == name or known or (name.isalpha() and near == to)
        if likely and to in DECLARED:
            refuse(Kind.UNKNOWN, str(place), Rename(place, P(to)), given=value)


def _meant(place: Place, data: Mapping[str, Any]) -> Iterator[Place]:
    """Yield the places that an unknown key may mean, the likeliest first.

    It may be a name of another program, lack its group, name a part of the cell, or be misspelt.
    """
    name, group = place.last, place.path[:-1]
    if "." in name:  # a file has a mapping in place of each dot
        yield P(name)
    if group and (ours := known_as(str(group[0]), name)):
        yield Place(group) / ours
    yield from (P(each) for each in known_as("key", name).split(" and ") if each)
    for other, keys in {"": KNOWN, **GROUP_KEYS}.items():
        if other != (group[0] if group else "") and name in keys:
            yield P(other) / name
    if not group:
        yield from _of_part(name, data)
        start, _, option = name.partition("_")
        if option and start in ("task", "block", *GROUP_KEYS):
            yield P(start) / option
    known = GROUP_KEYS[str(group[0])] if group else {**KNOWN, "experiment": None}
    if near := nearest_key(name, known):
        yield Place(group) / near


def _of_part(name: str, data: Mapping[str, Any]) -> Iterator[Place]:
    """Yield the places of a role of the cell, and of an option of the task or block."""
    from gatekit.registry import catalogue, tasks

    cell, task, block = (
        part if isinstance(part := data.get(group), Mapping) else {}
        for group in ("cell", "task", "block")
    )
    role = name.removeprefix("swap_").removesuffix("_gate")
    if role in {*(cell.get("gates") or ()), *(cell.get("roles") or ())}:
        yield P("swap") / role
    for group, kinds, kind in (
        ("task", tasks() if task else {}, str(task.get("name"))),
        ("block", catalogue().blocks if block else {}, str(block.get("kind"))),
    ):
        if kind in kinds and name in kinds[kind].option_names():
            yield P(group) / name


def _unknown(place: Place, value: Any, known: Mapping[str, Type], data: Mapping[str, Any]) -> Fault:
    """Return the fault of an unknown key."""
    name, group = place.last, place.path[:-1]
    if not group and name in ("method", "parameters") and (sweep := _swept(data.get("parameters"))):
        gone = (Remove(P(key)) for key in ("method", "parameters") if key in data)
        fix = Both((*gone, Set(P("hydra"), {"mode": "MULTIRUN", "sweeper": {"params": sweep}})))
        return Fault(Kind.UNKNOWN, place, value, fixes=(fix,))
    if not group and name in ("grids", "params", "sweeper"):
        below = P("hydra") if name == "sweeper" else P("hydra.sweeper")
        return Fault(Kind.UNKNOWN, place, value, fixes=(Rename(place, below / name),))
    if note := note_for("key", name):
        return Fault(Kind.UNKNOWN, place, value, why=note, fixes=(Remove(place),))
    swaps = data.get("swap")
    if not group and isinstance(swaps, Mapping):
        from gatekit.cell.schema.swapping import with_option
        from gatekit.registry import catalogue

        if option := with_option(swaps, place, value, catalogue()):
            return Fault(Kind.UNKNOWN, place, value, fixes=(option,))
    targets = [*_meant(place, data)]
    for chosen in () if group else ("task", "cell", "optimizer", "block"):
        part = data.get(chosen)
        if isinstance(part, Mapping) and part.get(CHOICES[chosen]) == name:
            targets = [P(chosen)]  # adding.length=9 has the name of the task in place of its key
    roles = swaps.items() if isinstance(swaps, Mapping) and not group else ()
    for role in (role for role, gate in roles if gate == name and isinstance(value, Mapping)):
        key, one = next(iter(value.items()))  # slow.stretch=4 is an option of the swapped gate
        moved = Rename(place / key, P("swap") / role / key)
        return Fault(Kind.UNKNOWN, place / key, one, fixes=(moved,))
    flag = name.replace("_", "-")
    if not targets and not group and (command := known_as("flag-of", flag)):
        words = ["STUDY", f"--{flag}", *([] if value is True else [str(value)])]
        if command == "plan":  # it takes the words of `gatekit train`
            words = ["...", *(["--list"] if name == "list" else [])]
        typed = Run(command, tuple(words))
        return Fault(Kind.UNKNOWN, place, value, fixes=(typed,))
    if not targets and group:
        return unknown_option(place, value, known)
    if not targets:
        return Fault(Kind.UNKNOWN, place, value, fixes=(Remove(place),), lists=Run("train --help"))
    return Fault(Kind.UNKNOWN, place, value, fixes=(_moved(place, value, targets),))


def _swept(parameters: Any) -> dict[str, str]:
    """Return the values of a sweep of W&B as Hydra needs them; empty for anything else."""
    swept = {}
    for name, entry in parameters.items() if isinstance(parameters, Mapping) else ():
        if not isinstance(entry, Mapping) or not isinstance(entry.get("values"), list):
            return {}
        swept[meant_key(str(name))] = ",".join(map(as_typed, entry["values"]))
    return swept


def _moved(place: Place, value: Any, targets: Sequence[Place]) -> Fix:
    """Return the fix that gives a value to the key that is meant."""
    to, gone = targets[0], Remove(place)
    key, equals, word = str(to).partition("=")
    if equals:  # the name stands for a value
        return Both((gone, Set(P(key), [word.strip("[]")] if word[0] == "[" else word)))
    if " and " in known_as("key", place.last):
        both = value[:2] if isinstance(value, list) else [value, example(str(targets[1]))]
        return Both((gone, *(Set(at, one) for at, one in zip(targets, both, strict=False))))
    if isinstance(value, Mapping) and value and len(to.path) == 1:
        inner = {
            key if (key := known_as("key", name)) == "units" else meant_key(f"{to}.{name}"): one
            for name, one in value.items()
        }
        return Both((gone, *(Set(P(key), one) for key, one in inner.items())))
    declared = DECLARED.get(str(to))
    if declared is None or fits(value, declared.type):
        return Rename(place, to)
    first = next(iter(wrong_value(to, value, declared.type).fixes), None)
    if isinstance(first, Set) and first.value == value:
        return Rename(place, first.place)
    return Both((gone, first)) if isinstance(first, Set) else Rename(place, to)


def _beside(place: Place, value: Mapping[str, Any], type_: Type) -> Both | None:
    """Return the fix of a mapping with a name and keys that stand beside it, not in it."""
    named = [key for key in ("kind", "name", "type") if key in value]
    inner = {key: each for key, each in value.items() if key not in named}
    beside = [Set(Place(place.path[:-1]) / key, each) for key, each in inner.items()]
    known = all(str(each.place) in DECLARED for each in beside)
    if len(named) != 1 or not known or not fits(value[named[0]], type_):
        return None
    return Both((Set(place, value[named[0]]), *beside))


def wrong_value(place: Place, value: Any, type_: Type) -> Fault:
    """Return the fault of a value that a key does not take."""
    key, such = str(place), example(str(place))
    fault = wrong(place, value, type_, such, swept=key not in LAUNCH_KEYS)
    first = value[0] if isinstance(value, list) and value else value
    named = first if isinstance(first, str) else ""
    fixes: tuple[Fix, ...] = ()
    default = (
        DECLARED[key].default if key in DECLARED and (is_off(value) or value == -1) else NOTHING
    )
    if default in (None, MISSING) and fits(None, type_) and key != "trainer.epochs":
        fixes = (Set(place, None),)
    elif default in (0, "constant", []):
        fixes = (Set(place, default),)
    elif key == "trainer":
        fixes = (Set(place / "epochs", 20),)
    elif key in CHOICES:
        fixes = (Set(place / CHOICES[key], named or USUAL[key]),)
    elif key == "swap":
        role, colon, gate = named.replace("=", ":").partition(":")
        role, gate = (role, gate) if colon else ("forget", named)
        fixes = (Set(place / role, gate or "power_law"),)
    elif key == "track":
        names = [name for name in NAMES if name in (value if isinstance(value, list) else [value])]
        if missing := not_installed(names):
            install = " and ".join(NAMES[name] for name in missing)
            fixes = (Note((f"Type {install}, then ", Set(place, names))),)
    elif key == "layers" and isinstance(value, list) and value:
        widths = Both((Set(place, len(value)), Set(P("units"), value[0])))
        fixes = (widths, Note(("all layers have the same number of units",)))
    elif isinstance(value, Mapping) and (apart := _beside(place, value, type_)):
        fixes = (apart,)
    elif key == "optimizer.schedule" and "warm" in named.lower():  # cosine_with_warmup
        warm = Set(P("optimizer.warmup"), 0.1)
        fixes = (Both((*(fix for fix in fault.fixes[:1] if isinstance(fix, Set)), warm)),)
    elif key == "devices" and isinstance(value, str):  # cuda:0
        fixes = Remove(place), Note((note_for("key", "device"),))
    elif key == "devices" and isinstance(value, list) and value:
        which = Set(P("hydra.launcher.gpus"), value)
        fixes = Set(place, len(value)), Note((which, " chooses the GPUs"))
    elif key == "units" and isinstance(value, list) and fault.fixes:
        fixes = (*fault.fixes, Note(("all layers have the same number of units",)))
    elif key == "match" and isinstance(value, Mapping) and len(value) == 1:
        fixes = (Set(place, ":".join(map(str, next(iter(value.items()))))),)
    elif key == "match" and amount_of(str(value)):
        fixes = (Set(place, f"parameters:{value}"),)
    elif key == "seeds":
        found = several(value, Whole(0))
        swept = Both((Remove(place), Set(P("seed"), found or Several((4, 5)))))
        fixes = (swept,) if found else (*fault.fixes, swept)
        if found and list(found.values) == [*range(len(found.values))]:
            fixes = (Set(place, len(found.values)),)
    return replace(fault, fixes=fixes or fault.fixes)


def _accepted(given: Mapping[str, Any], known: Mapping[str, Type]) -> dict[str, Any]:
    """Return the values of a group, each converted to its type."""
    return {key: known[key].accept(value) for key, value in given.items()}


def refuse_unknown(data: Mapping[str, Any]) -> None:
    """Refuse keys that are not those of a run, of its optimizer or of its trainer.

    Raises:
        ConfigError: keys are unknown; the fault states what each probably means.
    """
    if fault := together(_unknown_keys(data)):
        raise ConfigError(fault)


def _values(data: Mapping[str, Any]) -> Iterator[tuple[Place, Any, Mapping[str, Type]]]:
    """Yield each key, its value, and the keys of its group with their types."""
    for group, known in {"": KNOWN, **GROUP_KEYS}.items():
        given = data.get(group) if group else data
        for key, value in given.items() if isinstance(given, Mapping) else ():
            yield P(group) / key, value, known


def _unknown_keys(data: Mapping[str, Any]) -> Iterator[Fault]:
    told: list[tuple[Fix, ...]] = []
    for place, value, known in _values(data):
        if place.last not in known:
            fault = _unknown(place, value, known, data)
            if fault.fixes not in told:
                yield fault
            told.append(fault.fixes)


def _wrong_values(data: Mapping[str, Any]) -> Iterator[Fault]:
    for place, value, known in _values(data):
        if place.last in known and not fits(value, known[place.last]):
            yield wrong_value(place, value, known[place.last])
