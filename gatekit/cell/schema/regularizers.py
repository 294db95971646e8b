"""Regularizers and constraints in a cell's data: Keras' own kinds, with numbers as options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from gatekit.cell.errors import CellError, accepted, as_plain, listed, refused
from gatekit.cell.row_wise import RowWise
from gatekit.faults import (
    Fault,
    Kind,
    Note,
    Number,
    OneOf,
    Place,
    Remove,
    Set,
    Table,
    Type,
    Whole,
    unknown_name,
)

from .values import check_keys, named_at

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


def read_rules(section: str, value: object, where: Place) -> dict[str, dict[str, object] | None]:
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
    rules = accepted(value, Table(), where, {"recurrent": _EXAMPLES[section]})
    check_keys(rules, WEIGHT_KINDS, where)
    return {
        str(key): None if rule is None else _rule(section, key, rule, where / str(key))
        for key, rule in rules.items()
    }


def check_rules(declared: RowWise, where: Place) -> None:
    """Check the regularizers and constraints of a gate or an output unit.

    Raises:
        CellError: a key, kind or option is not allowed.
    """
    for section in RULES:
        read_rules(section, getattr(declared, section), where / section)


def _rule(section: str, key: str, value: object, where: Place) -> dict[str, object]:
    kinds = RULES[section]
    data = {"kind": value} if isinstance(value, str) else value
    if not isinstance(data, Mapping) or not isinstance(data.get("kind"), str):
        expected = f"a name or {{kind: NAME, option: number}}; kinds: {listed(kinds)}"
        fix = Set(where, _EXAMPLES[section])
        raise CellError(Fault(Kind.WRONG, where, as_plain(value), expected, fixes=(fix,)))
    kind = data["kind"]
    if kind not in kinds:
        fault = unknown_name(named_at(value, where), kind, kinds, section)
        other = Note((f"for others, pass a Keras object to the argument {section} of a layer",))
        raise CellError(replace(fault, fixes=(*fault.fixes, other)))
    given = {name: option for name, option in data.items() if name != "kind"}
    check_keys(given, tuple(kinds[kind]), where)
    options = {**kinds[kind], **given}
    checked = {n: _option(n, option, where / n, kinds[kind][n]) for n, option in options.items()}
    _check_together(kind, checked, where)
    if key == "bias" and (kind == "orthogonal" or checked.get("axis")):
        needs = kind if kind == "orthogonal" else f"axis={checked['axis']}"
        raise refused(where, f"a bias is a vector, and {needs} needs a matrix", Remove(where))
    return {"kind": kind, **checked}


_EXAMPLES: dict[str, dict[str, object]] = {
    "regularizers": {"kind": "l2", "l2": 1e-4},
    "constraints": {"kind": "max_norm", "max_value": 2},
}
_TYPES: dict[str, Type] = {
    "mode": OneOf(("rows", "columns")),
    "axis": Whole(0, 1),
    "rate": Number(0, 1),
}


def _option(name: str, value: object, where: Place, usual: object) -> object:
    if name == "axis" and isinstance(value, float) and value in (0, 1):
        value = int(value)
    return accepted(value, _TYPES.get(name, Number(0)), where, usual)


def _check_together(kind: str, options: Mapping[str, Any], where: Place) -> None:
    if kind == "l1_l2" and not options["l1"] and not options["l2"]:
        raise refused(where, "l1_l2 needs a factor", Set(where, {"kind": kind, "l1": 1e-5}))
    if kind == "min_max_norm" and options["min_value"] > options["max_value"]:
        raise refused(
            where,
            f"min_value={options['min_value']:g} exceeds max_value={options['max_value']:g}",
            Set(where / "min_value", options["max_value"]),
        )


def rule_text(rule: Mapping[str, object]) -> str:
    """Return a rule for display, such as ``l2(l2=0.0001)``."""
    options = ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in rule.items()
        if name != "kind"
    )
    return f"{rule['kind']}({options})" if options else str(rule["kind"])
