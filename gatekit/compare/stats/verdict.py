"""The verdict on a pair of groups: one sentence that the numbers support."""

from __future__ import annotations

from gatekit.compare.grouping.differs import in_words
from gatekit.compare.numbers import count_of, decimals, number, p_value
from gatekit.runs.result import ResultMetric

from .difference import Difference, contradicts
from .intervals import Interval
from .power import MOST_SEEDS, POWER

_NO_UNIT = ("share", "squared error")


def verdict(label: str, diff: Difference) -> str:
    """Return the verdict on a group against its baseline as a sentence."""
    if diff.refused:
        return (
            f"{label} is not comparable with {diff.baseline}: {'; '.join(diff.refused)};"
            f" `--force` compares them anyway"
        )
    if diff.blocked:
        return f"no verdict on {label} against {diff.baseline}: {'; '.join(diff.blocked)}"
    if diff.pairs == 0:
        return f"no verdict on {label} against {diff.baseline}: they have no seed in common"
    return f"{_claim(label, diff)}: {_numbers(label, diff)}{_several(diff)}{_incomplete(diff)}"


def brief(label: str, diff: Difference) -> tuple[str, str]:
    """Return a decided verdict in two parts: the claim, and its size with interval and p value."""
    claim, p = _claim(label, diff), f"p {p_value(diff.p or 0.0)}"
    if diff.mean is None:
        way, seeds = ("better", diff.better) if diff.direction > 0 else ("worse", diff.worse)
        runs = f"{diff.diverged} of {diff.pairs} runs diverged, against {diff.diverged_baseline}"
        size = f"{way} on {seeds} of {diff.n} seeds ({runs}; {p})"
    else:
        size = f"{_size(diff)} ({', '.join(filter(None, [_interval(diff), p]))}){_unseen(diff)}"
    return claim, f"{size}{_several(diff)}{_incomplete(diff)}"


def margin_text(diff: Difference) -> str:
    """Return the margin in the metric's unit; empty without a margin."""
    return "" if diff.margin is None else f"{diff.margin:.4g}{unit_of(diff.metric)}"


def contrary(diff: Difference) -> str:
    """Return how the mean and most seeds disagree."""
    way, other = ("better", "worse") if diff.direction > 0 else ("worse", "better")
    return f"the mean is {way}, but most seeds are {other}"


def unseen_text(diff: Difference) -> str:
    """Return the share of failures that the seeds of a verdict within a margin do not rule out;
    empty for other verdicts."""
    share = diff.unseen_failures
    if share is None or diff.decision not in ("equivalent", "not_worse"):
        return ""
    return f"{count_of(diff.n, 'seed')} do not rule out that {100 * share:.0f} % of runs fail"


def _unseen(diff: Difference) -> str:
    return f"; {text}" if (text := unseen_text(diff)) else ""


def _several(diff: Difference) -> str:
    if not diff.confounded:
        return ""
    return (
        f"; the two differ in {in_words(diff.differs_in)}, so the difference cannot be attributed"
        " to one of these settings"
    )


def _incomplete(diff: Difference) -> str:
    return f"; {diff.incomplete}" if diff.incomplete else ""


def _claim(label: str, diff: Difference) -> str:
    margin = margin_text(diff)
    match diff.decision:
        case "better" | "worse" as way:
            return f"{label} is {way} than {diff.baseline}"
        case "equivalent":
            return f"{label} is equivalent to {diff.baseline} within {margin}"
        case "not_worse":
            return f"{label} is no worse than {diff.baseline} by more than {margin}"
        case "open":
            text = f"{label} and {diff.baseline} are not told apart"
            return f"{text}, and a difference of {margin} is not ruled out" if margin else text
    if diff.opposed:
        return f"no verdict on {label} against {diff.baseline}, because {contrary(diff)}"
    return f"no verdict on {label} against {diff.baseline} from {count_text(diff)}"


