"""Puts another gate into a role, and removes what only the old gate used."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import CellError, ExpressionError, GatekitError, as_plain
from gatekit.cell.gate import Gate, InlineGate
from gatekit.cell.language.expression import names
from gatekit.cell.owned import read_names
from gatekit.faults import Channel, Place, unknown_option

from .gate_entry import read_gate
from .lookup import instance_of, kind_and_options
from .reading import read_cell
from .roles import check_gate, gate_of, gates_and_roles, gates_of
from .specification import CellSpec, GateSpec, size_names
from .values import CELL, section

SWAP = Place(("swap",))
"""The place of gates by role."""

_GENERIC = ("reads", "bias", "norm", "initializers")
"""Settings that have the same meaning for every gate that takes ``pre``."""


def with_gates(
    config: Mapping[str, Any], gates: Mapping[str, Any], catalogue: Catalogue
) -> Mapping[str, Any]:
    """Return a cell's mapping with other gates in some roles.

    Args:
        config: the cell's mapping, as in conf/cell.
        gates: gates by role, as for `swap`.
        catalogue: the registered parts.

    Raises:
        CellError: no gate plays a role, two roles are one gate, a gate is not registered, or one
            swap removes the gate of another.
    """
    for role, gate in gates.items():
        config = swap(config, role, gate, catalogue)
    named, roles = section(config, "gates"), section(config, "roles")
    gates_of(gates, named, roles, SWAP)
    for role in gates:
        check_gate(role, named, roles, str(config.get("name", "?")), as_plain(gates[role]))
    return config


@contextlib.contextmanager
def of_swap(swaps: Mapping[str, Any], cell: Mapping[str, Any]) -> Iterator[None]:
    """Give errors about the options of swapped gates the place where the options were given."""
    try:
        yield
    except (CellError, ExpressionError) as error:
        gates, roles = gates_and_roles(cell)
        path = error.fault.place.path if error.fault is not None else ()
        for role, gate in swaps.items():
            where = CELL / "gates" / gate_of(role, gates, roles)
            if isinstance(gate, Mapping) and where.path == path[:3] and {*path[3:4]} <= {*gate}:
                raise error.spoken(Channel(), (where, SWAP / role), again=True) from None
        raise


def _names(gate: type[Gate] | Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return the names that ``bind`` or ``projections`` can have, of a class or an expression."""
    if isinstance(gate, Mapping):  # an expression names signals itself
        return tuple(_named(gate, key)) if key == "projections" else ()
    if key == "projections":
        return tuple(gate.projections)
    names = (*inspect.signature(gate.activate).parameters, *read_names(gate.projections))
    return tuple(name for name in names if name != "self")


