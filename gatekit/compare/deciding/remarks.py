"""Explain missing verdicts and groupings that are refused, and write the notes below a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from gatekit.cell.analysis.cost import added_text
from gatekit.cell.errors import ConfigError, listed
from gatekit.compare.budget.at import are_late
from gatekit.compare.grouping.best import Tuned, optimism
from gatekit.compare.grouping.differs import equal_settings, in_words
from gatekit.compare.grouping.group import Group, Grouping
from gatekit.compare.grouping.keys import not_a_key, not_differing
from gatekit.compare.grouping.label import value_text
from gatekit.compare.numbers import count_of, number
from gatekit.compare.stats.difference import Difference, executors, unlike
from gatekit.compare.stats.interim_tests import spent
from gatekit.compare.stats.paired_tests import ALPHA, MIN_FLIPS, MIN_SEEDS, PAIRED_T, RANKS
from gatekit.compare.study import Study
from gatekit.faults import Fault, Kind, Place
from gatekit.runs.directions import known_direction
from gatekit.runs.record import RunRecord
from gatekit.runs.studies import plan_file
from gatekit.runs.studies.interim_file import InterimAnalyses

from .row import Row, added_by

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


def best_of_notes(rows: Sequence[Row], tuned: Tuned) -> list[str]:
    """Return a note on how optimistic the mean of the best candidate is."""
    chosen = {run: one for one in tuned.chosen for run in one.runs}
    sizes = [
        optimism(len(one.candidates), len({run.seed for run in row.group.runs}))
        for row in rows
        if row.group.runs and (one := chosen.get(row.group.runs[0].id))
    ]
    if not (most := max(sizes, default=0.0)):
        return []
    return [
        "the mean of the best candidate is optimistic, by up to"
        f" {most:.1f} standard deviations over seeds if candidates are equally good; gatekit"
        " confirm repeats the choice on fresh seeds"
    ]


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
    if _is_reversed(group):
        return (_reversed(group),)
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


def _is_reversed(group: Group) -> bool:
    return any(result.metric.is_reversed for result in group.results)


def _reversed(group: Group) -> str:
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


def ran_on(group: Group) -> str:
    """Return how a remark on the executor of a group begins."""
    return f"{group.label} ran on executor {executors(group) or 'unknown'}"


def remarks_on(group: Group, reference: Group, force: bool) -> tuple[str, ...]:
    """Return remarks on a group against its baseline: executors, and what was forced."""
    remarks = []
    if executors(group) != executors(reference):
        remarks.append(f"{ran_on(group)}, {reference.label} on {executors(reference) or 'unknown'}")
    if force:
        forced = unlike(group, reference)
        remarks += [f"{group.label} against {reference.label}, forced: {why}" for why in forced]
        remarks += [f"forced: {missing_runs(part)}" for part in (group, reference) if part.missing]
        remarks += [f"forced: {_reversed(group)}"] if _is_reversed(group) else []
    return tuple(remarks)


def _confounded(differences: Sequence[Difference]) -> list[str]:
    """Return a note on groups with several differences from their baseline, and what to type."""
    confounded = [diff for diff in differences if diff.confounded]
    if not confounded:
        return []
    keys = list(dict.fromkeys(key for diff in confounded for key in diff.differs_in))
    several = len(confounded) > 1
    return [
        f"{len(confounded)} of the groups {'differ from their' if several else 'differs from its'}"
        f" baseline in several settings ({in_words(keys)}), so `--sentence` has no sentence about "
        f"{'them' if several else 'it'}: {equal_settings(keys)}"
    ]


def _executors(rows: Sequence[Row]) -> dict[str, str]:
    """Map the notes on the executors of single groups to one note that replaces them all."""
    single = [
        note
        for row in rows
        for note in (row.difference.notes if row.difference else ())
        if note.startswith(f"{ran_on(row.group)}, ")
    ]
    if len(single) < 2:
        return {}
    groups: dict[str, list[str]] = {}
    for row in rows:
        if row.summary and (row.difference or row.is_baseline):
            groups.setdefault(executors(row.group) or "unknown", []).append(row.group.label)
    each = "; ".join(f"{name}: {listed(labels, 8)}" for name, labels in groups.items())
    return dict.fromkeys(single, f"groups ran on different executors. {each}")


def notes_on(study: Study, grouping: Grouping, rows: Sequence[Row]) -> list[str]:
    """Return the notes below the table, each once."""
    notes: dict[str, None] = {}
    if not study.runs:
        planned = len(plan_file.read(study.path))
        notes[
            f"no run of study {study.name} has started yet; `gatekit status {study.name}` shows "
            f"its {count_of(planned, 'planned run')}"
            if planned
            else f"study {study.name} has no runs; type `gatekit train -m study={study.name} "
            "cell=NAME,NAME task=NAME seeds=5` to start some"
        ] = None
    elif not any(row.summary for row in rows):
        notes["no run has an outcome yet: there is nothing to compare"] = None
    if grouping.pooled:
        pooled = ", ".join(grouping.pooled)
        notes[f"pooled over {pooled}; paired runs have the same seed and values of these keys"] = (
            None
        )
    for owner in dict.fromkeys(grouping.implied.values()):
        names = ", ".join(key for key, of in grouping.implied.items() if of == owner)
        notes[f"each {owner} has its own {names}, which labels do not show"] = None
    merged = _executors(rows)
    for row in rows:
        for flag in row.summary.flags if row.summary else ():
            notes[f"{row.group.label}: {flag}"] = None
        for note in row.difference.notes if row.difference else ():
            notes[merged.get(note, note)] = None
        if row.summary is None and row.group.missing:
            remedy = LARGER if are_late(row.group.missing) else how_to_repeat(row.group.missing)
            notes[f"no outcome: {missing_runs(row.group)}; {remedy}"] = None
    differences = [row.difference for row in rows if row.difference is not None]
    notes |= dict.fromkeys([*_confounded(differences), *design_notes(differences)])
    notes |= dict.fromkeys(_added(rows))
    notes |= dict.fromkeys([*_uneven(rows), *_slow_steps(rows)])
    if study.copies:
        skipped = count_of(len(study.copies), "folder")
        notes[f"{skipped}, such as {study.copies[0]}, skipped: copies of other runs"] = None
    return list(notes)


def _added(rows: Sequence[Row]) -> list[str]:
    """Return a note on each group whose gates add weights or states to the baseline's cell."""
    return [
        f"{row.group.label} adds to {row.difference.baseline}: {added_text(each)}"
        for row, each in zip(rows, added_by(rows), strict=True)
        if row.difference and each and (each["parameters"] or each["state"])
    ]


