"""Compare runs with numbers that a paper printed: ``python -m experiments.printed STUDY``.

The command stores the test scores of every run in ``results.csv`` of the study's folder, where
``printed.csv`` has the printed numbers, and prints an outcome for each of these. `count` has the
numbers that docs/printed.md and the front page begin with; the studies in `PILOTS` have no outcome.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest, fisher_exact, rankdata, t

import gatekit
from gatekit.compare.stats.intervals import mean_interval
from gatekit.compare.stats.multiple_comparisons import holm
from gatekit.compare.stats.paired_tests import ALPHA
from gatekit.runs import durable
from gatekit.runs.result import Result

FOLDER = Path(__file__).parent
MET, BETTER, WORSE = "met", "not met, better", "not met, worse"
TOO_WIDE, NOT_COMPARABLE = "too wide", "not comparable"
WIDEST = 0.2
"""The widest interval that can meet a number, as a share of what it is judged beside."""
CHANCE = 0.05
"""An order that chance meets at least as often as this is not compared."""
FEWEST = 10
"""The fewest seeds from which the distribution of a minimum is taken."""
FEWEST_OF_A_MEAN = 5
"""The fewest seeds from which an interval of a mean is taken."""
DRAWS = (5, 10, 20)
"""How many runs a best of k is taken to be of where k is not printed."""
CAPS = (30_000, 300_000)
"""Strings after which a trial of `reber_1997` is a failure, in its second reading."""
OPTIMUM = {"an_bn": 0.258, "an_bn_cn": 0.172, "dyck_1": 0.882}
"""The entropy of the test sets in bits per symbol: no loss is expected to be below it."""

Group = tuple[str, int, str, int]
"""Task, strings, cell and units of a configuration."""
Values = Mapping[Group, Sequence[float]]
"""For each configuration, a test loss in bits for each seed."""


@dataclass(frozen=True)
class Found:
    """What became of a printed number.

    Attributes:
        outcome: met, not met and better or worse, too wide, or not comparable.
        printed: the printed number.
        low: lower end of our interval.
        high: upper end of our interval.
        p: corrected p value, for numbers that are compared as a sample.
        of_paper: whether a paper prints it, not only the authors' file or another reading.
    """

    outcome: str
    printed: float
    low: float = math.nan
    high: float = math.nan
    p: float | None = None
    of_paper: bool = True


def permuted(theirs: Sequence[float], ours: Sequence[float]) -> float:
    r"""Return the p value of two samples being one: the exact two-sided permutation of ranks.

    $p$ is the share of all choices of $k$ of the $k + n$ ranks whose sum is at least as far from
    its mean as that of the $k$ values of ``theirs``.
    """
    ranks = rankdata([*theirs, *ours])
    k, mean = len(theirs), len(theirs) * ranks.mean()
    sums = np.array([sum(chosen) for chosen in itertools.combinations(ranks, k)])
    far = abs(ranks[:k].sum() - mean)
    return float((abs(sums - mean) >= far - 1e-9).mean())


def least(groups: Iterable[Sequence[float]], draws: int) -> tuple[float, float]:
    r"""Return the central 95 % of the least of some draws, with replacement, from every group.

    This is the limit of infinitely many bootstrap samples:
    $P(\min > v) = \prod_g \mathrm{share}(g > v)^k$.
    """
    arrays = [np.asarray(group, float) for group in groups]
    values = np.unique(np.concatenate(arrays))
    above = np.array([[(group > v).mean() for group in arrays] for v in values])
    below = 1 - (above**draws).prod(axis=1)
    low, high = (values[np.searchsorted(below, q - 1e-12)] for q in (0.025, 0.975))
    return float(low), float(high)


def _within(printed: float, low: float, high: float, beside: float) -> Found:
    """Decide by our interval of a loss, which has to contain it and be narrow beside a number."""
    if not low <= printed <= high:
        return Found(WORSE if printed < low else BETTER, printed, low, high)
    return Found(MET if high - low <= WIDEST * beside else TOO_WIDE, printed, low, high)


def of_minimum(
    printed: float, groups: Iterable[Sequence[float]], draws: int, optimum: float = 0.0
) -> Found:
    """Decide whether the least of some draws from every group meets a printed minimum.

    The interval has to be narrow beside the distance of the printed number from the optimum.
    """
    groups = list(groups)
    if not groups or min(map(len, groups)) < FEWEST:
        return Found(NOT_COMPARABLE, printed)
    return _within(printed, *least(groups, draws), printed - optimum)


def of_minimum_of_some(printed: float, group: Sequence[float]) -> Found:
    """Decide whether the least of an unknown number of draws meets a printed minimum.

    The number may be any of `DRAWS`. If they disagree whether the interval contains the printed
    number, it is not comparable. The interval that is returned covers those of all.
    """
    each = [of_minimum(printed, [group], draws) for draws in DRAWS]
    outcomes = {found.outcome for found in each}
    if outcomes == {MET, TOO_WIDE}:
        outcomes = {TOO_WIDE}
    outcome = outcomes.pop() if len(outcomes) == 1 else NOT_COMPARABLE
    return Found(outcome, printed, min(f.low for f in each), max(f.high for f in each))


def of_mean(printed: float, ours: Sequence[float]) -> Found:
    """Decide whether the 95 % t interval of a mean of losses meets a printed mean."""
    found = mean_interval(ours) if len(ours) >= FEWEST_OF_A_MEAN else None
    if found is None:
        return Found(NOT_COMPARABLE, printed)
    return _within(printed, found.low, found.high, printed)


def of_tuned(printed: float, ours: Sequence[float], margin: float) -> Found:
    r"""Decide whether a loss from one tuned run meets ours.

    The printed number is one more run: it has to be in our 95 % prediction interval,
    $\bar x \pm t s \sqrt{1 + 1/n}$. It is met if our mean is also equivalent to it: the 90 %
    interval of the mean is within the margin.
    """
    if len(ours) < FEWEST_OF_A_MEAN:
        return Found(NOT_COMPARABLE, printed)
    n, mean, error = len(ours), float(np.mean(ours)), float(np.std(ours, ddof=1))
    half = float(t.ppf(0.975, n - 1)) * error * math.sqrt(1 + 1 / n)
    found = _within(printed, mean - half, mean + half, math.inf)
    off = abs(mean - printed) + float(t.ppf(0.95, n - 1)) * error / math.sqrt(n)
    if found.outcome == MET and off > margin:
        return Found(TOO_WIDE, printed, found.low, found.high)
    return found


def of_sample(theirs: Sequence[float], ours: Sequence[float], p: float, optimum: float) -> Found:
    """Decide whether some losses of the authors' file are a sample of ours.

    Args:
        theirs: their losses.
        ours: ours.
        p: the corrected p value of both being one sample.
        optimum: the least loss that can be expected.
    """
    found = of_minimum(min(theirs), [ours], len(theirs), optimum)
    outcome = found.outcome
    if p < ALPHA and outcome in (MET, TOO_WIDE):
        outcome = WORSE if np.median(theirs) < np.median(ours) else BETTER
    return Found(outcome, found.printed, found.low, found.high, p, of_paper=False)


def formal_languages(theirs: Values, ours: Values) -> dict[str, Found]:
    """Decide the numbers of Lan et al.: samples of the authors' file, minima of Table 1.

    A minimum is compared with the least of three draws from each configuration of its set.
    """
    known = [g for g in theirs if len(ours.get(g, ())) >= FEWEST]
    p = dict(zip(known, holm(np.array([permuted(theirs[g], ours[g]) for g in known])), strict=True))
    found = {}
    for g, values in theirs.items():
        name = f"{g[2]} units={g[3]} task={g[0]} strings={g[1]}"
        found[name] = of_sample(values, ours.get(g, ()), float(p.get(g, 1)), OPTIMUM[g[0]])
    for task, strings in dict.fromkeys(g[:2] for g in theirs):
        inside = [g for g in theirs if g[:2] == (task, strings)]
        printed = min(min(theirs[g]) for g in inside)
        groups = [ours.get(g, ()) for g in inside]
        name = f"Table 1 task={task} strings={strings}"
        found[name] = of_minimum(printed, groups, 3, OPTIMUM[task])
    return found


def planted(theirs: Values, ours: Values, task: str = "dyck_1") -> list[Found]:
    """Decide the losses of each cell of the authors by ours of each other cell of its size."""
    pairs = [
        (values, ours[w])
        for g, values in theirs.items()
        for w in ours
        if g[0] == task and w != g and (w[:2], w[3]) == (g[:2], g[3])
    ]
    p = holm(np.array([permuted(*pair) for pair in pairs]))
    return [of_sample(*each, float(q), OPTIMUM[task]) for each, q in zip(pairs, p, strict=True)]


def fitzhugh_nagumo(folder: Path) -> dict[str, Found]:
    """Decide the number in the log of Rusch et al. by the runs of the LEM on their data."""
    (row,) = rows_of(folder / "printed.csv")
    ours = [
        float(each["rmse_last"])
        for each in rows_of(folder / "results.csv")
        if (each["cell"], each["data_seed"]) == ("lem", "1234")
    ]
    found = of_minimum_of_some(float(row["rmse_last"]), ours)
    return {"lem": Found(found.outcome, found.printed, found.low, found.high, of_paper=False)}


def chorales_printed(folder: Path) -> dict[str, Found]:
    """Decide the numbers of Bai et al.; the margin is a share of the gain of the LSTM.

    The LSTM of two layers is not comparable: the rule that divides its rate is the protocol's own.
    """
    theirs = {
        (row["cell"], row["layers"]): float(row["nats"]) for row in rows_of(folder / "printed.csv")
    }
    ours: dict[tuple[str, str], list[float]] = {}
    for row in rows_of(folder / "results.csv"):
        ours.setdefault((row["cell"], row["layers"]), []).append(float(row["nats"]))
    margin = WIDEST * (theirs["rnn", "1"] - theirs["lstm", "1"])
    found = {}
    for (cell, layers), number in theirs.items():
        each = of_tuned(number, ours.get((cell, layers), ()), margin)
        if layers == "2":
            each = Found(NOT_COMPARABLE, number, each.low, each.high)
        found[f"{cell} layers={layers}"] = each
    return found


def by_chance(scores: Iterable[float]) -> float:
    """Return the share of all orders of some cells that agree with printed scores."""
    counts = Counter(scores)
    ties = math.prod(math.factorial(count) for count in counts.values())
    return ties / math.factorial(counts.total())


def order(theirs: Mapping[str, float], ours: Mapping[str, Sequence[float]]) -> Found:
    r"""Decide whether cells have the printed order.

    $\tau$ is the mean, over all pairs whose printed scores differ, of 1 if ours differ in the same
    direction, -1 if in the other one, and 0 if ours are equal. It is 1 in the printed order. The
    interval is the central 95 % of $\tau$ over 10,000 bootstrap samples of the seeds of each cell.
    An order that chance meets in one of twenty cases or more is not compared.

    Args:
        theirs: the printed score of each cell.
        ours: the score of each seed, by cell.
    """
    groups = [np.asarray(ours.get(cell, ()), float) for cell in theirs]
    too_easy = by_chance(theirs.values()) >= CHANCE
    if too_easy or min(map(len, groups)) < FEWEST_OF_A_MEAN:
        return Found(NOT_COMPARABLE, 1.0)
    random = np.random.default_rng(0)
    means = [random.choice(group, (10_000, len(group))).mean(axis=1) for group in groups]
    printed = list(theirs.values())
    signs = [
        np.sign(means[a] - means[b]) * np.sign(printed[a] - printed[b])
        for a, b in itertools.combinations(range(len(printed)), 2)
        if printed[a] != printed[b]
    ]
    low, high = np.quantile(np.mean(signs, axis=0), [0.025, 0.975]).tolist()
    outcome = WORSE if high < 1 else MET if high - low <= WIDEST else TOO_WIDE
    return Found(outcome, 1.0, low, high)


def mad_memorization(folder: Path) -> dict[str, Found]:
    """Decide the orders that two sources print.

    The score of a seed is the mean over the vocabularies of its test accuracy, because the printed
    scores are means over vocabularies.
    """
    theirs: dict[str, dict[str, float]] = {}
    scores: dict[tuple[str, str], list[float]] = {}
    for row in rows_of(folder / "printed.csv"):
        theirs.setdefault(row["source"], {})[row["cell"]] = float(row["score"])
    for row in rows_of(folder / "results.csv"):
        scores.setdefault((row["cell"], row["seed"]), []).append(float(row["accuracy"]))
    ours: dict[str, list[float]] = {}
    for (cell, _), found in scores.items():
        ours.setdefault(cell, []).append(float(np.mean(found)))
    return {f"order of {source}": order(each, ours) for source, each in theirs.items()}


def of_share(theirs: tuple[int, int], ours: tuple[int, int]) -> Found:
    """Decide whether our share of solved trials meets theirs, by Fisher's exact test.

    Args:
        theirs: their solved trials, and all of them.
        ours: our solved trials, and all of them.
    """
    printed = theirs[0] / theirs[1]
    if ours[1] < FEWEST_OF_A_MEAN:
        return Found(NOT_COMPARABLE, printed)
    p = float(fisher_exact([[solved, count - solved] for solved, count in (theirs, ours)])[1])
    low, high = map(float, binomtest(*ours).proportion_ci())
    outcome = MET if low <= printed <= high and high - low <= WIDEST * printed else TOO_WIDE
    if p < ALPHA:
        outcome = WORSE if ours[0] / ours[1] < printed else BETTER
    return Found(outcome, printed, low, high, p)


def reber_1997(folder: Path) -> dict[str, Found]:
    """Decide both readings of the embedded Reber grammar.

    The first one, whose cap and step are not the paper's, has numbers and no outcome. In the
    second one, an outcome is that of both caps. Strings are averaged over the solved trials, and
    compared only where the share solved is.
    """
    found: dict[str, Found] = {}
    rows = rows_of(folder / "printed.csv")
    for row in rows:
        if row["gradient"] == "truncated" and row["rate"] == row["printed_rate"]:
            name = f"({row['blocks']}, {row['cells']}) rate={row['rate']}"
            each = [_of_cap(row, _trials(folder / f"steps_{cap}.csv", row)) for cap in CAPS]
            for number in ("share solved", "strings"):
                found[f"{name}: {number}"] = agreed([cap[number] for cap in each])
    for row in rows:
        name = f"({row['blocks']}, {row['cells']}) rate={row['rate']} gradient={row['gradient']}"
        for number, each in _of_cap(row, _trials(folder / "results.csv", row)).items():
            found[f"first reading {name}: {number}"] = Found(
                NOT_COMPARABLE, each.printed, each.low, each.high, each.p, of_paper=False
            )
    return found


def agreed(each: Sequence[Found]) -> Found:
    """Return what several settings make of a number, not comparable if they disagree."""
    outcomes = {found.outcome for found in each}
    outcome = outcomes.pop() if len(outcomes) == 1 else NOT_COMPARABLE
    low, high = (
        f([getattr(x, e) for x in each])
        for f, e in ((np.fmin.reduce, "low"), (np.fmax.reduce, "high"))
    )
    return Found(outcome, each[0].printed, float(low), float(high))


def _of_cap(row: Mapping[str, str], trials: Sequence[float]) -> dict[str, Found]:
    solved = [strings for strings in trials if math.isfinite(strings)]
    count = int(row["trials"])
    theirs = (round(float(row["percent"]) / 100 * count), count)
    share = of_share(theirs, (len(solved), len(trials)))
    strings = of_mean(float(row["strings"]), solved)
    if share.outcome not in (MET, TOO_WIDE):
        strings = Found(NOT_COMPARABLE, strings.printed, strings.low, strings.high)
    return {"share solved": share, "strings": strings}


def _trials(path: Path, printed: Mapping[str, str]) -> list[float]:
    """Return the strings of each trial of a printed row, none if they have not run."""
    rows = rows_of(path) if path.exists() else []
    keys = ("blocks", "cells", "rate", "gradient")
    return [
        float(row["strings"])
        for row in rows
        if all(row.get(key, printed[key]) == printed[key] for key in keys)
    ]


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read(path: Path) -> dict[Group, list[float]]:
    """Return the values of a file by configuration, in bits; nats are converted."""
    found: dict[Group, list[float]] = {}
    for row in rows_of(path):
        value = float(row["nats"]) / math.log(2) if "nats" in row else float(row["bits"])
        group = (row["task"], int(row["strings"]), row["cell"], int(row["units"]))
        found.setdefault(group, []).append(value)
    return found


def results(study: str, root: str | Path = "experiments") -> str:
    """Return a study's runs as CSV, with the number of each."""
    about = STUDIES[study]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*about.columns, "seed", "run", about.score])
    rows = []
    for run in gatekit.load(study + about.suffix, root).runs:
        if run.config is None or run.result is None:
            continue
        place = (*about.place(run.config), run.seed)
        rows.append((place, [*place, run.id, about.number(run.result)]))
    writer.writerows(row for _, row in sorted(rows))
    return text.getvalue()


