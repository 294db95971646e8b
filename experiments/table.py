"""The results of a study as a table of numbers: means, tests against a baseline, planted copies."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from gatekit.compare.numbers import with_own_decimals
from gatekit.compare.stats.intervals import Interval, mean_interval, within_limits
from gatekit.compare.stats.paired_tests import ALPHA, decide, within_margin

T = TypeVar("T")
FOLDER = Path(__file__).parent
Series = Mapping[int, float]
"""A number for each seed."""
_BLOCKS = ("task=", "optimizer=", "clipnorm=")


@dataclass(frozen=True, slots=True)
class Test:
    """A paired comparison of two series.

    Attributes:
        gain: how much better the first is, mean over seeds.
        p: p value, corrected for the comparisons that were tested together.
        kept: whether the first is no worse than by the margin; false without a margin.
    """

    gain: float
    p: float
    kept: bool

    @property
    def better(self) -> bool:
        """Return whether the first is better."""
        return self.p < ALPHA and self.gain > 0

    @property
    def worse(self) -> bool:
        """Return whether the first is worse."""
        return self.p < ALPHA and self.gain < 0


@dataclass(frozen=True)
class Table:
    """What the runs of a study measured.

    Attributes:
        values: for each split and group, a number for each seed.
        smaller: words of labels for which smaller numbers are better; an empty word matches all.
        bounds: for each word of a label, the best number and that of chance; an empty word
            matches all labels.
        parameters: the largest number of recurrent parameters of each group.
    """

    values: Mapping[tuple[str, str], Series]
    smaller: tuple[str, ...] = ()
    bounds: Mapping[str, tuple[float, float]] | None = None
    parameters: Mapping[str, int] | None = None

    @property
    def seeds(self) -> int:
        """Return the number of seeds of the group that has the fewest."""
        return min(len(series) for series in self.values.values())

    @property
    def groups(self) -> list[str]:
        """Return the labels of all groups."""
        return list(dict.fromkeys(group for _, group in self.values))

    def series(self, group: str | Series, split: str = "test") -> Series:
        """Return the numbers of a group; a series is returned unchanged."""
        return self.values[split, group] if isinstance(group, str) else group

    def mean(self, group: str | Series, split: str = "test") -> float:
        """Return the mean over seeds."""
        series = self.series(group, split)
        return sum(series.values()) / len(series)

    def share(
        self, group: str, *, above: float | None = None, below: float = 0.0, split: str = "test"
    ) -> float:
        """Return the share of runs above, or below, a number."""
        values = self.series(group, split).values()
        hits = [v > above if above is not None else v < below for v in values]
        return sum(hits) / len(hits)

    def interval(self, group: str | Series, split: str = "test", level: float = 0.95) -> Interval:
        """Return the t interval of the mean, cut at the ends of the metric's range."""
        found = mean_interval(list(self.series(group, split).values()), level)
        if isinstance(group, str) and (bound := self.bound(group)):
            ends = (0.0, 1.0) if bound[0] == 1 else (0.0, float("inf"))
            found = within_limits(found, *ends)
        assert found is not None
        return found

    def bound(self, group: str) -> tuple[float, float] | None:
        """Return the best number and that of chance for a group; None if they are not known."""
        return _first(self.bounds or {}, group)

    def sign(self, group: str) -> int:
        """Return 1 if larger numbers are better, otherwise -1."""
        return -1 if any(word in group for word in self.smaller) else 1

    def tests(
        self,
        pairs: Iterable[tuple[str | Series, str | Series]],
        split: str = "test",
        margin: float = 0.0,
        sign: int | None = None,
    ) -> list[Test]:
        """Compare pairs of groups on common seeds; one family of comparisons.

        Args:
            pairs: each group with its baseline.
            split: the compared numbers.
            margin: the largest loss that does not matter; 0 for none.
            sign: 1 if larger is better, -1 if smaller is; by default as for the group.
        """
        gains: list[dict[int, float]] = []
        for group, other in pairs:
            ours, theirs = self.series(group, split), self.series(other, split)
            way = sign or self.sign(group if isinstance(group, str) else "")
            gains.append({s: way * (ours[s] - theirs[s]) for s in ours.keys() & theirs.keys()})
        kept: list[tuple[float, float] | None] = [None] * len(gains)
        if margin:
            kept = within_margin([list(g.values()) for g in gains], [margin] * len(gains))
        return [
            Test(
                sum(gain.values()) / len(gain),
                1.0 if test is None else test.p,
                bool(within) and within[0] < ALPHA,
            )
            for gain, test, within in zip(gains, decide(gains), kept, strict=True)
        ]

    def informs(self, word: str = "", split: str = "test") -> bool:
        """Return whether some group is neither at the ceiling nor at chance, within 5 %.

        Args:
            word: only groups whose label contains it count.
            split: the numbers that are looked at.
        """
        scaled = []
        for group in self.groups:
            bound = self.bound(group)
            if word in group and bound:
                best, chance = bound
                scaled.append((self.mean(group, split) - chance) / (best - chance))
        return not scaled or not (all(s > 0.95 for s in scaled) or all(s < 0.05 for s in scaled))

    def text(self, group: str | Series, split: str = "test") -> str:
        """Return mean and interval, with the decimals that the interval justifies."""
        found = self.interval(group, split)
        mean = self.mean(group, split)
        return f"{mean:.4f}" if found.low == found.high else with_own_decimals(mean, found)

    def less(self, ours: str, theirs: str, split: str = "test") -> str:
        """Return the mean difference of two groups on common seeds, as ``text`` does."""
        return self.text(minus(self.series(ours, split), self.series(theirs, split)))

    def ranked(self, groups: Iterable[str], end: str = "", *, best: bool = False) -> list[str]:
        """Return groups by mean, the smallest first, or the largest first.

        Args:
            groups: labels, or their beginnings.
            end: what completes each label.
            best: whether the largest mean comes first.
        """
        return sorted(groups, key=lambda group: self.mean(group + end), reverse=best)

    def size(self) -> str:
        """Return the largest number of recurrent parameters, in thousands."""
        largest = max((self.parameters or {"": 0}).values())
        return f"{largest / 1000:.0f}k" if largest >= 1000 else str(largest)


