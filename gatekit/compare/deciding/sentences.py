"""The verdict on one group against its baseline, in words."""

from __future__ import annotations

from gatekit.compare.grouping.differs import in_words
from gatekit.compare.numbers import count_of, decimals, number, p_value
from gatekit.compare.stats.difference import Difference, contradicts
from gatekit.compare.stats.paired_tests import unseen_failures
from gatekit.runs.result import ResultMetric

from .reasons import Why, corrected, why_open

_NO_UNIT = ("share", "squared error")


def verdict(label: str, diff: Difference) -> str:
    """Return the verdict on a group against its baseline as a sentence."""
    why = why_open(diff)
    if why in (Why.REFUSED, Why.WAITS, Why.NO_SEED):
        return f"no verdict on {label} against {diff.baseline}: {reason(diff)}"
    parts = [f"{claim(label, diff)}: {_numbers(label, diff)}"]
    if diff.n > 1 and diff.interval is None and diff.mean:
        parts.append(f"all {diff.n} differences are equal, so there is no interval")
    if contradicts(diff, corrected(diff)):
        parts.append("the p value decides, not the interval")
    if why is not Why.SHOWN:
        parts.append(reason(diff))
    elif diff.decision != "better" or not diff.diverged_baseline:
        parts.append(unseen_text(diff.n))
    if diff.confounded:
        differ = f"the two differ in {in_words(diff.differs_in)}"
        parts.append(f"{differ}, so the difference cannot be attributed to one of these settings")
    return "; ".join(filter(None, [*parts, diff.incomplete]))


def claim(label: str, diff: Difference) -> str:
    """Return what is shown about a group, without numbers."""
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
    return f"no verdict on {label} against {diff.baseline}"


def size_text(diff: Difference) -> str:
    """Return the size of a difference: ``nll 0.332 nats/frame lower``."""
    if diff.mean is None:
        return _diverged(diff)
    if diff.mean == 0:
        return f"{diff.metric.name} equal"
    size, places = abs(diff.mean), decimals(corrected(diff), diff.mean)
    shown = number(size) if diff.interval is None else f"{size:.{places}f}"
    way = "higher" if diff.mean > 0 else "lower"
    return f"{diff.metric.name} {shown}{unit_of(diff.metric)} {way}"


def margin_text(diff: Difference) -> str:
    """Return the margin in the metric's unit; empty without a margin."""
    return "" if diff.margin is None else f"{diff.margin:.4g}{unit_of(diff.metric)}"


def unit_of(metric: ResultMetric) -> str:
    """Return the unit of a metric after a space; empty for shares and squared errors."""
    # The name of the metric already shows that it is a share or an error.
    return f" {metric.unit}" if metric.unit and not metric.unit.startswith(_NO_UNIT) else ""


def unseen_text(seeds: int) -> str:
    """Return how many failures some seeds do not rule out."""
    share = 100 * unseen_failures(seeds)
    return f"{count_of(seeds, 'seed')} do not rule out that {share:.0f} % of runs fail"


def at_look(diff: Difference) -> str:
    """Return a suffix for the p value: the look that decided, or the last look; may be empty."""
    look = None if diff.test is None else diff.test.interim
    if look is None or diff.decision in ("equivalent", "not_worse"):
        return ""
    spent = f"alpha spent {look.alpha:.2g}"
    return f", look {look.number} at {look.seeds} of at most {look.most} seeds, {spent}"


def _numbers(label: str, diff: Difference) -> str:
    if diff.mean is None:
        label = f"{label} diverged in {diff.diverged} of {diff.pairs} runs"
        text = f"{label}, {diff.baseline} in {diff.diverged_baseline}, and a diverged run counts as"
        evidence = [f"better on {diff.better} and worse on {diff.worse} of {diff.n} seeds"]
        text += " the worst outcome"
    else:
        text, evidence = size_text(diff), [*filter(None, [_interval(diff)])]
        evidence += [f"n = {_pairs(diff)}"] if diff.test is not None else []
    if diff.test is not None:
        evidence.append(_test(diff))
    return f"{text} ({', '.join(evidence)})" if evidence else text


def _interval(diff: Difference) -> str:
    interval = corrected(diff)
    if interval is None or diff.mean is None:
        return ""
    places = decimals(interval, diff.mean)
    ends = sorted((interval.low, interval.high), reverse=diff.mean < 0)
    low, high = (end if diff.mean >= 0 else -end for end in ends)
    return f"95 % t interval {low:z.{places}f} to {high:z.{places}f}"


def _test(diff: Difference) -> str:
    assert diff.test is not None
    name = {"equivalent": "two one-sided t", "not_worse": "one-sided t"}.get(
        diff.decision, diff.test.test
    )
    family = f" over {diff.test.comparisons} comparisons" if diff.test.comparisons > 1 else ""
    p = diff.test.p if diff.p is None else diff.p
    return f"{name} p {p_value(p)}{family}{at_look(diff)}"


def _seeds(diff: Difference) -> str:
    seeds = count_of(diff.n, "seed")
    return seeds if diff.pairs == diff.n else f"{seeds} with {diff.pairs} pairs of runs"


def _pairs(diff: Difference) -> str:
    known = "" if diff.correlation is None else f", correlation {diff.correlation:z.2f}"
    return f"{_seeds(diff)}{known}"


def _diverged(diff: Difference) -> str:
    runs = f"{diff.diverged} of {diff.pairs} runs diverged, against {diff.diverged_baseline}"
    return f"better on {diff.better} and worse on {diff.worse} of {diff.n} seeds, {runs}"


def reason(diff: Difference) -> str:
    """Return why nothing is shown about a difference."""
    match why_open(diff):
        case Why.REFUSED:
            return f"{'; '.join(diff.refused)}; `--force` compares anyway"
        case Why.WAITS:
            return "; ".join(diff.blocked)
        case Why.NO_SEED:
            return "no seed in common"
        case Why.FEW:
            return f"{_seeds(diff)}, but a verdict needs {diff.fewest}"
        case Why.OPPOSED:
            way, other = ("better", "worse") if diff.direction > 0 else ("worse", "better")
            return f"the mean is {way}, but most seeds are {other}"
        case Why.CHANCE:
            return "both are at chance"
        case Why.CEILING:
            return "both are at the ceiling, so the task is too easy to tell them apart"
    return by_seeds_alone(diff)


def by_seeds_alone(diff: Difference) -> str:
    if diff.p is None:
        return ""
    family = 1 if diff.test is None else diff.test.comparisons
    among = f" among {family} comparisons" if family > 1 else ""
    percent = 100 * diff.p
    cases = f"{percent:.2g} %" if percent < 99.5 else "100 %"
    return f"seeds alone cause such a difference{among} in {cases} of cases"
