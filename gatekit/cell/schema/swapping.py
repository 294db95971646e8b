"""Replacing a gate of a cell by another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.gate import Gate

from .lookup import kind_and_options, unknown
from .reading import read_cell
from .specification import role_of
from .values import section


def swap(config: Mapping[str, Any], role: str, gate: Any, catalogue: Catalogue) -> dict[str, Any]:
    """Return the cell's mapping with another gate in a role.

    The new gate keeps ``units``, and if it takes ``pre`` also ``reads``, ``bias``, ``norm``,
    ``initializers``, ``regularizers`` and ``constraints``. Options of the old gate's kind are
    dropped. An option that only the new gate has is kept, so that
    ``swap.forget=power_law cell.gates.forget.eps=1e-2`` sets it.

    Args:
        config: the cell's mapping, as in conf/cell.
        role: a gate's name, or a role that the cell maps to one.
        gate: a registered gate's name, or ``{kind: NAME, option: ...}``.
        catalogue: what is registered.

    Raises:
        CellError: no gate plays the role, or ``gate`` is not a registered gate.
    """
    if "function" in config:
        config = read_cell(config, catalogue).canonical()
    gates, roles = section(config, "gates"), section(config, "roles")
    place = role_of(role, list(gates), roles, str(config.get("name", "?")))
    kind, options = kind_and_options(gate, f"swap.{role}")
    if kind not in catalogue.gates:
        raise unknown(f"swap.{role}", "gate", kind, catalogue.gates, catalogue)
    new_kind = catalogue.gates[kind]
    generic = ["reads", "bias", "norm", "initializers", "regularizers", "constraints"]
    kept = ["units", *(generic if "pre" in new_kind().arguments() else [])]
    old = gates[place] if isinstance(gates[place], Mapping) else {}
    old_kind = catalogue.gates.get(str(old.get("kind")), Gate)
    left = ["kind", "activation", *old_kind.option_names()]
    stays = {k: v for k, v in old.items() if k in kept or k not in left}
    new = {"kind": kind, **stays, **options}
    return {**config, "gates": {**gates, place: new}}
