"""What a run's probe has written: a look at its gates and states after some of its epochs."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gatekit.compare.run import Run
from gatekit.study.metrics import read

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
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
            for name, facts in parts[kind].items():
                yield layer, name, facts


@dataclass(frozen=True, slots=True)
class Probed:
    """All looks of a run in the order of its epochs, and how many lines of its file are lost."""

    run: Run
    looks: tuple[Look, ...]
    lost: int

    @property
    def first(self) -> Look:
        """The look before training; the earliest one where the probe was switched on later."""
        return self.looks[0]

    @property
    def best(self) -> Look:
        """The latest look that is no later than the best validation epoch."""
        best = self.run.result.best if self.run.result is not None else None
        if best is None:
            return self.looks[-1]
        return next((k for k in reversed(self.looks) if k.epoch <= best.epoch), self.looks[0])


def read_probe(run: Run) -> Probed | None:
    """Return what a run's probe wrote, None where it was not probed.

    Args:
        run: the run.
    """
    try:
        records, lost = read(run.path / "probe.jsonl")
    except OSError:
        return None
    looks: dict[int, Look] = {}
    for record in records:
        if _is_look(record):
            looks[record["epoch"]] = Look(record["epoch"], record["layers"])
        else:
            lost += 1
    if not looks:
        return None
    return Probed(run, tuple(looks[epoch] for epoch in sorted(looks)), lost)


def read_activations(run: Run) -> dict[str, np.ndarray[Any, Any]]:
    """Return some sequences' gates and states by ``LAYER/gate/NAME`` or ``LAYER/state/NAME``.

    Empty where the run has none, or its file is damaged.
    """
    try:
        with (
            open(run.path / "probe.npz", "rb") as file,
            np.load(file, allow_pickle=False) as archive,
        ):
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return {}


def value(facts: Facts, name: str) -> float | None:
    """Return one number of a gate, None where it has none."""
    found = facts.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return float(found)


def _is_look(record: Mapping[str, Any]) -> bool:
    layers = record.get("layers")
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