def _named(gate: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return gate[key] if isinstance(gate.get(key), Mapping) else {}


def _kept(
    place: str,
    old: Mapping[str, Any],
    old_kind: type[Gate],
    new: type[Gate] | Mapping[str, Any],
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the old gate's ``bind`` and ``projections`` for names that the new gate has, too.

    The new gate's own settings take precedence. If the old gate is an expression, they are part of
    it and none is kept.

    Raises:
        CellError: neither gate has such a name.
    """
    kept: dict[str, Any] = {}
    for key in ("bind", "projections"):
        names, own = _names(new, key), _named(options, key)
        for name, value in _named({} if "activation" in old else old, key).items():
            if name in names:
                both = isinstance(value, Mapping) and isinstance(own.get(name, {}), Mapping)
                merged = {**value, **own.get(name, {})} if both else own.get(name, value)
                kept.setdefault(key, dict(own))[name] = merged
            elif name not in _names(old_kind, key):
                where = CELL / "gates" / place / key / name
                raise CellError(unknown_option(where, value, names))
    return kept


def swap(
    config: Mapping[str, Any],
    role: str,
    gate: Any,
    catalogue: Catalogue,
) -> dict[str, Any]:
    """Return the cell's mapping with another gate in a role.

    The new gate keeps ``units``, and if it takes ``pre`` also ``reads``, ``bias``, ``norm``
    and ``initializers``. Options of the old gate's kind are dropped. An option that only the new
    gate has is kept, so that ``swap.forget=power_law cell.gates.forget.eps=1e-2`` sets it. ``bind``
    and ``projections`` are kept for the arguments and projections that the new gate has, too.

    If the old gate has no pre-activation and the new one asks for it, the new gate has its own
    reads and bias. Parts of the cell that only the old gate used are removed.

    Args:
        config: the cell's mapping, as in conf/cell.
        role: a gate's name, or a role that the cell maps to one.
        gate: a registered gate's name, ``{kind: NAME, option: ...}``, or
            ``{activation: EXPRESSION, ...}``; a `Gate` keeps its own settings and none of the old
            gate's.
        catalogue: the registered parts.

    Raises:
        CellError: no gate plays the role, or ``gate`` is not a registered gate.
    """
    if "function" in config:
        config = read_cell(config, catalogue).canonical()
    gates, roles = section(config, "gates"), section(config, "roles")
    place = check_gate(role, gates, roles, str(config.get("name", "?")), as_plain(gate))
    new = gate
    if not isinstance(gate, Gate):
        new = _new_entry(place, gates[place], gate, SWAP / role, catalogue)
    swapped = {**config, "gates": {**gates, place: new}}
    # A fault of the cell is reported when it is read.
    with contextlib.suppress(GatekitError):
        old = read_gate(place, _without_unknown(gates[place], catalogue), config, catalogue)
        return _without_leftovers(swapped, read_cell(swapped, catalogue), old)
    return swapped


def _new_entry(
    place: str, before: object, gate: Any, where: Place, catalogue: Catalogue
) -> dict[str, Any]:
    """Return the entry of the new gate, with what it keeps of the old gate's entry."""
    old = before if isinstance(before, Mapping) else {}
    old_kind = catalogue.gates.get(str(old.get("kind")), Gate)
    if isinstance(gate, Mapping) and "activation" in gate:
        stays = {key: old[key] for key in ("units", *_GENERIC) if key in old}
        if re.search(r"\bpre\b", str(gate["activation"])):
            stays = _with_pre(stays)
        return {**stays, **gate, **_kept(place, old, old_kind, gate, gate)}
    kind, options = kind_and_options(gate, where, "gate", catalogue.gates, catalogue)
    new_kind = catalogue.gates[kind]
    needed = {name: options[name] for name in options if name in new_kind._needed}
    takes_pre = "pre" in instance_of(new_kind, needed, where).arguments()
    kept_keys = ["units", *(_GENERIC if takes_pre else [])]
    left = ["kind", *old_kind.option_names()]
    if "activation" in old:
        left += InlineGate.option_names()
    stays = {k: v for k, v in old.items() if k in kept_keys or k not in left}
    stays = _with_pre(stays) if takes_pre else stays
    return {"kind": kind, **stays, **options, **_kept(place, old, old_kind, new_kind, options)}


def _with_pre(stays: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without the empty reads and the missing bias of a gate that has no pre."""
    empty = not stays.get("reads", True) and stays.get("bias") is False
    return {k: v for k, v in stays.items() if not empty or k not in ("reads", "bias")}


def _without_unknown(entry: Any, catalogue: Catalogue) -> Any:
    """Return a gate's entry without options that it lacks, which are for the gate swapped in."""
    if not isinstance(entry, Mapping) or "activation" in entry:
        return entry
    known = catalogue.gates.get(str(entry.get("kind")), Gate).option_names()
    return {key: value for key, value in entry.items() if key == "kind" or key in known}


def _without_leftovers(config: Mapping[str, Any], spec: CellSpec, old: GateSpec) -> dict[str, Any]:
    """Return the cell's mapping without the parts that only the old gate used.

    References of other gates to its weights, in ``norm.group`` and ``negative_of``, are removed
    with them, and those to the old gate itself if the new one has no pre-activation.

    Args:
        config: the cell's mapping, with the new gate.
        spec: the same cell.
        old: the old gate.
    """
    uses = {name: set(names(expr)) for name, expr in spec.equations}
    uses |= {name: {norm.of} for name, norm in spec.norms}
    uses |= {name: size_names(parameter.shape) for name, parameter in spec.parameters}
    uses |= {gate.name: gate.uses() for gate in spec.gates}
    gone = _reached(old.uses(), uses) - _reached({spec.emits}, uses)
    (new,) = (gate.gate for gate in spec.gates if gate.name == old.name)
    lost = gone if "pre" in new.arguments() else {*gone, old.name}
    result = dict(config)
    for key in ("gates", "equations", "norms", "parameters", "constants", "initial", "zoneout"):
        if gone & section(config, key).keys():
            result[key] = {k: v for k, v in section(config, key).items() if k not in gone}
    if any(gate in gone for _, gate in spec.roles):
        result["roles"] = {role: gate for role, gate in spec.roles if gate not in gone}
    if gone & {*spec.learned_initial_state}:
        result["learned_initial_state"] = [s for s in spec.learned_initial_state if s not in gone]
    for gate in spec.gates:
        entry = result["gates"].get(gate.name)
        if isinstance(entry, Mapping) and (changed := _unreferred(gate.gate, lost)):
            result["gates"] = {**result["gates"], gate.name: {**entry, **changed}}
    return result


def _reached(start: Collection[str], uses: Mapping[str, Collection[str]]) -> set[str]:
    """Return the names that some names use, directly or through others, and these names."""
    todo, reached = [*start], set[str]()
    while todo:
        name = todo.pop().removesuffix("_prev")
        if name not in reached:
            reached.add(name)
            todo += uses.get(name, ())
    return reached


def _unreferred(gate: Gate, lost: Collection[str]) -> dict[str, Any]:
    """Return the settings of a gate that refer to lost weights, without these references."""
    group = (gate.norm or {}).get("group", ())
    kinds = gate.initializers.items()
    own = {
        kind: value
        for kind, value in kinds
        if not isinstance(value, Mapping) or value.get("negative_of") not in lost
    }
    changed: dict[str, Any] = {}
    if any(member in lost for member in group):
        changed["norm"] = {**(gate.norm or {}), "group": [g for g in group if g not in lost]}
    if len(own) < len(gate.initializers):
        changed["initializers"] = own
    return changed
