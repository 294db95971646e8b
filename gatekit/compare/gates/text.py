"""The behaviour of gates as tables and as plain data."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace

from gatekit.compare.grouping.label import printable
from gatekit.compare.numbers import number
from gatekit.compare.rows import picked
from gatekit.compare.views.table import Table
from gatekit.runs.probe import time_scale

from .behaviour import (
    NUMBERS,
    GatesReport,
    Mean,
    ProbedVariant,
    SignalRow,
    StateRow,
    gradient,
    kept_shares,
)
from .probes import Facts, ProbedRun, ProbeRecord, value

GATE_COLUMNS = ("variant", "gate", "n", "mean", "low", "high", "open time")
STATE_COLUMNS = ("variant", "state", "n", "memory (steps)", "at start", "gradient")

LEGEND = (
    "low, high: share of values in the lowest, highest tenth of the range (0 to 0.1, 0.9 to 1).",
    "open time: number of steps for which a unit stays above the middle of the range.",
    "memory: -1/ln(kept) of the median unit (and the quartiles), with gates fixed at their means.",
    "gradient: its norm at the layer's first step, as a share of the largest norm.",
    "All numbers are from the last record up to the best validation epoch. From three seeds on, a"
    " mean is followed by half the width of its t interval. More: docs/probe.md",
)
_FEWEST = 3


def gate_table(report: GatesReport) -> Table:
    """Return a row for each gate; only the first row of a variant has its label."""
    return _table(
        report,
        GATE_COLUMNS,
        lambda variant: [
            [
                _named(variant, gate.layer, gate.name),
                _mean_text(gate.numbers["mean"]),
                _percent(gate.numbers["low"]),
                _percent(gate.numbers["high"]),
                _mean_text(gate.numbers["open_time"]),
            ]
            for gate in variant.gates
        ],
    )


def state_table(report: GatesReport) -> Table:
    """Return a row for each state of each variant."""
    return _table(
        report,
        STATE_COLUMNS,
        lambda variant: [
            [
                _named(variant, state.layer, state.state),
                memory_text(state),
                "-" if state.start is None else steps_text(state.start),
                "-" if state.reach is None else number(state.reach, 2),
            ]
            for state in variant.states
        ],
    )


def tables(report: GatesReport) -> list[Table]:
    """Return the tables that are not empty; the last one has the legend and the notes."""
    known = [table for table in (gate_table(report), state_table(report)) if table.rows]
    last = known.pop() if known else gate_table(report)
    return [*known, replace(last, lines=LEGEND, notes=tuple(report.notes))]


def _table(
    report: GatesReport,
    columns: tuple[str, ...],
    cells: Callable[[ProbedVariant], list[list[str]]],
) -> Table:
    rows = [
        ("" if place else label(v), name, count_text(v), *rest)
        for v in report.variants
        for place, (name, *rest) in enumerate(cells(v))
    ]
    return Table("", columns, tuple(rows))


def label(variant: ProbedVariant) -> str:
    """Return a variant's label."""
    return printable(variant.group.label)


def count_text(variant: ProbedVariant) -> str:
    """Return the number of probed seeds: ``3``, or ``2/3`` if one was not probed."""
    n, total = len(variant.probed), len(variant.group.runs) + len(variant.group.missing)
    return str(n) if n == total else f"{n}/{total}"


def memory_text(state: StateRow) -> str:
    """Return ``13 (11 to 14)``: median and quartiles of a state's memory in steps."""
    if state.memory is None:
        return "-"
    low, middle, high = map(steps_text, state.memory)
    return f"{middle} ({low} to {high})"


def steps_text(steps: float) -> str:
    """Return a number of steps; ``endless`` if it is infinite."""
    return "endless" if math.isinf(steps) else number(steps, 3)


def _named(variant: ProbedVariant, layer: str, name: str) -> str:
    layers = {row.layer for row in variant.gates} | {row.layer for row in variant.states}
    return printable(name if layers == {"rnn_0"} else f"{layer}.{name}")


def _mean_text(mean: Mean | None) -> str:
    if mean is None:
        return "-"
    half, center = _half(mean), mean.mean
    # Show two digits of the half width; without one, three of the mean.
    size = half if half and half > 1e-3 * max(abs(center), 1e-3) else abs(center) / 10
    places = 2 if size <= 0 else min(3, max(0, 1 - math.floor(math.log10(size))))
    return f"{center:.{places}f}" + ("" if half is None else f" {_plus_minus()} {half:.{places}f}")


def _percent(mean: Mean | None) -> str:
    if mean is None:
        return "-"
    half = _half(mean)
    shown = "" if half is None else f" {_plus_minus()} {100 * half:.1f}"
    return f"{100 * mean.mean:.1f}{shown} %"


def _half(mean: Mean) -> float | None:
    # The interval of two seeds is usually wider than the range of a share.
    if mean.interval is None or len(mean.values) < _FEWEST:
        return None
    return mean.interval.high - mean.mean


def _plus_minus() -> str:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return "\N{PLUS-MINUS SIGN}" if encoding.lower().startswith("utf") else "+/-"


def to_data(report: GatesReport) -> dict[str, object]:
    """Return the whole report as plain data: the tables, and every epoch of each run."""
    return {
        "study": report.study.name,
        "variants": [_variant(variant) for variant in report.variants],
        "notes": list(report.notes),
    }


def _variant(variant: ProbedVariant) -> dict[str, object]:
    return {
        "group": variant.group.label,
        "n": len(variant.probed),
        "missing": len(variant.group.missing),
        "gates": [_gate(row) for row in variant.gates],
        "states": [_state(row) for row in variant.states],
        "runs": [_run(probed) for probed in variant.probed],
    }


def _gate(row: SignalRow) -> dict[str, object]:
    record = picked(row, "layer gate=name n")
    for name, mean in row.numbers.items():
        record |= _interval(name, mean)
    return record


def _state(row: StateRow) -> dict[str, object]:
    low, middle, high = (None, None, None) if row.memory is None else row.memory
    return {
        **picked(row, "layer state n"),
        "memory": _finite(middle),
        "memory_low": _finite(low),
        "memory_high": _finite(high),
        "memory_start": _finite(row.start),
        "endless": middle is not None and math.isinf(middle),
        "gradient": row.reach,
    }


def _interval(name: str, mean: Mean | None) -> dict[str, object]:
    return picked(mean, f"{name}=mean {name}_low=interval.low {name}_high=interval.high")


def _run(probed: ProbedRun) -> dict[str, object]:
    return {
        "run": probed.run.id,
        "seed": probed.run.seed,
        "best_epoch": probed.best.epoch,
        "looks": [_look(look) for look in probed.looks()],
    }


def _look(look: ProbeRecord) -> dict[str, object]:
    return {
        "epoch": look.epoch,
        "gates": [
            {"layer": layer, "gate": gate, **{name: value(facts, name) for name in NUMBERS}}
            for layer, gate, facts in look.gates()
        ],
        "states": [
            {"layer": layer, "state": state, **_times(facts)}
            for layer, state, facts in look.states()
        ],
    }


def _times(facts: Facts) -> Mapping[str, object]:
    shares = kept_shares(facts)
    steps, norms = gradient(facts) or ([], [])
    return {
        "memory": None if shares is None else [_finite(time_scale(share)) for share in shares],
        "steps": steps,
        "gradient": norms,
    }


def _finite(steps: float | None) -> float | None:
    return None if steps is None or math.isinf(steps) else steps
