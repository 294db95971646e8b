"""One sentence per comparison for a paper: what was measured, how often, with which test."""

from __future__ import annotations

from gatekit.compare.comparison import Comparison, Row
from gatekit.compare.grouping.differs import equal_settings, in_words
from gatekit.compare.grouping.label import printable
from gatekit.compare.numbers import decimals, p_value
from gatekit.compare.stats.difference import (
    ALPHA,
    Difference,
    by_pairs,
    is_decided,
    is_decided_by_interval,
    is_open,
)
from gatekit.compare.stats.statistics import MIN_PAIRS
from gatekit.compare.stats.verdict import verdict


def sentences(comparison: Comparison) -> list[str]:
    """Return a sentence for each group that is compared with a baseline, in the table's order.

    If there is no verdict, or the groups differ in several settings, the reason is returned
    instead; see `is_for_paper`.
    """
    compared = [row for row in comparison.rows if row.difference is not None]
    family = sum(row.difference.test is not None for row in compared if row.difference)
    return [printable(_sentence(row, comparison, family)) for row in compared]


def is_for_paper(diff: Difference) -> bool:
    """Return whether there is a sentence: a verdict on groups that differ in one setting."""
    return bool(diff.pairs) and not (diff.refused or diff.blocked or diff.confounded)


def to_text(comparison: Comparison) -> str:
    """Return the sentences, one per line."""
    return "\n".join(sentences(comparison)) or "No group is compared with a baseline."


def _sentence(row: Row, comparison: Comparison, family: int) -> str:
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
    measured = f"{row.summary.split} {diff.metric.name}"
    rest = ""
    if len(diff.differs_in) > 1:
        rest = f" They differ in {in_words(diff.differs_in)}, which were chosen together."
    if comparison.tuned:
        rest += (
            f" For each, {in_words(comparison.tuned)} was chosen by the mean validation"
            f" {diff.metric.name}."
        )
    if diff.mean is None:
        return _with_diverged(diff, label, measured, family) + rest
    unit = f" {diff.metric.unit}" if diff.metric.unit else ""
    places = decimals(diff.interval, diff.mean)
    if is_decided(diff):
        claim = f"{label} reached a {_way(diff)} {measured} than {diff.baseline}"
    elif is_open(diff):
        claim = f"In {measured}, {label} was {by_pairs(diff)}"
        claim += ", but the size of the difference is uncertain"
    else:
        claim = f"we found no difference in {measured} between {label} and {diff.baseline}"
    numbers = [f"mean paired difference {diff.mean:+z.{places}f}{unit}"]
    if diff.interval is not None:
        low, high = (f"{end:z.{places}f}" for end in (diff.interval.low, diff.interval.high))
        numbers.append(
            f"{comparison.level * 100:g} % {diff.interval.method} interval {low} to {high}"
        )
    if diff.bootstrap is not None:
        low, high = (f"{end:z.{places}f}" for end in (diff.bootstrap.low, diff.bootstrap.high))
        numbers.append(f"{diff.bootstrap.method} {low} to {high}")
    numbers.append(f"n = {diff.pairs} {diff.counted}")
    if diff.counted != "seeds":
        numbers[-1] += f" over {len(set(diff.seeds))} seeds"
    numbers.append(_tested(diff, family))
    if is_decided_by_interval(diff) and diff.simultaneous is not None:
        low, high = (
            f"{end:z.{places}f}" for end in (diff.simultaneous.low, diff.simultaneous.high)
        )
        numbers.append(
            f"where no p value of this design can be below {ALPHA:g} and the t interval, with"
            f" Bonferroni's correction over all comparisons, is {low} to {high}"
        )
    if diff.effect_size is not None:
        numbers.append(f"Cohen's d {diff.effect_size:.2g}")
    return f"{_capital(claim)} ({', '.join(numbers)}).{rest}"


def _with_diverged(diff: Difference, label: str, measured: str, family: int) -> str:
    claim = f"{label} diverged on {diff.diverged} of {diff.pairs} {diff.counted}"
    claim += f", {diff.baseline} on {diff.diverged_baseline}; with a diverged run as the worst"
    claim += f" outcome, {measured} was"
    claim += f" worse than that of {diff.baseline} on {diff.worse} and better on {diff.better}"
    return f"{_capital(claim)} ({_tested(diff, family)})."


def _way(diff: Difference) -> str:
    return "higher" if (diff.mean or 0.0) > 0 else "lower"


def _tested(diff: Difference, family: int) -> str:
    if diff.test is None:
        return f"no test, since fewer than {MIN_PAIRS} pairs cannot reach a small p value"
    p = diff.test.p if diff.p_holm is None else diff.p_holm
    corrected = f" after Holm's correction over {family} comparisons" if family > 1 else ""
    return f"{diff.test.test} test, two-sided, p {p_value(p)}{corrected}"


def _capital(text: str) -> str:
    # Labels are names and keep their case.
    return f"We{text[2:]}" if text.startswith("we ") else text
