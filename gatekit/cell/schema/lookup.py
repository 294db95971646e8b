"""Finds registered parts by name or ``{kind: NAME, option: value}``, and creates them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import (
    CellError,
    ConfigError,
    OptionError,
    accepted,
    listed,
    nearest_name,
    quoted,
    refused,
)
from gatekit.cell.language.ops import FUNCTIONS
from gatekit.cell.learned import Initializer
from gatekit.cell.row_wise import RowWise
from gatekit.faults import (
    Both,
    Custom,
    Fault,
    Kind,
    Mismatch,
    Note,
    Place,
    Remove,
    Rename,
    Run,
    Set,
    Text,
    known_as,
    nearest_key,
    unknown_name,
    wrong,
)
from gatekit.faults.values import call_of

from .limits import SECTIONS
from .specification import OUTPUT_UNIT
from .values import CELL, check_keys, named_at


def kind_and_options(
    config: object, where: Place, what: str, known: Mapping[str, Any], catalogue: Catalogue
) -> tuple[str, dict[str, object]]:
    """Return the name and the options of an entry: a name, or ``{kind: NAME, option: value}``.

    Raises:
        CellError: the entry has another form, or its name is not among ``known``, a table of what
            is registered.
    """
    kind, options = (config, {}) if isinstance(config, str) else _of_mapping(config, where)
    if kind not in known:
        raise unknown(named_at(config, where), what, kind, known, catalogue)
    return kind, options


def registered(
    config: object, where: Place, what: str, known: Mapping[str, Any], catalogue: Catalogue
) -> tuple[str, Any]:
    """Return the registered name, and an instance of its class, as `kind_and_options` does."""
    kind, options = kind_and_options(config, where, what, known, catalogue)
    return kind, instance_of(known[kind], options, where)


def _of_mapping(config: object, where: Place) -> tuple[str, dict[str, object]]:
    if not isinstance(config, Mapping):
        raise _no_entry(config, where)
    if "_target_" in config:
        why = "gates are given by registered name, as {kind: NAME}"
        raise refused(where / "_target_", why, Remove(where / "_target_"))
    kind = config.get("kind")
    if kind is None:
        meant = _meant_entry(config)
        if where.path[0] == "swap" and "kind" not in meant and "activation" not in meant:
            why = "it is the gate that has these options"
            raise CellError(
                Fault(Kind.MISSING, where / "kind", why=why, lists=Run("gates"), what="gates")
            )
        why = "write a registered name, or for a gate its activation"
        fix: Set | Rename = Set(where, meant or {"kind": _usual(where), **config})
        if where.path[:2] == ("cell", "gates") and not meant and len(where.path) == 3:
            if where.last in SECTIONS:  # indented as if it were a gate
                fix = Rename(where, CELL / where.last)
            elif config and {*config} <= {"shape", "init"}:
                fix = Rename(where, CELL / "parameters" / where.last)
        raise CellError(Fault(Kind.MISSING, where / "kind", why=why, fixes=(fix,)))
    if not isinstance(kind, str):
        accepted(kind, Text(), where / "kind", _usual(where))
    return kind, {str(k): v for k, v in config.items() if k != "kind"}


def _usual(where: Place) -> str:
    """Return a name that is allowed at a place."""
    parts = where.path
    kinds = {"reads": "dense", "initializers": "zeros", "init": "uniform", OUTPUT_UNIT: "hidden"}
    found = next((kinds[str(part)] for part in reversed(parts) if part in kinds), "")
    return found or ("power_law" if parts[0] == "swap" else "sigmoid")


def _entry(value: Any) -> Any:
    if isinstance(value, str) or (isinstance(value, Mapping) and "kind" in value):
        return value
    raise Mismatch("a name, or {kind: NAME, option: value}")


def _no_entry(config: object, where: Place) -> CellError:
    """Return the error for a value that is neither a name nor a mapping."""
    number = isinstance(config, (int, float)) and not isinstance(config, bool)
    example: Any = _usual(where)
    if number and example in ("zeros", "uniform"):
        example = {"kind": "constant", "value": config}
    fault = wrong(where, config, Custom(_entry), example, where.path[0] == "swap")
    if number and example != _usual(where):
        fault = replace(fault, fixes=(Set(where, example),))
    if number and where.path[:2] == ("cell", "gates") and len(where.path) == 3:
        constant = Set(Place(("cell", "constants")), {where.last: config})
        fault = replace(fault, fixes=(Both((Remove(where), constant)),))
    if number and where.path[0] == "swap" and len(where.path) == 2:  # a gate that is always open
        fault = replace(fault, fixes=(Set(where, {"activation": f"0 * pre + {config}"}),))
    if callable(config):
        fault = replace(fault, fixes=(Note((instead_of_object(config, str(where)),)),))
    return CellError(fault)


def _meant_entry(config: Mapping[Any, Any]) -> dict[str, Any]:
    """Return an entry with its kind, which ``{type: tanh}`` or ``{kind:tanh}`` lacks."""
    for key, value in config.items():
        rest = {str(k): v for k, v in config.items() if k != key}
        name, colon, after = str(key).partition(":")
        if value is None and colon:
            return {name: after, **rest}
        if isinstance(value, Mapping) and not rest and not hasattr(RowWise, name):
            return {"kind": name, **value}
        ours = known_as("kind", name) or nearest_name(name, ("kind", "activation"))
        if ours and isinstance(value, str):
            return {ours: value, **rest}
        if value is None and name not in ("kind", "reads"):
            return {"kind": name, **rest}
    return {"kind": "constant", **config} if [*config] == ["value"] else {}


def instance_of(cls: Any, options: Mapping[str, Any], where: Place) -> Any:
    """Return an instance of the class with these options.

    Raises:
        CellError: an option is unknown or has the wrong type.
    """
    try:
        return cls(**options)
    except OptionError as error:
        fault, key = error.option, error.option.place.last
        if fault.kind is Kind.UNKNOWN and known_as("kind", key) and isinstance(fault.given, str):
            fault = replace(fault, fixes=(Set(Place(), {"kind": fault.given}),))
        raise CellError(fault.below(where)) from None
    except ConfigError as error:
        raise refused(where, str(error)) from None


def kind_of(instance: RowWise, registered: Mapping[str, type]) -> str:
    """Return the name under which an instance's class is registered, or the name of the class."""
    return next(
        (n for n, cls in registered.items() if cls is type(instance)), type(instance).__name__
    )


