"""Regularizers and constraints in a cell's data: Keras' own kinds, with numbers as options."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gatekit.cell.errors import CellError, listed, nearest, quoted
from gatekit.cell.row_wise import RowWise

from .numeric import number
from .values import check_keys

WEIGHT_KINDS = ("kernel", "recurrent", "bias")
"""Weights of reads without a state, weights of reads with a state, and biases."""

RULES: Mapping[str, Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "regularizers": {
            "l1": {"l1": 0.01},
            "l2": {"l2": 0.01},
            "l1_l2": {"l1": 0.0, "l2": 0.0},
            "orthogonal": {"factor": 0.01, "mode": "rows"},
        },
        "constraints": {
            "max_norm": {"max_value": 2.0, "axis": 0},
            "min_max_norm": {"min_value": 0.0, "max_value": 1.0, "rate": 1.0, "axis": 0},
            "non_neg": {},
            "unit_norm": {"axis": 0},
        },
    }
)
"""The kinds of each section, with Keras' defaults for their options."""


def read_rules(section: str, value: object, where: str) -> dict[str, dict[str, object] | None]:
    """Return the regularizers or constraints of a cell, gate or output unit in one form.

    Args:
        section: ``regularizers`` or ``constraints``.
        value: a mapping from ``kernel``, ``recurrent`` or ``bias`` to a kind, to
            ``{kind: NAME, option: number}``, or to null for none.
        where: the place in the configuration, for messages.

    Returns:
        For each key ``{kind: NAME, ...}`` with every option, or None.

    Raises:
        CellError: a key, kind or option is not allowed.
    """
    if not isinstance(value, Mapping):
        raise CellError(
            f"{where}: a mapping is expected, such as {{recurrent: {_example(section)}}}, "
            f"not {quoted(value)}"
        )
    check_keys(value, WEIGHT_KINDS, where)
    return {
        str(key): None if rule is None else _rule(section, key, rule, f"{where}.{key}")
        for key, rule in value.items()
    }


def check_rules(declared: RowWise, where: str) -> None:
    """Check the regularizers and constraints of a gate or an output unit.

    Raises:
        CellError: a key, kind or option is not allowed.
    """
    for section in RULES:
        read_rules(section, getattr(declared, section), f"{where}.{section}")


def _rule(section: str, key: str, value: object, where: str) -> dict[str, object]:
    kinds = RULES[section]
    data = {"kind": value} if isinstance(value, str) else value
    if not isinstance(data, Mapping) or not isinstance(data.get("kind"), str):
        raise CellError(
            f"{where}: write a name or {{kind: NAME, option: number}}, such as "
            f"{_example(section)}, not {quoted(value)}. Kinds: {listed(kinds)}."
        )
    kind = data["kind"]
    if kind not in kinds:
        raise CellError(
            f"{where}: there is no {section.removesuffix('s')} {quoted(kind)}"
            f"{nearest(kind, kinds) or '.'} Kinds: {listed(kinds)}. For others, pass a Keras "
            f"object to gatekit.RNN(..., {section}=...)."
        )
    given = {name: option for name, option in data.items() if name != "kind"}
    if given and not kinds[kind]:
        raise CellError(f"{where}.{next(iter(given))}: {kind} has no options; write {kind}")
    check_keys(given, tuple(kinds[kind]), where)
    options = {**kinds[kind], **given}
    checked = {name: _option(name, option, f"{where}.{name}") for name, option in options.items()}
    _check_together(kind, checked, where)
    if key == "bias" and (kind == "orthogonal" or checked.get("axis")):
        needs = kind if kind == "orthogonal" else f"axis={checked['axis']}"
        raise CellError(f"{where}: a bias is a vector, and {needs} needs a matrix; omit it")
    return {"kind": kind, **checked}


def _option(name: str, value: object, where: str) -> object:
    if name == "mode":
        if value not in ("rows", "columns"):
            raise CellError(f"{where}: rows or columns is expected, not {quoted(value)}")
        return value
    amount = number(value, where)
    if name == "axis":
        if amount not in (0, 1):
            raise CellError(
                f"{where}: 0 (norms of columns) or 1 (norms of rows) is expected, not "
                f"{quoted(value)}"
            )
        return int(amount)
    if amount < 0:
        raise CellError(f"{where}: a number from 0 is expected, such as 1e-4, not {quoted(value)}")
    if name == "rate" and amount > 1:
        raise CellError(
            f"{where}: a number between 0 and 1 is expected, such as 0.5, not {quoted(value)}"
        )
    return amount


def _check_together(kind: str, options: Mapping[str, Any], where: str) -> None:
    if kind == "l1_l2" and not options["l1"] and not options["l2"]:
        raise CellError(f"{where}: l1_l2 needs a factor; write {{kind: l1_l2, l1: 1e-5, l2: 1e-4}}")
    if kind == "min_max_norm" and options["min_value"] > options["max_value"]:
        raise CellError(
            f"{where}: min_value={options['min_value']:g} exceeds "
            f"max_value={options['max_value']:g}; write min_value <= max_value"
        )


def _example(section: str) -> str:
    return "{kind: l2, l2: 1e-4}" if section == "regularizers" else "{kind: max_norm, max_value: 2}"


def rule_text(rule: Mapping[str, object]) -> str:
    """Return a rule for display, such as ``l2(l2=0.0001)``."""
    options = ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in rule.items()
        if name != "kind"
    )
    return f"{rule['kind']}({options})" if options else str(rule["kind"])
