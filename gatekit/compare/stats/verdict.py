"""The verdict on a pair of groups: one sentence that the numbers support."""

from __future__ import annotations

from gatekit.compare.grouping.differs import in_words
from gatekit.compare.numbers import decimals, number, p_value

from .difference import ALPHA, Difference, by_pairs, is_decided, is_decided_by_interval, is_open
from .power import MOST_SEEDS, POWER
from .statistics import MIN_PAIRS, Interval


def verdict(label: str, diff: Difference) -> str:
    """Return the verdict on a group against its baseline as a sentence.

    Args:
        label: the group's label.
        diff: its difference from the baseline.
    """
    if diff.refused:
        return (
            f"{label} is not comparable with {diff.baseline}: {'; '.join(diff.refused)};"
            f" `--force` compares them anyway"
        )
    if diff.blocked:
        return f"no verdict on {label} against {diff.baseline}: {'; '.join(diff.blocked)}"
    if diff.pairs == 0:
        return f"no verdict on {label} against {diff.baseline}: they have no seed in common"
    return f"{_numbers(label, diff)}{_several(diff)}"


def _several(diff: Difference) -> str:
    if not diff.confounded:
        return ""
    return (
        f"; the two differ in {in_words(diff.differs_in)}, so the difference cannot be attributed"
        " to one of them"
    )


def _numbers(label: str, diff: Difference) -> str:
    if diff.mean is None:
        return _with_diverged(label, diff)
    unit = f" {diff.metric.unit or diff.metric.name}"
    way = _direction(diff)
    if diff.interval is None:
        return (
            f"{label} was {way} than {diff.baseline} by {number(abs(diff.mean))}{unit}"
            f" on the only common seed: one pair does not show the spread"
        )
    places = decimals(diff.interval, diff.mean)
    size = f"{abs(diff.mean):.{places}f}{unit}"
    spread = diff.interval if diff.mean > 0 else _mirrored(diff.interval)
    resampled = ""
    if diff.bootstrap is not None:
        other = diff.bootstrap if diff.mean > 0 else _mirrored(diff.bootstrap)
        resampled = f", {other.method} {other.low:z.{places}f} to {other.high:z.{places}f}"
    numbers = (
        f"{diff.interval.level * 100:g} % t interval {spread.low:z.{places}f} to"
        f" {spread.high:z.{places}f}{resampled}, n = {diff.pairs} pairs{_tested(diff)}"
    )
    if is_decided(diff):
        rest = ""
        if is_decided_by_interval(diff):
            rest = (
                "; no p value of this design can be below 0.05, so the Bonferroni-corrected"
                " t interval decides"
            )
        return f"{label} is {way} than {diff.baseline} by {size} ({numbers}){rest}"
    if is_open(diff):
        return (
            f"{label} was {by_pairs(diff)}, which is unlikely by chance,"
            f" but the size of the difference is uncertain: no verdict; {size} {way} ({numbers})"
        )
    text = f"no difference between {label} and {diff.baseline} is shown: {size} {way} ({numbers})"
    return f"{text}; {_needed(diff)}" if diff.mean else text


def _needed(diff: Difference) -> str:
    size, what = "if that is its true size", diff.counted
    if diff.seeds_needed is None:
        return f"{size}, more than {MOST_SEEDS} {what} are needed to show it"
    if diff.seeds_needed <= diff.pairs:
        return f"{diff.seeds_needed} {what} would show it in {100 * POWER:.0f} % of studies"
    return f"{size}, about {diff.seeds_needed} {what} are needed to show it"


def _with_diverged(label: str, diff: Difference) -> str:
    ours = f"{label} diverged on {diff.diverged} of {diff.pairs} common {diff.counted}"
    theirs = f"{diff.baseline} on {diff.diverged_baseline}"
    if diff.test is None:
        return f"{ours}, {theirs}: a diverged run counts as the worst outcome; {_no_p(diff.pairs)}"
    way = "better" if diff.better > diff.worse else "worse"
    end = f"{way} on {max(diff.better, diff.worse)} pairs{_tested(diff)}"
    if is_decided(diff):
        return f"{label} is {way} than {diff.baseline}: {ours}, {theirs} ({end})"
    return f"no difference between {label} and {diff.baseline} is shown: {ours}, {theirs} ({end})"


def _direction(diff: Difference) -> str:
    mean = diff.mean or 0.0
    if mean == 0:
        return "neither better nor worse"
    return "better" if mean * diff.metric.sign > 0 else "worse"


def _mirrored(interval: Interval) -> Interval:
    return Interval(-interval.high, -interval.low, interval.level, interval.method)


def _tested(diff: Difference) -> str:
    if diff.test is None:
        return ""
    corrected = diff.test.p if diff.p_holm is None else diff.p_holm
    return f", {diff.test.test} p {p_value(corrected)} after Holm"


def _no_p(pairs: int) -> str:
    least = 2.0 ** (1 - pairs)
    return f"no p value with fewer than {MIN_PAIRS} pairs (with {pairs}, p is at least {least:g})"


def design_notes(differences: list[Difference]) -> list[str]:
    """Return notes on what the design of a comparison can show.

    Args:
        differences: all differences to a baseline of one comparison.
    """
    compared = [d for d in differences if d.pairs > 0 and not d.refused]
    notes = []
    few = [d.pairs for d in compared if d.test is None]
    if few:
        notes.append(_no_p(max(few)))
    tested = [d for d in compared if d.test is not None]
    if tested:
        smallest = min(d.test.smallest_p for d in tested if d.test is not None)
        size = len(tested)
        tests = "test" if size == 1 else "tests"
        least = min(d.smallest_p_holm or 1.0 for d in tested)
        weak = f": too few pairs for a p value below {ALPHA:g}" if least >= ALPHA else ""
        notes.append(
            f"smallest p value that this design can reach: p {p_value(smallest)},"
            f" after Holm's correction over {size} {tests} p {p_value(least)}{weak}"
        )
    if sum(d.interval is not None for d in compared) > 1:
        notes.append(
            "intervals are not corrected for the number of groups; p values are (Holm), and so are"
            " verdicts where no p value below 0.05 is possible (Bonferroni)"
        )
    return notes
