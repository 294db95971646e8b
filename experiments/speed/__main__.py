"""The command ``python -m experiments.speed``."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from . import choice
from .contender import CELLS, LIBRARIES, MEMORIES, contenders, known
from .figure import draw
from .machine import describe
from .measure import Method, measure
from .plan import CHUNK_CONTENDERS, CHUNK_SIZES, WHATS, Part, planned
from .report import markdown, table, target_table
from .results import Results, read
from .size import Size, read_size
from .targets import verdicts

WIDTH = 100
CHOICE = Path("build/choice")
"""Where ``--choice`` keeps finished measurements, unless a folder is given."""


def arguments(typed: Sequence[str]) -> argparse.Namespace:
    """Return what was typed, read and checked."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.speed",
        description="Time recurrent layers in alternating pairs. Without --cells and --sizes, "
        "measure what the targets need.",
    )
    cells = (*CELLS, *MEMORIES)
    parser.add_argument("--cells", type=_names(cells, "cell"), help=f"some of {', '.join(cells)}")
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=_size,
        metavar="BATCH,TIME,FEATURES,UNITS",
        help="for example 32,100,32,64",
    )
    parser.add_argument(
        "--contenders",
        type=_names(sorted(known()), "contender"),
        default=(),
        help="libraries or modes, for example gatekit,keras.xla; default: all that are installed",
    )
    parser.add_argument(
        "--what", type=_names(WHATS, "measurement"), help=f"some of {', '.join(WHATS)}"
    )
    parser.add_argument("--threads", nargs="+", type=_count, default=[1], help="default: 1")
    parser.add_argument("--pairs", type=_count, default=7, help="rounds; default: 7")
    parser.add_argument("--block", type=float, default=0.3, help="seconds a turn; default: 0.3")
    parser.add_argument(
        "--patience", type=float, default=600, help="seconds to wait for a contender; default: 600"
    )
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="clock of the ratios"
    )
    parser.add_argument(
        "--every-step", action="store_true", help="take the loss at every step, not at the last"
    )
    parser.add_argument(
        "--to",
        type=Path,
        metavar="FOLDER",
        help="add to results.json there, and write results.md and figures beside it",
    )
    parser.add_argument(
        "--missing", action="store_true", help="measure only what results.json does not have"
    )
    parser.add_argument(
        "--targets", action="store_true", help="measure nothing, show the targets from results.json"
    )
    parser.add_argument(
        "--chunks",
        action="store_true",
        help="cells with a matrix as state at their sizes: chunk, stacked, and layers by hand",
    )
    parser.add_argument(
        "--choice",
        action="store_true",
        help="the executor that auto chooses against each by name, over a grid of cells and sizes",
    )
    parser.add_argument("--list", action="store_true", help="measure nothing, list what would run")
    asked = parser.parse_args(typed)
    if asked.chunks:
        asked.cells = asked.cells or MEMORIES
        asked.sizes = asked.sizes or CHUNK_SIZES
        asked.what = asked.what or ("train", "memory")
        asked.contenders = asked.contenders or CHUNK_CONTENDERS
    if asked.choice:
        asked.cells = asked.cells or choice.CELLS
        asked.sizes = asked.sizes or choice.SIZES
        asked.to = asked.to or CHOICE
        asked.missing = (asked.to / "results.json").exists()
    if (asked.targets or asked.missing) and not (asked.to and (asked.to / "results.json").exists()):
        parser.error("there are no results yet: give the folder of results.json with --to FOLDER")
    return asked


def _names(allowed: Sequence[str], what: str) -> Callable[[str], tuple[str, ...]]:
    def read_names(text: str) -> tuple[str, ...]:
        names = tuple(name.strip() for name in text.split(",") if name.strip())
        for name in names:
            if name not in allowed:
                raise argparse.ArgumentTypeError(
                    f"there is no {what} {name!r}; there are {', '.join(allowed)}"
                )
        return names

    return read_names


def _size(text: str) -> Size:
    try:
        return read_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a whole number from 1 is expected")
    return int(text)


