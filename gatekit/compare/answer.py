"""The answer of a comparison, in at most five lines.

It writes only what was tested: a group with the best mean is not called better than another unless
a test decided so, and groups are tested against their baselines only.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.finding import Finding, find, is_answered
from gatekit.compare.deciding.reasons import Why, why_open
from gatekit.compare.deciding.row import Row
from gatekit.compare.deciding.sentences import (
    at_look,
    by_seeds_alone,
    margin_text,
    reason,
    size_text,
    unit_of,
    unseen_text,
)
from gatekit.compare.grouping.keys import is_of_task
from gatekit.compare.grouping.label import printable
from gatekit.compare.numbers import count_of, number, p_value
from gatekit.compare.several import SeveralTasks
from gatekit.compare.stats.paired_tests import ALPHA, MIN_SEEDS
from gatekit.compare.stats.power import MOST_SEEDS

_LONGER = "train longer (trainer.steps), or try another optimizer.learning_rate"
_MOST_LINES, _MOST_BLOCKS, _MOST_NAMED = 5, 3, 3


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a comparison, from which every format is made.

    Attributes:
        lines: at most five sentences: what is shown, by how much, how sure, what is not shown and
            why, and what to do next.
        shown: whether a test supports the first sentence.
        row: the group that is shown to be better, or else the one with the best mean; None while
            runs are missing.
    """

    lines: tuple[str, ...]
    shown: bool = False
    row: Row | None = None

    @property
    def first(self) -> str:
        """Return the first sentence."""
        return self.lines[0]


def answer(comparison: Comparison, several: SeveralTasks | None = None) -> Answer:
    """Return the answer of a comparison."""
    known = [row for row in comparison.rows if row.summary is not None]
    if len(known) < 2 or not any(row.difference for row in comparison.rows):
        alone = known[0] if len(known) == len(comparison.rows) == 1 else None
        return Answer((_nothing(comparison, known),), row=alone)
    blocked = any(row.difference.blocked for row in known if row.difference)
    if not blocked and all(row.summary and row.summary.at_chance for row in known):
        return Answer((f"At chance, nothing was learned: all {len(known)} groups; {_LONGER}.",))
    if waiting := _waits(comparison):
        return Answer(waiting)
    blocks: dict[object, list[Row]] = {}
    for row in comparison.rows:
        blocks.setdefault(row.shared_keys, []).append(row)
    if len(blocks) <= _MOST_BLOCKS:
        told = [_of_block(rows, len(blocks) > 1) for rows in blocks.values()]
        told.sort(key=lambda block: not block[0])
        lines, shown = [text for _, text in told], told[0][0]
    else:
        lines, shown = _of_many(list(blocks.values()), several)
    decided = [row for row in known if is_answered(row)]
    better = [row for row in decided if row.difference and row.difference.decision == "better"]
    lines += [_capital(comparison.lacks)] if comparison.lacks else []
    lines += _next(comparison, known)
    if decided:
        fewest = min(row.difference.n for row in decided if row.difference)
        lines.append(_capital(unseen_text(fewest)))
    texts = tuple(printable(line) for line in dict.fromkeys(lines))
    return Answer(texts[:_MOST_LINES], shown, (*better, *known)[0])


def _nothing(comparison: Comparison, known: Sequence[Row]) -> str:
    if not comparison.study.runs:
        if planned := len(comparison.study.planned):
            return f"No run has started yet: {count_of(planned, 'planned run')}."
        return "This study has no runs: there is nothing to compare."
    if not known:
        return "No run has an outcome yet: there is nothing to compare."
    if len(known) > 1:
        return "No group is compared with a baseline."
    if len(comparison.rows) > 1:
        return "Only one group has an outcome: there is nothing to compare it with."
    (row,) = known
    if row.summary is None or row.summary.mean is None:
        return f"There is one group, {row.group.label}: there is nothing to compare it with."
    value = f"{row.summary.measured} {number(row.summary.mean)}{unit_of(row.summary.metric)}"
    return f"{row.group.label} has {value}; there is nothing to compare it with."


def _capital(text: str) -> str:
    """Return a text as a sentence."""
    return f"{text[:1].upper()}{text[1:]}."


