"""The results as tables for people and as JSON for programs."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from .measure import Timing
from .ratio import Ratio, best, ratio
from .size import Size


def table(cell: str, size: Size, timings: list[Timing], clock: str) -> RenderableType:
    """Return the table of one cell at one size, ready to print.

    Args:
        cell: the cell's name.
        size: the sizes.
        timings: everybody's times.
        clock: the clock that the ratios are taken from, ``wall`` or ``cpu``.
    """
    found = Table(title=f"{cell}  batch,time,features,units = {size}", title_justify="left")
    found.add_column("contender")
    for heading in ("wall ms", "cpu ms", "first call s", "its time / gatekit's best", "quartiles"):
        found.add_column(heading, justify="right")
    own = best(timings, clock)[0]
    for timing in timings:
        relative = ratio(own, timing, clock)
        found.add_row(
            str(timing.contender),
            f"{1000 * timing.median('wall'):.2f}",
            f"{1000 * timing.median('cpu'):.2f}",
            f"{timing.first_call.wall:.1f}",
            f"{relative.median:.2f}",
            f"{relative.low:.2f} to {relative.high:.2f}",
        )
    return Group(found, *(_sentence(ratio(own, peer, clock)) for peer in best(timings, clock)[1:]))


def _sentence(found: Ratio) -> str:
    return (
        f"  {found.own.contender} against {found.peer.contender}: {found.median:.2f}x as fast "
        f"(quartiles {found.low:.2f} to {found.high:.2f})"
    )


def as_data(cell: str, size: Size, timings: list[Timing]) -> dict[str, Any]:
    """Return the results of one cell at one size as plain data; times in seconds."""
    return {
        "cell": cell,
        "size": size.as_dict(),
        "contenders": [
            {
                "library": timing.contender.library.name,
                "mode": timing.contender.mode,
                "note": timing.note,
                "first_call": vars(timing.first_call),
                "wall": timing.seconds("wall"),
                "cpu": timing.seconds("cpu"),
            }
            for timing in timings
        ],
        "ratios": {clock: _ratios(timings, clock) for clock in ("wall", "cpu")},
    }


def _ratios(timings: list[Timing], clock: str) -> list[dict[str, Any]]:
    own, *peers = best(timings, clock)
    return [
        {
            "own": str(own.contender),
            "peer": str(peer.contender),
            "median": found.median,
            "low": found.low,
            "high": found.high,
        }
        for peer in peers
        for found in [ratio(own, peer, clock)]
    ]
