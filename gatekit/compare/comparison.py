"""Compare the variants of a study: group, summarise, and compare each with a baseline."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gatekit.cell.errors import ConfigError, listed, nearest
from gatekit.compare.budget.at import Budget, at_budget, late, read_budget
from gatekit.compare.grouping.best import Chosen, Tuned
from gatekit.compare.grouping.best import best_of as choose_best
from gatekit.compare.grouping.differs import equal_settings, in_words
from gatekit.compare.grouping.group import Group, Grouping, group_runs, places
from gatekit.compare.grouping.label import renamed
from gatekit.compare.grouping.rename import read_names, with_names
from gatekit.compare.grouping.split import on_split
from gatekit.compare.grouping.where import where as choose_runs
from gatekit.compare.stats.baseline import Baselines, Block
from gatekit.compare.stats.difference import Difference, difference, executors, unlike
from gatekit.compare.stats.looks import decide_table, within_margin_looks
from gatekit.compare.stats.power import seeds_needed
from gatekit.compare.stats.rule import PairedTest, within_margin
from gatekit.compare.stats.verdict import design_notes, looks_notes, verdict
from gatekit.runs.directions import known_direction
from gatekit.runs.record import Run
from gatekit.runs.studies.looks import Looks

from .study import Study, load
from .summary import Summary, summarise


@dataclass(frozen=True, slots=True)
class Row:
    """One group of a comparison; ``summary`` is None if no run has an outcome.

    ``block`` holds the keys that the group shares with its baseline, including those of the task;
    ``name`` is the group's label without these keys. ``place`` is that of the group's variant, from
    which its colour follows.
    """

    group: Group
    summary: Summary | None
    difference: Difference | None
    is_baseline: bool
    block: Block = ()
    name: str = ""
    place: int = 0

    @property
    def verdict(self) -> str | None:
        """Return the verdict as a sentence; None for the baseline and for groups without one."""
        return None if self.difference is None else verdict(self.group.label, self.difference)


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """The result of ``compare``: rows, best first, and the notes that belong to them.

    ``tuned`` holds the keys of ``best_of`` and ``chosen`` what it chose; ``at`` is the budget at
    which the runs are compared.
    """

    study: Study
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    unknown: tuple[Run, ...]
    level: float
    tuned: tuple[str, ...] = ()
    margin: str | None = None
    at: Budget | None = None
    chosen: tuple[Chosen, ...] = ()

    def __repr__(self) -> str:
        """Return one line, because a comparison holds all runs of a study."""
        groups = ", ".join(row.group.label for row in self.rows[:3])
        more = ", ..." if len(self.rows) > 3 else ""
        return f"<Comparison of study {self.study.name!r}: {len(self.rows)} groups: {groups}{more}>"

    @property
    def exit_code(self) -> int:
        """Return 0, or 1 if no run has an outcome."""
        return 0 if any(row.summary for row in self.rows) else 1

    @property
    def missing(self) -> tuple[Run, ...]:
        """Return all runs without an outcome, sorted by id."""
        runs = {run.id: run for row in self.rows for run in row.group.missing}
        runs.update({run.id: run for run in self.unknown})
        return tuple(runs[key] for key in sorted(runs))


def compare(
    study: str | Study,
    root: Path | str = "experiments",
    by: Sequence[str] | None = None,
    baseline: str | None = None,
    *,
    within: Sequence[str] = (),
    together: Sequence[str] = (),
    split: str | None = None,
    x: str | None = None,
    force: bool = False,
    level: float = 0.95,
    labels: Sequence[str] = (),
    best_of: Sequence[str] = (),
    where: Sequence[str] = (),
    tasks: Sequence[str] = (),
    margin: str | float | None = None,
    at: str | Budget | None = None,
    area: bool = False,
) -> Comparison:
    """Compare the groups of a study with a baseline, on common seeds.

    Args:
        study: name of the study, or what ``load`` returned.
        root: the folder that contains the studies.
        by: configuration keys to group by; None means every key that differs except the seed.
        baseline: label of the baseline; None means the group ``lstm`` if there is one, otherwise
            the first label.
        within: keys that define blocks, each with its own baseline; every task is a block already.
        together: keys that were chosen together, such as a cell and the learning rate tuned for
            it; groups that differ only in these keys differ in one setting.
        split: ``validation``, or another test set such as ``test_256``; None means the test set.
        x: a swept key that also defines blocks.
        force: compare groups that are not comparable, and give a verdict even if runs are missing.
        level: confidence level of the intervals; it does not change a verdict.
        labels: other names of groups, or of parts of their labels, as ``OLD=NEW``.
        best_of: tuning keys; each group is compared with the value that is best on validation.
        where: conditions ``KEY=VALUE`` or ``KEY=VALUE,VALUE`` that the compared runs meet.
        tasks: names of tasks; other tasks are left out.
        margin: largest difference that does not matter, as a number in the metric's unit or as a
            share of the baseline's mean such as ``5%``; it adds the verdicts "no worse than by the
            margin" and "equivalent within the margin".
        at: an equal budget, such as ``seconds=600``, ``steps=2000`` or ``flops=1e12``; the best
            validation metric within it is compared.
        area: with ``at``, compare the mean over training of the best validation metric so far.

    Returns:
        The comparison; ``gatekit.compare.output.table`` and ``export`` print it.

    Raises:
        RunError: the study does not exist, or a newer gatekit wrote it.
        ConfigError: an argument is invalid, such as a key in which the runs do not differ.
    """
    if not 0 < level < 1:
        raise ConfigError(f"level={level}: a confidence level is between 0 and 1, such as 0.95")
    share, size = _read_margin(margin)
    loaded = study if isinstance(study, Study) else load(study, root)
    loaded, later = _until_last_look(loaded)
    loaded = choose_runs(loaded, where, tasks)
    loaded = loaded if split is None else on_split(loaded, split)
    budget = None if at is None else read_budget(at)
    remarks: tuple[str, ...] = ()
    if budget is not None:
        if split not in (None, "validation"):
            raise ConfigError(
                f"split={split} and at={at}: only validation is evaluated during training; remove"
                " one of them"
            )
        loaded, remarks = at_budget(loaded, budget, area)
    elif area:
        raise ConfigError("area: type a budget, too, such as --at seconds=600")
    within = [*within, *([x] if x and x not in within else [])]
    keys = None if by is None else [*by, *(key for key in within if key not in by)]
    tuned = Tuned(loaded, (), ())
    if best_of:
        tuned = choose_best(loaded, best_of, keys)
        loaded = tuned.study
    grouping = group_runs(loaded.runs, keys, within, tuned.keys)
    names = read_names(labels, grouping.groups)
    grouping = dataclasses.replace(grouping, groups=with_names(grouping.groups, names))
    _refuse_unknown("x", [x] if x else [], grouping)
    _refuse_unknown("within", within, grouping)
    _refuse_unknown("together", together, grouping)
    _refuse_mixed(grouping, force)
    baselines = Baselines(grouping.groups, baseline, within)
    seeds = frozenset(run.seed for run in loaded.runs if run.config is not None)
    rows = []
    for group in grouping.groups:
        summary = summarise(group, level)
        reference = baselines.of(group)
        diff = None
        if summary is not None and reference is not None and reference is not group:
            diff = difference(
                group,
                reference,
                refused=() if force else unlike(group, reference),
                blocked=() if force else _blocked(group, reference, len(grouping.unknown), seeds),
                notes=_remarks(group, reference, force),
                level=level,
                together=together,
            )
        block, name = baselines.block(group), baselines.rest(group)
        rows.append(Row(group, summary, diff, reference is group, block, name))
    rows = _decided(rows, None if size is None else (share, size), loaded.looks)
    rows.sort(key=_order)
    where_ = places([row.group for row in rows], [row.is_baseline for row in rows])
    rows = [dataclasses.replace(row, place=at) for row, at in zip(rows, where_, strict=True)]
    notes = looks_notes(loaded.looks, family(rows), later)
    notes += [*filter(None, [baselines.note()]), *remarks, *_notes(loaded, grouping, rows)]
    notes += [renamed(choice.note(), names) for choice in tuned.chosen]
    typed = None if margin is None else str(margin)
    return Comparison(
        loaded,
        tuple(rows),
        tuple(notes),
        grouping.unknown,
        level,
        tuned.keys,
        typed,
        budget,
        tuned.chosen,
    )


def family(rows: Sequence[Row]) -> dict[str, str | None]:
    """Return the baseline of each group, without the names that you chose; None for a baseline."""
    typed = {row.group.label: row.group.typed() for row in rows}
    return {
        row.group.typed(): typed.get(row.difference.baseline) if row.difference else None
        for row in rows
    }


def _until_last_look(study: Study) -> tuple[Study, int]:
    """Return a study with the seeds that were looked at, and how many runs have other seeds."""
    if study.looks is None:
        return study, 0
    last = study.looks.seeds[-1]
    runs = tuple(run for run in study.runs if run.seed is None or run.seed < last)
    return dataclasses.replace(study, runs=runs), len(study.runs) - len(runs)


def _refuse_unknown(option: str, names: Sequence[str], grouping: Grouping) -> None:
    known = {key: None for group in grouping.groups for key in group.values}
    known |= dict.fromkeys(grouping.implied)
    for name in names:
        if known and not any(key == name or key.startswith(f"{name}.") for key in known):
            raise ConfigError(
                f"{option}={name}: the runs do not differ in this key{nearest(name, known) or '.'}"
                f" Keys that differ: {listed(known)}."
            )


def _refuse_mixed(grouping: Grouping, force: bool) -> None:
    for group in grouping.groups:
        reasons = unlike(group, group)
        metrics = {run.result.metric for run in group.runs if run.result is not None}
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
            raise ConfigError(
                f"group {group.label!r} mixes runs that are not comparable: {'; '.join(reasons)};"
                f" {remedy}"
            )


def _blocked(
    group: Group, reference: Group, unknown: int, seeds: frozenset[int | None]
) -> tuple[str, ...]:
    if _is_reversed(group):
        return (_reversed(group),)
    reasons = [_missing(part) for part in (group, reference) if part.missing]
    # A run without a readable configuration can only belong to a group that lacks a seed.
    for part in (group, reference) if unknown else ():
        if seeds - {run.seed for run in (*part.runs, *part.missing)}:
            reasons.append(f"{unknown} corrupt {_runs(unknown)} could belong to {part.label}")
    if reasons:
        absent = (*group.missing, *reference.missing)
        budget = not unknown and late(absent)
        reasons.append("choose a larger budget" if budget else "run the sweep again, then compare")
    return tuple(reasons)


def _is_reversed(group: Group) -> bool:
    return any(run.result.metric.is_reversed for run in group.runs if run.result is not None)


def _reversed(group: Group) -> str:
    metric = next(run.result.metric for run in group.runs if run.result is not None)
    better = "smaller" if metric.direction == "min" else "larger"
    return (
        f"{metric.name} is recorded as better when {better}, which is wrong: the epoch chosen in"
        f" each run is its worst; record the runs again with direction="
        f"'{known_direction(metric.name)}'"
    )


def _missing(group: Group) -> str:
    states = ", ".join(f"{count} {state}" for state, count in group.missing_states().items())
    return f"{group.label} is missing {len(group.missing)} {_runs(len(group.missing))} ({states})"


def _runs(count: int) -> str:
    return "run" if count == 1 else "runs"


def _remarks(group: Group, reference: Group, force: bool) -> tuple[str, ...]:
    remarks = []
    if executors(group) != executors(reference):
        remarks.append(
            f"{group.label} ran on executor {executors(group) or 'unknown'},"
            f" {reference.label} on {executors(reference) or 'unknown'}"
        )
    if force:
        forced = unlike(group, reference)
        remarks += [f"{group.label} against {reference.label}, forced: {why}" for why in forced]
        remarks += [f"forced: {_missing(part)}" for part in (group, reference) if part.missing]
        remarks += [f"forced: {_reversed(group)}"] if _is_reversed(group) else []
    return tuple(remarks)


def _read_margin(margin: str | float | None) -> tuple[bool, float | None]:
    """Return whether a margin is a share of the baseline's mean, and its size."""
    if margin is None:
        return False, None
    text = str(margin).strip()
    share = text.endswith("%")
    try:
        size = float(text.removesuffix("%")) / (100 if share else 1)
    except ValueError:
        size = math.nan
    if not 0 < size < math.inf:
        raise ConfigError(
            f"margin={margin}: a margin is a positive number in the metric's unit, such as 0.02, or"
            " a share of the baseline's mean, such as 5%"
        )
    return share, size


