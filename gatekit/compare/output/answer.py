"""The answer to show first: how many differences are decided, which ones, and which are open."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence

from gatekit.compare.budget.at import are_late
from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.row import Row
from gatekit.compare.grouping.keys import is_of_task
from gatekit.compare.grouping.label import printable
from gatekit.compare.stats.difference import Difference
from gatekit.compare.stats.paired_tests import MIN_SEEDS
from gatekit.compare.stats.power import MOST_SEEDS
from gatekit.compare.stats.verdict import brief, contrary, count_text

_UNDECIDED = ("none", "open")
_OPEN = ""
_WAYS = {
    "better": "better",
    "equivalent": "equivalent",
    "not_worse": "no worse by more than the margin",
    "worse": "worse",
}
_MOST_NAMED, _MOST_LINES = 4, 6
REMEDY = "train longer (trainer.steps), or try another optimizer.learning_rate"
"""What to do if nothing was learned."""


def headline(comparison: Comparison) -> str:
    """Return the answer in one sentence, such as ``1 of 6 differences is decided: 1 better.``"""
    differences = [row.difference for row in comparison.rows if row.difference is not None]
    if not differences:
        return _nothing(comparison)
    ways = Counter(diff.decision for diff in differences if diff.decision not in _UNDECIDED)
    # The comparison of a variant that has not started is not decided either.
    total = len(differences) + sum(row.awaited and not row.difference for row in comparison.rows)
    count, lacks = ways.total(), differences[0].incomplete
    if total == 1:
        answer = "The difference is decided" if count else "The difference is not decided"
    else:
        answer = f"{count or 'None'} of {total} differences {'is' if count < 2 else 'are'} decided"
    if count:
        found = ", ".join(f"{ways[key]} {way}" for key, way in _WAYS.items() if ways[key])
        return f"{answer}: {found}; {lacks}." if lacks else f"{answer}: {found}."
    waiting = Counter(filter(None, (_waits_for(row, comparison) for row in comparison.rows)))
    if waiting:
        parts = [
            f"{'it' if total == 1 else n} {'waits' if n == 1 else 'wait'} for {what}"
            for what, n in sorted(waiting.items(), reverse=True)
        ]
        return f"{answer}; {' and '.join(parts)}."
    few = all(diff.test is None and not diff.refused for diff in differences)
    if few and not any(diff.pairs for diff in differences):
        return f"{answer}: the groups have no seed in common."
    fewest = max(diff.fewest for diff in differences)
    if few:
        return f"{answer}: a verdict needs at least {fewest} seeds."
    return f"{answer}; {lacks}." if lacks else f"{answer}."


def at_chance(comparison: Comparison) -> str:
    """Return which groups are at chance and what to do about it, as a line; empty if none is."""
    known = [row for row in comparison.rows if row.summary is not None]
    names = [row.group.label for row in known if row.summary and row.summary.at_chance]
    if not names:
        return ""
    if len(names) == len(known) > 1:
        return f"At chance, nothing was learned: all {len(names)} groups; {REMEDY}."
    shown = names if len(names) <= _MOST_NAMED else [*names[: _MOST_NAMED - 1], "others"]
    return printable(f"At chance, nothing was learned: {', '.join(shown)}; {REMEDY}.")


def _waits_for(row: Row, comparison: Comparison) -> str:
    """Return what an undecided difference waits for, if that is runs or a larger budget."""
    diff = row.difference
    if diff is None:
        return "missing runs" if row.awaited and not comparison.forced else ""
    if not diff.blocked or diff.metric.is_reversed:
        return ""
    if comparison.awaited:
        return "missing runs"
    baseline = _baselines(comparison).get(diff.baseline, row)
    absent = (*row.group.missing, *baseline.group.missing)
    return "a larger budget" if are_late(absent) and not comparison.unknown else "missing runs"


def is_answered(row: Row) -> bool:
    """Return whether there is a verdict on the group: better, worse, or within a margin.

    Tables, the report and figures mark a group as decided by this rule.
    """
    return row.difference is not None and row.difference.decision not in _UNDECIDED


def decided_claims(comparison: Comparison) -> list[tuple[Row, str, str]]:
    """Return each group with a verdict, the claim and its size, in the order of the table."""
    baselines = _baselines(comparison)
    claims = []
    for row in comparison.rows:
        if row.difference is not None and is_answered(row):
            name, baseline = _names(row, baselines)
            claim, size = brief(name, dataclasses.replace(row.difference, baseline=baseline))
            claims.append((row, printable(claim), printable(size)))
    return claims


def _baselines(comparison: Comparison) -> dict[str, Row]:
    return {row.group.label: row for row in comparison.rows if row.is_baseline}


def _names(row: Row, baselines: Mapping[str, Row]) -> tuple[str, str]:
    """Return the names of a group and its baseline; the baseline's ends with shared settings."""
    assert row.difference is not None
    label, baseline = row.group.label, row.difference.baseline
    other = baselines.get(baseline)
    keys = row.shared_keys
    if other is None or not (keys and other.shared_keys == keys and row.name and other.name):
        return label, baseline
    word = "on" if all(is_of_task(key) for key, _ in keys) else "for"
    shared = row.group.part(dict(keys))
    return row.name, f"{other.name} {word} {shared}" if shared else other.name