def unknown(
    where: Place, what: str, name: object, known: Mapping[str, object], catalogue: Catalogue
) -> CellError:
    """Return the error for an unregistered name: the registered ones, and how to add a plugin."""
    if why := catalogue.broken_with(name):
        return refused(where, f"there is no {what} {quoted(name)}{why}")
    fault = unknown_name(where, name, known, f"{what}s")
    gate = Place(where.path[:-1]) if where.last == "kind" else where
    called = call_of(name)
    called = called if called and called[0] in known else None
    if where.path[:2] == ("cell", "gates") and str(name).lower() == "none":
        fault = replace(fault, fixes=(Set(where, None),))
    elif called:
        fault = replace(fault, fixes=(Set(gate, _entry_of(called, known[called[0]])),))
    elif what == "gate" and str(name).endswith(".py"):
        here = [each for each, cls in known.items() if _is_in(cls, str(name))]
        of = f"a gate has the name that its file registers: type it, and plugins=[{name}]"
        fault = replace(fault, fixes=(Set(where, here[0]) if here else Note((of,)),))
    elif str(name).isidentifier() and os.path.isfile(f"{name}.py"):
        move = f"{name}.py is here, and not in ./plugins: move it there, or add "
        fault = replace(fault, fixes=(Note((f"{move}plugins=[{name}.py]",)),), known=())
    elif what == "gate" and _FORMULA.search(str(name)):
        entry = {"activation": name} | ({} if re.search(r"\bpre\b", str(name)) else {"reads": []})
        equation = Rename(where, Place(("cell", "equations", gate.last)))
        fault = replace(fault, fixes=(Set(gate, entry) if gate.path[0] == "swap" else equation,))
    elif where.path[0] == "swap" and str(name).lower() in ("none", "off", "false"):
        own = f"{where.path[1]}: null in gates removes it, after no equation reads it"
        fault = replace(fault, fixes=(Note((f"null keeps the gate of the cell, and {own}",)),))
    elif what == "gate" and (formula := _formula(name, catalogue)):
        inherited = {"kind": None} if where.last == "kind" and where.path[0] == "cell" else {}
        fault = replace(fault, fixes=(Set(gate, {**inherited, "activation": formula}),))
    lists = Run(_LISTS.get(what, "plugins")) if fault.lists else None
    if catalogue.broken and (not fault.fixes or not nearest_key(str(name), known)):
        own = f"left out because broken: {'; '.join(catalogue.broken[:3])}"
        fault = replace(fault, fixes=(Note((own,)),))
    elif not fault.fixes:
        own = (
            f"plugins loaded: {listed(catalogue.loaded, 12)}. To add your own, put its file into "
            "./plugins, or type plugins=[path/to/file.py]; before keras.models.load_model type "
            "gatekit.use_plugins('path/to/file.py')."
        )
        fault = replace(fault, fixes=(Note((own,)),))
    elif isinstance(getattr(fault.fixes[0], "value", None), str):
        own = "one of your own needs its file: plugins=[path/to/file.py]"
        fault = replace(fault, fixes=(*fault.fixes, Note((own,))))
    return CellError(replace(fault, lists=lists))


