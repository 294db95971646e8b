"""The first sentence about a comparison: which group is best, as far as that was tested.

`best` names a group, the size of its difference from the baseline, and what was not tested. It
writes only what the comparison contains: a group with the best mean is not called better than
another unless a test decided so, and the second is never called worse than the first, because the
comparison tests groups against baselines only.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from gatekit.cell.errors import listed
from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.row import Row
from gatekit.compare.grouping.differs import in_words
from gatekit.compare.grouping.keys import is_of_task
from gatekit.compare.grouping.label import printable
from gatekit.compare.numbers import count_of, decimals, number, p_value
from gatekit.compare.output.answer import REMEDY, at_chance, headline, is_answered, seeds_needed
from gatekit.compare.several import SeveralTasks, several_tasks
from gatekit.compare.stats.across_tasks import MIN_TASKS, MIN_VARIANTS
from gatekit.compare.stats.baseline import SharedKeys
from gatekit.compare.stats.paired_tests import ALPHA
from gatekit.compare.stats.verdict import at_interim, contrary, count_text, margin_text, unit_of

_MOST = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer of a comparison.

    Attributes:
        text: the claim, such as ``gru has the best test nll``.
        size: by how much, and what was not tested; may be empty.
        facts: titles with sentences: how sure, the second, costs, chance, what is missing.
        decided: whether a test supports the claim.
        row: the group that the claim is about; None if it is about several.
    """

    text: str
    size: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    decided: bool = False
    row: Row | None = None

    def __str__(self) -> str:
        """Return the claim as one sentence."""
        return f"{self.text}: {self.size}." if self.size else f"{self.text.removesuffix('.')}."


def best(comparison: Comparison) -> Claim:
    """Return which group is best, by how much, how sure that is, and what it costs.

    With one task, the group with the best mean is named with its difference from the baseline. Over
    several tasks, a variant is ahead only if the ranks differ and it is beyond the critical
    difference from the second; otherwise the claim counts the tasks on which variants are decided
    to be better than the baseline. If there is no verdict at all, for example because runs are
    missing, the claim is `headline`.
    """
    known = [row for row in comparison.rows if row.summary is not None]
    open_ = [row for row in known if not _is_stopped(row)]
    blocks = {row.shared_keys for row in known}
    claim = None
    if len(known) == 1 == len(comparison.rows):
        claim = _alone(known[0])
    elif known and all(row.summary and row.summary.at_chance for row in known):
        claim = Claim(at_chance(comparison))
    elif any(row.difference for row in open_):
        if len(blocks) == 1:
            claim = _of_one(open_, len(known) - len(open_))
        else:
            claim = _over_blocks(open_, several_tasks(comparison), blocks)
    claim = claim or Claim(headline(comparison))
    facts = (*claim.facts, *_costs(claim.row, known), *_chance(known), *_missing(comparison))
    return replace(
        claim,
        text=printable(claim.text),
        size=printable(claim.size),
        facts=tuple((title, printable(text)) for title, text in facts if text),
    )


def _is_stopped(row: Row) -> bool:
    """Return whether a group cannot be compared, or waits for runs."""
    return row.difference is not None and bool(row.difference.blocked or row.difference.refused)


def _alone(row: Row) -> Claim:
    summary = row.summary
    if summary is None or summary.mean is None:
        return Claim(f"There is one group, {row.group.label}: there is nothing to compare it with")
    size = f"{number(summary.mean)}{_unit(row)}; there is nothing to compare it with"
    return Claim(f"{row.group.label} has the only {summary.measured}", size, row=row)


def _labels(rows: Sequence[Row]) -> str:
    return _names([row.group.label for row in rows])


