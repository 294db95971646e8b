"""Writes the operations of a stack as code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gatekit.cell.block.sequence import Drop, Operation, Recur
from gatekit.cell.language.expression import Call, Expr, Name, Number, lift, names, substitute
from gatekit.cell.language.ops import FUNCTIONS
from gatekit.code.access import ACCESS
from gatekit.code.blocks.emit import created
from gatekit.code.blocks.operations import FLIPPED, with_parts
from gatekit.code.layout import StackedWeight
from gatekit.code.printing import Printer

# Smaller numbers are for the draws of cells.
_DRAW = 99


class Spelling:
    """Writes operations; ``x`` is the variable of the value so far.

    Args:
        to: the framework.

    Attributes:
        flipped: returns the code of a value with the time backwards.
        first: the lines that create the weights.
        weights: the weights.
    """

    def __init__(self, to: str) -> None:
        self.framework, self.access = with_parts(to), ACCESS[to]
        self.flipped = FLIPPED[to].format
        self.first: list[str] = []
        self.weights: list[StackedWeight] = []
        self._texts = {"x": "x", "mask": "mask"}
        self._printer = Printer(self.framework, FUNCTIONS, {}, str, self._texts, {})

    def value(self, op: Operation) -> str:
        """Return the value of an operation that reads ``x``; add its weights."""
        known: dict[str, Expr] = {}
        for weight in op.weights:
            attribute = "_".join(filter(None, (op.name, weight.written)))
            self.first.append(created(attribute, weight, self.access, str))
            self.weights.append(StackedWeight(attribute, (f"{op.name}/{weight.name}",)))
            known[weight.name] = Name(f"@{attribute}")
            self._texts[f"@{attribute}"] = self.access.weight(attribute)
        return self._printer.show(substitute(op.equation, known))

    def row(
        self,
        row: Sequence[Operation],
        call: Callable[[int, str, str], str],
        guard: str = "",
        rng: str = "rng",
    ) -> list[str]:
        """Return the lines of the operations of a layer; they change ``x``.

        Args:
            row: the operations.
            call: returns the call for a direction, the name of its output and its input.
            guard: the condition on which the input is added; empty if it always is.
            rng: the code of what dropout is drawn from.
        """
        [given] = names(row[0].of)
        self._texts[given] = "x"
        lines = []
        for place, op in enumerate(row):
            adds = given in names(op.of) and not isinstance(op, Recur)
            target = "y" if any(given in names(later.of) for later in row[place + 1 :]) else "x"
            self._texts[op.name] = target
            if isinstance(op, Recur) and op.backwards:
                lines.append(call(1, "z", self.flipped("x")))
                self._texts[op.name] = self.flipped("z")
            elif isinstance(op, Recur):
                lines.append(call(0, target, "x"))
            elif not isinstance(op, Drop):
                lines.append(f"{target} = {self._printer.show(op.of)}{guard * adds}")
            else:
                drawn = self._printer.show(Call("dropout", (op.of, lift(op.rate), Number(_DRAW))))
                lines.append(f"{target} = {drawn.replace('rng', rng)}")
        return lines
