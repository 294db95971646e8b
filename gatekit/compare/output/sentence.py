"""One sentence for a paper per comparison: what was measured, how often, by which test."""

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
    """Return a sentence for each group that is set against a baseline, in the table's order.

    If there is no verdict, or the groups differ in several settings, the reason stands in for it:
    see `is_for_paper`.

    Args:
        comparison: what ``compare`` returned.
    """
    compared = [row for row in comparison.rows if row.difference is not None]
    family = sum(row.difference.test is not None for row in compared if row.difference)
    return [printable(_sentence(row, comparison, family)) for row in compared]


def is_for_paper(found: Difference) -> bool:
    """Return whether a sentence may be written: a verdict on groups that differ in one setting."""
    return bool(found.pairs) and not (found.refused or found.blocked or found.confounded)


def to_text(comparison: Comparison) -> str:
    """Return the sentences, one a line."""
    return "\n".join(sentences(comparison)) or "There is nothing that is set against a baseline."


def _sentence(row: Row, comparison: Comparison, family: int) -> str:
    found, label = row.difference, row.group.label
    assert found is not None
    if not is_for_paper(found):
        if found.refused or found.blocked or not found.pairs:
            return f"{verdict(label, found)}."
        keys = found.differs_in
        return (
            f"no sentence on {label} against {found.baseline}: they differ in {in_words(keys)};"
            f" {equal_settings(keys)}."
        )
    assert row.summary is not None
    measured = f"{row.summary.split} {found.metric.name}"
    rest = ""
    if len(found.differs_in) > 1:
        rest = f" They differ in {in_words(found.differs_in)}, which were chosen together."
    if found.mean is None:
        return _with_diverged(found, label, measured, family) + rest
    unit = f" {found.metric.unit}" if found.metric.unit else ""
    places = decimals(found.interval, found.mean)
    if is_decided(found):
        said = f"{label} reached a {_way(found)} {measured} than {found.baseline}"
    elif is_open(found):
        said = f"In {measured}, {label} was {by_pairs(found)}"
        said += ", but the size of the difference is uncertain"
    else:
        said = f"we found no difference in {measured} between {label} and {found.baseline}"
    numbers = [f"mean paired difference {found.mean:+z.{places}f}{unit}"]
    if found.interval is not None:
        low, high = (f"{end:z.{places}f}" for end in (found.interval.low, found.interval.high))
        numbers.append(
            f"{comparison.level * 100:g} % {found.interval.method} interval {low} to {high}"
        )
    if found.bootstrap is not None:
        low, high = (f"{end:z.{places}f}" for end in (found.bootstrap.low, found.bootstrap.high))
        numbers.append(f"{found.bootstrap.method} {low} to {high}")
    numbers.append(f"n = {found.pairs} {found.counted}")
    if found.counted != "seeds":
        numbers[-1] += f" over {len(set(found.seeds))} seeds"
    numbers.append(_tested(found, family))
    if is_decided_by_interval(found) and found.simultaneous is not None:
        low, high = (
            f"{end:z.{places}f}" for end in (found.simultaneous.low, found.simultaneous.high)
        )
        numbers.append(
            f"where no p value of this design is below {ALPHA:g} and the t interval, corrected by"
            f" Bonferroni over all comparisons, is {low} to {high}"
        )
    if found.effect_size is not None:
        numbers.append(f"Cohen's d {found.effect_size:.2g}")
    return f"{_capital(said)} ({', '.join(numbers)}).{rest}"


def _with_diverged(found: Difference, label: str, measured: str, family: int) -> str:
    said = f"{label} diverged on {found.diverged} of {found.pairs} {found.counted}"
    said += f", {found.baseline} on {found.diverged_baseline}; with a diverged run as the worst"
    said += f" outcome, {measured} was"
    said += f" worse than that of {found.baseline} on {found.worse} and better on {found.better}"
    return f"{_capital(said)} ({_tested(found, family)})."


def _way(found: Difference) -> str:
    return "higher" if (found.mean or 0.0) > 0 else "lower"


def _tested(found: Difference, family: int) -> str:
    if found.test is None:
        return f"no test, since fewer than {MIN_PAIRS} pairs cannot reach a small p value"
    p = found.test.p if found.p_holm is None else found.p_holm
    corrected = f" after Holm's correction over {family} comparisons" if family > 1 else ""
    return f"{found.test.test} test, two-sided, p {p_value(p)}{corrected}"


def _capital(text: str) -> str:
    # A label is a name and keeps its letters.
    return f"We{text[2:]}" if text.startswith("we ") else text
