"""What a variant's cells cost, and the units at which they cost what is asked for."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from gatekit import registry
from gatekit.cell.analysis.cost import flops, state_size
from gatekit.cell.errors import ConfigError, GatekitError, listed
from gatekit.cell.graph import Cell, build
from gatekit.cell.schema import CellSpec, OutputUnitSpec, read_cell
from gatekit.registry import components
from gatekit.tasks.task import Signature

MOST_UNITS = 2**17
REACH = 6
"""Neighbours that are tried around the size at which the budget is crossed."""


class Measure(NamedTuple):
    """A budget: what is counted in each cell, its name, and how far a size may be from it."""

    count: Callable[[Cell], int]
    title: str
    tolerance: float


MEASURES = {
    "parameters": Measure(Cell.count, "recurrent parameters", 0.02),
    # A matrix of memory grows with the square of the units, in steps of the number of heads.
    "state": Measure(state_size, "numbers of state", 0.05),
    "flops": Measure(flops, "FLOPs per token", 0.02),
}
"""Budgets by the word before the colon of ``match=``. All recurrent layers are counted."""

_BUDGET = re.compile(rf"({'|'.join(MEASURES)}):(\d+(?:\.\d+)?)([kM]?)\Z")
_FACTORS = {"": 1, "k": 1_000, "M": 1_000_000}


def varied(config: Mapping[str, Any]) -> str:
    """Return the key that ``match`` chooses: ``units``."""
    del config
    return "units"


def sized(config: Mapping[str, Any], size: int) -> dict[str, Any]:
    """Return a configuration in which the key that ``match`` chooses has another value."""
    return {**config, varied(config): size}


def sizes(
    config: Mapping[str, Any], cell: CellSpec, unit: OutputUnitSpec, signature: Signature
) -> dict[str, int]:
    """Return what all recurrent layers cost together, by the names of `MEASURES`.

    Raises:
        GatekitError: the cell cannot be built at this size.
    """
    built = list(layers(config, cell, unit, signature))
    directions = 2 if config["bidirectional"] else 1
    return {name: directions * sum(map(measure.count, built)) for name, measure in MEASURES.items()}


def layers(
    config: Mapping[str, Any], cell: CellSpec, unit: OutputUnitSpec, signature: Signature
) -> Iterator[Cell]:
    """Yield the built cell of each recurrent layer; building checks every width.

    Raises:
        GatekitError: the cell cannot be built at this size.
    """
    width = int(signature.features or config["units"])
    if signature.vocabulary is not None:
        width = config["units"]
    for _ in range(config["layers"]):
        built = build(cell, config["units"], width, unit)
        further = [name for name in built.inputs if name != "x"]
        if further:
            raise ConfigError(
                f"the cell {cell.name!r} also reads {listed(further)}, which no task gives; use it "
                f"in a model of your own: gatekit.RNN({cell.name!r}, units), called with "
                f"{{{', '.join(f'{name!r}: ...' for name in built.inputs)}}}."
            )
        yield built
        width = (2 if config["bidirectional"] else 1) * built.output.width


def matched(
    config: Mapping[str, Any],
    cell: CellSpec,
    unit: OutputUnitSpec,
    signature: Signature,
    known: components.Components,
) -> dict[str, Any]:
    """Return the configuration that meets the budget, with what is recorded under ``match``.

    Args:
        config: a run's configuration; ``match`` is such as ``parameters:50k``, ``state:64k``,
            ``flops:1M`` or ``cell:lstm``.
        cell: its cell.
        unit: its output unit.
        signature: what the task takes in and gives out.
        known: what is registered.

    Raises:
        ConfigError: the budget cannot be read, or no size comes near enough.
    """
    asked = config["match"]
    name, target = _target(asked, config, unit, signature, known)
    measure, key = MEASURES[name], varied(config)

    def count(size: int) -> int | None:
        try:
            return sizes(sized(config, size), cell, unit, signature)[name]
        except GatekitError:
            return None

    if count(config[key]) is None and next(_built(1, count), None) is None:
        # If a cell fits no size, building it raises the reason.
        sizes(config, cell, unit, signature)
    size, reached = _nearest(target, count, asked)
    off = abs(reached - target) / target
    if off > measure.tolerance:
        raise ConfigError(
            f"match={asked}: the nearest that {config['cell'].get('name', 'this cell')} reaches is "
            f"{reached:,} {measure.title} ({key}={size}), {off:.1%} from {target:,}; at most "
            f"{measure.tolerance:.0%} are allowed. Choose a larger budget, or "
            f"match={name}:{reached}."
        )
    record = {"to": asked, "target": target, "reached": reached}
    return {**sized(config, size), "match": record}


def _target(
    asked: str,
    config: Mapping[str, Any],
    unit: OutputUnitSpec,
    signature: Signature,
    known: components.Components,
) -> tuple[str, int]:
    """Return the name of the measure, and how much of it is asked for."""
    if (budget := _BUDGET.match(asked)) is not None:
        target = round(float(budget[2]) * _FACTORS[budget[3]])
        if target > 0:
            return budget[1], target
    kind, _, name = asked.partition(":")
    if kind == "cell" and name:
        other = registry.cell_config(name, known.catalogue, known.files)
        spec = read_cell(other, known.catalogue)
        return "parameters", sizes(config, spec, unit, signature)["parameters"]
    raise ConfigError(
        f"match={asked}: type match=parameters:50k (a number of recurrent parameters), "
        "match=state:64k (numbers carried from step to step, for one sequence), match=flops:1M "
        "(FLOPs per token), or match=cell:lstm (the parameters that cell has at these units). "
        "k and M may follow a number."
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
