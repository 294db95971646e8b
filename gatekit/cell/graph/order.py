"""Dependencies: the order of the signals, the states, and signals that nothing uses.

A signal comes after the signals that it depends on. A signal whose previous value is read is a
state. A definition that a cell never uses is usually a mistake, so gatekit refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gatekit.cell.errors import CellError, nearest, refused
from gatekit.cell.gate import InlineGate
from gatekit.cell.language.expression import Name, names
from gatekit.cell.owned import State as OwnState
from gatekit.cell.row_wise import RowWise
from gatekit.cell.schema import CELL, OUTPUT_UNIT, Read
from gatekit.faults import Fault, Kind, Place

from .cell import State
from .draft import FEEDBACK, Bindings, Draft
from .widths import Widths


@dataclass(frozen=True)
class Needs:
    """The dependencies of a cell's signals.

    Attributes:
        keys: the dependencies of each signal: signals and inputs of this step, previous values,
            and ``t``.
        asked: every name that some signal asks for, including constants and parameters.
    """

    keys: Mapping[str, tuple[str, ...]]
    asked: frozenset[str]

    def previous(self) -> list[str]:
        """Return the keys of previous values, sorted."""
        return sorted({k for keys in self.keys.values() for k in keys if k.endswith("_prev")})


def find_needs(draft: Draft, bindings: Bindings) -> Needs:
    """Return the dependencies of each signal.

    Raises:
        CellError: an equation, norm or group refers to a name that does not exist.
    """
    all_keys = {name: _asked(draft, bindings, name) for name in draft.signals}
    signals = frozenset(draft.signals)
    keys = {
        name: tuple(
            key
            for key in dict.fromkeys(keys_of_signal)
            if key not in draft.fixed
            and not key.startswith("pre:")
            and (key in signals or key in draft.known or key.endswith("_prev"))
        )
        for name, keys_of_signal in all_keys.items()
    }
    return Needs(
        keys, frozenset(key for keys_of_signal in all_keys.values() for key in keys_of_signal)
    )


def sharing(draft: Draft, name: str) -> list[Read]:
    """Return the reads of a norm's group with which a gate shares statistics.

    Raises:
        CellError: the norm's group names something that is not a gate.
    """
    norm = draft.gates[name].gate.norm or {}
    texts = [r.text for r in draft.gates[name].reads]
    shared: list[Read] = []
    for member in norm.get("group", ()):
        if member not in draft.gates:
            raise refused(
                CELL / "gates" / name / "norm" / "group",
                f"{member!r} is not a gate{nearest(str(member), draft.gates)}",
            )
        # Statistics of a single read are shared only with the same read of other gates.
        reads = draft.gates[member].reads
        shared += [r for r in reads if norm.get("of") == "sum" or r.text in texts]
    return shared


def find_order(draft: Draft, needs: Needs) -> list[str]:
    """Return the signals in an order in which each can be computed.

    Raises:
        CellError: signals depend on each other in a cycle; the message shows it.
    """
    done: dict[str, None] = {}
    path: list[str] = []

    def visit(name: str) -> None:
        if name in done:
            return
        if name in path:
            raise _cycle(draft, [*path[path.index(name) :], name])
        path.append(name)
        for other in needs.keys[name]:
            if other in needs.keys:
                visit(other)
        path.pop()
        done[name] = None

    for name in draft.signals:
        visit(name)
    return list(done)


def _cycle(draft: Draft, cycle: Sequence[str]) -> CellError:
    name = cycle[0]
    sections = {"equations": draft.equations, "norms": draft.norms}
    section = next((section for section, members in sections.items() if name in members), "")
    place = CELL / section / name if section else draft.place(name)
    if not section and any(cycle[1] in names(read.expr) for read in draft.reads(name)):
        place = place / "reads"
    return refused(place, f"signals depend on each other in the same step: {' -> '.join(cycle)}")


def _asked(draft: Draft, bindings: Bindings, name: str) -> tuple[str, ...]:
    if name in draft.equations:
        draft.check_expression(draft.equations[name], CELL / "equations" / name)
        return names(draft.equations[name])
    if name in draft.norms:
        draft.check_expression(Name(draft.norms[name]), CELL / "norms" / name)
        return (draft.norms[name],)
    arguments = [key for _, key in bindings[name]]
    if name == FEEDBACK:
        read = [n for r in draft.output.reads for n in names(draft.with_emitted(r.expr))]
    else:
        reads = [*draft.gates[name].reads, *sharing(draft, name)]
        read = [n for r in reads for n in names(r.expr)]
    return (*arguments, *read)


def find_states(draft: Draft, needs: Needs, widths: Widths) -> tuple[State, ...]:
    """Return the states in public order: the emitted signal, other signals, gates' own states.

    Raises:
        CellError: an initial value, zoneout rate or learned initial value names something that is
            not a state.
    """
    spec = draft.spec
    stems = {key.removesuffix("_prev") for key in needs.previous()}
    in_order = [spec.emits, *(s for s in draft.signals if s != spec.emits), *draft.own_states]
    states = [name for name in in_order if name in stems]
    first = dict.fromkeys(states, 0.0)
    for key in draft.own_states:
        first[key] = _own_state(draft, key).first
    for section in ("initial", "zoneout"):
        of_cell = [state for state in states if state not in draft.own_states]
        _check_states(CELL / section, dict(getattr(spec, section)), of_cell)
    _check_states(CELL / "learned_initial_state", spec.learned_initial_state, states)
    first.update(spec.initial)
    learned = {*spec.learned_initial_state}
    learned |= {key for key in draft.own_states if _own_state(draft, key).learned}
    zoneout = dict(spec.zoneout)
    return tuple(
        State(
            name=name,
            shape=widths.shapes.get(name) or (widths.of[name],),
            initial=first[name],
            learned=f"initial.{name}" if name in learned else None,
            zoneout=zoneout.get(name, 0.0),
        )
        for name in states
    )


def _own_state(draft: Draft, key: str) -> OwnState:
    owner = draft.own_states[key]
    return draft.gates[owner].gate.own_states()[key.removeprefix(f"{owner}.")]


def _check_states(
    where: Place, given: Mapping[str, float] | Sequence[str], states: Sequence[str]
) -> None:
    """Refuse names that are no states; a list of names has no values."""
    wrong = [name for name in given if name not in states]
    if not wrong:
        return
    name = wrong[0]
    place, value = (where / name, given[name]) if isinstance(given, Mapping) else (where, [*given])
    why = f"{name!r} is not a state, a signal that is read as NAME_prev"
    raise CellError(Fault(Kind.REFUSED, place, value, why=why, known=tuple(states), what="states"))


def check_used(draft: Draft, bindings: Bindings, needs: Needs) -> None:
    """Refuse signals that affect neither the emitted signal nor the output, and unread values.

    Raises:
        CellError: a signal, parameter, constant, input or state is unused.
    """
    _check_signals(draft, bindings, needs)
    _check_values(draft, needs.asked | {*draft.output_keys(bindings[FEEDBACK])})
    for name in draft.gates:
        _check_own(draft, name)


def check_owned(draft: Draft, widths: Widths) -> None:
    """Refuse a state or projection of a gate that the gate's value does not depend on.

    The walk starts at the value and follows reads of projections and updates of states.

    Raises:
        CellError: the value does not depend on it, at any step.
    """
    for name, expressions in widths.expressions.items():
        if expressions is None:
            continue
        value, new_states = expressions
        follows = {f"{name}.{state}": [update] for state, update in new_states.items()}
        for part in draft.gates[name].projections:
            follows[part.name] = [read.expr for read in part.reads]
        todo, reached = [value], set[str]()
        while todo:
            keys = {key.removesuffix("_prev") for key in names(todo.pop())}
            newly_reached = keys & (follows.keys() - reached)
            reached |= newly_reached
            todo += [expr for key in newly_reached for expr in follows[key]]
        for state in new_states:
            if f"{name}.{state}" not in reached:
                gate = draft.gates[name].gate
                raise refused(
                    CELL / "gates" / name,
                    f"{gate.place()}: the value of {gate.definition()} does not "
                    f"depend on its state {state!r}",
                )
        for part in draft.gates[name].projections:
            if part.name not in reached:
                gate, own = draft.gates[name].gate, part.name.removeprefix(f"{name}.")
                raise refused(
                    draft.place(part.name),
                    f"{gate.place()}: the value of {gate.definition()} "
                    f"does not depend on its projection {own!r}",
                )


def _check_signals(draft: Draft, bindings: Bindings, needs: Needs) -> None:
    needed = draft.output_keys(bindings[FEEDBACK])
    todo = {draft.spec.emits, *(key.removesuffix("_history") for key in needed)}
    if draft.output.unit.feeds_back:
        todo.add(FEEDBACK)
    reached: set[str] = set()
    while todo:
        name = todo.pop()
        if name in reached or name not in needs.keys:
            continue
        reached.add(name)
        stems = [key.removesuffix("_prev") for key in needs.keys[name]]
        todo.update(draft.own_states.get(stem, stem) for stem in stems)
    sections = {"gates": draft.gates, "equations": draft.equations, "norms": draft.norms}
    for section, members in sections.items():
        for name in members:
            if name not in reached and draft.is_projection(name):
                owner = draft.gates[name].owner
                if owner in (*reached, OUTPUT_UNIT):
                    gate, part = draft.declared(owner), name.removeprefix(f"{owner}.")
                    why = _not_used(gate, "projection", part)
                    raise refused(draft.place(name), why)
            elif name not in reached:
                why = f"the emitted signal ({draft.spec.emits}) does not depend on {name!r}"
                raise refused(CELL / section / name, why)


def _not_used(gate: RowWise, what: str, part: str) -> str:
    """Return that a gate does not use a part that it owns."""
    place = "" if isinstance(gate, InlineGate) else f"{gate.place()}: "
    return f"{place}{gate.definition()} does not use its {what} {part!r}"


def _check_values(draft: Draft, keys: frozenset[str]) -> None:
    sizes = draft.sizes.names()
    given = {
        "parameters": draft.spec.parameters,
        "constants": draft.spec.constants,
        "inputs": draft.spec.inputs,
    }
    for section, members in given.items():
        for name, _ in members:
            if not {name, f"{name}_prev"} & keys and name not in sizes:
                raise refused(CELL / section / name, f"nothing reads {name!r}")


def _check_own(draft: Draft, name: str) -> None:
    gate = draft.gates[name].gate
    arguments = [gate.bind.get(a, a) for a in gate.arguments()]
    for projection in draft.gates[name].projections:
        own = [key for read in projection.reads for key in names(read.expr) if "." in key]
        arguments += [key.removeprefix(f"{name}.") for key in own]
    for part in gate.parameters:
        if part in ("pre", "own_prev", "t", "units"):
            raise refused(
                CELL / "gates" / name,
                f"{gate.place()}: {type(gate).__name__} has a parameter {part!r}, which is the "
                "name of an argument that every gate can ask for",
            )
        if part not in arguments:
            raise refused(CELL / "gates" / name, _not_used(gate, "parameter", part))
    for part in gate.noises:
        if part not in arguments:
            raise refused(CELL / "gates" / name, _not_used(gate, "noise", part))
    for part in gate.states:
        if f"{part}_prev" not in arguments:
            why = _not_used(gate, "state", part)
            raise refused(CELL / "gates" / name, why)
