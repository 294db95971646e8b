"""``match=``: find the units at which a variant's cells have a given budget."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gatekit import registry
from gatekit.cell.block.built_block import BuiltBlock, flops_of, state_of
from gatekit.cell.block.contract import units_of
from gatekit.cell.block.reading import PLAIN, read_block
from gatekit.cell.block.stack import Stack
from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import ConfigError, GatekitError, amount_of, nearest_name
from gatekit.cell.graph import Cell
from gatekit.cell.schema import CellSpec
from gatekit.registry import components
from gatekit.registry.models import model_of
from gatekit.tasks.task import Signature

MOST_UNITS = 2**17
REACH = 6
"""How many sizes to try from the first one that reaches the target, and about as many below it."""


class Measure(NamedTuple):
    """A count of a cell or block, its name, and its largest relative distance from the target.

    Attributes:
        whole: whether the weights around the recurrent layers count, too.
    """

    count: Callable[[Cell | BuiltBlock], int]
    title: str
    tolerance: float
    whole: bool = False


MEASURES = {
    "parameters": Measure(lambda built: built.count(), "recurrent parameters", 0.02),
    # A matrix memory grows with the square of the units, in steps of the number of heads.
    "state": Measure(state_of, "numbers of state", 0.05),
    "flops": Measure(flops_of, "FLOPs per token", 0.02),
    "total": Measure(lambda built: built.count(), "parameters", 0.02, whole=True),
}
"""Measures by the word before the colon in ``match=``; they count all recurrent layers."""

_AMOUNT = re.compile(rf"({'|'.join(MEASURES)}):(\d+(?:\.\d+)?)([kM]?)\Z")
_FACTORS = {"": 1, "k": 1_000, "M": 1_000_000}


def at_size(config: Mapping[str, Any], size: int) -> dict[str, int | None]:
    """Return the keys that ``match`` chooses, for a size.

    Without a block, ``match`` chooses the units. In a block, it chooses the width of the model, and
    the units follow from it; but if the typed units do not follow from the width, only the units
    are chosen.

    Args:
        config: a run's configuration.
        size: the width if it is chosen, otherwise the units.
    """
    block = read_block(config.get("block") or PLAIN, _catalogue(config))
    width = config.get("width") or config["units"]
    if block.plain or config["units"] != units_of(width, block.expand):
        return {"units": size}
    units = units_of(size, block.expand)
    return {"units": units, "width": None if units == size else size}


def _catalogue(config: Mapping[str, Any]) -> Catalogue:
    return registry.catalogue(tuple(config.get("plugins") or ()))


def sizes(stack: Stack) -> dict[str, int]:
    """Return each of the `MEASURES` of all recurrent layers, and their blocks."""
    recurrent = {name: each for name, each in MEASURES.items() if not each.whole}
    return {name: _total(each, stack) for name, each in recurrent.items()}


def _total(measure: Measure, stack: Stack) -> int:
    total = sum(map(measure.count, stack.layers))
    around = sum(op.count for op in (*stack.before, *stack.after))
    return total + around if measure.whole else total


def matched(
    config: Mapping[str, Any],
    cells: Sequence[CellSpec],
    signature: Signature,
    known: components.Components,
) -> dict[str, Any]:
    """Return the keys that meet the target, and the record of the match under ``match``.

    Args:
        config: a run's configuration; ``match`` is, for example, ``parameters:50k``,
            ``state:64k``, ``flops:1M``, ``total:50k`` or ``cell:lstm``.
        cells: the cells, which layers repeat.
        signature: the inputs and targets of the task.
        known: the registered objects.

    Raises:
        ConfigError: ``match`` cannot be read, or no size comes close enough.
    """
    asked = config["match"]
    name, target = _target(asked, config, signature, known)
    measure = MEASURES[name]
    if measure.whole and config["pool"] == "all":
        raise ConfigError(
            f"match={asked} with pool=all: the size of the head depends on the length of the data. "
            f"Type match=parameters:{asked.partition(':')[2]}, or pool=mean."
        )

    def count(size: int) -> int | None:
        try:
            sized = {**config, **at_size(config, size)}
            return _total(measure, model_of(sized, signature, cells))
        except GatekitError:
            return None

    if count(config["units"]) is None and next(_buildable(1, count), None) is None:
        # If a cell fits no size, building it raises the reason.
        model_of(config, signature, cells)
    size, reached = _nearest(target, count, asked)
    off = abs(reached - target) / target
    chosen = at_size(config, size)
    if off > measure.tolerance:
        typed = " ".join(f"{key}={value}" for key, value in chosen.items() if value)
        raise ConfigError(
            f"match={asked}: the closest that {config['cell'].get('name', 'this cell')} reaches is "
            f"{reached:,} {measure.title} ({typed}), {off:.1%} from {target:,}; at most "
            f"{measure.tolerance:.0%} are allowed. Choose a larger budget, or "
            f"match={name}:{reached}."
        )
    return {**chosen, "match": {"to": asked, "target": target, "reached": reached}}


def _target(
    asked: str,
    config: Mapping[str, Any],
    signature: Signature,
    known: components.Components,
) -> tuple[str, int]:
    """Return the name of the measure, and its target."""
    if (amount := _AMOUNT.match(asked)) is not None:
        target = round(float(amount[2]) * _FACTORS[amount[3]])
        if target > 0:
            return amount[1], target
    kind, _, name = asked.partition(":")
    if kind == "cell" and name:
        spec = registry.load_cell(name, known.catalogue, known.files)
        return "parameters", sizes(model_of(config, signature, [spec]))["parameters"]
    kind, _, name = asked.replace("=", ":").partition(":")
    name = name.removesuffix("B")  # numbers are counted, not bytes
    if amount_of(asked) is not None:
        kind, name = "parameters", asked
    elif asked in registry.cell_names():
        kind, name = "cell", asked
    elif (
        not name and asked not in MEASURES and (near := nearest_name(asked, registry.cell_names()))
    ):
        kind, name = "cell", near
    kind = nearest_name(kind, [*MEASURES, "cell"]) or "parameters"
    kind = "cell" if name in registry.cell_names() else kind
    such = (name or "lstm") if kind == "cell" else name if (amount_of(name) or 0) > 0 else "50k"
    raise ConfigError(
        f"match={asked}: a budget is parameters:N, state:N (numbers of state per sequence), "
        "flops:N (per token), total:N (with embedding and head) or cell:NAME (the parameters of "
        "that cell); N may be 50k or 1M. "
        f"Type match={kind}:{such}."
    )


def smaller(asked: str) -> str:
    """Return what to do if ``match`` makes a model too large.

    Args:
        asked: the value of ``match``.
    """
    matrix = ", or a cell whose state is a matrix, such as cell=gla"
    return f"Choose a smaller budget{matrix * asked.startswith('state:')}."


def _nearest(target: int, count: Callable[[int], int | None], asked: str) -> tuple[int, int]:
    """Return the size whose count is nearest to the target, in a tie the smaller, and its count."""
    low, high = 0, 1
    while True:
        at = next(_buildable(high, count), None)
        if at is None or at[0] > MOST_UNITS:
            raise ConfigError(
                f"match={asked}: no size up to {low or MOST_UNITS:,} units has this budget, and "
                f"larger ones cannot be built. {smaller(asked)}"
            )
        if at[1] >= target:
            break
        low, high = at[0], 2 * at[0]
    high = at[0]
    while high - low > 1:
        middle = (low + high) // 2
        size = next(_buildable(middle, count, high), None)
        if size is None or size[1] >= target:
            high = middle
        else:
            low = size[0]
    # A width such as units // 2 makes the count rise in steps, so neighbours are tried as well.
    above = list(itertools.islice(_buildable(high, count), REACH))
    low = max(1, high - (above[-1][0] - high + 1))
    nearby = [*_buildable(low, count, high), *above]
    return min(nearby, key=lambda pair: (abs(pair[1] - target), pair[0]))


def _buildable(
    start: int, count: Callable[[int], int | None], end: int | None = None
) -> Iterator[tuple[int, int]]:
    """Yield each size from ``start`` that can be built, and its count; by default, try 512."""
    for units in range(start, start + 512 if end is None else end):
        number = count(units)
        if number is not None:
            yield units, number
