"""The number of parameters as a formula in units and features."""

from __future__ import annotations

from fractions import Fraction

from .errors import GatekitError
from .graph import Cell, build
from .spec import OutputUnitSpec, Read

MAX_NODES = 100
# Monomials n^i m^j: two axes of a weight, one of which may be a matrix laid out flat.
_MONOMIALS = (
    *((3, 0), (2, 1), (1, 2), (0, 3)),
    *((2, 0), (1, 1), (0, 2), (1, 0), (0, 1), (0, 0)),
)
# Multiples of the units and features at which the formula is fitted, then checked.
_FITTED = tuple((i, j) for i in range(1, 5) for j in range(1, 6 - i))
_CHECKED = ((4, 3), (5, 2))


def formula(cell: Cell) -> str | None:
    """Return the number of trainable parameters as a polynomial, such as ``4 n^2 + 4 n m + 4 n``.

    The cell is built at multiples of its sizes, at which ``units // chunk`` stays whole.

    Args:
        cell: the built cell.

    Returns:
        The polynomial in n units and m features, or None where the number is not one, or where the
        cell is too large to be built again and again.
    """
    if len(cell.nodes) > MAX_NODES:
        return None
    try:
        counts = {at: _count(cell, *at) for at in (*_FITTED, *_CHECKED)}
    except GatekitError:
        # A fixed width may fit only some sizes.
        return None
    rows = [[*_row(cell, at), Fraction(counts[at])] for at in _FITTED]
    coefficients = _solved(rows)
    for at in _CHECKED:
        value = sum(c * p for c, p in zip(coefficients, _row(cell, at), strict=True))
        if value != counts[at]:
            return None
    return _text(coefficients)


def _count(cell: Cell, units: int, features: int) -> int:
    out = cell.output
    built = next((node.reads for node in cell.nodes if node.kind == "output"), out.reads)
    reads = tuple(Read(read.expr, read.map_kind, read.map) for read in built)
    unit = OutputUnitSpec(out.kind, out.unit, reads)
    return build(cell.spec, cell.units * units, cell.features * features, unit).count()


def _row(cell: Cell, at: tuple[int, int]) -> list[Fraction]:
    n, m = cell.units * at[0], cell.features * at[1]
    return [Fraction(n**i * m**j) for i, j in _MONOMIALS]


def _solved(rows: list[list[Fraction]]) -> list[Fraction]:
    """Return the solution of a square linear system, exactly, by elimination."""
    size = len(rows)
    for column in range(size):
        pivot = next(r for r in range(column, size) if rows[r][column] != 0)
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column]
        rows[column] = [value / head[column] for value in head]
        for r in range(size):
            if r != column and rows[r][column] != 0:
                factor = rows[r][column]
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[column], strict=True)]
    return [row[size] for row in rows]


def _text(coefficients: list[Fraction]) -> str:
    parts = []
    for coefficient, (i, j) in zip(coefficients, _MONOMIALS, strict=True):
        if coefficient == 0:
            continue
        factors = [s if p == 1 else f"{s}^{p}" for s, p in (("n", i), ("m", j)) if p]
        number = [] if abs(coefficient) == 1 and factors else [str(abs(coefficient))]
        sign = "-" if coefficient < 0 else "+"
        parts.append((sign, " ".join([*number, *factors])))
    if not parts:
        return "0"
    first_sign, first = parts[0]
    rest = "".join(f" {sign} {part}" for sign, part in parts[1:])
    return ("-" if first_sign == "-" else "") + first + rest
