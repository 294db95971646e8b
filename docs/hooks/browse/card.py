"""What the browsable page of the zoo shows for one cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from gatekit.cell.analysis.cost import state_size
from gatekit.cell.errors import GatekitError
from gatekit.cell.graph import Cell, build
from gatekit.cell.program import lower
from gatekit.cell.program.equations import texts
from gatekit.cell.schema import OutputUnitSpec
from gatekit.cell.show.describe import describe
from gatekit.cell.show.diagram.drawing import diagram
from gatekit.cell.show.parallel import parallel
from gatekit.cell.show.works import Work

from .families import OTHERS, Lineage

FORMS = {"chunk": "in chunks", "scan": "by a scan", None: "step by step"}
"""Plain words for the executors of `gatekit.cell.show.parallel`; others are shown by name."""
_AT = 64


@dataclass(frozen=True)
class Card:
    """One cell on the page.

    Attributes:
        name: the cell's name.
        year: the year of the first work, or None.
        tier: where its equations were read: certified, second hand, unverified or own.
        lineage: its family, and the cell that it comes from.
        reference: short references to the works.
        notes: the cell's notes.
        equations: its lines, as `gatekit show` prints them.
        states: its states with their shapes in words.
        state_size: numbers carried from step to step with 64 units, or None.
        state_formula: this number as a formula in n units, or an empty string.
        parameters: the number of weights.
        parallel: how its steps are computed, in one to three words.
        parallel_why: the form of its states, or why its steps must be computed in sequence.
        drawing: its diagram, an SVG.
        code: the file with the cell's code, for each framework that has one.
    """

    name: str
    year: int | None
    tier: str
    lineage: Lineage
    reference: str
    notes: str
    equations: Sequence[str]
    states: Sequence[str]
    state_size: int | None
    state_formula: str
    parameters: int
    parallel: str
    parallel_why: str
    drawing: str
    code: Mapping[str, str] = field(default_factory=dict)


def card(
    cell: Cell,
    tier: str,
    lineage: Lineage | None,
    output: OutputUnitSpec,
    works: Mapping[str, Work],
) -> Card:
    """Return the content of the page for a cell.

    Args:
        cell: the built cell.
        tier: where its equations were read.
        lineage: its family; None for a cell that is not part of gatekit.
        output: the output unit; the cell is built with it at other sizes.
        works: the works that cells cite, by key.
    """
    d, form = describe(cell, works), parallel(cell)
    sizes = [_state_size(cell, units, output) for units in (_AT, 2 * _AT, 4 * _AT)]
    return Card(
        name=cell.spec.name,
        year=d["year"],
        tier=tier,
        lineage=lineage or Lineage(OTHERS.key),
        reference=d["reference"] or "",
        notes=d["notes"] or "",
        equations=texts(lower(cell)),
        states=[_state(state) for state in d["states"]],
        state_size=sizes[0],
        state_formula=_formula(sizes),
        parameters=d["parameters"],
        parallel=FORMS.get(form["executor"], str(form["executor"])),
        parallel_why=form["form"] or form["reason"],
        drawing=diagram(cell, works),
    )


def _state(state: Mapping[str, object]) -> str:
    shape = state["shape"]
    assert isinstance(shape, Sequence)
    return f"{state['name']} (matrix)" if len(shape) > 1 else str(state["name"])


def _state_size(cell: Cell, units: int, output: OutputUnitSpec) -> int | None:
    try:
        return state_size(build(cell.spec, units, cell.features, output))
    except GatekitError:
        return None


def _formula(sizes: Sequence[int | None]) -> str:
    """Return the state size as a formula in n units, such as ``n^2 / 4 + 2 n``.

    Args:
        sizes: at `_AT` units, twice and four times as many; the formula is the quadratic through
            them, and empty if one is None.
    """
    if None in sizes:
        return ""
    one, two, four = (Fraction(size or 0) for size in sizes)
    square = (four - 3 * two + 2 * one) / (6 * _AT**2)
    linear = (two - one) / _AT - 3 * square * _AT
    rest = one - square * _AT**2 - linear * _AT
    terms = [_term(square, "n^2"), _term(linear, "n"), _term(rest, "")]
    return " + ".join(term for term in terms if term) or "0"


def _term(factor: Fraction, power: str) -> str:
    if not factor:
        return ""
    above = f"{factor.numerator} {power}".strip() if factor.numerator != 1 or not power else power
    return above if factor.denominator == 1 else f"{above} / {factor.denominator}"
