"""Sizes of a cell's parts: numbers, names of sizes, and arithmetic on them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gatekit.cell.errors import CellError, ExpressionError, as_plain, refused
from gatekit.cell.language.expression import OPERATORS, Binary, Expr, Name, Neg, Number, names
from gatekit.cell.language.parse import parse
from gatekit.cell.language.shape import MAX_ELEMENTS
from gatekit.cell.row_wise import RowWise
from gatekit.cell.schema import CELL, OUTPUT, OUTPUT_UNIT, GateSpec, OutputUnitSpec
from gatekit.cell.schema.specification import size_names
from gatekit.faults import Fault, Kind, Place, unknown_name

if TYPE_CHECKING:
    from .draft import Draft

MAX_CHARACTERS = 200
MAX_CHAIN = 30
# Beyond this, integers are not exact as floats; no size comes close.
_LARGEST = 2.0**53


class Sizes:
    """The one finder of sizes.

    A size is arithmetic on numbers and names: the whole-number options of the gate or output unit
    that has the size, ``units`` (in what a gate owns, the gate's), ``features``, the cell's
    constants, and its gates and inputs, which mean their widths.

    Args:
        draft: the cell.
    """

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.known: dict[str, int] = {}
        """The widths of gates, and of the output unit, as far as they are found."""

    def find(
        self, value: object, where: Place, owner: str = "", chain: tuple[str, ...] = ()
    ) -> int:
        """Return a size as a number.

        Args:
            value: a number, ``scalar``, or arithmetic.
            where: the place in the cell, for messages.
            owner: the gate that has the size, or the output unit.
            chain: the gates whose widths depend on this size; it cannot depend on them.

        Raises:
            CellError: a name is not a size, or the result is not a whole number from 1.
            ExpressionError: the value is not arithmetic.
        """
        if value == "scalar":
            return 1
        result: Any = value
        if type(value) is not int:
            try:
                expr = _parsed(value)
            except ExpressionError as error:
                raise error.below(where) from None
            env = {name: self._named(name, where, owner, chain) for name in names(expr)}
            try:
                result = _arithmetic(expr, env)
            except (ZeroDivisionError, OverflowError):
                result = None
        if isinstance(result, float) and result.is_integer():
            result = int(result)
        if not isinstance(result, int) or not 1 <= result <= MAX_ELEMENTS:
            expected = f"a size, from 1 to {MAX_ELEMENTS:,}"
            raise CellError(Fault(Kind.WRONG, where, as_plain(value), expected))
        return result

    def of_gate(self, name: str, chain: tuple[str, ...] = ()) -> int:
        """Return the units of a gate, of a projection, or of the output unit.

        Raises:
            CellError: the gate's ``units`` are not a size.
        """
        if name not in self.known:
            declared: RowWise = self.draft.output.unit
            owner, where = OUTPUT_UNIT, OUTPUT / "units"
            if name != OUTPUT_UNIT:
                spec = self.draft.gates[name]
                declared, owner = spec.gate, self.draft.top(name)
                where = self.draft.place(name) / ("width" if spec.owner else "units")
            if len(chain) > MAX_CHAIN:
                raise refused(where, f"the width depends on a chain of more than {MAX_CHAIN} gates")
            self.known[name] = self.find(declared.units, where, owner, (*chain, name))
        return self.known[name]

    def of_state(self, key: str) -> int:
        """Return the width of a gate's own state, ``GATE.STATE``.

        Raises:
            CellError: the width is not a size.
        """
        owner = self.draft.own_states[key]
        name = key.removeprefix(f"{owner}.")
        width = self.draft.gates[owner].gate.own_states()[name].width
        return self.find(width, CELL / "gates" / owner / "states" / name, owner)

    def names(self) -> frozenset[str]:
        """Return the names of the cell that appear in sizes."""
        draft = self.draft
        found = {n for p in draft.parameters.values() for n in size_names(p.shape)}
        specs: list[GateSpec | OutputUnitSpec] = [*draft.spec.gates, draft.output]
        for spec in specs:
            own = whole_options(spec.declared)
            read = {name for size in spec.sizes() for name in size_names(size)}
            found |= read - own.keys()
        return frozenset(found)

    def _named(self, name: str, where: Place, owner: str, chain: tuple[str, ...]) -> int | float:
        draft = self.draft
        own = whole_options(draft.declared(owner)) if owner else {}
        if name in own:
            return own[name]
        if name == "units" and owner and owner not in chain:
            return self.of_gate(owner, chain)
        if name in draft.constants:
            return draft.constants[name]
        if name in draft.inputs:
            return draft.inputs[name]
        gates = [gate for gate in draft.gates if not draft.is_projection(gate)]
        if name in gates and name not in chain:
            return self.of_gate(name, chain)
        known = [*own, *draft.constants, *gates, *draft.inputs]
        raise CellError(unknown_name(where, name, known, "sizes"))


def whole_options(declared: RowWise) -> dict[str, int]:
    """Return the options of a gate or output unit that are whole numbers, by name."""
    values = {n: getattr(declared, n, None) for n in declared.option_names() if n != "units"}
    return {name: value for name, value in values.items() if type(value) is int}


def _parsed(value: object) -> Expr:
    text = str(value) if isinstance(value, (int, float)) else value
    if isinstance(text, str) and len(text) > MAX_CHARACTERS:
        raise ExpressionError(
            f"a size has {len(text)} characters; at most {MAX_CHARACTERS} are allowed"
        )
    return _read(text) if isinstance(text, str) else parse(value, {}, sizes=True)


@functools.lru_cache(maxsize=1024)
def _read(text: str) -> Expr:
    return parse(text, {}, sizes=True)


def _arithmetic(expr: Expr, env: Mapping[str, int | float]) -> int | float:
    """Return the value of arithmetic on sizes.

    Raises:
        OverflowError: an intermediate result is too large, or is not real.
        ZeroDivisionError: the arithmetic divides by zero.
    """
    if isinstance(expr, Number):
        return _small(expr.value)
    if isinstance(expr, Name):
        return _small(env[expr.name])
    if isinstance(expr, Neg):
        return -_arithmetic(expr.operand, env)
    assert isinstance(expr, Binary)
    left, right = _arithmetic(expr.left, env), _arithmetic(expr.right, env)
    if expr.op == "**":
        # Try the power in floats first: as an integer it may have any number of digits.
        _small(float(left) ** right)
    return _small(OPERATORS[expr.op](left, right))


def _small(value: Any) -> int | float:
    if isinstance(value, complex) or not abs(value) <= _LARGEST:
        raise OverflowError
    number: int | float = value
    return number