def main(typed: Sequence[str]) -> None:
    """Measure, print a table for each cell and size, then the targets, and write where asked."""
    asked = arguments(typed)
    console = Console(highlight=False)
    console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    results = _results(asked.to)
    if not asked.targets:
        parts = planned(asked.cells, asked.sizes, asked.what, asked.threads)
        if asked.missing:
            parts = _missing(parts, results, asked.every_step)
        if asked.list:
            _list(parts, _chosen(asked), console)
            return
        _run(asked, parts, results, console)
    if asked.choice:
        console.print(choice.choice_table(results, asked.clock))
        return
    told = verdicts(results, asked.clock)
    if not asked.targets:
        told = [verdict for verdict in told if verdict.measured]
    if told:
        console.print(target_table(told))


def _chosen(asked: argparse.Namespace) -> Callable[[str], Sequence[str]]:
    """Return the function from a cell to its contenders, as typed."""
    if asked.choice and not asked.contenders:
        return choice.by_name
    return lambda cell: asked.contenders


def _results(folder: Path | None) -> Results:
    absent = {library.name: library.missing() for library in LIBRARIES if library.missing()}
    if folder is not None and (folder / "results.json").exists():
        return read(folder / "results.json")
    return Results(describe(), absent)


def _missing(parts: list[Part], results: Results, every_step: bool) -> list[Part]:
    have = {race.key for race in results.races}
    left = [
        Part(
            part.cell,
            part.size,
            tuple(
                what
                for what in part.whats
                if (part.cell, part.size, what, part.threads, every_step) not in have
            ),
            part.threads,
        )
        for part in parts
    ]
    return [part for part in left if part.whats]


def _list(parts: list[Part], chosen: Callable[[str], Sequence[str]], console: Console) -> None:
    for part in parts:
        names = ", ".join(str(c) for c in contenders(part.cell, part.size, chosen(part.cell)))
        head = f"{part.cell} {part.size} {'+'.join(part.whats)}, threads {part.threads}"
        console.print(f"{head}: {names or 'no contender'}")


def _run(asked: argparse.Namespace, parts: list[Part], results: Results, console: Console) -> None:
    machine, absent = describe(), _results(None).left_out
    if results.races and results.machine["processor"] != machine["processor"]:
        raise SystemExit(
            f"{asked.to}/results.json is of another machine, {results.machine['processor']}: "
            "give another folder"
        )
    results.machine, results.left_out = machine, absent
    console.print(f"{results.machine['processor']}; {results.machine['cores']} cores")
    versions = results.machine["versions"]
    console.print(", ".join(f"{name} {found}" for name, found in versions.items() if found))
    for name, packages in absent.items():
        console.print(f"left out: {name}, because {', '.join(packages)} is not installed")
    slow = choice.SLOW if asked.choice else math.inf
    method = Method(asked.pairs, asked.block, asked.every_step, asked.patience, asked.choice, slow)
    began, done, total = time.monotonic(), 0.0, sum(_weight(part) for part in parts)
    for number, part in enumerate(parts, start=1):
        left = _left(time.monotonic() - began, done, total)
        head = f"{number} of {len(parts)}{left}: {part.cell} {part.size}"
        who = contenders(part.cell, part.size, _chosen(asked)(part.cell))
        if not who:
            console.print(f"{head}: no contender")
            continue
        if not console.is_terminal:
            console.print(head)
        with console.status(head) as status:
            races = measure(
                who,
                part.size,
                part.whats,
                part.threads,
                method,
                say=lambda text, head=head: status.update(f"{head}: {text}"),  # type: ignore[misc]
            )
        done += _weight(part)
        for race in races:
            console.print(table(race, asked.clock))
        results.add(races)
        if asked.to:
            write(results, asked.to, asked.clock)
    if asked.to:
        console.print(f"wrote {asked.to / 'results.json'} and what is drawn from it")


def _weight(part: Part) -> float:
    """Return the rough, relative time of a part: starting its contenders, then its steps."""
    size = part.size
    return len(part.whats) * (1 + size.batch * size.time * size.units / 4e5)


def _left(seconds: float, done: float, total: float) -> str:
    if not done:
        return ""
    minutes = seconds / done * (total - done) / 60
    return f", about {minutes:.0f} min left" if minutes >= 1 else ", less than a minute left"


def write(results: Results, folder: Path, clock: str) -> None:
    """Write everything so far, so that a stopped run keeps its results."""
    results.write(folder / "results.json")
    (folder / "results.md").write_text(markdown(results, clock), encoding="utf-8")
    for threads in sorted({race.threads for race in results.races}):
        for what in ("train", "forward"):
            draw(results, folder / f"{what}-{threads}.svg", clock, what, threads)


if __name__ == "__main__":
    main(sys.argv[1:])