def _numbers(label: str, diff: Difference) -> str:
    if diff.mean is None:
        return _with_diverged(label, diff)
    text = _size(diff)
    evidence = [*filter(None, [_interval(diff)])]
    if diff.test is not None:
        evidence += [f"n = {pairs_text(diff)}", test_text(diff)]
    text += f" ({', '.join(evidence)})" if evidence else ""
    if diff.n > 1 and diff.interval is None and diff.mean:
        text += f"; all {diff.n} differences are equal, so there is no interval"
    if contradicts(diff) and diff.decision in ("better", "worse", "open"):
        text += "; the p value decides, not the interval"
    looked = diff.test is not None and diff.test.interim is not None
    undecided = diff.decision in ("none", "open") and not diff.opposed
    if diff.at_chance:
        text += "; both are at chance"
    elif undecided and diff.interval and diff.mean and not looked:
        text += f"; {_needed(diff)}"
    return text + _unseen(diff)


def unit_of(metric: ResultMetric) -> str:
    """Return the unit of a metric after a space; empty for shares and squared errors."""
    # The name of the metric already shows that it is a share or an error.
    unit = metric.unit
    return f" {unit}" if unit and not unit.startswith(_NO_UNIT) else ""


def _size(diff: Difference) -> str:
    assert diff.mean is not None
    if diff.mean == 0:
        return f"{diff.metric.name} equal"
    size = abs(diff.mean)
    places = decimals(diff.interval, diff.mean)
    shown = number(size) if diff.interval is None else f"{size:.{places}f}"
    way = "higher" if diff.mean > 0 else "lower"
    return f"{diff.metric.name} {way} by {shown}{unit_of(diff.metric)}"


def _interval(diff: Difference) -> str:
    if diff.interval is None or diff.mean is None:
        return ""
    places = decimals(diff.interval, diff.mean)
    shown = diff.interval if diff.mean >= 0 else _mirrored(diff.interval)
    return f"95 % t interval {shown.low:z.{places}f} to {shown.high:z.{places}f}"


def count_text(diff: Difference) -> str:
    """Return the number of seeds, and of pairs of runs if a seed has several."""
    seeds = count_of(diff.n, "seed")
    return seeds if diff.pairs == diff.n else f"{seeds} with {diff.pairs} pairs of runs"


def pairs_text(diff: Difference) -> str:
    """Return the number of seeds, and how much their scores correlate, if that is known."""
    known = "" if diff.correlation is None else f", correlation {diff.correlation:z.2f}"
    return f"{count_text(diff)}{known}"


def test_text(diff: Difference) -> str:
    """Return the test that decided, with its p value and the number of comparisons."""
    assert diff.test is not None
    name, p = diff.test.test, diff.test.p
    if diff.decision == "equivalent":
        name, p = "two one-sided t", diff.equivalent or 0.0
    elif diff.decision == "not_worse":
        name, p = "one-sided t", diff.not_worse or 0.0
    family = f" over {diff.test.comparisons} comparisons" if diff.test.comparisons > 1 else ""
    return f"{name} p {p_value(p)}{family}{at_interim(diff)}"


def at_interim(diff: Difference) -> str:
    """Return a suffix for the p value: the look that decided, or the last look; may be empty."""
    interim = None if diff.test is None else diff.test.interim
    if interim is None or diff.decision in ("equivalent", "not_worse"):
        return ""
    return (
        f", look {interim.number} at {interim.seeds} of at most {interim.most} seeds, alpha spent"
        f" {interim.alpha:.2g}"
    )


def _needed(diff: Difference) -> str:
    if diff.seeds_needed is None:
        return f"if that is the true size, more than {MOST_SEEDS} seeds are needed for a verdict"
    if diff.seeds_needed <= diff.n:
        seeds, share = diff.seeds_needed, f"{100 * POWER:.0f} %"
        return f"if that is the true size, {seeds} seeds give a verdict in {share} of studies"
    return f"if that is the true size, about {diff.seeds_needed} seeds are needed for a verdict"


def _with_diverged(label: str, diff: Difference) -> str:
    text = (
        f"{label} diverged in {diff.diverged} of {diff.pairs} runs,"
        f" {diff.baseline} in {diff.diverged_baseline}"
    )
    end = f"better on {diff.better} and worse on {diff.worse} of {diff.n} seeds"
    if diff.test is not None:
        end += f", {test_text(diff)}"
    return f"{text}, and a diverged run counts as the worst outcome ({end})"


def _mirrored(interval: Interval) -> Interval:
    return Interval(-interval.high, -interval.low, interval.level, interval.method)
