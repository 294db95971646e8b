"""Compare runs with numbers that a paper printed: ``python -m experiments.printed STUDY``.

The command stores the test scores of every run in ``results.csv`` of the study's folder, where
``printed.csv`` has the printed numbers, and prints an outcome for each of these. The table of
docs/printed.md has a row for each study in `ROWS`.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest, fisher_exact, rankdata

import gatekit
from gatekit.compare.stats.intervals import mean_interval
from gatekit.compare.stats.multiple_comparisons import holm
from gatekit.compare.stats.paired_tests import ALPHA
from gatekit.runs import durable
from gatekit.runs.result import Result

FOLDER = Path(__file__).parent
MET, NOT_MET, TOO_WIDE, NOT_COMPARABLE = "met", "not met", "too wide", "not comparable"
NOT_RUN = "not run yet"
WIDEST = 0.2
"""The widest interval that can meet a number, as a share of it."""
FEWEST = 10
"""The fewest seeds from which the distribution of a minimum is taken."""
FEWEST_OF_A_MEAN = 5
"""The fewest seeds from which an interval of a mean is taken."""
SOLVED = 0.9
"""The score from which Delétang et al. call a task solved."""
DRAWS = (5, 10, 20)
"""How many runs a best of k is taken to be of where k is not printed."""

Group = tuple[str, int, str, int]
"""Task, strings, cell and units of a configuration."""
Values = Mapping[Group, Sequence[float]]
"""For each configuration, a test loss in bits for each seed."""


@dataclass(frozen=True)
class Found:
    """What became of a printed number.

    Attributes:
        outcome: met, not met, too wide, or not comparable.
        printed: the printed number.
        low: lower end of our interval.
        high: upper end of our interval.
        p: corrected p value, for numbers that are compared as a sample.
    """

    outcome: str
    printed: float
    low: float = math.nan
    high: float = math.nan
    p: float | None = None


@dataclass(frozen=True)
class Row:
    """A study of printed numbers.

    Attributes:
        source: the paper, and where its numbers were read.
        kind: the kind of number, which decides how it is compared.
        budget: our budget as a share of the paper's.
    """

    source: str
    kind: str
    budget: float


ROWS = {
    "formal_languages": Row(
        source="Lan et al. 2022, doi:10.1162/tacl_a_00489; stats/tacl_stats.json of "
        "taucompling/mdlrnn, commit 4161677",
        kind="best of k, and the sample of three seeds",
        budget=1.0,
    ),
    "fitzhugh_nagumo": Row(
        source="Rusch et al. 2022, arXiv:2110.04744; src/FitzHughNagumo of tk-rusch/LEM, "
        "commit 833da6b",
        kind="best of k",
        budget=1.0,
    ),
    "chorales_printed": Row(
        source="Bai et al. 2018, arXiv:1803.01271, Table 1", kind="tuned number", budget=1.0
    ),
    "mad_memorization": Row(
        source="Yang et al. 2024, arXiv:2406.06484, Figure 3; README.md of "
        "HassanJbara/lin-attn-bench, branch mad, commit bf9f49a",
        kind="order of means",
        budget=0.17,
    ),
    "reber_1997": Row(
        source="Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735, Table 1",
        kind="mean of the solved trials, and their share",
        budget=1.0,
    ),
    "regular_languages": Row(
        source="Delétang et al. 2023, arXiv:2207.02098, appendix B.1",
        kind="share of seeds",
        budget=0.001,
    ),
    "adding_printed": Row(
        source="Bai et al. 2018, arXiv:1803.01271, Table 1", kind="tuned number", budget=0.45
    ),
    "negative_eigenvalues": Row(
        source="Grazzi et al. 2025, arXiv:2411.12537, Table 3", kind="best of k", budget=0.00125
    ),
}


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
    """Decide by our interval, which has to be narrow beside a number."""
    if not low <= printed <= high:
        return Found(NOT_MET, printed, low, high)
    return Found(MET if high - low <= WIDEST * beside else TOO_WIDE, printed, low, high)


def of_minimum(printed: float, groups: Iterable[Sequence[float]], draws: int) -> Found:
    """Decide whether the least of some draws from every group meets a printed minimum."""
    groups = list(groups)
    if not groups or min(map(len, groups)) < FEWEST:
        return Found(NOT_COMPARABLE, printed)
    return _within(printed, *least(groups, draws), printed)


def of_minimum_of_some(printed: float, group: Sequence[float]) -> Found:
    """Decide whether the least of an unknown number of draws meets a printed minimum.

    The number may be any of `DRAWS`. If the interval contains the printed number for some of them
    only, the numbers are not comparable. The interval that is returned covers those of all.
    """
    each = [of_minimum(printed, [group], draws) for draws in DRAWS]
    outcomes = {found.outcome for found in each}
    if outcomes <= {MET, TOO_WIDE}:
        outcome = TOO_WIDE if TOO_WIDE in outcomes else MET
    else:
        outcome = NOT_MET if outcomes == {NOT_MET} else NOT_COMPARABLE
    return Found(outcome, printed, min(f.low for f in each), max(f.high for f in each))


def of_mean(printed: float, ours: Sequence[float], beside: float | None = None) -> Found:
    """Decide whether the 95 % t interval of a mean meets a printed number.

    Args:
        printed: a printed mean, or a printed number that was tuned.
        ours: a number for each seed.
        beside: what the interval has to be narrow beside; None for the printed number.
    """
    found = mean_interval(ours) if len(ours) >= FEWEST_OF_A_MEAN else None
    if found is None:
        return Found(NOT_COMPARABLE, printed)
    return _within(printed, found.low, found.high, printed if beside is None else beside)


def formal_languages(theirs: Values, ours: Values) -> dict[str, Found]:
    """Decide the numbers of Lan et al.

    Their three values of a configuration are compared with ours by ranks, and the p values of all
    configurations are corrected together. A configuration that is not told apart is met if the
    central 95 % of our least of three is narrow. The minimum of a set of strings, which the paper's
    Table 1 has, is compared with the least of three draws from each of its configurations.
    """
    known = [g for g in theirs if len(ours.get(g, ())) >= FEWEST]
    p = dict(zip(known, holm(np.array([permuted(theirs[g], ours[g]) for g in known])), strict=True))
    found = {}
    for g, values in theirs.items():
        name = f"{g[2]} units={g[3]} task={g[0]} strings={g[1]}"
        if g not in p:
            found[name] = Found(NOT_COMPARABLE, min(values))
            continue
        low, high = least([ours[g]], len(values))
        narrow = high - low <= WIDEST * min(values)
        outcome = NOT_MET if p[g] < ALPHA else MET if narrow else TOO_WIDE
        found[name] = Found(outcome, min(values), low, high, float(p[g]))
    for task, strings in dict.fromkeys(g[:2] for g in theirs):
        inside = [g for g in theirs if g[:2] == (task, strings)]
        printed = min(min(theirs[g]) for g in inside)
        found[f"Table 1 task={task} strings={strings}"] = of_minimum(
            printed, [ours.get(g, ()) for g in inside], 3
        )
    return found


def fitzhugh_nagumo(folder: Path) -> dict[str, Found]:
    """Decide the number of Rusch et al. by the runs of the LEM on their data."""
    (row,) = rows_of(folder / "printed.csv")
    ours = [
        float(each["rmse_last"])
        for each in rows_of(folder / "results.csv")
        if (each["cell"], each["data_seed"]) == ("lem", "1234")
    ]
    return {"lem": of_minimum_of_some(float(row["rmse_last"]), ours)}


def chorales_printed(folder: Path) -> dict[str, Found]:
    """Decide the numbers of Bai et al.; an interval is narrow beside the gain of the LSTM."""
    theirs, ours = (
        {(row["cell"], row["layers"]): [] for row in rows_of(folder / "printed.csv")}
        for _ in range(2)
    )
    for name, groups in (("printed.csv", theirs), ("results.csv", ours)):
        for row in rows_of(folder / name):
            groups[row["cell"], row["layers"]].append(float(row["nats"]))
    gain = theirs["rnn", "1"][0] - theirs["lstm", "1"][0]
    return {
        f"{cell} layers={layers}": of_mean(number, ours[cell, layers], gain)
        for (cell, layers), (number,) in theirs.items()
    }


def order(theirs: Mapping[str, float], ours: Mapping[str, Sequence[float]]) -> Found:
    r"""Decide whether cells have the printed order.

    $\tau$ is the mean, over all pairs whose printed scores differ, of 1 if ours differ in the same
    direction, -1 if in the other one, and 0 if ours are equal. It is 1 in the printed order. The
    interval is the central 95 % of $\tau$ over 10,000 bootstrap samples of the seeds of each cell.

    Args:
        theirs: the printed score of each cell.
        ours: the score of each seed, by cell.
    """
    groups = [np.asarray(ours.get(cell, ()), float) for cell in theirs]
    if min(map(len, groups)) < FEWEST_OF_A_MEAN:
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
    outcome = NOT_MET if high < 1 else MET if high - low <= WIDEST else TOO_WIDE
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
    narrow = high - low <= WIDEST * printed
    return Found(NOT_MET if p < ALPHA else MET if narrow else TOO_WIDE, printed, low, high, p)


def reber_1997(folder: Path) -> dict[str, Found]:
    """Decide how many trials solved the embedded Reber grammar, and after how many strings.

    The printed number of strings is a mean over the solved trials, and so is ours.
    """
    ours: dict[tuple[str, ...], list[float]] = {}
    for row in rows_of(folder / "results.csv"):
        place = (row["blocks"], row["cells"], row["rate"], row["gradient"])
        ours.setdefault(place, []).append(float(row["strings"]))
    found = {}
    for row in rows_of(folder / "printed.csv"):
        place = (row["blocks"], row["cells"], row["rate"], row["gradient"])
        name = f"({place[0]}, {place[1]}) rate={place[2]} gradient={place[3]}"
        trials, count = ours.get(place, []), int(row["trials"])
        solved = [strings for strings in trials if math.isfinite(strings)]
        theirs = (round(float(row["percent"]) / 100 * count), count)
        found[f"{name}: share solved"] = of_share(theirs, (len(solved), len(trials)))
        found[f"{name}: strings"] = of_mean(float(row["strings"]), solved)
    return found


def regular_languages(folder: Path) -> dict[str, Found]:
    """Decide whether a cell's runs solve the regular tasks as often as printed, over all tasks.

    Ours have a small part of the printed steps, so a smaller share decides nothing.
    """
    theirs: Counter[str] = Counter()
    seeds: Counter[str] = Counter()
    for row in rows_of(folder / "printed.csv"):
        theirs[row["cell"]] += int(row["solved"])
        seeds[row["cell"]] += int(row["seeds"])
    ours: dict[str, list[bool]] = {cell: [] for cell in theirs}
    for row in rows_of(folder / "results.csv"):
        ours[row["cell"]].append(float(row["score"]) >= SOLVED)
    found = {}
    for cell, solved in ours.items():
        each = of_share((theirs[cell], seeds[cell]), (sum(solved), len(solved)))
        less = each.outcome == NOT_MET
        found[cell] = replace(each, outcome=NOT_COMPARABLE) if less else each
    return found


def beside(folder: Path, score: str) -> dict[str, Found]:
    """Put the range of our seeds beside each printed number, without a verdict.

    Args:
        folder: the study's folder, in whose files all columns of ``printed.csv`` but the score name
            a configuration.
        score: the column of the score.
    """
    rows = rows_of(folder / "printed.csv")
    names = [name for name in rows[0] if name != score]
    ours: dict[tuple[str, ...], list[float]] = {}
    for row in rows_of(folder / "results.csv"):
        ours.setdefault(tuple(row[name] for name in names), []).append(float(row[score]))
    found = {}
    for row in rows:
        place = tuple(row[name] for name in names)
        low, high = min(ours.get(place, [math.nan])), max(ours.get(place, [math.nan]))
        found[" ".join(place)] = Found(NOT_COMPARABLE, float(row[score]), low, high)
    return found


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
        regular_languages,
        _longer,
    ),
    "adding_printed": Study(
        ("cell",),
        lambda config: (config["cell"]["name"],),
        "mse",
        partial(beside, score="mse"),
    ),
    "negative_eigenvalues": Study(
        ("cell", "eigenvalues"),
        _of_eigenvalues,
        "scaled",
        partial(beside, score="scaled"),
        lambda result: 2 * _longer(result) - 1,
    ),
}


def main(study: str) -> None:
    """Store a study's results and print what became of the printed numbers."""
    durable.write(FOLDER / study / "results.csv", results(study, FOLDER))
    sys.stdout.write(table(STUDIES[study].decide(FOLDER / study)))


if __name__ == "__main__":
    main(sys.argv[1])
