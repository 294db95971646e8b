"""How much longer the executor that ``auto`` chooses takes than the best by name, ``--choice``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import mean

from rich.table import Table

from gatekit import registry
from gatekit.cell.graph import build
from gatekit.cell.graph.cell import Cell
from gatekit.cell.schema import read_output_unit
from gatekit.recurrence.executors.choose import REFUSES, choose

from .contender import OWN
from .ratio import ratio
from .results import Race, Results
from .size import Size

CELLS = ("linear_attention", "gla", "delta_net", "gated_delta_net", "mlstm", "rwkv7", "kda")
CELLS += ("mamba2", "mingru")
"""Cells with several executors on a CPU; lstm and gru have one, ``stacked``."""
SIZES = tuple(
    Size(batch, time, 64, units)
    for units in (64, 128)
    for time in (64, 512, 1024)
    for batch in (8, 32)
)
EXECUTORS = ("stacked", "affine", "chunk")
"""The executors that are ever the fastest on a CPU."""
MODES = ("graph", "xla")
SLOW = 2.0
"""How many times as long as the fastest a contender takes that runs one round only."""


def by_name(cell: str) -> tuple[str, ...]:
    """Return the contenders of a cell: each executor that can run it, in both modes.

    ``auto`` is one of them, so it does not run by itself.
    """
    built = _built(cell, SIZES[0])
    named = [each for each in EXECUTORS if not REFUSES[each](built)]
    return tuple(f"{OWN}.{name}-{mode}" for name in named for mode in MODES)


def _built(cell: str, size: Size) -> Cell:
    known = registry.catalogue()
    unit = read_output_unit("hidden", known)
    return build(registry.load_cell(cell, known), size.units, size.features, unit)


def automatic(race: Race, mode: str) -> str:
    """Return the executor that ``auto`` chooses in a race and mode."""
    made = choose("auto", _built(race.cell, race.size), length=race.size.time)
    other = made.inference if race.what == "forward" else made.training
    return (mode == "xla" and other) or made.executor


@dataclass(frozen=True)
class Chosen:
    """What ``auto`` chose in one race and mode.

    Args:
        race: the race.
        mode: ``graph`` or ``xla``.
        default: the executor of ``auto``.
        best: the mode of the fastest contender by name.
        over: the time of the default over the time of the best by name.
    """

    race: Race
    mode: str
    default: str
    best: str
    over: float


def chosen(results: Results, clock: str) -> Iterator[Chosen]:
    """Yield how the default compares with the best by name, for each race and mode.

    Args:
        results: what was measured.
        clock: the clock of the ratios, ``wall`` or ``cpu``.
    """
    for race in results.races:
        for mode in MODES:
            names = [f"{name}-{mode}" for name in EXECUTORS]
            default = automatic(race, mode)
            own = race.of(OWN, f"{default}-{mode}")
            best = race.fastest(clock, OWN, *names)
            if own and best:
                yield Chosen(race, mode, default, best.mode, ratio(best, own, clock).median)


def choice_table(results: Results, clock: str) -> Table:
    """Return the mean and the worst ratio by kind of step and mode, ready to print.

    Args:
        results: what was measured.
        clock: the clock of the ratios, ``wall`` or ``cpu``.
    """
    table = Table(title="Default over the best by name", title_justify="left")
    for heading in ("step", "mode", "races", "mean", "worst", "where"):
        table.add_column(heading)
    kinds: dict[tuple[str, str], list[Chosen]] = {}
    for each in chosen(results, clock):
        kinds.setdefault((each.race.what, each.mode), []).append(each)
    for (what, mode), found in kinds.items():
        worst = max(found, key=lambda each: each.over)
        where = f"{worst.race.cell} {worst.race.size}: {worst.default}, not {worst.best}"
        over = mean(each.over for each in found)
        table.add_row(what, mode, str(len(found)), f"{over:.2f}", f"{worst.over:.2f}", where)
    return table
