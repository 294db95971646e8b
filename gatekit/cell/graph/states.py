"""The states of a cell: every signal whose previous value is read, and what gates keep."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.cell.errors import CellError, listed, nearest

from .built import State
from .draft import Draft
from .order import Needs
from .widths import Widths


def find_states(draft: Draft, needs: Needs, widths: Widths) -> tuple[State, ...]:
    """Return the states in public order: the emitted signal, other signals, gates' own states.

    Raises:
        CellError: an initial value, zoneout rate or learned initial value has no state.
    """
    spec = draft.spec
    stems = {key.removesuffix("_prev") for key in needs.previous()}
    written = [spec.emits, *(s for s in draft.signals if s != spec.emits), *draft.own_states]
    states = [name for name in written if name in stems]
    first = dict.fromkeys(states, 0.0)
    for key, gate in draft.own_states.items():
        first[key] = float(draft.gates[gate].gate.states[key.split(".")[1]])
    for section in ("initial", "zoneout"):
        for name, _ in getattr(spec, section):
            _check_state(f"cell.{section}.{name}", name, states)
    for name in spec.learned_initial_state:
        _check_state("cell.learned_initial_state", name, states)
    first.update(spec.initial)
    zoneout = dict(spec.zoneout)
    return tuple(
        State(
            name=name,
            shape=widths.shapes.get(name) or (widths.of[name],),
            initial=first[name],
            learned=f"initial.{name}" if name in spec.learned_initial_state else None,
            zoneout=zoneout.get(name, 0.0),
        )
        for name in states
    )


def _check_state(where: str, name: str, states: Sequence[str]) -> None:
    if name not in states:
        raise CellError(
            f"{where}: {name!r} is not a state{nearest(name, states) or '.'} "
            f"States: {listed(states)}."
        )
