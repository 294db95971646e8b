"""Definitions that a cell never uses: most are mistakes, so they are refused."""

from __future__ import annotations

from gatekit.cell.errors import CellError
from gatekit.cell.language.expression import names

from .binding import Bindings
from .draft import FEEDBACK, Draft
from .order import Needs
from .sizes import size_names


def check_used(draft: Draft, bindings: Bindings, needs: Needs) -> None:
    """Refuse signals that what is emitted does not depend on, and values that nothing reads.

    Raises:
        CellError: a signal, parameter, constant, input or state is unused.
    """
    _check_signals(draft, bindings, needs)
    _check_values(draft, needs)
    for name in draft.gates:
        _check_own(draft, name)


def _check_signals(draft: Draft, bindings: Bindings, needs: Needs) -> None:
    todo = {draft.spec.emits, *(key.removesuffix("_history") for _, key in bindings.output)}
    todo.update(n for read in draft.output.reads for n in names(read.expr))
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
            if name not in reached:
                raise CellError(
                    f"cell.{section}.{name}: what the cell emits ({draft.spec.emits}) does not "
                    f"depend on {name!r}; use it in an equation, or remove it with "
                    f"cell.{section}.{name}=null"
                )


def _check_values(draft: Draft, needs: Needs) -> None:
    sizes = size_names(draft)
    given = {
        "parameters": draft.spec.parameters,
        "constants": draft.spec.constants,
        "inputs": draft.spec.inputs,
    }
    for section, members in given.items():
        for name, _ in members:
            if not {name, f"{name}_prev"} & needs.asked and name not in sizes:
                raise CellError(
                    f"cell.{section}.{name}: nothing reads {name!r}; use it or remove it"
                )


def _check_own(draft: Draft, name: str) -> None:
    gate = draft.gates[name].gate
    arguments = [gate.bind.get(a, a) for a in gate.arguments()]
    for own in gate.parameters:
        if own not in arguments:
            raise CellError(
                f"cell.gates.{name}: {gate.definition()} does not use its parameter {own!r}"
            )
    for own in gate.states:
        if f"{own}_prev" not in arguments:
            raise CellError(f"cell.gates.{name}: {gate.definition()} does not use {own}_prev")