def table(found: Mapping[str, Found]) -> str:
    """Return the outcomes as lines of text, and how often each occurs."""
    lines = [
        f"{each.outcome:14} {name}: printed {each.printed:.4g}, "
        f"ours {each.low:.4g} to {each.high:.4g}"
        + ("" if each.p is None else f", p = {each.p:.2g}")
        for name, each in found.items()
    ]
    counts = Counter(each.outcome for each in found.values())
    return "\n".join([*lines, ", ".join(f"{n} {outcome}" for outcome, n in counts.items())]) + "\n"


def _last_test(result: Result) -> float:
    """Return the test score at the last epoch, infinity if the run diverged."""
    return math.inf if result.last is None or result.last.test is None else result.last.test


def _best_on(split: str, result: Result) -> float:
    """Return the score at the best epoch, infinity if there is none."""
    found = None if result.best is None else result.best.on(split)
    return math.inf if found is None else found


def _steps_to_one(result: Result) -> float:
    """Return the steps of a run that stopped at a validation score of 1, otherwise infinity."""
    solved = result.last is not None and result.last.validation == 1
    return float(result.steps) if solved and result.steps is not None else math.inf


def _longer(result: Result) -> float:
    """Return the mean score on longer sequences with the last weights, 0 if the run diverged."""
    further = {} if result.last is None else result.last.further
    found = [score for score in further.values() if score is not None]
    return float(np.mean(found)) if found else 0.0


