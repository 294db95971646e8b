"""Refuse runs that cannot be grouped or compared as asked, and say what a verdict waits for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gatekit.cell.errors import ConfigError, listed
from gatekit.compare.budget.at import are_late
from gatekit.compare.grouping.best import Tuned
from gatekit.compare.grouping.group import Group, Grouping
from gatekit.compare.grouping.keys import not_a_key, not_differing
from gatekit.compare.grouping.label import value_text
from gatekit.compare.numbers import count_of
from gatekit.compare.stats.difference import unlike
from gatekit.faults import Fault, Kind, Place
from gatekit.runs.directions import known_direction
from gatekit.runs.record import RunRecord
from gatekit.runs.studies import plan_file

from .row import Row

LARGER = "choose a larger budget"
AT_ONCE = "`--force` compares anyway"
_MOST_COMMANDS = 3


def refuse_unknown(option: str, names: Sequence[str], grouping: Grouping) -> None:
    """Refuse keys in which the runs do not differ."""
    known = {key: None for group in grouping.groups for key in group.values}
    known |= dict.fromkeys(grouping.implied)
    for name in names:
        if known and not any(is_inside(key, [name]) for key in known):
            raise not_differing(option, name, known)


def refuse_one_group(
    by: Sequence[str], within: Sequence[str], grouping: Grouping, force: bool
) -> None:
    """Refuse ``by`` and ``within`` if they leave no two groups to compare."""
    groups = grouping.groups
    if by and grouping.pooled and len(groups) == 1 and not force:
        why = "all runs have the same value, so there is only one group"
        raise not_a_key("by", ",".join(by), [*grouping.pooled], why)
    rest = {key for group in groups for key in group.values if not is_inside(key, within)}
    if within and len(groups) > 1 and not rest:
        why = "the runs differ in no other key, so each block is a group with nothing to compare"
        raise ConfigError(Fault(Kind.REFUSED, Place(("within",)), [*within], why=why))


def unequal_candidates(rows: Sequence[Row], tuned: Tuned) -> list[str]:
    """Return for each group why it was not chosen from as many candidates as its baseline, and what
    to type."""
    chosen = {run: one for one in tuned.chosen for run in one.runs}
    of = {row.group.label: chosen.get(row.group.runs[0].id) for row in rows if row.group.runs}
    found = []
    for row in rows:
        ours = of.get(row.group.label)
        theirs = None if row.difference is None else of.get(row.difference.baseline)
        if ours is None or theirs is None or row.difference is None or row.difference.blocked:
            continue
        if len(ours.candidates) == len(theirs.candidates):
            continue
        counts = (f"{one.label} from {len(one.candidates)}" for one in (theirs, ours))
        common = [dict(values) for values in ours.candidates if values in theirs.candidates]
        remedy = "train as many of both"
        if common and len(tuned.keys) == 1:
            values = ",".join(value_text(one[tuned.keys[0]]) for one in common)
            remedy += f", or type --where {tuned.keys[0]}={values} for those that both have"
        found.append(
            f"best-of={','.join(tuned.keys)}: {' and '.join(counts)} candidates, and the best of"
            f" more is better by chance; {remedy}; --force compares them anyway"
        )
    return found


def is_inside(key: str, names: Sequence[str]) -> bool:
    """Return whether a key is one of the given keys, or below one of them."""
    return any(key == name or key.startswith(f"{name}.") for name in names)


def refuse_mixed(grouping: Grouping, force: bool) -> None:
    """Refuse groups whose runs are not comparable with each other."""
    for group in grouping.groups:
        reasons = unlike(group, group)
        metrics = {result.metric for result in group.results}
        if len({(m.name, m.unit, m.direction) for m in metrics}) > 1 or (reasons and not force):
            remedy = (
                f"add one of these keys to by: {listed(grouping.pooled)}"
                if grouping.pooled
                else "log the same scores in each run"
            )
            if len({m.direction for m in metrics}) > 1:
                ids = {
                    way: [r.id for r in group.runs if r.result and r.result.metric.direction == way]
                    for way in ("min", "max")
                }
                remedy = (
                    f"min: {listed(ids['min'], 4)}; max: {listed(ids['max'], 4)}; remove the runs"
                    " with the wrong direction and record them again"
                )
            if reasons and (stale := [run for run in group.runs if run.stale]):
                study = stale[0].path.parent.parent
                again = _typed(stale) or "the command of the study"
                remedy = f"to repeat the stale runs, type {again}; to remove them, type gatekit "
                remedy += f"prune {study.name} --stale --yes"
            raise ConfigError(
                f"group {group.label!r} mixes runs that are not comparable: {'; '.join(reasons)};"
                f" {remedy}"
            )


def why_blocked(
    group: Group, reference: Group, unknown: Sequence[RunRecord], seeds: frozenset[int | None]
) -> tuple[str, ...]:
    """Return why no verdict on a group is possible yet, and what to type; empty if one is.

    Args:
        group: the group.
        reference: its baseline.
        unknown: the runs whose group is unknown.
        seeds: the seeds of the study.
    """
    if is_reversed(group):
        return (reversed_text(group),)
    reasons = [missing_runs(part) for part in (group, reference) if part.missing]
    # A run without a readable configuration can only belong to a group that lacks a seed.
    for part in (group, reference) if unknown else ():
        if seeds - {run.seed for run in (*part.runs, *part.missing)}:
            reasons.append(f"{count_of(len(unknown), 'corrupt run')} could belong to {part.label}")
    if reasons:
        absent = (*group.missing, *reference.missing)
        budget = not unknown and are_late(absent)
        reasons.append(LARGER if budget else how_to_repeat((*absent, *unknown)))
    return tuple(reasons)


def incomplete(awaited: Sequence[RunRecord], total: int) -> str:
    """Return how many planned runs of a table have not finished; empty if all have.

    Args:
        awaited: the planned runs of the table that have not finished.
        total: the number of runs of the table.
    """
    if not awaited:
        return ""
    states = Counter(run.state for run in awaited)
    counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return f"the table misses {len(awaited)} of {count_of(total, 'run')} ({counts})"


def how_to_repeat(runs: Sequence[RunRecord]) -> str:
    """Return how to run some runs that have no outcome."""
    if typed := _typed(runs):
        return f"to run the missing runs, type {typed}"
    return "run the sweep again, then compare"


def _typed(runs: Sequence[RunRecord]) -> str:
    """Return the commands that train some of your own runs; empty if they are not known."""
    folders: dict[Path, list[RunRecord]] = {}
    for run in runs:
        if not run.origin:
            folders.setdefault(run.path.parent.parent, []).append(run)
    commands = [
        command
        for folder, own in folders.items()
        for command in plan_file.repeating(
            folder, [run.id for run in own], again=any(run.state == "FAILED" for run in own)
        )
    ]
    return ", and then ".join(commands) if len(commands) <= _MOST_COMMANDS else ""


def is_reversed(group: Group) -> bool:
    return any(result.metric.is_reversed for result in group.results)


def reversed_text(group: Group) -> str:
    metric = group.results[0].metric
    better = "smaller" if metric.direction == "min" else "larger"
    return (
        f"{metric.name} is recorded as better when {better}, which is wrong: each run chose its"
        f" worst epoch; record the runs again with direction="
        f"'{known_direction(metric.name)}'"
    )


def missing_runs(group: Group) -> str:
    """Return how many runs a group lacks, by state."""
    states = ", ".join(f"{count} {state}" for state, count in group.missing_states().items())
    return f"{group.label} is missing {count_of(len(group.missing), 'run')} ({states})"
