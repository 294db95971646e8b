"""The notes on a comparison, each of one kind; three kinds stand below every table.

A kind has one template, which is filled with groups and numbers once, in `notes_on`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from gatekit.cell.analysis.cost import added_text
from gatekit.cell.errors import listed
from gatekit.compare.budget.at import are_late
from gatekit.compare.grouping.best import Tuned, optimism
from gatekit.compare.grouping.differs import in_words
from gatekit.compare.grouping.group import Group, Grouping
from gatekit.compare.numbers import count_of, number
from gatekit.compare.stats.difference import Difference, executors, unlike
from gatekit.compare.stats.interim_tests import spent
from gatekit.compare.stats.paired_tests import ALPHA, MIN_FLIPS, MIN_SEEDS, PAIRED_T, RANKS
from gatekit.compare.study import Study
from gatekit.runs.studies.interim_file import InterimAnalyses

from .refusals import LARGER, how_to_repeat, is_reversed, missing_runs, reversed_text
from .row import Row, added_by

_MOST = 8
_FEW = 0.5


class About(Enum):
    """What a note is about; the first three are shown below every table."""

    MISSING = "missing runs"
    SPREAD = "failures or unlike spreads"
    SETTINGS = "several settings differ"
    OTHER = "other"


class Note(NamedTuple):
    """A note and what it is about."""

    about: About
    text: str


def first_notes(notes: Iterable[Note]) -> list[Note]:
    """Return at most three notes, one of each kind that is always shown."""
    notes = list(notes)
    kinds = [about for about in About if about is not About.OTHER]
    found = (next((note for note in notes if note.about is about), None) for about in kinds)
    return [note for note in found if note is not None]


def notes_on(study: Study, grouping: Grouping, rows: Sequence[Row]) -> list[Note]:
    """Return the notes on the runs and groups of a table, each once."""
    differences = [row.difference for row in rows if row.difference is not None]
    found = [
        *_missing(rows),
        *_spread(rows),
        *_settings(differences),
        *(Note(About.OTHER, text) for text in _others(study, grouping, rows)),
        *(Note(About.OTHER, text) for text in design_notes(differences)),
    ]
    return list(dict.fromkeys(found))


def _missing(rows: Sequence[Row]) -> Iterator[Note]:
    absent = {run.id: run for row in rows for run in row.group.missing}
    if absent:
        which = listed([missing_runs(row.group) for row in rows if row.group.missing], 4)
        runs = list(absent.values())
        remedy = LARGER if are_late(runs) else how_to_repeat(runs)
        yield Note(About.MISSING, f"{which}; {remedy}")


def _spread(rows: Sequence[Row]) -> Iterator[Note]:
    diverged = [
        f"{row.group.label} in {row.summary.diverged} of {count_of(row.summary.n, 'run')}"
        for row in rows
        if row.summary and row.summary.diverged
    ]
    if diverged:
        why = "and count as the worst outcome, so their groups have no mean"
        yield Note(About.SPREAD, f"runs diverged, {why}: {listed(diverged, _MOST)}")
    uneven = [row.group.label for row in rows if row.difference and row.difference.is_uneven]
    if uneven:
        yield Note(
            About.SPREAD,
            "the spread over seeds differs more than twofold from the baseline's, so a p value near"
            f" {ALPHA:g} is less certain; see all seeds with --draw forest:"
            f" {listed(uneven, _MOST)}",
        )


def _settings(differences: Sequence[Difference]) -> Iterator[Note]:
    confounded = [diff for diff in differences if diff.confounded]
    if confounded:
        keys = list(dict.fromkeys(key for diff in confounded for key in diff.differs_in))
        free = next((key for key in ("change", "cell") if key in keys), keys[0])
        within = ",".join(key for key in keys if key != free)
        differ = "group differs" if len(confounded) == 1 else "groups differ"
        yield Note(
            About.SETTINGS,
            f"{len(confounded)} {differ} from the baseline in several settings"
            f" ({in_words(keys)}), so no single one explains the difference: type"
            f" `--within {within}` to compare groups with the same values",
        )


def _others(study: Study, grouping: Grouping, rows: Sequence[Row]) -> Iterator[str]:
    yield from unended(rows)
    if grouping.pooled:
        pooled = ", ".join(grouping.pooled)
        yield f"pooled over {pooled}; paired runs have the same seed and values of these keys"
    for owner in dict.fromkeys(grouping.implied.values()):
        names = ", ".join(key for key, of in grouping.implied.items() if of == owner)
        yield f"each {owner} has its own {names}, which labels do not show"
    yield from _executors(rows)
    for row in rows:
        for flag in row.summary.flags if row.summary else ():
            yield f"{row.group.label}: {flag}"
        yield from row.difference.notes if row.difference else ()
    for row, each in zip(rows, added_by(rows), strict=True):
        if row.difference and each and (each["parameters"] or each["state"]):
            yield f"{row.group.label} adds to {row.difference.baseline}: {added_text(each)}"
    yield from _slow_steps(rows)
    if study.copies:
        skipped = count_of(len(study.copies), "folder")
        yield f"{skipped}, such as {study.copies[0]}, skipped: copies of other runs"


def unended(rows: Sequence[Row]) -> Iterator[str]:
    """Yield for each task that most of its runs were best at their last epoch."""
    tasks: dict[str, list[bool]] = {}
    for result in (result for row in rows for result in row.group.results):
        if result.state == "COMPLETED" and result.best and result.last:
            at_the_end = result.best.epoch == result.last.epoch > 1
            tasks.setdefault(result.task, []).append(at_the_end)
    for task, late in tasks.items():
        if sum(late) > _FEW * len(late):
            runs = f"{sum(late)} of {len(late)} runs on {task}"
            yield f"{runs} are best at their last epoch, so they may not have ended"


def _executors(rows: Sequence[Row]) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for row in rows:
        if row.summary and (row.difference or row.is_baseline):
            groups.setdefault(executors(row.group) or "unknown", []).append(row.group.label)
    if len(groups) > 1:
        each = "; ".join(f"{name}: {listed(labels, _MOST)}" for name, labels in groups.items())
        yield f"groups ran on different executors. {each}"


def _slow_steps(rows: Sequence[Row]) -> Iterator[str]:
    ranges = []
    for summary, label in ((row.summary, row.group.label) for row in rows):
        low, high = (summary and summary.step_seconds_low), (summary and summary.step_seconds_high)
        if low and high and high > 2 * low:
            ranges.append(f"{label} from {number(1000 * low)} to {number(1000 * high)}")
    if ranges:
        yield f"ms/step varies more than twofold, as on a busy machine: {listed(ranges, _MOST)}"


def forced_notes(group: Group, reference: Group) -> tuple[str, ...]:
    """Return what was forced when a group was compared with its baseline."""
    forced = unlike(group, reference)
    notes = [f"{group.label} against {reference.label}, forced: {why}" for why in forced]
    notes += [f"forced: {missing_runs(part)}" for part in (group, reference) if part.missing]
    return (*notes, *([f"forced: {reversed_text(group)}"] if is_reversed(group) else []))


def best_of_notes(rows: Sequence[Row], tuned: Tuned) -> Iterator[str]:
    """Yield what was chosen for each group, and how optimistic the mean of the best value is."""
    yield from (choice.note() for choice in tuned.chosen)
    chosen = {run: one for one in tuned.chosen for run in one.runs}
    sizes = [
        optimism(len(one.candidates), len({run.seed for run in row.group.runs}))
        for row in rows
        if row.group.runs and (one := chosen.get(row.group.runs[0].id))
    ]
    if most := max(sizes, default=0.0):
        yield (
            "the mean of the best candidate is optimistic, by up to"
            f" {most:.1f} standard deviations over seeds if candidates are equally good; gatekit"
            " confirm repeats the choice on fresh seeds"
        )


def interim_notes(
    interim: InterimAnalyses | None, groups: Mapping[str, str | None], later: int
) -> Iterator[str]:
    """Yield notes on the looks at a study.

    Args:
        interim: its looks, if it has any.
        groups: the baseline of each group of the table.
        later: number of runs with seeds beyond the last look.
    """
    if interim is None:
        return
    yield (
        f"looked at {count_of(len(interim.seeds), 'time')}, at"
        f" {', '.join(str(n) for n in interim.seeds)} of at most {interim.most} seeds;"
        f" alpha spent {spent(interim.seeds[-1] / interim.most):.2g} of {ALPHA:g}"
    )
    if interim.groups and dict(groups) != dict(interim.groups):
        yield "the looks compared groups or baselines that differ from those of this table"
    if later:
        runs = "run has a seed" if later == 1 else "runs have seeds"
        yield f"{later} {runs} beyond the last look and wait for the next `gatekit extend`"


def design_notes(differences: Sequence[Difference]) -> Iterator[str]:
    """Yield what the design of a comparison can show."""
    compared = [d for d in differences if d.pairs > 0 and not d.refused and not d.blocked]
    if any(d.test is None for d in compared):
        yield f"a verdict needs at least {max(d.fewest for d in compared)} seeds"
    if any(d.test is not None and d.test.test == PAIRED_T for d in compared):
        yield (
            f"with {MIN_SEEDS} to {MIN_FLIPS - 1} seeds, p values assume normal noise; with"
            f" {MIN_FLIPS} or more they do not"
        )
    tested = [d.test for d in compared if d.test is not None]
    least = [t for t in tested if t.smallest_p is not None and t.smallest_p >= ALPHA]
    if least:
        some = len(least) < len(tested) and all(test.test == RANKS for test in least)
        where = "where runs diverged, there are " if some else ""
        smallest = min(test.smallest_p or 0.0 for test in least)
        yield (
            f"{where}too few seeds for a p value below {ALPHA:g}: none can be below {smallest:.2g}"
        )
    known = [d.correlation for d in compared if d.correlation is not None]
    if known:
        ends = dict.fromkeys(f"{end:z.2f}" for end in (min(known), max(known)))
        yield (
            f"scores of a group and its baseline correlate over seeds by {' to '.join(ends)};"
            " pairing by seed gains power above 0, and costs some below"
        )