def _is_in(cls: Any, file: str) -> bool:
    """Return whether a class is defined in a file."""
    module = sys.modules.get(cls.__module__)
    return os.path.realpath(getattr(module, "__file__", "")) == os.path.realpath(file)


def _entry_of(called: tuple[str, list[Any], dict[str, Any]], kind: Any) -> dict[str, Any]:
    """Return the entry that a call of a class means, such as ``power_law(eps=0.01)``."""
    name, given, named = called
    if issubclass(kind, RowWise):  # what a gate is called with are its reads
        reads = [each for each in given if isinstance(each, str) and each != "pre"]
        return {"kind": name, **({"reads": reads} if reads else {}), **named}
    return {"kind": name, **dict(zip(kind.option_names(), given, strict=False)), **named}


def _formula(name: object, catalogue: Catalogue) -> str:
    """Return the activation that a function's name means; empty if it names none of one value."""
    text = str(name)
    if text in catalogue.functions:
        return f"{text}(pre)" if catalogue.functions[text].arity == 1 else ""
    ours = known_as("function", text)
    return re.sub(r"\ba\b", "pre", ours) if re.search(r"\ba\b", ours) else ""


_FORMULA = re.compile(r"^\d|[*/+]| - ")
_LISTS = {"gate": "gates", "output unit": "output-units", "cell function": "cells"}
"""The command that lists each kind; `gatekit plugins` lists the other kinds."""


def instead_of_object(value: object, where: str) -> str:
    """Return what to write in place of a function, class or layer that is passed as a gate.

    Args:
        value: the function, class or layer.
        where: its place, such as ``swap['forget']``, ``swap.forget`` or ``output_unit``.
    """
    role = where.replace("']", "").rpartition("['")[2].rpartition(".")[2]
    name = getattr(value, "__name__", "") or getattr(value, "name", "")
    if isinstance(value, type) and issubclass(value, RowWise):
        name = f"{value.__name__}()"
        return f"write output_unit={name}" if role == "output_unit" else f"write {role!r}: {name}"
    if role == "output_unit":
        return "write output_unit='hidden', and put a Keras layer after gatekit.RNN in the model"
    if name in FUNCTIONS:
        gate = repr(name) if name in _AS_GATES else f"{{'activation': '{name}(pre)'}}"
        return f"write swap={{{role!r}: {gate}}}"
    return (
        "write its formula of pre, the sum of what the gate reads, for example swap="
        f"{{{role!r}: {{'activation': 'clip(pre, 0, 1)'}}}}, or a class in ./plugins: "
        "`gatekit new gate NAME` writes one"
    )


_AS_GATES = ("sigmoid", "tanh", "hard_sigmoid")
"""Functions that are also names of gates."""


def make_initializer(value: object, where: Place, catalogue: Catalogue) -> Initializer:
    """Return the initializer given by a name or ``{kind: NAME, option: value}``.

    Raises:
        CellError: the initializer is not registered, or an option is wrong.
    """
    made: Initializer
    _, made = registered(value, where, "initializer", catalogue.initializers, catalogue)
    return made


def check_initializer(value: object, where: Place, catalogue: Catalogue) -> None:
    """Check that a value is an initializer or ``{negative_of: GATE}``.

    Raises:
        CellError: the value is neither.
    """
    if isinstance(value, Mapping) and "negative_of" in value:
        accepted(value["negative_of"], Text(), where / "negative_of")
        check_keys(value, ("negative_of",), where)
        return
    make_initializer(value, where, catalogue)


def check_initializers(value: Mapping[str, object], where: Place, catalogue: Catalogue) -> None:
    """Check a mapping from ``kernel``, ``recurrent`` and ``bias`` to initializers.

    Raises:
        CellError: a key or an initializer is not allowed.
    """
    check_keys(value, ("kernel", "recurrent", "bias"), where)
    for key, initializer in value.items():
        check_initializer(initializer, where / key, catalogue)
