"""The command ``python -m experiments.speed``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from .contender import CELLS, LIBRARIES
from .machine import describe
from .measure import measure
from .report import as_data, table
from .size import Size, read_size
from .threads import limit_threads

WIDTH = 100


def arguments(typed: Sequence[str]) -> argparse.Namespace:
    """Return what was typed, read and checked."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.speed",
        description="Times training steps of recurrent layers in alternating pairs.",
    )
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=read_size,
        default=[Size()],
        metavar="BATCH,TIME,FEATURES,UNITS",
        help=f"default: {Size()}",
    )
    parser.add_argument(
        "--cells",
        nargs="+",
        default=list(CELLS),
        metavar="CELL",
        help="default: all that Keras has",
    )
    parser.add_argument("--threads", type=int, default=1, help="of each contender; default: 1")
    parser.add_argument("--pairs", type=int, default=7, help="rounds; default: 7")
    parser.add_argument("--block", type=float, default=0.5, help="seconds a turn; default: 0.5")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="of the ratios")
    parser.add_argument(
        "--every-step", action="store_true", help="take the loss at every step, not at the last"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write all times")
    return parser.parse_args(typed)


def main(typed: Sequence[str]) -> None:
    """Measure, print one table per cell and size, and write the times where asked."""
    asked = arguments(typed)
    limit_threads(asked.threads)
    console = Console(width=WIDTH, highlight=False)
    machine = describe(asked.threads)
    console.print(f"{machine['processor']}; {asked.threads} of {machine['cores']} cores")
    console.print(", ".join(f"{name} {found}" for name, found in machine["versions"].items()))
    absent = {library.name: library.missing() for library in LIBRARIES if library.missing()}
    for name, packages in absent.items():
        console.print(f"left out: {name}, because {', '.join(packages)} is not installed")
    results: list[dict[str, Any]] = []
    for size in asked.sizes:
        for cell in asked.cells:
            with console.status("") as status:
                timings = measure(
                    cell,
                    size,
                    pairs=asked.pairs,
                    block=asked.block,
                    threads=asked.threads,
                    every_step=asked.every_step,
                    say=status.update,
                )
            console.print(table(cell, size, timings, asked.clock))
            results.append(as_data(cell, size, timings))
            if asked.json:
                write(asked, machine, absent, results)


def write(
    asked: argparse.Namespace,
    machine: dict[str, Any],
    absent: dict[str, list[str]],
    results: list[dict[str, Any]],
) -> None:
    """Write everything that was measured so far, so that a run that is stopped leaves its part."""
    settings = {name: getattr(asked, name) for name in ("pairs", "block", "clock", "every_step")}
    document = {
        "schema": 1,
        "machine": machine,
        "settings": settings,
        "left_out": absent,
        "results": results,
    }
    asked.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