def undecided_lines(comparison: Comparison) -> list[str]:
    """Return what is not decided and why: a line for each baseline and reason."""
    baselines = _baselines(comparison)
    alike: dict[tuple[str, str, str], list[tuple[Row, str]]] = {}
    for row in comparison.rows:
        if row.difference is not None and not is_answered(row):
            claim, reason = _why(row.difference)
            name, baseline = _names(row, baselines)
            about = (claim, baseline, reason)
            alike.setdefault(about, []).append((row, name))
    lines = [_line(rows, *about) for about, rows in alike.items()]
    if len(lines) > _MOST_LINES:
        more = sum(map(len, list(alike.values())[_MOST_LINES:]))
        lines[_MOST_LINES:] = [f"and {more} more without a verdict; the table has the numbers"]
    return [printable(line) for line in lines]


def _line(rows: Sequence[tuple[Row, str]], claim: str, baseline: str, reason: str) -> str:
    if claim != _OPEN:
        names = [_with_seeds(*one) for one in rows]
        shown = names if len(names) <= _MOST_NAMED else [*names[: _MOST_NAMED - 1], "others"]
        return f"{claim.format(', '.join(shown))} {baseline}: {reason}"
    names = [_with_seeds(*one) for one in sorted(rows, key=lambda one: _nearness(one[0]))]
    if len(rows) == 1:
        name, _, needed = names[0].partition(" (")
        claim = f"{name} and {baseline} are not told apart"
        return f"{claim} ({needed}" if needed else claim
    if len(rows) <= _MOST_NAMED:
        return f"not told apart from {baseline}: {', '.join(names)}"
    claim = f"{len(rows)} groups are not told apart from {baseline}"
    return f"{claim}; closest to a verdict: {names[0]}"


def _why(diff: Difference) -> tuple[str, str]:
    """Return the claim about an undecided difference, and the reason."""
    if diff.refused:
        return "{} cannot be compared with", f"{'; '.join(diff.refused)}; `--force` compares anyway"
    if diff.blocked:
        return "no verdict on {} against", "; ".join(diff.blocked)
    if not diff.pairs:
        return "no verdict on {} against", "no seed in common"
    if diff.test is None:
        return "no verdict on {} against", f"{count_text(diff)}, but a verdict needs {diff.fewest}"
    if diff.opposed:
        return "no verdict on {} against", contrary(diff)
    return _OPEN, ""


def _nearness(row: Row) -> float:
    diff = row.difference
    return math.inf if diff is None or diff.p is None else diff.p


def _with_seeds(row: Row, name: str) -> str:
    seeds = seeds_needed(row)
    about = f"more than {MOST_SEEDS}" if seeds.endswith("+") else f"about {seeds}"
    return f"{name} ({about} seeds needed)" if seeds else name


def seeds_needed(row: Row) -> str:
    """Return about how many seeds a verdict needs, if the observed difference is the true one.

    Empty if there is a verdict, or if no number of seeds is known.
    """
    diff = row.difference
    if diff is None or is_answered(row) or diff.blocked or diff.refused or diff.opposed:
        return ""
    # The estimate is for one test of a table; with looks, the next look decides.
    if diff.interval is None or not diff.mean or diff.fewest > MIN_SEEDS or diff.at_chance:
        return ""
    if diff.seeds_needed is None:
        return f"{MOST_SEEDS}+"
    # A study that already has this many seeds would probably have been decided.
    return str(diff.seeds_needed) if diff.seeds_needed > diff.n else ""


def _nothing(comparison: Comparison) -> str:
    if not comparison.study.runs:
        return "This study has no runs: there is nothing to compare."
    if comparison.exit_code:
        return "No run has an outcome yet: there is nothing to compare."
    groups = sum(row.summary is not None for row in comparison.rows)
    if groups == 1 < len(comparison.rows):
        return "Only one group has an outcome: there is nothing to compare it with."
    if groups == 1:
        return "There is one group: there is nothing to compare it with."
    return "No group is compared with a baseline."