def count() -> Counter[str]:
    """Return how many numbers that a paper prints, at its budget, have each outcome."""
    return Counter(
        found.outcome
        for name in AT_BUDGET
        for found in STUDIES[name].decide(FOLDER / name).values()
        if found.of_paper
    )


@dataclass(frozen=True)
class Study:
    """How the runs of a study become outcomes.

    Attributes:
        columns: the columns of ``results.csv`` that name a configuration.
        place: their values, from the configuration of a run.
        score: the column of the score.
        decide: the outcomes, from the study's folder.
        number: the number of a run.
        suffix: what follows the study's name in that of the study with the runs.
    """

    columns: tuple[str, ...]
    place: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    score: str
    decide: Callable[[Path], dict[str, Found]]
    number: Callable[[Result], float] = _last_test
    suffix: str = ""


def _none(folder: Path) -> dict[str, Found]:
    """Decide nothing: the rule of a pilot could not have come out otherwise."""
    return {}


def _of_strings(config: Mapping[str, Any]) -> tuple[str, int, str, int]:
    task = config["task"]
    return task["name"], task.get("strings", 100), config["cell"]["name"], config["units"]


def _of_blocks(config: Mapping[str, Any]) -> tuple[int, int, float, str, int]:
    cell = config["cell"]
    cells = int(cell["constants"]["cells"])
    truncated = any("stop" in str(read) for read in cell["gates"]["candidate"]["reads"])
    return (
        config["units"] // cells,
        cells,
        config["optimizer"]["learning_rate"],
        "truncated" if truncated else "full",
        config["task"].get("data_seed", 0),
    )


