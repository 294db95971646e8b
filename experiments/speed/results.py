"""What was measured: a race is all contenders with one cell at one size, in the same rounds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from .contender import LIBRARIES, OWN
from .size import Size

SCHEMA = 2


@dataclass(frozen=True)
class Timing:
    """A contender's times.

    Args:
        library: whose layer it is.
        mode: how it ran.
        note: what ran inside.
        parameters: the layer's parameters.
        build: making the layer, in seconds.
        first_call: the first step, with tracing and compiling, in seconds.
        wall: one a round: the median step of the round's block, in seconds on the clock.
        cpu: the same in seconds of the processor, of all threads.
        base: bytes resident in its process before the layer was made.
        peak: the most that were resident.
    """

    library: str
    mode: str
    note: str = ""
    parameters: int = 0
    build: float = 0.0
    first_call: float = 0.0
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    base: int = 0
    peak: int = 0

    def __str__(self) -> str:
        return f"{self.library} {self.mode}"

    def seconds(self, clock: str) -> list[float]:
        """Return the rounds' times by one clock, ``wall`` or ``cpu``."""
        return self.wall if clock == "wall" else self.cpu

    def median(self, clock: str) -> float:
        """Return the median over the rounds, in seconds."""
        return median(self.seconds(clock))

    @property
    def own(self) -> bool:
        """Whether this is gatekit."""
        return self.library == OWN

    @property
    def apart(self) -> bool:
        """Whether the mode never counts as its library's best: it is not one of the usual modes."""
        (library,) = [entry for entry in LIBRARIES if entry.name == self.library]
        return self.mode not in library.modes


@dataclass(frozen=True)
class Race:
    """The times of all contenders with one cell at one size.

    Args:
        cell: the cell's name.
        size: the sizes.
        what: ``train``, ``forward`` or ``memory``.
        threads: threads of each contender.
        every_step: whether the loss is taken at every step.
        timings: one for each contender.
        failed: why a contender is missing, by name.
        about: when and on which revision it ran, how many rounds, how busy the machine was.
    """

    cell: str
    size: Size
    what: str
    threads: int
    every_step: bool
    timings: list[Timing]
    failed: dict[str, str] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[Any, ...]:
        """What identifies a race: a later one with the same key replaces it."""
        return (self.cell, self.size, self.what, self.threads, self.every_step)

    def of(self, library: str, mode: str) -> Timing | None:
        """Return a contender's times, None where it did not run."""
        return next((t for t in self.timings if (t.library, t.mode) == (library, mode)), None)

    def fastest(self, clock: str, library: str, *modes: str) -> Timing | None:
        """Return the fastest of some modes of a library; None where none ran."""
        found = [t for t in self.timings if t.library == library and t.mode in modes]
        return min(found, key=lambda t: t.median(clock), default=None)

    def best(self, clock: str, *libraries: str) -> Timing | None:
        """Return the fastest of some libraries' usual modes; None where none ran."""
        found = [t for t in self.timings if t.library in libraries and not t.apart]
        return min(found, key=lambda t: t.median(clock), default=None)


@dataclass
class Results:
    """All races, and the machine they ran on."""

    machine: dict[str, Any]
    left_out: dict[str, list[str]] = field(default_factory=dict)
    races: list[Race] = field(default_factory=list)

    def add(self, races: Iterable[Race]) -> None:
        """Add races; one that ran before is replaced."""
        kept = {race.key: race for race in self.races}
        kept.update({race.key: race for race in races})
        self.races = list(kept.values())

    def find(self, **facts: Any) -> list[Race]:
        """Return the races with these facts, such as ``cell="lstm"``."""
        return [r for r in self.races if all(getattr(r, k) == v for k, v in facts.items())]

    def write(self, path: Path) -> None:
        """Write everything as JSON, times in seconds; the file is replaced at once."""
        document = {
            "schema": SCHEMA,
            "machine": self.machine,
            "left_out": self.left_out,
            "races": [asdict(race) for race in self.races],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        beside.replace(path)


def read(path: Path) -> Results:
    """Return what `Results.write` wrote.

    Raises:
        ValueError: the file is of another schema.
    """
    document = json.loads(path.read_text(encoding="utf-8"))
    if document.get("schema") != SCHEMA:
        raise ValueError(
            f"{path} has schema {document.get('schema')!r}, and {SCHEMA} is read: remove it"
        )
    races = [
        replace(
            Race(**race),
            size=Size(**race["size"]),
            timings=[Timing(**timing) for timing in race["timings"]],
        )
        for race in document["races"]
    ]
    return Results(document["machine"], document["left_out"], races)
