"""Binding of arguments: the key of the value for each argument of a gate or output unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gatekit.cell.errors import CellError, listed, nearest
from gatekit.cell.row_wise import RowWise

from .draft import FEEDBACK, OUTPUT_UNIT, Draft

Bound = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Bindings:
    """The keys that arguments are bound to: a signal, ``pre:OWNER``, or ``OWNER.PART``."""

    gates: Mapping[str, Bound]
    output: Bound

    def of(self, name: str) -> Bound:
        """Return those of a gate, or of the output unit that feeds back."""
        return self.output if name == FEEDBACK else self.gates[name]


def bind(draft: Draft) -> Bindings:
    """Return the keys of all arguments.

    Raises:
        CellError: an argument or a name in a read does not exist, or a gate does not use its
            reads.
    """
    return Bindings({name: _bind_gate(draft, name) for name in draft.gates}, _bind_output(draft))


def _bind_gate(draft: Draft, name: str) -> Bound:
    spec = draft.gates[name]
    gate, where = spec.gate, f"cell.gates.{name}"
    _check_bind(where, gate)
    bound: list[tuple[str, str]] = []
    for argument in gate.arguments():
        target = gate.bind.get(argument, argument)
        if target == "pre":
            if not spec.reads and not gate.bias:
                raise CellError(
                    f"{where}: {gate.definition()} asks for pre, but the gate has no reads and no "
                    "bias"
                )
            key = f"pre:{name}"
        elif target == "own_prev":
            key = f"{name}_prev"
        elif target in gate.parameters or _stem(target, "_prev") in gate.states:
            key = f"{name}.{target}"
        elif target in draft.known:
            key = target
        else:
            states = [f"{state}_prev" for state in gate.states]
            names = [*draft.known, *gate.parameters, *states, "pre", "own_prev"]
            raise CellError(
                f"{where}: {gate.definition()} asks for {target!r}, which does not exist"
                f"{nearest(target, names) or '.'} It can ask for: {listed(names, 50)}; "
                f"{_rebinding(spec.kind, argument)}"
            )
        bound.append((argument, key))
    if spec.reads and f"pre:{name}" not in [key for _, key in bound]:
        raise CellError(
            f"{where}: the gate reads {listed(r.text for r in spec.reads)}, but "
            f"{gate.definition()} does not use pre; set reads: [] and bias: false"
        )
    for read in spec.reads:
        draft.check_expression(read.expr, f"{where}.reads")
    return tuple(bound)


def _bind_output(draft: Draft) -> Bound:
    unit, emits = draft.output.unit, draft.spec.emits
    _check_bind("output_unit", unit)
    known = [n for n in draft.known if not n.endswith("_prev")]
    bound: list[tuple[str, str]] = []
    for argument in unit.arguments():
        target = unit.bind.get(argument, argument)
        stem = _stem(target, "_history")
        if target == "pre":
            if not draft.output.reads and not unit.bias:
                raise CellError(
                    f"output_unit: {unit.definition()} asks for pre, but has no reads and no bias"
                )
            key = f"pre:{OUTPUT_UNIT}"
        elif target == "emitted":
            key = emits
        elif target in unit.parameters:
            key = f"{OUTPUT_UNIT}.{target}"
        elif stem in unit.history:
            key = f"{emits if stem == 'emitted' else stem}_history"
        elif target in known:
            key = target
        else:
            histories = [f"{name}_history" for name in unit.history]
            names = [*known, "pre", "emitted", *unit.parameters, *histories]
            raise CellError(
                f"output_unit: {unit.definition()} asks for {target!r}, which the cell "
                f"{draft.spec.name!r} does not have{nearest(target, names) or '.'} It can ask for: "
                f"{listed(names, 50)}; {_rebinding(draft.output.kind, argument)}"
            )
        bound.append((argument, key))
    for name in unit.history:
        if name != "emitted" and name not in known:
            raise CellError(f"output_unit.history: {name!r} is not a signal{nearest(name, known)}")
    for read in draft.output.reads:
        draft.check_expression(draft.with_emitted(read.expr), "output_unit.reads")
    return tuple(bound)


def _stem(target: str, ending: str) -> str:
    return target.removesuffix(ending) if target.endswith(ending) else ""


def _rebinding(kind: str, argument: str) -> str:
    return f"or bind another name to it: {{kind: {kind}, bind: {{{argument}: NAME}}}}."


def _check_bind(where: str, declared: RowWise) -> None:
    arguments = declared.arguments()
    for argument, target in declared.bind.items():
        if argument not in arguments:
            raise CellError(
                f"{where}.bind: {declared.definition()} has no argument {argument!r}"
                f"{nearest(argument, arguments)}"
            )
        if not isinstance(target, str):
            raise CellError(f"{where}.bind.{argument}: a name is expected, not {target!r}")