def minus(ours: Series, theirs: Series) -> dict[int, float]:
    """Return the differences on common seeds."""
    return {seed: value - theirs[seed] for seed, value in ours.items() if seed in theirs}


def average(parts: Sequence[Series]) -> dict[int, float]:
    """Return the mean of several series, seed by seed."""
    return {seed: sum(p[seed] for p in parts) / len(parts) for seed in parts[0]}


def load(study: str, smaller: tuple[str, ...], bounds: Mapping[str, tuple[float, float]]) -> Table:
    """Return the table of a study's ``results.csv`` and, of a second part, ``parts.csv``.

    Raises:
        FileNotFoundError: the study has no ``results.csv``.
    """
    if study == "chorales_printed":
        return _of_one_layer(FOLDER / study / "results.csv", smaller)
    rows: list[dict[str, str]] = []
    for path in (FOLDER / study / "results.csv", FOLDER / study / "parts.csv"):
        if path.exists() or path.name == "results.csv":
            with path.open(newline="", encoding="utf-8") as file:
                rows += csv.DictReader(file)
    values: dict[tuple[str, str], dict[int, float]] = {}
    parameters: dict[str, int] = {}
    for row in rows:
        count = int(row["recurrent_parameters"])
        parameters[row["group"]] = max(count, parameters.get(row["group"], 0))
        for key, value in row.items():
            if key.startswith("test") and value:
                values.setdefault((key, row["group"]), {})[int(row["seed"])] = float(value)
    return Table(values, smaller, bounds, parameters)


def _of_one_layer(path: Path, smaller: tuple[str, ...]) -> Table:
    values: dict[tuple[str, str], dict[int, float]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["layers"] == "1":
                group = row["cell"].removesuffix("_reset_after")
                values.setdefault(("test", group), {})[int(row["seed"])] = float(row["nats"])
    return Table(values, smaller)


def resampled(table: Table, random: np.random.Generator) -> Table:
    """Return the table with its seeds drawn again, the same seeds for every group."""
    seeds = sorted(set.intersection(*(set(series) for series in table.values.values())))
    drawn = random.choice(seeds, len(seeds)).tolist()
    values = {
        key: dict(enumerate(series[seed] for seed in drawn)) for key, series in table.values.items()
    }
    return replace(table, values=values)


def few(table: Table) -> Table:
    """Return the table with its first two seeds only."""
    return replace(table, values={k: dict(list(v.items())[:2]) for k, v in table.values.items()})


def equal(table: Table, block: Sequence[str] = _BLOCKS) -> Table:
    """Return the table with the same mean for all groups of a block; their spreads stay.

    Args:
        table: the results.
        block: beginnings of the words of a label that name its block.
    """
    return _shifted(table, lambda group, split: _block_mean(table, group, split, block))


def worse_by(table: Table, margin: Mapping[str, float], baseline: Callable[[str], str]) -> Table:
    """Return the table with each group worse than its baseline by the margin.

    Args:
        table: the results.
        margin: for each word of a label, the margin.
        baseline: returns the label of a group's baseline.
    """

    def target(group: str, split: str) -> float:
        base = table.mean(baseline(group), split)
        lost = _first(margin, group) or 0.0
        return base if group == baseline(group) else base - table.sign(group) * lost

    return _shifted(table, target)


def moved_to(table: Table, level: float) -> Table:
    """Return the table with the mean of each group at a level; spreads stay."""
    return _shifted(table, lambda group, split: level)


def ceiling(table: Table, null: Table) -> Table:
    """Return the table with each bounded number at its best; other numbers as in ``null``."""
    return _at(table, null, 0)


def chance(table: Table, null: Table) -> Table:
    """Return the table with each bounded number at chance; other numbers as in ``null``."""
    return _at(table, null, 1)


def _at(table: Table, null: Table, end: int) -> Table:
    values: dict[tuple[str, str], Series] = {}
    for place, (key, series) in enumerate(null.values.items()):
        if bound := table.bound(key[1]):
            # Distinct numbers close to the end, so that no test meets equal differences.
            step = (bound[1 - end] - bound[end]) * 1e-4
            series = {seed: bound[end] + step * ((7 * seed + 3 * place) % 10) for seed in series}
        values[key] = series
    return replace(table, values=values)


def _shifted(table: Table, target: Callable[[str, str], float]) -> Table:
    values: dict[tuple[str, str], Series] = {}
    for (split, group), series in table.values.items():
        by = target(group, split) - table.mean(group, split)
        values[split, group] = {seed: value + by for seed, value in series.items()}
    return replace(table, values=values)


def _block_mean(table: Table, group: str, split: str, block: Sequence[str]) -> float:
    words = [word for word in group.split() if word.startswith(tuple(block))]
    means = [
        table.mean(other, split)
        for s, other in table.values
        if s == split and [w for w in other.split() if w.startswith(tuple(block))] == words
    ]
    return sum(means) / len(means)


def _first(known: Mapping[str, T], group: str) -> T | None:
    return next((value for word, value in known.items() if word in group), None)