def _of_eigenvalues(config: Mapping[str, Any]) -> tuple[str, str]:
    cell = config["cell"]
    read = f"{cell['gates'].get('beta')} {cell['equations'].get('S')}"
    changed = "2*" in read.replace(" ", "")
    return cell["name"], "-1 to 1" if changed else "as published"


STUDIES = {
    "formal_languages": Study(
        ("task", "strings", "cell", "units"),
        _of_strings,
        "bits",
        lambda folder: formal_languages(read(folder / "printed.csv"), read(folder / "results.csv")),
    ),
    "fitzhugh_nagumo": Study(
        ("cell", "data_seed"),
        lambda config: (config["cell"]["name"], config["task"].get("data_seed", 1234)),
        "rmse_last",
        fitzhugh_nagumo,
        partial(_best_on, "test_last"),
    ),
    "chorales_printed": Study(
        ("cell", "layers"),
        lambda config: (config["cell"]["name"], config["layers"]),
        "nats",
        chorales_printed,
        partial(_best_on, "test"),
        "_confirm",
    ),
    "mad_memorization": Study(
        ("vocabulary", "cell"),
        lambda config: (config["task"].get("vocabulary", 256), config["cell"]["name"]),
        "accuracy",
        mad_memorization,
        suffix="_confirm",
    ),
    "reber_1997": Study(
        ("blocks", "cells", "rate", "gradient", "sets"),
        _of_blocks,
        "strings",
        reber_1997,
        _steps_to_one,
    ),
    "regular_languages": Study(
        ("task", "cell"),
        lambda config: (config["task"]["name"], config["cell"]["name"]),
        "score",
        _none,
        _longer,
    ),
    "adding_printed": Study(
        ("cell",),
        lambda config: (config["cell"]["name"],),
        "mse",
        _none,
    ),
    "negative_eigenvalues": Study(
        ("cell", "eigenvalues"),
        _of_eigenvalues,
        "scaled",
        _none,
        lambda result: 2 * _longer(result) - 1,
    ),
}

PILOTS = ("regular_languages", "adding_printed", "negative_eigenvalues")
"""Studies whose rule could not have come out otherwise: docs/pilots.md."""
AT_BUDGET = ("formal_languages", "fitzhugh_nagumo", "chorales_printed", "reber_1997")
"""Studies with data, sizes and steps of the paper."""


def main(study: str) -> None:
    """Store a study's results and print what became of the printed numbers."""
    durable.write(FOLDER / study / "results.csv", results(study, FOLDER))
    sys.stdout.write(table(STUDIES[study].decide(FOLDER / study)))


if __name__ == "__main__":
    main(sys.argv[1])