def _decided(
    rows: Sequence[Row], margin: tuple[bool, float] | None, looks: Looks | None
) -> list[Row]:
    """Return the rows with the tests of all comparisons of the table."""
    compared = [i for i, row in enumerate(rows) if row.difference and row.difference.pairs]
    differences = [diff for row in rows if (diff := row.difference) is not None and diff.pairs]
    table = [dict(zip(d.seeds, d.values, strict=True)) for d in differences]
    tests = decide_table(table, looks)
    family = len(differences)
    differences = [
        dataclasses.replace(
            diff,
            test=test,
            seeds_needed=seeds_needed(diff.effect_size, family),
            direction=_direction(diff, test),
        )
        for diff, test in zip(differences, tests, strict=True)
    ]
    if margin is not None:
        differences = _with_margin(rows, differences, *margin, looks)
    results = list(rows)
    for i, diff in zip(compared, differences, strict=True):
        results[i] = dataclasses.replace(rows[i], difference=diff)
    return results


def _direction(diff: Difference, test: PairedTest | None) -> int:
    """Return the direction of a difference: that of the look that decided it, if one did."""
    if test is None or test.look is None or not test.decides:
        return diff.direction
    return diff.metric.sign * test.look.sign


def _with_margin(
    rows: Sequence[Row],
    differences: Sequence[Difference],
    share: bool,
    size: float,
    looks: Looks | None,
) -> list[Difference]:
    # A share keeps its size from look to look.
    first = math.inf if looks is None else looks.seeds[0]
    means = {row.group.label: _mean(row.group, first) for row in rows if row.is_baseline}
    sizes = []
    for diff in differences:
        mean = means.get(diff.baseline)
        scaled = abs(mean or 0.0) * size if share else size
        sizes.append(scaled if diff.mean is not None and scaled > 0 else None)
    known = [i for i, scaled in enumerate(sizes) if scaled is not None]
    margins = [s for s in sizes if s is not None]
    if looks is None:
        found = within_margin([differences[i].gains for i in known], margins)
    else:
        gains = [dict(zip(differences[i].seeds, differences[i].gains, strict=True)) for i in known]
        found = within_margin_looks(gains, margins, looks.seeds, looks.most)
    results = list(differences)
    for i, p in zip(known, found, strict=True):
        not_worse, equivalent = p or (None, None)
        results[i] = dataclasses.replace(
            differences[i], margin=sizes[i], not_worse=not_worse, equivalent=equivalent
        )
    return results


