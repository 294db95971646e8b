"""Built cells, kept for layers that are equal: a deep model builds and tries each cell once."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import lru_cache

from gatekit.cell.declare import Declared
from gatekit.cell.graph import Cell, build
from gatekit.cell.schema import CellSpec, OutputUnitSpec

from .trial import dry_run


@dataclass(frozen=True)
class _Request:
    """What is asked for; equal requests give equal cells."""

    key: Hashable
    units: int
    features: int
    spec: CellSpec = field(compare=False)
    output_unit: OutputUnitSpec = field(compare=False)


def built(spec: CellSpec, units: int, features: int, output_unit: OutputUnitSpec) -> Cell:
    """Return a cell with its sizes, after a dry run of one step.

    Args:
        spec: the cell.
        units: the layer's units.
        features: the width of the layer's input.
        output_unit: what the layer emits.

    Raises:
        CellError: the cell cannot have these sizes, or a gate or the output unit returns something
            of the wrong shape or type.
    """
    return _built(_Request(_key(spec, output_unit), units, features, spec, output_unit))


@lru_cache(maxsize=32)
def _built(request: _Request) -> Cell:
    cell = build(request.spec, request.units, request.features, request.output_unit)
    dry_run(cell)
    return cell


def _key(spec: CellSpec, output_unit: OutputUnitSpec) -> Hashable:
    """Return what makes two cells equal.

    Canonical forms have every option. Classes stand for the code: a plugin that is loaded again has
    other classes under the old names. What an object keeps besides its options counts, too. The
    request keeps the catalogue, and so its id.
    """
    declared: list[Declared] = [output_unit.unit, *(read.map for read in output_unit.reads)]
    for gate in spec.gates:
        declared += [gate.gate, *(read.map for read in gate.reads)]
    return (
        repr(spec.canonical()),
        repr(output_unit.canonical()),
        tuple((type(each), repr(vars(each))) for each in declared),
        id(spec.catalogue),
    )