def _waits(comparison: Comparison) -> tuple[str, ...]:
    """Return what all verdicts wait for, if that is runs; empty if they wait for nothing."""
    if comparison.forced or all(run.state == "FAILED" for run in comparison.awaited):
        return ()
    blocked = next(row.difference.blocked for row in comparison.rows if row.difference)
    return (f"Nothing is shown yet: {comparison.lacks}.", _capital("; ".join(blocked[1:])))


def names_text(names: Sequence[str]) -> str:
    """Return names as ``a, b and c``; of many, the first and the number of others."""
    shown = list(names)
    if len(shown) > _MOST_NAMED + 1:
        shown = [*shown[:_MOST_NAMED], f"{len(names) - _MOST_NAMED} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _called(row: Row, several: bool) -> str:
    return (row.name or row.group.label) if several else row.group.label


def _where(rows: Sequence[Row], several: bool) -> str:
    """Return the block of rows after its preposition: `` on adding``; empty if there is one."""
    keys = rows[0].shared_keys
    if not several or not keys:
        return ""
    if [key for key, _ in keys] in (["task.name"], ["task"]):
        return f" on {keys[0][1]}"
    word = "on" if all(is_of_task(key) for key, _ in keys) else "for"
    return f" {word} {rows[0].group.part(dict(keys)) or 'the default'}"


def _of_block(rows: Sequence[Row], several: bool) -> tuple[bool, str]:
    """Return whether something is shown about groups with one baseline, and what, in a sentence."""
    where = _where(rows, several)
    found = [one for row in rows if (one := find(row)) is not None]
    base = next((_called(row, several) for row in rows if row.is_baseline), "the baseline")
    better = [one for one in found if one.difference.decision == "better"]
    others = [one for one in found if one.shown and one not in better]
    if not better and not others:
        return False, f"Nothing is shown{where}: {_reasons(found, base, several)}."
    parts = []
    if better:
        first, *rest = better
        parts.append(_claimed(first, base, where, several))
        if rest:
            names = names_text([_called(one.row, several) for one in rest])
            verb = "is" if len(rest) == 1 else "are"
            parts.append(f"{names} {verb} better, too, and not tested against it")
        best = next((row for row in rows if row.summary is not None), first.row)
        if best is not first.row and not best.is_baseline:
            parts.append(f"{_called(best, several)} has the best mean, which is not shown")
    elif not any(one.difference.decision != "worse" for one in others):
        parts.append(f"No group is shown to be better than {base}{where}")
    if others:
        parts.append(_others(others, base, where if better else "", several))
    if unshown := [one for one in found if not one.shown]:
        parts.append(_reasons(unshown, base, several))
    return bool(better), f"{'; '.join(parts)}."


def _claimed(one: Finding, base: str, where: str, several: bool) -> str:
    diff = one.difference
    p = "" if diff.p is None else f" (p {p_value(diff.p)}{at_look(diff)})"
    name = _called(one.row, several)
    return f"{name} is better than {base}{where}: {size_text(diff)}{p}"


def _others(others: Sequence[Finding], base: str, where: str, several: bool) -> str:
    """Return which groups are worse, or within the margin."""
    ways: dict[str, list[str]] = {}
    for one in others:
        within = margin_text(one.difference)
        way = {
            "worse": f"worse than {base}",
            "equivalent": f"equivalent to {base} within {within}",
            "not_worse": f"no worse than {base} by more than {within}",
        }[one.difference.decision]
        ways.setdefault(way, []).append(_called(one.row, several))
    return "; ".join(
        f"{names_text(names)} {'is' if len(names) == 1 else 'are'} {way}"
        for way, names in ways.items()
    )


def _reasons(found: Sequence[Finding], base: str, several: bool) -> str:
    """Return why groups have no verdict, each reason once."""
    alike: dict[tuple[Why, str], list[Finding]] = {}
    for one in found:
        # Of groups that are not told apart, the one nearest to a verdict is named.
        text = "" if one.why is Why.OPEN else reason(one.difference)
        alike.setdefault((one.why, text), []).append(one)
    parts = []
    for (why, text), group in alike.items():
        of_group = [_called(one.row, several) for one in group]
        names = names_text(of_group)
        if why is Why.OPEN:
            near = min(group, key=_p)
            parts.append(f"{names} {'is' if len(group) == 1 else 'are'} not told apart from {base}")
            of = f" (of {_called(near.row, several)})" if len(group) > 1 else ""
            parts.append(f"{by_seeds_alone(near.difference)}{of}")
        elif why is Why.CHANCE:
            parts.append(f"{names_text([*of_group, base])} are at chance")
        elif why is Why.CEILING:
            parts.append(
                f"{names_text([*of_group, base])} are at the ceiling: the task is too easy"
            )
        else:
            parts.append(f"{names} against {base}: {text}")
    return "; ".join(parts)


def _p(one: Finding) -> float:
    return math.inf if one.difference.p is None else one.difference.p


def _of_many(
    blocks: Sequence[Sequence[Row]], several: SeveralTasks | None
) -> tuple[list[str], bool]:
    """Return what is shown about variants with a baseline for each of many tasks or blocks."""
    tasks = all(is_of_task(key) for rows in blocks for key, _ in rows[0].shared_keys)
    what = f"{len(blocks)} {'tasks' if tasks else 'blocks'}"
    ways: dict[str, Counter[str]] = {}
    for row in (row for rows in blocks for row in rows):
        if row.difference is not None:
            ways.setdefault(_called(row, True), Counter())[row.difference.decision] += 1
    bases = {_called(row, True) for rows in blocks for row in rows if row.is_baseline}
    base = bases.pop() if len(bases) == 1 else "the baseline"
    ranked = sorted(ways, key=lambda name: (ways[name]["worse"] - ways[name]["better"], name))
    ahead = _ahead(several)
    told = [ahead] if ahead else []
    shown = bool(ahead) or any(way["better"] > way["worse"] for way in ways.values())
    if not shown:
        told.append(f"No variant is better than {base} on more of {what} than it is worse.")
    parts = [
        f"{name} is better than {base} on {ways[name]['better']}, worse on {ways[name]['worse']}"
        for name in ranked[:_MOST_NAMED]
    ]
    more = len(ranked) - len(parts)
    told.append(f"Of {what}: {'; '.join(parts)}{f'; and {more} more' if more else ''}.")
    return told, shown


def _ahead(several: SeveralTasks | None) -> str:
    """Return the variant that is ahead over all tasks by its rank; empty if none is."""
    if several is None:
        return ""
    ranking, (first, second) = several.ranking, several.variants[:2]
    gap, needed = second.rank - first.rank, ranking.critical_difference
    if ranking.p is None or needed is None or ranking.p >= ALPHA or gap <= needed:
        return ""
    ranks = f"mean rank {first.rank:.2f}, next is {second.name} with {second.rank:.2f}"
    return f"{first.name} is ahead over all {len(several.tasks)} tasks: {ranks}."


def needed_text(row: Row) -> str:
    """Return about how many seeds a verdict needs, if the observed difference is the true one.

    Empty if there is a verdict, or if no number of seeds is known.
    """
    diff = row.difference
    if diff is None or why_open(diff) not in (Why.OPEN, Why.FEW):
        return ""
    # The estimate is for one test of a table; with looks, the next look decides.
    if diff.interval is None or not diff.mean or diff.fewest > MIN_SEEDS or diff.at_chance:
        return ""
    if diff.seeds_needed is None:
        return f"{MOST_SEEDS}+"
    # A study that already has this many seeds would probably have been decided.
    return str(diff.seeds_needed) if diff.seeds_needed > diff.n else ""


def _next(comparison: Comparison, known: Sequence[Row]) -> Iterable[str]:
    """Return what to do next."""
    if comparison.awaited or any(row.difference and row.difference.blocked for row in known):
        return
    at = [row.group.label for row in known if row.summary and row.summary.at_chance]
    if at:
        yield f"At chance, nothing was learned: {names_text(at)}; {_LONGER}."
    needed = [(int(text.rstrip("+")), row) for row in known if (text := needed_text(row))]
    if needed and not any(is_answered(row) for row in known):
        fewest, row = min(needed, key=lambda pair: pair[0])
        about = "more than" if fewest >= MOST_SEEDS else "about"
        yield (
            f"If the difference of {row.group.label} is the true one, {about} {fewest} seeds are"
            " needed to show it."
        )
