"""What each signal needs, and an order in which every signal comes after what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gatekit.cell.errors import CellError, nearest
from gatekit.cell.language.expression import Name, names
from gatekit.cell.schema import Read

from .binding import Bindings
from .draft import FEEDBACK, Draft


@dataclass(frozen=True)
class Needs:
    """What the signals of a cell need.

    Attributes:
        keys: for each signal, signals and inputs of this step, previous values, and ``t``.
        asked: everything that is asked for, constants and parameters too.
    """

    keys: Mapping[str, tuple[str, ...]]
    asked: frozenset[str]

    def previous(self) -> list[str]:
        """Return the keys of previous values, sorted."""
        return sorted({k for keys in self.keys.values() for k in keys if k.endswith("_prev")})


def find_needs(draft: Draft, bindings: Bindings) -> Needs:
    """Return what each signal needs.

    Raises:
        CellError: an equation, norm or group names what does not exist.
    """
    asked = {name: _asked(draft, bindings, name) for name in draft.signals}
    fixed = {*draft.parameters, *draft.constants}
    keys = {
        name: tuple(
            key
            for key in dict.fromkeys(found)
            if key not in fixed
            and not key.startswith("pre:")
            and (key in draft.known or key.endswith("_prev"))
        )
        for name, found in asked.items()
    }
    return Needs(keys, frozenset(key for found in asked.values() for key in found))


def sharing(draft: Draft, name: str) -> list[Read]:
    """Return the reads whose statistics a gate shares by its norm; its own are among them.

    Raises:
        CellError: the norm's group names something that is not a gate.
    """
    norm = draft.gates[name].gate.norm or {}
    texts = [r.text for r in draft.gates[name].reads]
    found: list[Read] = []
    for member in norm.get("group", ()):
        if member not in draft.gates:
            raise CellError(
                f"cell.gates.{name}.norm.group: {member!r} is not a gate"
                f"{nearest(str(member), draft.gates)}"
            )
        # Statistics of single reads are shared with the same read of others only.
        reads = draft.gates[member].reads
        found += [r for r in reads if norm.get("of") == "sum" or r.text in texts]
    return found


def find_order(draft: Draft, needs: Needs) -> list[str]:
    """Return the signals in an order in which each can be computed.

    Raises:
        CellError: signals need each other in a circle, which is printed.
    """
    done: dict[str, None] = {}
    path: list[str] = []

    def visit(name: str) -> None:
        if name in done:
            return
        if name in path:
            circle = [*path[path.index(name) :], name]
            raise CellError(
                f"cell {draft.spec.name!r}: signals need each other in the same step: "
                f"{' -> '.join(circle)}. Read one of them one step earlier, for example "
                f"{circle[1]}_prev."
            )
        path.append(name)
        for other in needs.keys[name]:
            if other in needs.keys:
                visit(other)
        path.pop()
        done[name] = None

    for name in draft.signals:
        visit(name)
    return list(done)


def _asked(draft: Draft, bindings: Bindings, name: str) -> tuple[str, ...]:
    if name in draft.equations:
        draft.check_expression(draft.equations[name], f"cell.equations.{name}")
        return names(draft.equations[name])
    if name in draft.norms:
        draft.check_expression(Name(draft.norms[name]), f"cell.norms.{name}")
        return (draft.norms[name],)
    arguments = [key for _, key in bindings.of(name)]
    if name == FEEDBACK:
        read = [n for r in draft.output.reads for n in names(draft.with_emitted(r.expr))]
    else:
        reads = [*draft.gates[name].reads, *sharing(draft, name)]
        read = [n for r in reads for n in names(r.expr)]
    return (*arguments, *read)
