"""Read the records of a run's probe: its gates and states after some of the epochs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gatekit.compare.numbers import is_number
from gatekit.runs.names import PROBE
from gatekit.runs.probe import whole_lines
from gatekit.runs.record import RunRecord, read_bytes

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ProbeRecord:
    """Gates and states after one epoch; epoch 0 is before training."""

    epoch: int
    layers: Mapping[str, Facts]

    def gates(self) -> Iterator[tuple[str, str, Facts]]:
        """Yield layer, gate, and the gate's numbers."""
        yield from self._parts("gates")

    def states(self) -> Iterator[tuple[str, str, Facts]]:
        """Yield layer, state, and the state's numbers."""
        yield from self._parts("states")

    def _parts(self, kind: str) -> Iterator[tuple[str, str, Facts]]:
        for layer, parts in self.layers.items():
            for name, facts in parts.get(kind, {}).items():
                yield layer, name, facts


@dataclass(frozen=True, slots=True)
class ProbedRun:
    """A probed run with two of its records; all records of many runs would fill the memory.

    ``first`` is the record before training, or the earliest if the probe was switched on later.
    ``best`` is the last record up to the best validation epoch. ``lost`` is the number of damaged
    lines in the file.
    """

    run: RunRecord
    first: ProbeRecord
    best: ProbeRecord
    lost: int

    def looks(self) -> list[ProbeRecord]:
        """Read all records of the run, in the order of its epochs."""
        lines, _ = whole_lines(_bytes(self.run))
        looks = [look for _, raw in sorted(lines.items()) if (look := _look(raw)) is not None]
        return looks or [self.first]


def read_probe(run: RunRecord) -> ProbedRun | None:
    """Return a run with the first and the best record of its probe; None if it was not probed."""
    lines, lost = whole_lines(_bytes(run))
    epochs = sorted(lines)
    if not epochs:
        return None
    score = run.result.best if run.result is not None else None
    last = epochs[-1] if score is None else score.epoch
    chosen = next((epoch for epoch in reversed(epochs) if epoch <= last), epochs[0])
    first, best = _look(lines[epochs[0]]), _look(lines[chosen])
    return None if first is None or best is None else ProbedRun(run, first, best, lost)


def value(facts: Facts, name: str) -> float | None:
    """Return a finite number from a record; None if there is none."""
    number = facts.get(name)
    return float(number) if is_number(number) and math.isfinite(number) else None


def _bytes(run: RunRecord) -> bytes:
    return read_bytes(run.path / PROBE) or b""


def _look(raw: bytes) -> ProbeRecord | None:
    try:
        record = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return ProbeRecord(record["epoch"], record["layers"]) if _is_look(record) else None


def _is_look(record: Any) -> bool:
    layers = record.get("layers") if isinstance(record, dict) else None
    return (
        type(record.get("epoch")) is int
        and isinstance(layers, dict)
        and all(
            isinstance(parts, dict)
            and all(
                isinstance(parts.get(kind), dict)
                and all(isinstance(facts, dict) for facts in parts[kind].values())
                for kind in ("gates", "states")
            )
            for parts in layers.values()
        )
    )