def _mean(group: Group, seeds: float) -> float | None:
    """Return the mean outcome of the first seeds; None without runs, or if one diverged."""
    early = [r.result.outcome for r in group.runs if r.result and (r.seed or 0) < seeds]
    mean = math.fsum(early) / len(early) if early else math.nan
    return mean if math.isfinite(mean) else None


def _order(row: Row) -> tuple[list[tuple[int, float, str]], int, tuple[float, float, float], str]:
    block = [_sortable(part) for pair in row.block for part in pair]
    if row.summary is None:
        return (block, 1, (0.0, 0.0, 0.0), row.group.label)
    return (block, 0, row.summary.rank, row.group.label)


def _sortable(value: object) -> tuple[int, float, str]:
    if isinstance(value, int | float):
        return (0, float(value), "")
    return (1, 0.0, str(value))


def _conformance(study: Study) -> list[str]:
    """Return the results of the conformance suite for each plugin at the time of the runs."""
    results: dict[str, set[str]] = {}
    for run in study.runs:
        for plugin, result in run.result.checks.items() if run.result else ():
            results.setdefault(plugin, set()).add(result)
    return [
        f"plugin {name}: {'; '.join(sorted(result))}"
        + (" (type gatekit check)" if result == {"not checked"} else " by gatekit check")
        for name, result in sorted(results.items())
    ]


