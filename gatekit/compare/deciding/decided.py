"""Test all differences of a table together, with a margin if one is given."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from gatekit.cell.errors import ConfigError, listed
from gatekit.compare.grouping.group import Group
from gatekit.compare.stats.difference import Difference
from gatekit.compare.stats.interim_tests import decide_table
from gatekit.compare.stats.paired_tests import (
    MARGIN_SEEDS,
    MIN_FLIPS,
    MIN_SEEDS,
    PairedTest,
    opposed,
    unseen_failures,
    within_margin,
)
from gatekit.compare.stats.power import seeds_needed
from gatekit.faults import Fault, Kind, Place
from gatekit.runs.studies.interim_file import InterimAnalyses

from .row import Row


def read_margin(margin: str | float | None) -> tuple[bool, float | None]:
    """Return whether a margin is a share of the baseline's mean, and how large it is."""
    if margin is None:
        return False, None
    text = str(margin).strip()
    share = text.endswith("%")
    try:
        size = float(text.removesuffix("%")) / (100 if share else 1)
    except ValueError:
        size = math.nan
    if not 0 < size < math.inf:
        expected = "a positive number in the metric's unit, or a share of the baseline's mean"
        raise ConfigError(Fault(Kind.WRONG, Place(("margin",)), margin, expected))
    return share, size


def with_tests(
    rows: Sequence[Row], margin: tuple[bool, float] | None, interim: InterimAnalyses | None
) -> list[Row]:
    """Return the rows with each difference tested, corrected for all tests of the table.

    A difference that is blocked takes no level from the others, unless runs of its groups are
    awaited. If all are blocked, all are tested, so that the number of comparisons is known.
    """
    paired = [(i, diff) for i, row in enumerate(rows) if (diff := row.difference) and diff.pairs]
    paired = [(i, diff) for i, diff in paired if not diff.blocked] or paired
    if not paired:
        return list(rows)
    compared, differences = [i for i, _ in paired], [diff for _, diff in paired]
    table = [dict(zip(d.seeds, d.values, strict=True)) for d in differences]
    sizes = dict(zip(compared, map(len, table), strict=True))
    awaited = sum(row.awaited and sizes.get(i, 0) < MIN_SEEDS for i, row in enumerate(rows))
    ranked = [diff.ranked for diff in differences]
    tests = decide_table(table, interim, ranked, awaited=awaited)
    family = len(sizes) + sum(row.awaited and i not in sizes for i, row in enumerate(rows))
    differences = [
        dataclasses.replace(
            diff,
            test=test,
            seeds_needed=None if diff.at_chance else seeds_needed(diff.effect_size, family),
            fewest=MIN_SEEDS if interim is None else MIN_FLIPS,
            direction=(way := _direction(diff, test)),
            opposed=opposed(seeds, diff.metric.sign * way, test),
        )
        for diff, test, seeds in zip(differences, tests, table, strict=True)
    ]
    if margin is not None:
        differences = _with_margin(rows, differences, *margin)
    results = list(rows)
    for i, diff in zip(compared, differences, strict=True):
        results[i] = dataclasses.replace(rows[i], difference=diff)
    return results


def margin_notes(rows: Sequence[Row], margin: str | float | None, study: str) -> list[str]:
    """Return notes on the groups to which a margin could not be applied, and what to type."""
    if margin is None:
        return []
    known = [(row.group.label, diff) for row in rows if (diff := row.difference) and diff.pairs]
    notes = []
    if without := [label for label, diff in known if diff.test and diff.margin is None]:
        why = "a run diverged"
        if str(margin).strip().endswith("%"):
            why += ", or the baseline's mean is 0 or unknown"
        notes.append(f"margin {margin}: not tested for {listed(without)}, because {why}")
    few = {label: diff.n for label, diff in known if diff.margin and diff.n < MARGIN_SEEDS}
    if few:
        least = min(few.values())
        notes.append(
            f"margin {margin}: 'equivalent' and 'no worse' need {MARGIN_SEEDS} seeds, because "
            f"{least} do not rule out that {100 * unseen_failures(least):.0f} % of runs fail "
            f"({listed(few)}); to add seeds, type gatekit extend {study} --seeds {MARGIN_SEEDS}"
        )
    return notes


def _direction(diff: Difference, test: PairedTest | None) -> int:
    """Return the direction of a difference; if a look decided it, the direction at that look."""
    if test is None or test.interim is None or not test.decides:
        return diff.direction
    return diff.metric.sign * test.interim.sign


def _with_margin(
    rows: Sequence[Row],
    differences: Sequence[Difference],
    share: bool,
    size: float,
) -> list[Difference]:
    means = {row.group.label: _mean(row.group) for row in rows if row.is_baseline}
    sizes = []
    for diff in differences:
        mean = means.get(diff.baseline)
        scaled = abs(mean or 0.0) * size if share else size / diff.metric.scale
        sizes.append(scaled if diff.mean is not None and scaled > 0 else None)
    known = [i for i, scaled in enumerate(sizes) if scaled is not None]
    margins = [s for s in sizes if s is not None]
    family = max((diff.test.comparisons for diff in differences if diff.test), default=0)
    p_values = within_margin([differences[i].gains for i in known], margins, family)
    results = list(differences)
    for i, p in zip(known, p_values, strict=True):
        not_worse, equivalent = p or (None, None)
        results[i] = dataclasses.replace(
            differences[i], margin=sizes[i], not_worse=not_worse, equivalent=equivalent
        )
    return results


def _mean(group: Group) -> float | None:
    """Return the mean outcome of a group; None without runs, or if one of them diverged."""
    known = group.outcomes
    mean = math.fsum(known) / len(known) if known else math.nan
    return mean if math.isfinite(mean) else None
