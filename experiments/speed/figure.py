"""A figure: how many times as long each peer took, by cell and size."""

from __future__ import annotations

from pathlib import Path

from .contender import CELLS, FLOOR, LIBRARIES, MEMORIES, OWN
from .ratio import best, ratio
from .results import Race, Results

MARKS = "osD^vP"


def draw(results: Results, path: Path, clock: str, what: str = "train", threads: int = 1) -> bool:
    """Write the figure, and return whether there was anything to draw.

    Args:
        results: what was measured.
        path: the file; its suffix decides the format.
        clock: the clock that ratios are taken from.
        what: ``train`` or ``forward``.
        threads: the number of threads of the races that are drawn.
    """
    import matplotlib

    matplotlib.use("Agg")
    # The same results give the same file.
    matplotlib.rcParams["svg.hashsalt"] = "gatekit"
    from matplotlib import pyplot

    races = [r for r in results.find(what=what, threads=threads) if r.best(clock, OWN)]
    sizes = sorted({r.size for r in races}, key=lambda s: (s.time, s.units))
    if not sizes:
        return False
    figure, axes = pyplot.subplots(
        1, len(sizes), figsize=(2 + 2.6 * len(sizes), 5), sharex=True, sharey=True, squeeze=False
    )
    cells = [cell for cell in (*CELLS, *MEMORIES) if any(r.cell == cell for r in races)]
    names = [library.name for library in LIBRARIES if library.name != OWN]
    for axis, size in zip(axes[0], sizes, strict=True):
        axis.axvline(1, color="black", linewidth=0.8)
        for race in races:
            if race.size == size:
                _marks(axis, race, cells.index(race.cell), names, clock)
        axis.set_xscale("log", base=2)
        axis.set_title(f"{size.batch} x {size.time} x {size.features}, {size.units} units", size=9)
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
        axis.grid(axis="x", alpha=0.3)
    axes[0][0].set_yticks(range(len(cells)), cells)
    axes[0][0].invert_yaxis()
    shown: dict[str, object] = {}
    for axis in axes[0]:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            shown.setdefault(label, handle)
    figure.legend(shown.values(), shown.keys(), loc="lower center", ncols=len(shown), fontsize=8)
    kind = "a training step" if what == "train" else "a forward pass"
    plural = "s" * (threads > 1)
    figure.suptitle(
        f"Time of {kind} over that of gatekit, {threads} thread{plural}: right of the line gatekit "
        "is faster",
        size=10,
    )
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)
    return True


def _marks(axis: object, race: Race, row: int, names: list[str], clock: str) -> None:
    own, *peers = best(race, clock)
    floors = [peer for peer in peers if peer.library.startswith(FLOOR)]
    lowest = min(floors, key=lambda peer: peer.median(clock), default=None)
    for peer in peers:
        if peer in floors and peer is not lowest:
            continue
        found, place, floor = ratio(own, peer, clock), names.index(peer.library), peer in floors
        axis.errorbar(  # type: ignore[attr-defined]
            [found.median],
            [row + 0.08 * (place - len(names) / 2)],
            xerr=[[found.median - found.low], [found.high - found.median]],
            fmt="|" if floor else MARKS[place % len(MARKS)],
            color="grey" if floor else f"C{place}",
            markersize=8 if floor else 5,
            label="matrix products alone" if floor else peer.library,
        )
