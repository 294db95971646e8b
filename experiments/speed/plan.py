"""Which cells run at which sizes, and what is measured there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .contender import AFFINE, CELLS
from .size import Size

SIZES = (
    Size(32, 100, 32, 64),
    Size(32, 100, 64, 128),
    Size(64, 200, 128, 256),
    Size(16, 1000, 32, 64),
    Size(8, 4096, 32, 64),
)
SHORT, LONG = SIZES[:3], SIZES[4]
CHUNK_SIZES = (Size(8, 1024, 128, 256), Size(8, 4096, 64, 128), Size(2, 16384, 64, 64))
CHUNK_CONTENDERS = ("gatekit.stacked-graph", "gatekit.stacked-xla", "gatekit.chunk-graph")
CHUNK_CONTENDERS += ("gatekit.chunk-xla", "keras-chunk", "torch-chunk")
WHATS = ("train", "forward", "memory")
OF_TARGETS = ("lstm", "gru", "gru_reset_after", "peephole", "ur_lstm", "on_lstm")
OF_TARGETS += ("layer_norm_lstm", "mgu", "slstm")


@dataclass(frozen=True)
class Part:
    """A cell at a size, and what is measured there."""

    cell: str
    size: Size
    whats: tuple[str, ...]
    threads: int


def planned(
    cells: Sequence[str] | None,
    sizes: Sequence[Size] | None,
    whats: Sequence[str] | None,
    threads: Sequence[int],
) -> list[Part]:
    """Return the parts in the order in which they run.

    If neither cells nor sizes are chosen, the parts are those that the targets need: ``train`` and
    ``forward`` of their cells at the three short sizes, and long sequences for some cells.
    Otherwise they are everything chosen, by default ``train`` and ``forward`` of all cells at all
    sizes.

    Args:
        cells: the chosen cells.
        sizes: the chosen sizes.
        whats: the chosen kinds of measurement.
        threads: the numbers of threads.
    """
    parts = []
    for count in threads:
        for cell, size, usual in _parts(cells, sizes):
            chosen = tuple(w for w in WHATS if w in (whats if whats is not None else usual))
            if cells is None and sizes is None:
                chosen = tuple(w for w in chosen if w in usual)
            if chosen:
                parts.append(Part(cell, size, chosen, count))
    return parts


def _parts(
    cells: Sequence[str] | None, sizes: Sequence[Size] | None
) -> list[tuple[str, Size, tuple[str, ...]]]:
    timed = ("train", "forward")
    if cells is not None or sizes is not None:
        return [(c, s, timed) for s in sizes or SIZES for c in cells or CELLS]
    return [
        *((cell, size, timed) for size in SHORT for cell in OF_TARGETS),
        *((cell, SIZES[3], ("train",)) for cell in ("lstm", "gru")),
        ("lstm", LONG, WHATS),
        ("gru", LONG, ("train",)),
        *((cell, LONG, timed) for cell in CELLS if cell in AFFINE),
    ]
