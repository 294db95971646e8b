"""One sentence per comparison for a paper: what was measured, how often, with which test."""

from __future__ import annotations

from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.row import Row
from gatekit.compare.grouping.differs import equal_settings, in_words
from gatekit.compare.grouping.label import printable
from gatekit.compare.numbers import decimals, p_value
from gatekit.compare.stats.difference import Difference
from gatekit.compare.stats.verdict import (
    at_interim,
    contrary,
    margin_text,
    pairs_text,
    unseen_text,
    verdict,
)


def sentences(comparison: Comparison) -> list[str]:
    """Return a sentence for each group that is compared with a baseline, in the table's order.

    If there is no verdict, or the groups differ in several settings, the reason is returned
    instead; see `is_for_paper`.
    """
    compared = [row for row in comparison.rows if row.difference is not None]
    return [printable(_sentence(row, comparison)) for row in compared]


def is_for_paper(diff: Difference) -> bool:
    """Return whether a sentence is possible: there are numbers, and only one setting differs."""
    return bool(diff.pairs) and not (diff.refused or diff.blocked or diff.confounded)


def to_text(comparison: Comparison) -> str:
    """Return the sentences, one per line."""
    return "\n".join(sentences(comparison)) or "No group is compared with a baseline."


def _sentence(row: Row, comparison: Comparison) -> str:
    diff, label = row.difference, row.group.label
    assert diff is not None
    if not is_for_paper(diff):
        if diff.refused or diff.blocked or not diff.pairs:
            return f"{verdict(label, diff)}."
        keys = diff.differs_in
        return (
            f"no sentence on {label} against {diff.baseline}: they differ in {in_words(keys)};"
            f" {equal_settings(keys)}."
        )
    assert row.summary is not None
    measured = row.summary.measured
    lacks = diff.incomplete
    rest = f" {lacks[0].upper()}{lacks[1:]}." if lacks else ""
    if len(diff.differs_in) > 1:
        rest += f" They differ in {in_words(diff.differs_in)}, which were chosen together."
    if comparison.tuned:
        rest += (
            f" For each, {in_words(comparison.tuned)} was chosen by the mean validation"
            f" {diff.metric.name}."
        )
    if diff.mean is None:
        return _with_diverged(diff, label, measured) + rest
    unit = f" {diff.metric.unit}" if diff.metric.unit else ""
    places = decimals(diff.interval, diff.mean)
    numbers = [f"mean paired difference {diff.mean:+z.{places}f}{unit}"]
    if diff.interval is not None:
        low, high = (f"{end:z.{places}f}" for end in (diff.interval.low, diff.interval.high))
        numbers.append(f"95 % {diff.interval.method} interval {low} to {high}")
    numbers += [f"n = {pairs_text(diff)}", _tested(diff)]
    if diff.effect_size is not None:
        numbers.append(f"Cohen's d {diff.effect_size:.2g}")
    unseen = f" {text}." if (text := unseen_text(diff)) else ""
    return f"{_claim(label, diff, measured)} ({', '.join(numbers)}).{unseen}{rest}"


def _claim(label: str, diff: Difference, measured: str) -> str:
    margin = margin_text(diff)
    match diff.decision:
        case "better" | "worse":
            way = "higher" if (diff.mean or 0.0) > 0 else "lower"
            return f"{label} reached a {way} {measured} than {diff.baseline}"
        case "equivalent":
            return f"{label} was equivalent to {diff.baseline} in {measured} within {margin}"
        case "not_worse":
            return f"{label} was no worse than {diff.baseline} in {measured} by more than {margin}"
        case "open":
            return f"{label} and {diff.baseline} were not told apart in {measured}"
    if diff.opposed:
        return f"there is no verdict on {label} against {diff.baseline}: {contrary(diff)}"
    return f"{label} and {diff.baseline} have too few seeds for a verdict in {measured}"


def _with_diverged(diff: Difference, label: str, measured: str) -> str:
    claim = f"{label} diverged in {diff.diverged} of {diff.pairs} runs"
    claim += f", {diff.baseline} in {diff.diverged_baseline}; if a diverged run counts as the worst"
    outcome = {
        "better": f"{measured} was better than that of {diff.baseline}",
        "worse": f"{measured} was worse than that of {diff.baseline}",
        "open": f"the two were not told apart in {measured}",
    }.get(diff.decision, f"there are too few seeds for a verdict in {measured}")
    signs = f"better on {diff.better} and worse on {diff.worse} of {diff.n} seeds"
    return f"{claim} outcome, {outcome} ({signs}, {_tested(diff)})."


def _tested(diff: Difference) -> str:
    if diff.test is None:
        return f"no test, since a verdict needs {diff.fewest} seeds"
    names = {
        "equivalent": "two one-sided paired t tests",
        "not_worse": "one-sided paired t test",
    }
    name = names.get(diff.decision, f"{diff.test.test} test, two-sided")
    family = diff.test.comparisons
    corrected = f" corrected for {family} comparisons" if family > 1 else ""
    p = diff.test.p if diff.p is None else diff.p
    return f"{name}, p {p_value(p)}{corrected}{at_interim(diff)}"
