"""The keys of a cell, the valid names of its parts, and limits on its size.

The limits keep it cheap to read, build and draw any cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gatekit.cell.errors import CellError, listed, nearest
from gatekit.cell.gate import InlineGate
from gatekit.cell.language.expression import walk

from .specification import CellSpec
from .values import ABOUT_KEYS

CELL_KEYS = (
    "name",
    *ABOUT_KEYS,
    "gates",
    "equations",
    "emits",
    "reads",
    "initializers",
    "regularizers",
    "constraints",
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

OTHER_KEYS = {
    **dict.fromkeys(
        ("output", "outputs", "emit", "returns"),
        "; did you mean 'emits'? It names the signal that the cell emits: `emits: h`.",
    ),
    **dict.fromkeys(
        ("weights", "weight", "kernel", "matrices"),
        ": learned matrices are in the `reads` of a gate, such as reads: [x, h_prev].",
    ),
    **dict.fromkeys(
        ("state", "states"),
        "; a signal that is read as h_prev is a state, and `initial: {h: 0.5}` is its initial "
        "value.",
    ),
    **dict.fromkeys(
        (
            "default",
            "extends",
            "extend",
            "inherits",
            "base",
            "parent",
            "from",
            "include",
            "based_on",
        ),
        "; a cell starts from another with defaults: [lstm, _self_].",
    ),
    **dict.fromkeys(
        ("swap", "swaps"),
        "; in a cell, write the gate itself: gates: {forget: {kind: power_law}}.",
    ),
    **dict.fromkeys(
        ("units", "hidden_size", "features", "input_size"),
        " of a cell, which has no size; give it to the run or the layer: units=64.",
    ),
    **dict.fromkeys(
        ("bidirectional", "layers", "task", "optimizer", "executor", "seed", "block"),
        " of a cell; it is a key of the run, or an argument of the layer.",
    ),
    "output_unit": " of a cell; it is a key of the run, or an argument of the layer.",
    **dict.fromkeys(
        ("activation", "kind", "bias", "bind"),
        " of a cell; it belongs to a gate: gates: {forget: {kind: sigmoid, bias: true}}.",
    ),
    **dict.fromkeys(
        ("init", "initializer", "weight_init"),
        "; did you mean 'initializers'? Write initializers: {kernel: glorot_uniform, bias: zeros}.",
    ),
    **dict.fromkeys(
        ("layer_norm", "layernorm", "norm", "normalization"),
        "; did you mean norms? Write norms: {c_out: c} for a signal's norm, or `norm` of a gate.",
    ),
    **dict.fromkeys(
        ("update", "step", "forward", "call", "code"),
        "; a step is defined in `equations`: equations: {h: forget * h_prev}.",
    ),
    **dict.fromkeys(
        ("description", "doc", "comment", "note"), "; did you mean 'notes'? It is a string."
    ),
    **dict.fromkeys(
        ("citation", "paper", "bibtex", "author", "authors", "title"),
        "; cite works by their keys in conf/references.bib: cite: [cho2014learning].",
    ),
}
"""Suggestions for keys that a cell does not have, as the end of a sentence."""
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
            _check_name(name, f"cell.{section}.{name}", spec, seen)
            seen[name] = section
    for role, gate in spec.roles:
        if gate not in sections["gates"]:
            if role in sections["gates"] and not nearest(gate, sections["gates"]):
                raise CellError(
                    f"cell.roles.{role}: {gate!r} is not a gate, and {role!r} is one; the role "
                    f"comes first: write roles: {{{gate}: {role}}}"
                )
            raise CellError(
                f"cell.roles.{role}: {gate!r} is not a gate"
                f"{nearest(gate, sections['gates']) or '.'} Gates: {listed(sections['gates'])}."
            )
        if role in sections["gates"] and role != gate:
            raise CellError(
                f"cell.gates.{role}: the gate in the role {role} is called {gate} here: write "
                f"{gate} to change it; to add a gate, use another name, or write "
                f"roles: {{{role}: {role}}}, and swap.{role} replaces the new one"
            )


def _check_name(name: str, where: str, spec: CellSpec, seen: dict[str, str]) -> None:
    if name in RESERVED:
        raise CellError(
            f"{where}: {name!r} is reserved ({listed(RESERVED)}); write another name, such as "
            f"{name}_1"
        )
    if name.endswith(("_prev", "_history")):
        plain = name.removesuffix("_prev").removesuffix("_history")
        raise CellError(
            f"{where}: names that end in _prev or _history are reserved; write {plain}, which "
            f"others read as {plain}_prev one step later"
        )
    if name in spec.functions:
        raise CellError(f"{where}: {name!r} is a function of the equation language; write {name}_1")
    if name in seen and where.startswith("cell.norms."):
        raise CellError(
            f"{where}: {name!r} is also in cell.{seen[name]}, but a norm is a separate signal "
            f"with another name: write norms: {{{name}_out: {name}}}, and read {name}_out "
            f"in place of {name}{f' (emits: {name}_out)' if name == spec.emits else ''}"
        )
    if name in seen:
        raise CellError(
            f"{where}: {name!r} is also in cell.{seen[name]}; a name can be defined only once: "
            "rename one of them"
        )


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
            raise CellError(f"cell: nested deeper than {MAX_DEPTH} levels")
        if values > MAX_VALUES or characters > MAX_CHARACTERS:
            raise CellError(
                f"cell: more than {MAX_VALUES:,} values or {MAX_CHARACTERS:,} characters; "
                "a cell this large cannot be read: make it smaller"
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
            raise CellError(f"cell.{key}={value!r} is too large (at most {MAX_OPTION:,})")


def check_members(config: Mapping[str, object], key: str) -> None:
    """Refuse a section with too many names or a long name.

    Raises:
        CellError: there are too many names, or a name is too long.
    """
    members = config.get(key)
    if not isinstance(members, Mapping):
        return
    if len(members) > MAX_MEMBERS:
        raise CellError(f"cell.{key}: {len(members)} names; at most {MAX_MEMBERS} are allowed")
    for name in members:
        if len(str(name)) > MAX_NAME:
            raise CellError(
                f"cell.{key}: a name has {len(str(name))} characters; at most {MAX_NAME} are "
                f"allowed: {str(name)[:40]}..."
            )


def check_size(spec: CellSpec) -> None:
    """Refuse a cell with too many parts in its expressions, too many reads, or a large norm group.

    Raises:
        CellError: a limit is exceeded.
    """
    parts = [part for gate in spec.gates for part in (*gate.projections, gate)]
    reads = [read for part in parts for read in part.reads]
    if len(reads) > MAX_READS:
        raise CellError(f"cell.gates: {len(reads)} reads; at most {MAX_READS} are allowed")
    written = [gate.gate for gate in spec.gates if isinstance(gate.gate, InlineGate)]
    inline = [expr for gate in written for expr in (gate.expression, *gate.updates.values())]
    expressions = [*(e for _, e in spec.equations), *(read.expr for read in reads), *inline]
    count = sum(1 for expr in expressions for _ in walk(expr))
    if count > MAX_PARTS:
        raise CellError(
            f"cell: its equations, reads and activations have {count:,} parts (numbers, names and "
            f"operations); at most {MAX_PARTS:,} are allowed"
        )
    for gate in spec.gates:
        group = (gate.gate.norm or {}).get("group", ())
        if len(group) > MAX_GROUP:
            raise CellError(
                f"cell.gates.{gate.name}.norm.group: {len(group)} gates; at most {MAX_GROUP} "
                "can share statistics"
            )