def _names(names: Sequence[str]) -> str:
    """Return names as ``a, b and c``; of many, the first and the number of others."""
    shown = list(names) if len(names) <= _MOST else [*names[:_MOST], f"{len(names) - _MOST} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


# -- one block ---------------------------------------------------------------------------------


def _of_one(rows: Sequence[Row], stopped: int) -> Claim | None:
    """Return the claim about groups with one baseline, best mean first; None if it is missing."""
    base = next((row for row in rows if row.is_baseline), None)
    if base is None:
        return None
    first, others = rows[0], _others(rows)
    best_of = f"has the best {_measured(first)}"
    if stopped:
        best_of += f" of {len(rows)} comparable groups"
    mean = _mean(first)
    equal = [row for row in rows if _is_near(_mean(row), mean)]
    beaters = [row for row in rows if _is(row, "better")]
    if len(equal) > 1:
        beat = [row for row in equal if row in beaters]
        size = f"{number(mean or 0.0)}{_unit(first)}; "
        size += _all_better(beat, base) if beat else others
        return Claim(
            f"{_labels(equal)} {best_of.replace('has', 'share', 1)}",
            size,
            (("Others", others),),
            bool(beat),
        )
    if first is base and not beaters:
        second, text = rows[1], f"{first.group.label}, the baseline, {best_of}"
        decided = _is(second, "worse")
        told = "not told apart from" if _is(second, "open") else "no verdict on"
        if decided:
            told = f"{_size(second, base)} {_side(second, -1)}"
        # A group with a diverged run has no mean, and so no size.
        size = others if _mean(second) is None else f"{told} {second.group.label}; {others}"
        about = (_sure(second), ("Second", _second(rows, first)))
        return Claim(text, size, about, decided, first)
    if not beaters:
        text = f"No group is shown to be better than {base.group.label}"
        size = f"{first.group.label} {best_of}, but {_why_open(first, base)}"
        return Claim(text, size, (_sure(first), ("Others", others)), row=first)
    row = first if first in beaters else beaters[0]
    size = _gap(row, base)
    if row is not first:
        text = f"{row.group.label} is better than {base.group.label}"
        size += f"; {first.group.label} {best_of}"
        size += "" if first is base else f", but {_why_open(first, base)}"
    elif mean is None:
        text = f"{row.group.label} is better than {base.group.label}"
    else:
        text = f"{row.group.label} {best_of}"
    facts = (_sure(row), ("Second", _second(rows, row)), ("Others", others), _mixed(row))
    return Claim(text, size, facts, True, row)


def _is(row: Row, decision: str) -> bool:
    return row.difference is not None and row.difference.decision == decision


def _is_near(first: float | None, second: float | None) -> bool:
    """Return whether two means differ by no more than rounding."""
    return first is not None and second is not None and math.isclose(first, second, rel_tol=1e-12)


def _mean(row: Row) -> float | None:
    return None if row.summary is None else row.summary.mean


def _measured(row: Row) -> str:
    return "score" if row.summary is None else row.summary.measured


def _unit(row: Row) -> str:
    return "" if row.summary is None else unit_of(row.summary.metric)


def _all_better(rows: Sequence[Row], base: Row) -> str:
    verb = "is" if len(rows) == 1 else "are"
    return f"{_labels(rows)} {verb} better than {base.group.label}"


def _gap(row: Row, base: Row) -> str:
    """Return a difference as ``0.332 nats/frame (3.7 %) below rnn``."""
    diff = row.difference
    assert diff is not None
    if diff.mean is None:
        return f"better than {base.group.label} on {diff.better} of {diff.n} seeds"
    return f"{_size(row, base)} {_side(row)} {base.group.label}"


def _size(row: Row, base: Row) -> str:
    """Return the size of a difference, and its share of the baseline's mean."""
    diff, mean = row.difference, _mean(base)
    if diff is None or diff.mean is None:
        return "not measured"
    size = f"{abs(diff.mean):.{decimals(diff.interval, diff.mean)}f}"
    size = number(abs(diff.mean)) if diff.interval is None else size
    share = f" ({number(100 * abs(diff.mean / mean), 2)} %)" if mean else ""
    return f"{size}{unit_of(diff.metric)}{share}"


def _side(row: Row, sign: int = 1) -> str:
    mean = (row.difference and row.difference.mean) or 0.0
    return "below" if sign * mean < 0 else "above"


def _why_open(row: Row, base: Row) -> str:
    """Return why the group with the best mean is not called better than the baseline."""
    diff, name = row.difference, base.group.label
    if diff is None or not diff.pairs:
        return f"has no seed in common with {name}"
    if diff.opposed:
        return f"against {name} {contrary(diff)}"
    if diff.test is None:
        return f"{count_text(diff)} give no verdict, which needs {diff.fewest}"
    ways = {
        "worse": f"is worse than {name} on the seeds that both have",
        "equivalent": f"is equivalent to {name} within {margin_text(diff)}",
        "not_worse": f"is only shown to be no worse than {name} by more than {margin_text(diff)}",
    }
    return ways.get(diff.decision, f"is not told apart from {name}")


def _sure(row: Row) -> tuple[str, str]:
    """Return the interval, the p value, and the seeds of a difference."""
    diff = row.difference
    if diff is None or not diff.n:
        return "How sure", ""
    parts = []
    if diff.mean is not None and diff.interval is not None:
        low, high = diff.interval.low, diff.interval.high
        places = decimals(diff.interval, diff.mean)
        parts.append(f"95 % interval of the difference {low:+z.{places}f} to {high:+z.{places}f}")
    parts += [f"p {p_value(diff.p)}{at_interim(diff)}"] if diff.p is not None else []
    seeds = count_of(diff.n, "seed")
    parts.append(f"{row.name or row.group.label} is better on {diff.better} of {seeds}")
    return "How sure", "; ".join([", ".join(parts), *filter(None, [diff.incomplete])])


def _second(rows: Sequence[Row], first: Row) -> str:
    """Return the group with the next best mean, and whether the two were tested."""
    after = [row for row in rows if row is not first and _mean(row) is not None]
    mine = _mean(first)
    if not after or mine is None or rows[0] is not first:
        return ""
    second = after[0]
    gap = f"{second.group.label}, {number(abs((_mean(second) or 0.0) - mine))}{_unit(first)} behind"
    if second.is_baseline:
        return f"{gap}, the baseline"
    if not first.is_baseline:
        return f"{gap}, not tested against {first.group.label}"
    diff = second.difference
    if diff is None or diff.p is None:
        return f"{gap}, no verdict"
    return f"{gap}, {'decided' if is_answered(second) else 'not told apart'}, p {p_value(diff.p)}"


def _others(rows: Sequence[Row]) -> str:
    """Return how many groups are decided to differ from the baseline."""
    ways = Counter(row.difference.decision for row in rows if row.difference)
    counts = {
        "better": ways["better"],
        "worse": ways["worse"],
        "within the margin": ways["equivalent"] + ways["not_worse"],
        "without a verdict": ways["open"] + ways["none"],
    }
    (way, count), *rest = [(way, count) for way, count in counts.items() if count]
    first = (
        f"{count} of {count_of(ways.total(), 'other group')} {'is' if count == 1 else 'are'} {way}"
    )
    return ", ".join([first, *(f"{count} {way}" for way, count in rest)])


def _mixed(row: Row) -> tuple[str, str]:
    diff = row.difference
    if diff is None or not diff.confounded:
        return "Differs in", ""
    return (
        "Differs in",
        f"{in_words(diff.differs_in)}, so no single setting explains the difference",
    )


# -- several tasks, or blocks ------------------------------------------------------------------


def _over_blocks(
    rows: Sequence[Row], several: SeveralTasks | None, blocks: Collection[SharedKeys]
) -> Claim:
    """Return the claim about variants with a baseline for each task, or for each block."""
    count = len(blocks)
    of_tasks = all(is_of_task(key) for block in blocks for key, _ in block)
    what = "tasks" if of_tasks else "blocks"
    ways: dict[str, Counter[str]] = {}
    for row in rows:
        if row.difference is not None:
            ways.setdefault(_variant(row), Counter())[row.difference.decision] += 1
    facts = [*_over_tasks(several), ("Differences", _tally(ways)), ("More seeds", _seeds(rows))]
    ahead = None if several is None else _ahead(several, len({_variant(row) for row in rows}))
    if ahead is not None:
        return Claim(*ahead, tuple(facts), True)
    names = {_variant(row) for row in rows if row.is_baseline}
    base = names.pop() if len(names) == 1 else "the baseline"
    ranks = {v.name: v.rank for v in several.variants} if several is not None else {}

    def merit(name: str) -> tuple[int, int, float]:
        better, worse = ways[name]["better"], ways[name]["worse"]
        return worse - better, worse, ranks.get(name, math.inf)

    order = sorted(ways, key=merit)
    # Only variants with the same counts share a sentence.
    alike = [name for name in order if merit(name)[:2] == merit(order[0])[:2]]
    better, worse = ways[alike[0]]["better"], ways[alike[0]]["worse"]
    are_better = f"{_names(alike)} {'is' if len(alike) == 1 else 'are'} better than {base}"
    every = "both" if count == 2 else f"all {count}"
    if better == count:
        size = "" if len(alike) == 1 else "they were not tested against each other"
        return Claim(f"{are_better} on {every} {what}", size, tuple(facts), True)
    text = f"No variant is ahead over {every} {what}"
    if better <= worse:
        size = f"none is better than {base} on more {what} than it is worse"
        return Claim(text, size, tuple(facts))
    size = f"{are_better} on {better}, worse on {worse or 'none'}"
    size += f", neither on {rest}" if (rest := count - better - worse) else ""
    return Claim(text, size, tuple(facts))


def _variant(row: Row) -> str:
    """Return a group's label without the keys of its block."""
    return row.name or row.group.label


def _ahead(several: SeveralTasks, variants: int) -> tuple[str, str] | None:
    """Return the variant that is ahead over all tasks by its rank, and its size."""
    ranking, (first, second) = several.ranking, several.variants[:2]
    gap, needed = second.rank - first.rank, ranking.critical_difference
    if ranking.p is None or needed is None or ranking.p >= ALPHA or gap <= needed:
        return None
    known = len(several.variants)
    among = f" among {known} variants without missing runs" if known < variants else ""
    size = f"mean rank {first.rank:.2f}, next is {second.name} with {second.rank:.2f}{among}"
    return f"{first.name} is ahead over all {len(several.tasks)} tasks", size


def _over_tasks(several: SeveralTasks | None) -> list[tuple[str, str]]:
    """Return what is tested over all tasks: ranks, and normalised scores against the baseline."""
    if several is None:
        return []
    ranks = f"mean ranks are not tested: that needs {MIN_TASKS} tasks and {MIN_VARIANTS} variants"
    ranking = several.ranking
    if ranking.p is not None and ranking.critical_difference is not None:
        differ = "differ" if ranking.p < ALPHA else "are not told apart"
        ranks = f"mean ranks {differ} (Friedman p {p_value(ranking.p)}; critical difference"
        ranks += f" {ranking.critical_difference:.2f})"
    base = next((v.name for v in several.variants if v.is_baseline), "the baseline")
    parts = []
    for way in ("better", "worse"):
        names = [v.name for v in several.variants if v.difference and v.difference.decision == way]
        parts += [f"{_names(names)} {way} than {base}"] if names else []
    return [("How sure", ranks), ("By normalised score", "; ".join(parts))]


def _seeds(rows: Sequence[Row]) -> str:
    """Return the open difference that needs the fewest seeds."""
    known = [(int(n.rstrip("+")), row) for row in rows if (n := seeds_needed(row))]
    if not known:
        return ""
    fewest, row = min(known, key=lambda pair: pair[0])
    more = f", the fewest of {len(known)} open differences" if len(known) > 1 else ""
    return f"about {fewest} for {row.group.label}{more}"


def _tally(ways: Mapping[str, Counter[str]]) -> str:
    total = sum(ways.values(), Counter())
    better, worse = total["better"], total["worse"]
    rest = total.total() - better - worse
    return f"of {total.total()} from the baseline, {better} better, {worse} worse, {rest} neither"


# -- costs, chance, missing runs ---------------------------------------------------------------


def _costs(row: Row | None, known: Sequence[Row]) -> list[tuple[str, str]]:
    """Return what the named group costs, and how many times as much as its baseline."""
    if row is None or row.summary is None:
        return []
    base = next((r for r in known if r.is_baseline and r.shared_keys == row.shared_keys), row)
    mine, other = row.summary, base.summary or row.summary
    counts = (
        (mine.parameters, other.parameters, "parameters"),
        (mine.token_flops, other.token_flops, "FLOPs a token"),
        (mine.state_size, other.state_size, "numbers of state"),
    )
    parts = [
        f"{value:,.0f} {what}{'' if base is row else _times(value, theirs)}"
        for value, theirs, what in counts
        if value is not None
    ]
    if mine.step_seconds is not None:
        low, high = mine.step_seconds_low, mine.step_seconds_high
        times = "" if base is row else _times(mine.step_seconds, other.step_seconds)
        parts.append(f"{number(1000 * mine.step_seconds)} ms a step{times}")
        if low is not None and high is not None and low < high:
            parts.append(f"range {number(1000 * low)} to {number(1000 * high)}")
    named = "" if base is row else f"; x is relative to {base.group.label}"
    return [("Cost", f"{row.group.label}: {', '.join(parts)}{named}")] if parts else []


def _times(value: float, other: float | None) -> str:
    return f" ({value / other:.3g} x)" if other else ""


def _chance(known: Sequence[Row]) -> list[tuple[str, str]]:
    """Return which groups are at chance or near it, or that none is."""
    scored = [row for row in known if row.summary and row.summary.metric.chance is not None]
    if not scored:
        return []
    at = [row for row in scored if row.summary and row.summary.at_chance]
    near = [row for row in scored if row.summary and row.summary.near_chance]
    parts = [f"{_count(at, scored)} at chance"] if at else []
    parts += [f"{_count(near, scored)} near it (an eighth of the way up)"] if near else []
    parts += [REMEDY] if at else []
    levels = {row.summary.metric.chance for row in scored if row.summary}
    text = "; ".join(parts) or "no group is at chance or near it"
    level = f"; chance is {number(c)}" if len(levels) == 1 and (c := levels.pop()) else ""
    return [("Learned", f"{text}{level}")]


def _count(rows: Sequence[Row], of: Sequence[Row]) -> str:
    """Return which groups, or how many of several."""
    return _labels(rows) if len(rows) <= _MOST else f"{len(rows)} of {len(of)} groups"


def _missing(comparison: Comparison) -> list[tuple[str, str]]:
    """Return how many runs have no outcome, and in which states they are."""
    runs = {run.id: run for run in (*comparison.missing, *comparison.awaited)}
    states = Counter(run.state for run in runs.values())
    if not states:
        return []
    shown = listed([f"{count} {state}" for state, count in sorted(states.items())])
    return [("Missing", f"{count_of(len(runs), 'run')} without an outcome: {shown}")]
