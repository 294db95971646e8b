"""The keys of a cell, the valid names of its parts, and limits on its size.

The limits keep it cheap to read, build and draw any cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gatekit.cell.errors import CellError, at_most, excerpt, listed, refused
from gatekit.cell.gate import InlineGate
from gatekit.cell.language.expression import walk
from gatekit.faults import Fault, Kind, Place, unknown_name

from .specification import CellSpec
from .values import ABOUT_KEYS, CELL

CELL_KEYS = (
    "name",
    *ABOUT_KEYS,
    "gates",
    "equations",
    "emits",
    "reads",
    "initializers",
    "parameters",
    "constants",
    "inputs",
    "roles",
    "initial",
    "learned_initial_state",
    "zoneout",
    "dropout",
    "recurrent_dropout",
    "norms",
)

SECTIONS = (
    *("gates", "equations", "norms", "parameters", "constants", "inputs"),
    *("roles", "initial", "zoneout", "initializers"),
)
RESERVED = ("x", "pre", "t", "units", "features", "own_prev", "emitted", "y")
MAX_EQUATIONS = 64


def check_names(spec: CellSpec) -> None:
    """Refuse names that expressions cannot read, names that are taken, and roles without a gate.

    Raises:
        CellError: a name is reserved or defined twice, or the gate of a role does not exist.
    """
    sections = {
        "gates": [g.name for g in spec.gates],
        "equations": [n for n, _ in spec.equations],
        "norms": [n for n, _ in spec.norms],
        "parameters": [n for n, _ in spec.parameters],
        "constants": [n for n, _ in spec.constants],
        "inputs": [n for n, _ in spec.inputs],
    }
    seen: dict[str, str] = {}
    for section, members in sections.items():
        for name in members:
            _check_name(name, CELL / section / name, spec, seen)
            seen[name] = section
    gates = sections["gates"]
    for role, gate in spec.roles:
        where = CELL / "roles" / role
        if gate not in gates:
            raise CellError(unknown_name(where, gate, gates, "gates"))
        if role in gates and role != gate:
            raise refused(
                CELL / "gates" / role,
                f"the gate in the role {role} is called {gate} here: write {gate} to change it; to "
                "add a gate, use another name",
            )


def _check_name(name: str, where: Place, spec: CellSpec, seen: dict[str, str]) -> None:
    plain = name.removesuffix("_prev").removesuffix("_history")
    if name in RESERVED:
        raise refused(where, f"{name!r} is reserved ({listed(RESERVED)})")
    if name != plain:
        read = f"others read {plain} as {plain}_prev one step later"
        raise refused(where, f"{read}, so no name ends like this")
    if name in spec.functions:
        raise refused(where, f"{name!r} is a function of the equation language")
    if name in seen:
        other = CELL / seen[name] / name
        raise refused(where, f"{name!r} is also at {other}")


MAX_VALUES = 10_000
MAX_CHARACTERS = 64 * 1024
MAX_DEPTH = 40
MAX_NAME = 100
MAX_MEMBERS = 200
MAX_PARTS = 3_000
MAX_READS = 300
MAX_GROUP = 20
MAX_OPTION = 1_000


def check_plain(config: Mapping[str, object]) -> None:
    """Refuse data that are too large for a cell, before reading them.

    Args:
        config: the cell's mapping.

    Raises:
        CellError: there are too many values or characters, or they are nested too deeply.
    """
    values = characters = 0
    stack: list[tuple[object, int]] = [(config, 1)]
    while stack:
        value, depth = stack.pop()
        values += 1
        if isinstance(value, str):
            characters += len(value)
        elif isinstance(value, Mapping):
            stack.extend((inner, depth + 1) for inner in value.values())
            characters += sum(len(str(key)) for key in value)
        elif isinstance(value, Sequence):
            stack.extend((inner, depth + 1) for inner in value)
        if depth > MAX_DEPTH:
            raise refused(CELL, f"nested deeper than {MAX_DEPTH} levels")
        if values > MAX_VALUES or characters > MAX_CHARACTERS:
            raise refused(
                CELL,
                f"more than {MAX_VALUES:,} values or {MAX_CHARACTERS:,} characters; "
                "a cell this large cannot be read: make it smaller",
            )


def check_options(config: Mapping[str, Any]) -> None:
    """Refuse large options of a cell function, which may be loop counts.

    Args:
        config: the cell's mapping, ``{function: NAME, option: value}``.

    Raises:
        CellError: an option is a number beyond 1,000.
    """
    for key, value in config.items() if "function" in config else ():
        number = isinstance(value, (int, float)) and key not in ABOUT_KEYS
        if number and not abs(value) <= MAX_OPTION:
            expected = f"a number of at most {MAX_OPTION:,}"
            raise CellError(Fault(Kind.WRONG, CELL / key, value, expected))


def check_members(config: Mapping[str, object], key: str) -> None:
    """Refuse a section with too many names or a long name.

    Raises:
        CellError: there are too many names, or a name is too long.
    """
    members = config.get(key)
    if not isinstance(members, Mapping):
        return
    at_most(MAX_MEMBERS, len(members), "names", CELL / key)
    for name in map(str, members):
        at_most(MAX_NAME, len(name), f"characters in the name {excerpt(name)!r}", CELL / key)


def check_size(spec: CellSpec) -> None:
    """Refuse a cell with too many parts in its expressions, too many reads, or a large norm group.

    Raises:
        CellError: a limit is exceeded.
    """
    parts = [part for gate in spec.gates for part in (*gate.projections, gate)]
    reads = [read for part in parts for read in part.reads]
    at_most(MAX_READS, len(reads), "reads", CELL / "gates")
    written = [gate.gate for gate in spec.gates if isinstance(gate.gate, InlineGate)]
    inline = [expr for gate in written for expr in (gate.expression, *gate.updates.values())]
    expressions = [*(e for _, e in spec.equations), *(read.expr for read in reads), *inline]
    count = sum(1 for expr in expressions for _ in walk(expr))
    at_most(MAX_PARTS, count, "numbers, names and operations in its equations and gates", CELL)
    for gate in spec.gates:
        group = (gate.gate.norm or {}).get("group", ())
        place = CELL / "gates" / gate.name / "norm" / "group"
        at_most(MAX_GROUP, len(group), "gates that share statistics", place)
