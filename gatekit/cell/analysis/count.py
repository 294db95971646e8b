"""The number of parameters as a formula in units and features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from gatekit.cell.errors import GatekitError
from gatekit.cell.graph import Cell, build
from gatekit.cell.language.expression import walk

MAX_NODES = 60
MAX_PARTS = 1_000
"""The most parts of equations; the largest bundled cell has 302."""
# Multiples of the units and features at which the formula is checked. A missing cubic term shows
# at one of them.
_CHECKED = ((3, 4), (5, 2))


def formula(cell: Cell) -> str | None:
    """Return the number of trainable parameters as a polynomial, such as ``4 n^2 + 4 n m + 4 n``.

    The cell is built at multiples of its sizes, at which ``units // chunk`` stays whole.

    Args:
        cell: the built cell.

    Returns:
        The polynomial in n units and m features, or None if the number is not a polynomial, or if
        the cell is too large to be built several times.
    """
    parts = sum(1 for _, expr in cell.spec.equations for _ in walk(expr))
    if len(cell.nodes) > MAX_NODES or parts > MAX_PARTS:
        return None
    counts: dict[tuple[int, int], int] = {}
    # A weight has two axes, and one may be a flattened matrix: degree 3 at most.
    for degree in (2, 3):
        powers = [(i, k - i) for k in range(degree, -1, -1) for i in range(k, -1, -1)]
        fitted = [(i + 1, j + 1) for i, j in powers]
        try:
            for at in (*fitted, *_CHECKED):
                counts[at] = counts[at] if at in counts else _count(cell, *at)
        except GatekitError:
            # A fixed width may fit only some sizes.
            return None
        rows = {at: _row(cell, at, powers) for at in counts}
        coefficients = _solved([[*rows[at], Fraction(counts[at])] for at in fitted])
        if all(
            sum(c * p for c, p in zip(coefficients, rows[at], strict=True)) == counts[at]
            for at in _CHECKED
        ):
            return _text(dict(zip(powers, coefficients, strict=True)))
    return None


def resized(cell: Cell, units: int, features: int) -> Cell:
    """Return the same cell built with other sizes.

    Raises:
        GatekitError: the cell cannot have these sizes.
    """
    return build(cell.spec, units, features, cell.output.spec)


def _count(cell: Cell, units: int, features: int) -> int:
    return resized(cell, cell.units * units, cell.features * features).count()


def _row(cell: Cell, at: tuple[int, int], powers: Sequence[tuple[int, int]]) -> list[Fraction]:
    n, m = cell.units * at[0], cell.features * at[1]
    return [Fraction(n**i * m**j) for i, j in powers]


def _solved(rows: list[list[Fraction]]) -> list[Fraction]:
    """Return the exact solution of a square linear system, by elimination."""
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


def _text(coefficients: Mapping[tuple[int, int], Fraction]) -> str:
    parts = []
    for (i, j), coefficient in coefficients.items():
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
