"""Equations and reads: strings of a cell's data that become expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import CellError, ExpressionError
from gatekit.cell.language.expression import Expr
from gatekit.cell.language.ops import Function
from gatekit.cell.language.parse import parse

from .lookup import instance_of, kind_and_options, unknown
from .specification import Read


def read_expression(text: object, functions: Mapping[str, Function], where: str) -> Expr:
    """Return a string as an expression.

    Raises:
        ExpressionError: it is not in the equation language; the message begins with the place.
    """
    try:
        return parse(text, functions)
    except ExpressionError as error:
        raise ExpressionError(f"{where}: {error}") from None


def read_reads(reads: object, where: str, catalogue: Catalogue) -> tuple[Read, ...]:
    """Return the reads in plain data.

    Args:
        reads: a list of signals and expressions, or a mapping from them to linear maps, where null
            removes a read.
        where: the place in the configuration, for messages.
        catalogue: what is registered.

    Raises:
        CellError: a linear map is not registered, or an expression is read twice.
        ExpressionError: a read is not in the equation language.
    """
    if isinstance(reads, str):
        raise CellError(f"{where}: a list is expected, such as [{reads}]")
    if reads is not None and not isinstance(reads, (Mapping, Sequence)):
        raise CellError(f"{where}: a list is expected, such as [x, h_prev], not {reads!r}")
    items = reads.items() if isinstance(reads, Mapping) else [(r, "dense") for r in reads or ()]
    found: dict[str, Read] = {}
    for text, linear_map in items:
        if linear_map is None:
            continue
        place = f"{where}.{text}"
        expr = read_expression(text, catalogue.functions, where)
        kind, options = kind_and_options(linear_map, place)
        if kind not in catalogue.linear_maps:
            raise unknown(place, "linear map", kind, catalogue.linear_maps, catalogue)
        read = Read(expr, kind, instance_of(catalogue.linear_maps[kind], options, place))
        if read.text in found:
            raise CellError(f"{place}: {read.text!r} is read twice")
        found[read.text] = read
    return tuple(found.values())
