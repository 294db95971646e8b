"""One sentence per pair: what the numbers allow one to say, and no more."""

from __future__ import annotations

from gatekit.compare.grouping.differs import in_words
from gatekit.compare.numbers import decimals, number, p_value

from .difference import ALPHA, Difference, by_pairs, is_decided, is_decided_by_interval, is_open
from .power import MOST_SEEDS, POWER
from .statistics import MIN_PAIRS, Interval


def verdict(label: str, found: Difference) -> str:
    """Return the verdict on a group against its baseline in words.

    Args:
        label: the group's label.
        found: its difference to the baseline.
    """
    if found.refused:
        return (
            f"{label} is not comparable with {found.baseline}: {'; '.join(found.refused)};"
            f" `--force` compares all the same"
        )
    if found.blocked:
        return f"no verdict on {label} against {found.baseline}: {'; '.join(found.blocked)}"
    if found.pairs == 0:
        return f"no verdict on {label} against {found.baseline}: they have no seed in common"
    return f"{_numbers(label, found)}{_several(found)}"


def _several(found: Difference) -> str:
    if not found.confounded:
        return ""
    return f"; the two differ in {in_words(found.differs_in)}, so none of these alone is compared"


def _numbers(label: str, found: Difference) -> str:
    if found.mean is None:
        return _with_diverged(label, found)
    unit = f" {found.metric.unit or found.metric.name}"
    way = _way(found)
    if found.interval is None:
        return (
            f"{label} came out {way} than {found.baseline} by {number(abs(found.mean))}{unit}"
            f" on the one common seed: one pair says nothing about the spread"
        )
    places = decimals(found.interval, found.mean)
    size = f"{abs(found.mean):.{places}f}{unit}"
    spread = found.interval if found.mean > 0 else _mirrored(found.interval)
    resampled = ""
    if found.bootstrap is not None:
        other = found.bootstrap if found.mean > 0 else _mirrored(found.bootstrap)
        resampled = f", {other.method} {other.low:z.{places}f} to {other.high:z.{places}f}"
    numbers = (
        f"{found.interval.level * 100:g} % t interval {spread.low:z.{places}f} to"
        f" {spread.high:z.{places}f}{resampled}, n = {found.pairs} pairs{_tested(found)}"
    )
    if is_decided(found):
        rest = ""
        if is_decided_by_interval(found):
            rest = (
                "; no p of this design is below 0.05: the t interval decides, Bonferroni-corrected"
            )
        return f"{label} is {way} than {found.baseline} by {size} ({numbers}){rest}"
    if is_open(found):
        return (
            f"{label} against {found.baseline} came out {by_pairs(found)}, which chance explains"
            f" badly, but by how much is open, and so is the verdict: {size} {way} ({numbers})"
        )
    said = f"no difference between {label} and {found.baseline} is shown: {size} {way} ({numbers})"
    return f"{said}; {_needed(found)}" if found.mean else said


def _needed(found: Difference) -> str:
    size, what = "if that is its true size", found.counted
    if found.seeds_needed is None:
        return f"{size}, more than {MOST_SEEDS} {what} are needed to show it"
    if found.seeds_needed <= found.pairs:
        return f"{found.seeds_needed} {what} would show it in {100 * POWER:.0f} % of studies"
    return f"{size}, about {found.seeds_needed} {what} are needed to show it"


def _with_diverged(label: str, found: Difference) -> str:
    ours = f"{label} diverged on {found.diverged} of {found.pairs} common {found.counted}"
    theirs = f"{found.baseline} on {found.diverged_baseline}"
    if found.test is None:
        return f"{ours}, {theirs}: counted as the worst outcome; {_no_p(found.pairs)}"
    way = "better" if found.better > found.worse else "worse"
    end = f"{way} on {max(found.better, found.worse)} pairs{_tested(found)}"
    if is_decided(found):
        return f"{label} is {way} than {found.baseline}: {ours}, {theirs} ({end})"
    return f"no difference between {label} and {found.baseline} is shown: {ours}, {theirs} ({end})"


def _way(found: Difference) -> str:
    mean = found.mean or 0.0
    if mean == 0:
        return "neither better nor worse"
    return "better" if mean * found.metric.sign > 0 else "worse"


def _mirrored(interval: Interval) -> Interval:
    return Interval(-interval.high, -interval.low, interval.level, interval.method)


def _tested(found: Difference) -> str:
    if found.test is None:
        return ""
    corrected = found.test.p if found.p_holm is None else found.p_holm
    return f", {found.test.test} p {p_value(corrected)} after Holm"


def _no_p(pairs: int) -> str:
    least = 2.0 ** (1 - pairs)
    return f"no p value below {MIN_PAIRS} pairs ({pairs} could not reach less than {least:g})"


def design_notes(differences: list[Difference]) -> list[str]:
    """Return what the design of a comparison can and cannot show.

    Args:
        differences: all differences to a baseline of one comparison.
    """
    asked = [d for d in differences if d.pairs > 0 and not d.refused]
    notes = []
    few = [d.pairs for d in asked if d.test is None]
    if few:
        notes.append(_no_p(max(few)))
    tested = [d for d in asked if d.test is not None]
    if tested:
        smallest = min(d.test.smallest_p for d in tested if d.test is not None)
        size = len(tested)
        least = min(d.smallest_p_holm or 1.0 for d in tested)
        weak = f": so few pairs cannot show a difference at {ALPHA:g}" if least >= ALPHA else ""
        notes.append(
            f"smallest p this design can reach: p {p_value(smallest)},"
            f" after Holm over {size} p {p_value(least)}{weak}"
        )
    if sum(d.interval is not None for d in asked) > 1:
        notes.append(
            "intervals are not corrected for the number of groups; p values are, by Holm, and"
            " so are verdicts without a p value below 0.05 within reach, by Bonferroni"
        )
    return notes
