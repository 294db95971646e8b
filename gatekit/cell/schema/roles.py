"""A role is another name of its gate: `gate_of` resolves a name, and `by_gate` a cell's entries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from gatekit.cell.errors import CellError
from gatekit.faults import NOTHING, Fault, Kind, Place


def gate_of(name: str, gates: Collection[str], roles: Mapping[str, str]) -> str:
    """Return the gate that a name means: the gate of that name, otherwise the gate in that role.

    Args:
        name: a gate's name, or a role.
        gates: the cell's gates.
        roles: the gate of each role.

    Returns:
        The gate's name; ``name`` itself if it is neither.
    """
    return name if name in gates else roles.get(name) or name


def check_gate(
    name: str,
    gates: Collection[str],
    roles: Mapping[str, str],
    cell: str,
    given: Any = NOTHING,
) -> str:
    """Return the gate that a name means, as `gate_of` does.

    Args:
        name: a gate's name, or a role.
        gates: the cell's gates.
        roles: the gate of each role.
        cell: the cell's name, for messages.
        given: the gate that is put there, for messages.

    Raises:
        CellError: the name is neither a gate nor a role.
    """
    gate = gate_of(name, gates, roles)
    if gate not in gates:
        known = tuple(sorted({*gates, *roles}))
        why = f"the cell {cell!r} has no such gate or role"
        raise CellError(
            Fault(Kind.UNKNOWN, Place(("swap", str(name))), given, why=why, known=known)
        )
    return gate


def gates_of(
    given: Iterable[str], gates: Collection[str], roles: Mapping[str, str], where: Place
) -> dict[str, str]:
    """Return the gate of each given name, as `gate_of` does.

    Args:
        given: names of gates, and roles.
        gates: the cell's gates.
        roles: the gate of each role.
        where: the place of the names, for messages.

    Raises:
        CellError: two names mean one gate.
    """
    names: dict[str, str] = {}
    first: dict[str, str] = {}
    for name in given:
        gate = gate_of(name, gates, roles)
        if (other := first.setdefault(gate, name)) != name:
            role = other if other != gate else name
            why = f"it is the same gate as {other}, because {gate} has the role {role}"
            raise CellError(Fault(Kind.CONFLICT, where / name, why=why))
        names[name] = gate
    return names


def by_gate(changes: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """Return changes of a cell with the names of its gates in place of their roles.

    Args:
        changes: entries as in conf/cell, which are merged into a cell.
        base: the cell's mapping.

    Raises:
        CellError: the changes have a gate under its name and under its role.
    """
    given = changes.get("gates")
    if not isinstance(given, Mapping):
        return dict(changes)
    (had, roles), (_, new_roles) = gates_and_roles(base), gates_and_roles(changes)
    roles |= new_roles
    known = {*had, *given}
    own = {*had, *(name for name in given if roles.get(name) not in known)}
    names = gates_of(given, own, roles, Place(("cell", "gates")))
    return {**changes, "gates": {names[name]: gate for name, gate in given.items()}}


def gates_and_roles(cell: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Return the gates of a cell that is not checked yet, and the gate of each role or None."""
    gates, roles = cell.get("gates"), cell.get("roles")
    named = roles.items() if isinstance(roles, Mapping) else ()
    return (
        gates if isinstance(gates, Mapping) else {},
        {role: gate for role, gate in named if gate is None or isinstance(gate, str)},
    )