def _confounded(rows: Sequence[Row]) -> list[str]:
    """Return a note on groups that differ from their baseline in several settings: what to type."""
    differences = [row.difference for row in rows if row.difference and row.difference.confounded]
    if not differences:
        return []
    keys = list(dict.fromkeys(key for each in differences for key in each.differs_in))
    return [
        f"{len(differences)} of the groups differ from their baseline in several settings"
        f" ({in_words(keys)}), so no sentence is written about them: {equal_settings(keys)}"
    ]


def _notes(study: Study, grouping: Grouping, rows: Sequence[Row]) -> list[str]:
    notes: dict[str, None] = {}
    if not study.runs:
        notes[
            f"study {study.name} has no runs; type `gatekit train study={study.name}` to start them"
        ] = None
    elif not any(row.summary for row in rows):
        notes["no run has an outcome yet: there is nothing to compare"] = None
    if grouping.pooled:
        pooled = ", ".join(grouping.pooled)
        notes[f"pooled over {pooled}; the runs of a pair agree in these keys and the seed"] = None
    for owner in dict.fromkeys(grouping.implied.values()):
        names = ", ".join(key for key, of in grouping.implied.items() if of == owner)
        notes[f"each {owner} has its own {names}, which labels do not show"] = None
    for row in rows:
        for flag in row.summary.flags if row.summary else ():
            notes[f"{row.group.label}: {flag}"] = None
        for note in row.difference.notes if row.difference else ():
            notes[note] = None
        if row.summary is None and row.group.missing:
            notes[f"no outcome: {_missing(row.group)}"] = None
    for note in _confounded(rows):
        notes[note] = None
    for note in design_notes([row.difference for row in rows if row.difference is not None]):
        notes[note] = None
    notes |= dict.fromkeys(_conformance(study))
    for copy in study.copies:
        notes[f"{copy} is a copy of another run and was skipped"] = None
    return list(notes)
