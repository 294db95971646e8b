"""Compare the variants of a study: group, summarise, and compare each with a baseline."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gatekit.cell.calls import no_attribute
from gatekit.cell.errors import ConfigError
from gatekit.compare.budget.at import Budget, at_budget, read_budget
from gatekit.compare.deciding.decided import margin_notes, read_margin, with_tests
from gatekit.compare.deciding.notes import (
    About,
    Note,
    best_of_notes,
    forced_notes,
    interim_notes,
    notes_on,
)
from gatekit.compare.deciding.refusals import (
    AT_ONCE,
    how_to_repeat,
    incomplete,
    refuse_mixed,
    refuse_one_group,
    refuse_unknown,
    unequal_candidates,
    why_blocked,
)
from gatekit.compare.deciding.row import Row, family, order, summarise
from gatekit.compare.grouping.best import Chosen, Tuned
from gatekit.compare.grouping.best import best_of as choose_best
from gatekit.compare.grouping.choose import on_split
from gatekit.compare.grouping.choose import where as choose_runs
from gatekit.compare.grouping.differs import tuned_keys
from gatekit.compare.grouping.group import group_runs, style_indices
from gatekit.compare.numbers import count_of
from gatekit.compare.stats.baseline import Baselines
from gatekit.compare.stats.difference import difference, unlike
from gatekit.faults import Fault, Kind, Place
from gatekit.runs.record import RunRecord

from .scale import in_range
from .study import Study, load


@dataclass(frozen=True, slots=True, repr=False, eq=False, weakref_slot=True)
class Comparison:
    """The result of ``compare``: rows, best first, and the notes that belong to them.

    ``remarks`` holds the notes with what each is about. ``tuned`` holds the keys of ``best_of`` and
    ``chosen`` the values that were chosen; ``at`` is the budget at which the runs are compared.
    ``awaited`` are the planned runs that have not finished, and ``lacks`` counts them: a table that
    waits for runs gives no verdict, unless it is ``forced``.
    """

    study: Study
    rows: tuple[Row, ...]
    remarks: tuple[Note, ...]
    unknown: tuple[RunRecord, ...]
    tuned: tuple[str, ...] = ()
    margin: str | None = None
    at: Budget | None = None
    chosen: tuple[Chosen, ...] = ()
    awaited: tuple[RunRecord, ...] = ()
    forced: bool = False
    lacks: str = ""

    if not TYPE_CHECKING:  # otherwise a type checker would allow every attribute
        __getattr__ = no_attribute

    def __repr__(self) -> str:
        """Return one line, because a comparison holds all runs of a study."""
        count = count_of(len(self.rows), "group")
        groups = ", ".join(row.group.label for row in self.rows[:3])
        more = ", ..." if len(self.rows) > 3 else ""
        return f"<Comparison of study {self.study.name!r}: {count}: {groups}{more}>"

    @property
    def notes(self) -> tuple[str, ...]:
        """Return the notes as text."""
        return tuple(note.text for note in self.remarks)

    @property
    def exit_code(self) -> int:
        """Return 0, or 1 if no run has an outcome."""
        return 0 if any(row.summary for row in self.rows) else 1

    @property
    def missing(self) -> tuple[RunRecord, ...]:
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
    split: str | None = None,
    x: str | None = None,
    force: bool = False,
    best_of: Sequence[str] = (),
    where: Sequence[str] = (),
    tasks: Sequence[str] = (),
    margin: str | float | None = None,
    at: str | Budget | None = None,
) -> Comparison:
    """Compare the groups of a study with a baseline, on common seeds.

    Args:
        study: name of the study, or the result of ``load``.
        root: the folder that contains the studies.
        by: configuration keys to group by; None means every key that differs except the seed.
        baseline: label of the baseline; None means the group ``lstm`` if there is one, otherwise
            the group with the fewest changes.
        within: keys that define blocks, each with its own baseline; every task is a block already.
        split: ``validation``, or another test set such as ``test_256``; None means the test set.
        x: a swept key; it defines blocks, as ``within`` does.
        force: compare groups that are not comparable, and give verdicts even if runs are missing;
            those of an incomplete table are marked.
        best_of: tuned keys; each group is compared at their values that are best on validation.
        where: conditions ``KEY=VALUE`` or ``KEY=VALUE,VALUE`` that the compared runs meet.
        tasks: names of tasks; other tasks are left out.
        margin: largest difference that does not matter, as a number in the metric's unit or as a
            share of the baseline's mean such as ``5%``; it adds the verdicts "no worse than by the
            margin" and "equivalent within the margin".
        at: an equal budget, such as ``seconds=600``, ``steps=2000``, ``tokens=1e6`` or
            ``flops=1e12``; the best validation metric within it is compared.

    Returns:
        The comparison; ``gatekit.compare.output.table`` and ``export`` print it.

    Raises:
        RunError: the study does not exist, or a newer gatekit wrote it.
        ConfigError: an argument is invalid, such as a key in which the runs do not differ.
    """
    share, size = read_margin(margin)
    loaded = study if isinstance(study, Study) else load(study, root)
    if margin is not None and loaded.interim is not None:
        why = f"study {loaded.name} was looked at, and looks test differences only"
        raise ConfigError(Fault(Kind.REFUSED, Place(("margin",)), margin, why=why))
    loaded, later = _until_last_interim(loaded)
    # A condition on the state of runs does not make a table complete.
    asked = choose_runs(loaded, [one for one in where if not one.startswith("state=")], tasks)
    awaited = tuple(run for run in asked.every if asked.awaits(run))
    if where or tasks:
        loaded = choose_runs(loaded, where, tasks)
    loaded, budget, remarks = _with_scores(loaded, split, at)
    loaded = in_range(loaded)
    typed = within
    within = [*within, *([x] if x and x not in within else [])]
    keys = None if by is None else [*by, *(key for key in within if key not in by)]
    tuned = choose_best(loaded, best_of, keys) if best_of else Tuned(loaded, (), ())
    loaded = tuned.study
    grouping = group_runs(loaded.every, keys, within, tuned.keys)
    refuse_unknown("x", [x] if x else [], grouping)
    refuse_unknown("within", within, grouping)
    refuse_mixed(grouping, force)
    refuse_one_group(by or (), () if x else typed, grouping, force)
    baselines = Baselines(grouping.groups, baseline, within)
    seeds = frozenset(run.seed for run in loaded.runs if run.config is not None)
    lacks = incomplete(awaited, len(asked.every))
    # A run that failed is waited for by the verdicts on its own group alone.
    there = {run.id for run in loaded.every}
    pending = [run for run in awaited if run.state != "FAILED" or run.id not in there]
    waits = (lacks, how_to_repeat(awaited), AT_ONCE) if pending and not force else ()
    tuned_to = tuned_keys(grouping.groups)
    summaries = {group.label: summarise(group) for group in grouping.groups}
    rows = []
    for group in grouping.groups:
        summary, reference, diff = summaries[group.label], baselines.of(group), None
        if summary is not None and reference is not None and reference is not group:
            other = summaries[reference.label]
            diff = difference(
                group,
                reference,
                refused=() if force else unlike(group, reference),
                blocked=()
                if force
                else waits or why_blocked(group, reference, grouping.unknown, seeds),
                notes=forced_notes(group, reference) if force else (),
                tuned=tuned_to,
                incomplete=lacks,
                at_chance=summary.at_chance and other is not None and other.at_chance,
                at_ceiling=summary.at_ceiling and other is not None and other.at_ceiling,
            )
        shared, name = baselines.shared_keys(group), baselines.rest(group)
        row = Row(group, summary, diff, reference is group, shared, name)
        compared = reference is not None and reference is not group
        waiting = compared and any(map(loaded.awaits, group.missing))
        rows.append(dataclasses.replace(row, awaited=waiting))
    unequal = unequal_candidates(rows, tuned)
    if unequal and not force:
        raise ConfigError(unequal[0])
    rows = with_tests(rows, None if size is None else (share, size), loaded.interim)
    rows.sort(key=order)
    inked = [row.is_baseline for row in rows]
    of_variants = style_indices([row.group for row in rows], inked, loaded.asked)
    rows = [dataclasses.replace(r, style_index=i) for r, i in zip(rows, of_variants, strict=True)]
    alone = [
        row.group.label for row in rows if row.summary and not (row.difference or row.is_baseline)
    ]
    notes = [
        *interim_notes(loaded.interim, family(rows), later),
        *filter(None, [baselines.note(alone)]),
        *remarks,
        *margin_notes(rows, margin, loaded.name),
        *best_of_notes(rows, tuned),
        *(f"forced: {text}" for text in unequal),
    ]
    kept = [*notes_on(loaded, grouping, rows), *(Note(About.OTHER, text) for text in notes)]
    return Comparison(
        study=loaded,
        rows=tuple(rows),
        remarks=tuple(kept),
        unknown=grouping.unknown,
        tuned=tuned.keys,
        margin=None if margin is None else str(margin),
        at=budget,
        chosen=tuned.chosen,
        awaited=awaited,
        forced=force,
        lacks=lacks,
    )


def _with_scores(
    study: Study, split: str | None, at: str | Budget | None
) -> tuple[Study, Budget | None, tuple[str, ...]]:
    """Return a study with the scores to compare, the budget, and notes on the budget."""
    if split is not None:
        study = on_split(study, split)
    if at is None:
        return study, None, ()
    budget = read_budget(at)
    if split not in (None, "validation"):
        why = f"only validation is evaluated during training, not {split}"
        raise ConfigError(Fault(Kind.CONFLICT, Place(("at",)), str(at), why=why))
    ended, notes = at_budget(study, budget)
    return ended, budget, notes


def _until_last_interim(study: Study) -> tuple[Study, int]:
    """Return a study without seeds beyond its last look, and the number of runs left out."""
    if study.interim is None:
        return study, 0
    last = study.interim.seeds[-1]
    runs, planned = (
        tuple(run for run in of if run.seed is None or run.seed < last)
        for of in (study.runs, study.planned)
    )
    ended = dataclasses.replace(study, runs=runs, planned=planned)
    return ended, len(study.runs) - len(runs)