def _uneven(rows: Sequence[Row]) -> list[str]:
    """Return a note on groups whose spread differs more than twofold from their baseline's."""
    labels = [row.group.label for row in rows if row.difference and row.difference.is_uneven]
    if not labels:
        return []
    return [
        "the spread over seeds differs more than twofold from the baseline's, so a p value near"
        f" {ALPHA:g} is less certain; see all seeds with --draw forest: {listed(labels, 8)}"
    ]


def _slow_steps(rows: Sequence[Row]) -> list[str]:
    """Return a note on groups whose time per step varies more than twofold."""
    ranges = []
    for row in rows:
        s = row.summary
        if s is None or not s.step_seconds or not s.step_seconds_low or not s.step_seconds_high:
            continue
        if s.step_seconds_high > 2 * s.step_seconds_low:
            ends = s.step_seconds, s.step_seconds_low, s.step_seconds_high
            middle, low, high = (number(1000 * end) for end in ends)
            text = f"{row.group.label} {middle}, from {low} to {high}"
            if s.step_processor_seconds is not None:
                text += f" (processor time {number(1000 * s.step_processor_seconds)})"
            ranges.append(text)
    if not ranges:
        return []
    if len(ranges) > 8:
        ranges[8:] = [f"and {len(ranges) - 8} more groups"]
    return [f"ms/step varies more than twofold, as on a busy machine: {'; '.join(ranges)}"]


def interim_notes(
    interim: InterimAnalyses | None, groups: Mapping[str, str | None], later: int
) -> list[str]:
    """Return notes on the looks at a study.

    Args:
        interim: its looks, if it has any.
        groups: the baseline of each group of the table.
        later: number of runs with seeds beyond the last look.
    """
    if interim is None:
        return []
    notes = [
        f"looked at {count_of(len(interim.seeds), 'time')}, at"
        f" {', '.join(str(n) for n in interim.seeds)} of at most {interim.most} seeds;"
        f" alpha spent {spent(interim.seeds[-1] / interim.most):.2g} of {ALPHA:g}"
    ]
    if interim.groups and dict(groups) != dict(interim.groups):
        notes.append("the looks compared groups or baselines that differ from those of this table")
    if later:
        notes.append(
            f"{later} {'run has a seed' if later == 1 else 'runs have seeds'} beyond the last look"
            " and wait for the next `gatekit extend`"
        )
    return notes


def design_notes(differences: list[Difference]) -> list[str]:
    """Return notes on what the design of a comparison can show."""
    compared = [d for d in differences if d.pairs > 0 and not d.refused and not d.blocked]
    notes = []
    if any(d.test is None for d in compared):
        notes.append(f"a verdict needs at least {max(d.fewest for d in compared)} seeds")
    if any(d.test is not None and d.test.test == PAIRED_T for d in compared):
        notes.append(
            f"with {MIN_SEEDS} to {MIN_FLIPS - 1} seeds, p values assume normal noise; with"
            f" {MIN_FLIPS} or more they do not"
        )
    tested = [d.test for d in compared if d.test is not None]
    unable = [test for test in tested if test.smallest_p is not None and test.smallest_p >= ALPHA]
    if unable:
        least = min(test.smallest_p for test in unable if test.smallest_p is not None)
        some = len(unable) < len(tested) and all(test.test == RANKS for test in unable)
        where = "where runs diverged, there are " if some else ""
        notes.append(
            f"{where}too few seeds for a p value below {ALPHA:g}: none can be below {least:.2g}"
        )
    known = [d.correlation for d in compared if d.correlation is not None]
    if known:
        ends = dict.fromkeys(f"{end:z.2f}" for end in (min(known), max(known)))
        notes.append(
            f"scores of a group and its baseline correlate over seeds by {' to '.join(ends)};"
            " pairing by seed gains power above 0, and costs some below"
        )
    if sum(d.interval is not None for d in compared) > 1:
        notes.append(
            "intervals are not corrected for the number of groups; p values and verdicts are"
        )
    return notes
