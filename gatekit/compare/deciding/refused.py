"""Why a group gets no verdict, and why runs cannot be grouped as asked."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.cell.errors import ConfigError, listed
from gatekit.compare.budget.at import late
from gatekit.compare.grouping.group import Group, Grouping
from gatekit.compare.grouping.keys import not_differing
from gatekit.compare.numbers import count_of
from gatekit.compare.stats.difference import executors, unlike
from gatekit.runs.directions import known_direction
from gatekit.runs.record import RunRecord
from gatekit.runs.studies.plan_file import training

LARGER = "choose a larger budget"


def refuse_unknown(option: str, names: Sequence[str], grouping: Grouping) -> None:
    known = {key: None for group in grouping.groups for key in group.values}
    known |= dict.fromkeys(grouping.implied)
    for name in names:
        if known and not any(inside(key, [name]) for key in known):
            raise not_differing(option, name, known)


def refuse_one_group(
    by: Sequence[str], within: Sequence[str], grouping: Grouping, force: bool
) -> None:
    """Refuse keys by which nothing can be compared, although the runs differ in other keys.

    Args:
        by: the keys to group by, as asked for.
        within: the keys of blocks, as asked for.
        grouping: the groups.
        force: whether groups are compared at any rate.
    """
    groups = grouping.groups
    if by and grouping.pooled and len(groups) == 1 and not force:
        raise ConfigError(
            f"by={','.join(by)}: all runs have the same value, so that there is one group. Keys "
            f"that differ: {listed(grouping.pooled)}. Name one of them, or remove by."
        )
    rest = {key for group in groups for key in group.values if not inside(key, within)}
    if within and len(groups) > 1 and not rest:
        raise ConfigError(
            f"within={','.join(within)}: the runs differ in nothing else, so that each block is "
            "one group, with nothing to compare it with. Remove within."
        )


def inside(key: str, names: Sequence[str]) -> bool:
    """Return whether a key is one of some keys, or below one."""
    return any(key == name or key.startswith(f"{name}.") for name in names)


def refuse_mixed(grouping: Grouping, force: bool) -> None:
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
                    " of the wrong direction and record them again"
                )
            if reasons and any(run.stale for run in group.runs):
                study = group.runs[0].path.parent.parent
                again = training(study) or "the command of the study"
                remedy = f"to repeat the stale runs type {again}, or remove them by gatekit prune "
                remedy += f"{study.name} --stale --yes"
            raise ConfigError(
                f"group {group.label!r} mixes runs that are not comparable: {'; '.join(reasons)};"
                f" {remedy}"
            )


def blocked(
    group: Group, reference: Group, unknown: int, seeds: frozenset[int | None]
) -> tuple[str, ...]:
    if _is_reversed(group):
        return (_reversed(group),)
    reasons = [missing_runs(part) for part in (group, reference) if part.missing]
    # A run without a readable configuration can only belong to a group that lacks a seed.
    for part in (group, reference) if unknown else ():
        if seeds - {run.seed for run in (*part.runs, *part.missing)}:
            reasons.append(f"{count_of(unknown, 'corrupt run')} could belong to {part.label}")
    if reasons:
        absent = (*group.missing, *reference.missing)
        budget = not unknown and late(absent)
        reasons.append(LARGER if budget else again((*group.runs, *absent)))
    return tuple(reasons)


def again(runs: Sequence[RunRecord]) -> str:
    """Return what to type to make the runs that are missing."""
    folders = {run.path.parent.parent for run in runs if not run.origin}
    typed = training(folders.pop()) if len(folders) == 1 else ""
    return f"to run what is missing type {typed}" if typed else "run the sweep again, then compare"


def _is_reversed(group: Group) -> bool:
    return any(result.metric.is_reversed for result in group.results)


def _reversed(group: Group) -> str:
    metric = group.results[0].metric
    better = "smaller" if metric.direction == "min" else "larger"
    return (
        f"{metric.name} is recorded as better when {better}, which is wrong: the epoch chosen in"
        f" each run is its worst; record the runs again with direction="
        f"'{known_direction(metric.name)}'"
    )


def missing_runs(group: Group) -> str:
    states = ", ".join(f"{count} {state}" for state, count in group.missing_states().items())
    return f"{group.label} is missing {count_of(len(group.missing), 'run')} ({states})"


def ran_on(group: Group) -> str:
    """Return how the remark begins that a group ran on another executor than its baseline."""
    return f"{group.label} ran on executor {executors(group) or 'unknown'}"


def remarks_on(group: Group, reference: Group, force: bool) -> tuple[str, ...]:
    remarks = []
    if executors(group) != executors(reference):
        remarks.append(f"{ran_on(group)}, {reference.label} on {executors(reference) or 'unknown'}")
    if force:
        forced = unlike(group, reference)
        remarks += [f"{group.label} against {reference.label}, forced: {why}" for why in forced]
        remarks += [f"forced: {missing_runs(part)}" for part in (group, reference) if part.missing]
        remarks += [f"forced: {_reversed(group)}"] if _is_reversed(group) else []
    return tuple(remarks)
