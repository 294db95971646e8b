"""Finds registered parts by name or ``{kind: NAME, option: value}``, and creates them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import (
    CellError,
    ConfigError,
    OptionError,
    accepted,
    as_plain,
    quoted,
    refused,
)
from gatekit.cell.learned import Initializer
from gatekit.cell.row_wise import RowWise
from gatekit.faults import Fault, Kind, Place, Text, unknown_name

from .values import check_keys, named_at


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
        expected = "a name, or {kind: NAME, option: value}"
        raise CellError(Fault(Kind.WRONG, where, as_plain(config), expected))
    if "_target_" in config:
        raise refused(where / "_target_", "gates are given by registered name, as {kind: NAME}")
    kind = config.get("kind")
    if kind is None:
        why = "write a registered name, or for a gate its activation"
        raise CellError(Fault(Kind.MISSING, where / "kind", why=why))
    if not isinstance(kind, str):
        accepted(kind, Text(), where / "kind")
    return kind, {str(k): v for k, v in config.items() if k != "kind"}


def instance_of(cls: Any, options: Mapping[str, Any], where: Place) -> Any:
    """Return an instance of the class with these options.

    Raises:
        CellError: an option is unknown or has the wrong type.
    """
    try:
        return cls(**options)
    except OptionError as error:
        raise CellError(error.option.below(where)) from None
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
    """Return the error for a name that nothing registered has."""
    if why := catalogue.broken_with(name):
        return refused(where, f"there is no {what} {quoted(name)}{why}")
    broken = f"left out because broken: {'; '.join(catalogue.broken[:3])}"
    fault = unknown_name(where, name, known, f"{what}s")
    return CellError(replace(fault, why=broken * bool(catalogue.broken)))


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
