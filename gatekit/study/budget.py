"""The parameters of a variant, and the units at which it has the number that is asked for."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gatekit import registry
from gatekit.cell.block.built import BuiltBlock, build_block
from gatekit.cell.block.contract import units_of
from gatekit.cell.block.reading import PLAIN, read_block
from gatekit.cell.errors import ConfigError, GatekitError, listed
from gatekit.cell.graph import Cell, build
from gatekit.cell.schema import CellSpec, OutputUnitSpec, read_cell
from gatekit.registry import components
from gatekit.tasks.task import Signature

TOLERANCE = 0.02
"""How far the nearest count may be from the budget, as a share of it."""

MOST_UNITS = 2**17
REACH = 6
"""Neighbours that are tried around the size at which the budget is crossed."""

_BUDGET = re.compile(r"parameters:(\d+(?:\.\d+)?)([kM]?)\Z")
_FACTORS = {"": 1, "k": 1_000, "M": 1_000_000}


def parameters(
    config: Mapping[str, Any], cell: CellSpec, unit: OutputUnitSpec, signature: Signature
) -> int:
    """Return the number of parameters of all recurrent layers.

    Raises:
        GatekitError: the cell cannot be built at this size.
    """
    directions = 2 if config["bidirectional"] else 1
    return sum(
        built.count() * (1 if isinstance(built, BuiltBlock) else directions)
        for built in stack(config, cell, unit, signature)
    )


def layers(
    config: Mapping[str, Any], cell: CellSpec, unit: OutputUnitSpec, signature: Signature
) -> Iterator[Cell]:
    """Yield the built cell of each recurrent layer; building checks every width.

    Raises:
        GatekitError: the cell cannot be built at this size.
    """
    for each in stack(config, cell, unit, signature):
        yield each.cell if isinstance(each, BuiltBlock) else each


def stack(
    config: Mapping[str, Any], cell: CellSpec, unit: OutputUnitSpec, signature: Signature
) -> Iterator[Cell | BuiltBlock]:
    """Yield the cell of each recurrent layer, with the block around it where there is one.

    Raises:
        GatekitError: a cell or block cannot be built at this size.
    """
    known = registry.catalogue(tuple(config.get("plugins") or ()))
    block = read_block(config.get("block") or PLAIN, known)
    given = [read_cell(each, known) for each in config.get("mixers") or ()]
    model = config.get("width") or config["units"]
    width = int(signature.features or model)
    if signature.vocabulary is not None or not block.plain:
        width = model
    directions = 2 if config["bidirectional"] else 1
    for index in range(config["layers"]):
        spec = given[index % len(given)] if given else cell
        built = build(spec, config["units"], width, unit)
        made: Cell | BuiltBlock = built
        if not block.plain:
            made = build_block(
                block,
                spec,
                unit,
                width=width,
                units=config["units"],
                directions=directions,
                last=index + 1 == config["layers"],
            )
        further = [name for name in built.inputs if name != "x"]
        if further:
            raise ConfigError(
                f"the cell {spec.name!r} also reads {listed(further)}, which no task gives; use it "
                f"in a model of your own: gatekit.RNN({spec.name!r}, units), called with "
                f"{{{', '.join(f'{name!r}: ...' for name in built.inputs)}}}."
            )
        yield made
        width = width if not block.plain else directions * built.output.width


def matched(
    config: Mapping[str, Any],
    cell: CellSpec,
    unit: OutputUnitSpec,
    signature: Signature,
    known: components.Components,
) -> dict[str, Any]:
    """Return ``units``, ``width`` and what is recorded under ``match``.

    Args:
        config: a run's configuration; ``match`` is ``parameters:50k`` or ``cell:lstm``.
        cell: its cell.
        unit: its output unit.
        signature: what the task takes in and gives out.
        known: what is registered.

    Raises:
        ConfigError: the budget cannot be read, or no size comes within 2 % of it.
    """

    def count(units: int) -> int | None:
        try:
            return parameters(sized(config, units), cell, unit, signature)
        except GatekitError:
            return None

    asked = config["match"]
    target = _target(asked, config, unit, signature, known)
    if count(config["units"]) is None and next(_built(1, count), None) is None:
        # If a cell fits no size, building it raises the reason.
        parameters(config, cell, unit, signature)
    units, reached = _nearest(target, count, asked)
    key = "width" if follows(config) else "units"
    off = abs(reached - target) / target
    if off > TOLERANCE:
        raise ConfigError(
            f"match={asked}: the nearest that {config['cell'].get('name', 'this cell')} reaches is "
            f"{reached:,} recurrent parameters ({key}={units}), {off:.1%} from {target:,}; at most "
            f"{TOLERANCE:.0%} are allowed. Choose a larger budget, or match=parameters:{reached}."
        )
    record = {"to": asked, "target": target, "reached": reached}
    chosen = sized(config, units)
    return {"units": chosen["units"], "width": chosen["width"], "match": record}


def follows(config: Mapping[str, Any]) -> bool:
    """Return whether the units of a run follow from its width, by what its block expands it by."""
    block = read_block(config["block"], registry.catalogue(tuple(config["plugins"])))
    width = config["width"] or config["units"]
    return not block.plain and bool(config["units"] == units_of(width, block.expand))


def sized(config: Mapping[str, Any], size: int) -> dict[str, Any]:
    """Return a run's configuration with another width, from which units follow, or other units.

    Args:
        config: the keys of a run.
        size: the width if units follow from it, else the units.
    """
    if not follows(config):
        return {**config, "units": size}
    block = read_block(config["block"], registry.catalogue(tuple(config["plugins"])))
    return {**config, "width": size, "units": units_of(size, block.expand)}


def _target(
    asked: str,
    config: Mapping[str, Any],
    unit: OutputUnitSpec,
    signature: Signature,
    known: components.Components,
) -> int:
    if (budget := _BUDGET.match(asked)) is not None:
        target = round(float(budget[1]) * _FACTORS[budget[2]])
        if target > 0:
            return target
    kind, _, name = asked.partition(":")
    if kind == "cell" and name:
        other = registry.cell_config(name, known.catalogue, known.files)
        alone = {**config, "mixers": None}
        return parameters(alone, read_cell(other, known.catalogue), unit, signature)
    raise ConfigError(
        f"match={asked}: type match=parameters:50k (a number of recurrent parameters; k and M may "
        "follow) or match=cell:lstm (the budget that cell has at these units)."
    )


def _nearest(target: int, count: Callable[[int], int | None], asked: str) -> tuple[int, int]:
    """Return the size whose count is nearest to the target, the smaller of two, and the count."""
    low, high = 0, 1
    while True:
        at = next(_built(high, count), None)
        if at is None or at[0] > MOST_UNITS:
            raise ConfigError(f"match={asked}: no size up to {MOST_UNITS:,} units has this budget.")
        if at[1] >= target:
            break
        low, high = at[0], 2 * at[0]
    high = at[0]
    while high - low > 1:
        middle = (low + high) // 2
        size = next(_built(middle, count, high), None)
        if size is None or size[1] >= target:
            high = middle
        else:
            low = size[0]
    # A width such as units // 2 makes the count rise in steps, so that neighbours are tried, too.
    above = list(itertools.islice(_built(high, count), REACH))
    low = max(1, high - (above[-1][0] - high + 1))
    nearby = [*_built(low, count, high), *above]
    return min(nearby, key=lambda pair: (abs(pair[1] - target), pair[0]))


def _built(
    start: int, count: Callable[[int], int | None], end: int | None = None
) -> Iterator[tuple[int, int]]:
    """Yield the sizes from ``start`` at which the cell can be built, with its count."""
    for units in range(start, start + 512 if end is None else end):
        number = count(units)
        if number is not None:
            yield units, number
