"""Compare runs with numbers that a paper printed: ``python -m experiments.printed STUDY``.

The command stores the test score of the last epoch of every run in ``results.csv`` of the study's
folder, where ``printed.csv`` has the printed numbers, and prints an outcome for each of these. The
table of docs/printed.md has a row for each study in `ROWS`.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

import gatekit
from gatekit.compare.stats.multiple_comparisons import holm
from gatekit.compare.stats.paired_tests import ALPHA
from gatekit.runs import durable

FOLDER = Path(__file__).parent
MET, NOT_MET, TOO_WIDE, NOT_COMPARABLE = "met", "not met", "too wide", "not comparable"
NOT_RUN = "not run yet"
WIDEST = 0.2
"""The widest interval that can meet a number, as a share of it."""
FEWEST = 10
"""The fewest seeds from which the distribution of a minimum is taken."""

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
    )
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


def of_minimum(printed: float, groups: Iterable[Sequence[float]], draws: int) -> Found:
    """Decide whether the least of some draws from every group meets a printed minimum."""
    groups = list(groups)
    if not groups or min(map(len, groups)) < FEWEST:
        return Found(NOT_COMPARABLE, printed)
    low, high = least(groups, draws)
    if not low <= printed <= high:
        return Found(NOT_MET, printed, low, high)
    return Found(MET if high - low <= WIDEST * printed else TOO_WIDE, printed, low, high)


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


def read(path: Path) -> dict[Group, list[float]]:
    """Return the values of a file by configuration, in bits; nats are converted."""
    found: dict[Group, list[float]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            value = float(row["nats"]) / math.log(2) if "nats" in row else float(row["bits"])
            group = (row["task"], int(row["strings"]), row["cell"], int(row["units"]))
            found.setdefault(group, []).append(value)
    return found


def results(study: str, root: str | Path = "experiments") -> str:
    """Return a study's runs as CSV: the test score at the last epoch; ``inf`` if it diverged."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["task", "strings", "cell", "units", "seed", "run", "bits"])
    rows = []
    for run in gatekit.load(study, root).runs:
        if run.config is None or run.result is None:
            continue
        config, last = run.config, run.result.last
        score = None if last is None else last.test
        cell, task = config["cell"]["name"], config["task"]
        place = (task["name"], task.get("strings", 100), cell, config["units"], run.seed)
        rows.append((place, [*place, run.id, math.inf if score is None else score]))
    writer.writerows(row for _, row in sorted(rows))
    return text.getvalue()


def table(found: Mapping[str, Found]) -> str:
    """Return the outcomes as lines of text, and how often each occurs."""
    lines = [
        f"{each.outcome:14} {name}: printed {each.printed:.3f}, "
        f"ours {each.low:.3f} to {each.high:.3f}"
        + ("" if each.p is None else f", p = {each.p:.2g}")
        for name, each in found.items()
    ]
    counts = Counter(each.outcome for each in found.values())
    return "\n".join([*lines, ", ".join(f"{n} {outcome}" for outcome, n in counts.items())]) + "\n"


DECIDE = {"formal_languages": formal_languages}


def main(study: str) -> None:
    """Store a study's results and print what became of the printed numbers."""
    folder = FOLDER / study
    durable.write(folder / "results.csv", results(study, FOLDER))
    decided = DECIDE[study](read(folder / "printed.csv"), read(folder / "results.csv"))
    sys.stdout.write(table(decided))


if __name__ == "__main__":
    main(sys.argv[1])
