"""The answer first: how many differences are decided, which, and what is left open."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from gatekit.compare.comparison import Comparison, Row
from gatekit.compare.grouping.label import printable
from gatekit.compare.stats.difference import Difference
from gatekit.compare.stats.power import MOST_SEEDS
from gatekit.compare.stats.rule import MIN_SEEDS
from gatekit.compare.stats.verdict import brief, counted

_UNDECIDED = ("none", "open")
_OPEN = ""
_WAYS = {
    "better": "better",
    "equivalent": "equivalent",
    "not_worse": "no worse by more than the margin",
    "worse": "worse",
}
_MOST_NAMED, _MOST_LINES = 4, 6


def headline(comparison: Comparison) -> str:
    """Return the answer in one sentence, such as ``1 of 6 differences is decided: 1 better.``"""
    differences = [row.difference for row in comparison.rows if row.difference is not None]
    if not differences:
        return _nothing(comparison)
    ways = Counter(diff.decision for diff in differences if diff.decision not in _UNDECIDED)
    count, total = ways.total(), len(differences)
    if total == 1:
        answer = "The difference is decided" if count else "The difference is not decided"
    else:
        answer = f"{count or 'None'} of {total} differences {'is' if count < 2 else 'are'} decided"
    if count:
        return f"{answer}: {', '.join(f'{ways[k]} {w}' for k, w in _WAYS.items() if ways[k])}."
    waiting = sum(bool(diff.blocked) for diff in differences)
    few = all(diff.test is None and not diff.refused for diff in differences)
    if waiting:
        runs = "it waits" if total == 1 else f"{waiting} wait" if waiting > 1 else "1 waits"
        return f"{answer}; {runs} for missing runs."
    return f"{answer}: a verdict needs at least {MIN_SEEDS} seeds." if few else f"{answer}."


def is_answered(row: Row) -> bool:
    """Return whether there is a verdict on the group: better, worse, or within a margin."""
    return row.difference is not None and row.difference.decision not in _UNDECIDED


def decided(comparison: Comparison) -> list[Row]:
    """Return the groups with a verdict, in the order of the table."""
    return [row for row in comparison.rows if is_answered(row)]


def verdict_in_short(row: Row) -> str:
    """Return a decided verdict with its direction and size, without the details of the test."""
    assert row.difference is not None
    return printable(brief(row.group.label, row.difference))


def undecided(comparison: Comparison) -> list[str]:
    """Return what is not decided and why, in a line for each baseline and each reason."""
    alike: dict[tuple[str, str, str], list[Row]] = {}
    for row in comparison.rows:
        if row.difference is not None and not is_answered(row):
            claim, reason = _why(row.difference)
            alike.setdefault((claim, row.difference.baseline, reason), []).append(row)
    lines = [_line(rows, *about) for about, rows in alike.items()]
    if len(lines) > _MOST_LINES:
        more = sum(map(len, list(alike.values())[_MOST_LINES:]))
        lines[_MOST_LINES:] = [f"and {more} more without a verdict; the table has the numbers"]
    return [printable(line) for line in lines]


def _line(rows: Sequence[Row], claim: str, baseline: str, reason: str) -> str:
    if claim != _OPEN:
        names = [row.name or row.group.label for row in rows]
        shown = names if len(names) <= _MOST_NAMED else [*names[: _MOST_NAMED - 1], "others"]
        return f"{claim.format(', '.join(shown))} {baseline}: {reason}"
    names = [_with_seeds(row) for row in sorted(rows, key=_nearness)]
    if len(rows) == 1:
        name, _, needed = names[0].partition(" (")
        return f"{name} and {baseline} are not told apart{needed and f' ({needed}'}"
    if len(rows) <= _MOST_NAMED:
        return f"not told apart from {baseline}: {', '.join(names)}"
    return f"{len(rows)} are not told apart from {baseline}; closest to a verdict: {names[0]}"


def _why(diff: Difference) -> tuple[str, str]:
    """Return the claim about an undecided difference, and the reason."""
    if diff.refused:
        return "{} cannot be compared with", f"{'; '.join(diff.refused)}; `--force` compares anyway"
    if diff.blocked:
        return "no verdict on {} against", "; ".join(diff.blocked)
    if not diff.pairs:
        return "no verdict on {} against", "no seed in common"
    if diff.test is None:
        return "no verdict on {} against", f"{counted(diff)}, and a verdict needs {MIN_SEEDS}"
    return _OPEN, ""


def _nearness(row: Row) -> float:
    diff = row.difference
    return math.inf if diff is None or diff.p is None else diff.p


def _with_seeds(row: Row) -> str:
    name, seeds = row.name or row.group.label, seeds_needed(row)
    return f"{name} (about {seeds} seeds needed)" if seeds else name


def seeds_needed(row: Row) -> str:
    """Return about how many seeds a verdict needs, if the observed difference is the true one.

    Empty if there is a verdict, or if no number of seeds is known.
    """
    diff = row.difference
    if diff is None or is_answered(row) or not (diff.test and diff.interval and diff.mean):
        return ""
    if diff.seeds_needed is None:
        return f"{MOST_SEEDS}+"
    # Otherwise most studies of this size would have decided.
    return str(diff.seeds_needed) if diff.seeds_needed > diff.n else ""


def _nothing(comparison: Comparison) -> str:
    if not comparison.study.runs:
        return "This study has no runs: there is nothing to compare."
    if comparison.exit_code:
        return "No run has an outcome yet: there is nothing to compare."
    groups = sum(row.summary is not None for row in comparison.rows)
    if groups == 1:
        return "There is one group: there is nothing to compare it with."
    return "No group is compared with a baseline."
