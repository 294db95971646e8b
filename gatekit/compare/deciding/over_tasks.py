"""Compare variants with the baseline over several tasks, by one number per seed."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gatekit.compare.stats.interim_tests import decide_table
from gatekit.compare.stats.intervals import Interval, by_pairing_key, mean_interval, of_seeds
from gatekit.compare.stats.paired_tests import PairedTest, opposed
from gatekit.runs.studies.interim_file import InterimAnalyses

from .row import Row

Scores = Mapping[str, tuple[float, ...]]
"""The normalised scores of each variant on one task."""


@dataclass(frozen=True, slots=True)
class TasksDifference:
    """A variant's normalised score minus the baseline's, averaged over tasks, on common seeds.

    ``interval`` accounts for the noise of the baseline's mean, by which scores are divided.
    ``opposed`` is whether the test decides although most seeds point the other way.
    """

    mean: float
    interval: Interval | None
    seeds: int
    test: PairedTest | None
    opposed: bool = False

    @property
    def decision(self) -> str:
        """Return ``better``, ``worse``, ``open``, or ``none`` if there are too few seeds, or if the
        mean and most seeds disagree."""
        if self.test is None or self.opposed:
            return "none"
        if not self.test.decides:
            return "open"
        return "better" if _sign(self.mean, self.test) > 0 else "worse"


def differences_over_tasks(
    variants: Sequence[str],
    tasks: Sequence[tuple[Mapping[str, Row], Scores]],
    interim: InterimAnalyses | None,
    awaited: int = 0,
) -> dict[str, TasksDifference]:
    """Return the differences of variants from the baseline, tested together.

    Args:
        variants: the variants without the baseline.
        tasks: rows and normalised scores of each task.
        interim: the looks of the study, if there are any.
        awaited: number of planned variants that cannot be tested yet.
    """
    table: dict[str, dict[Hashable, float]] = {}
    noisy: dict[str, dict[Hashable, float]] = {}
    for name in variants:
        table[name] = _over_tasks(name, tasks, linear=False)
        noisy[name] = _over_tasks(name, tasks, linear=True)
    differences: dict[str, TasksDifference] = {}
    tests = decide_table(list(table.values()), interim, awaited=awaited)
    for (name, seeds), test in zip(table.items(), tests, strict=True):
        values = list(seeds.values())
        if values:
            mean = float(np.mean(values))
            spread = np.array(list(noisy[name].values()))
            centred = (mean + spread - spread.mean()).tolist()
            interval = mean_interval(centred)
            contrary = opposed(seeds, _sign(mean, test), test)
            differences[name] = TasksDifference(mean, interval, len(values), test, contrary)
    return differences


def _sign(mean: float, test: PairedTest | None) -> float:
    """Return a number with the sign of the difference, or of that at the look that decided."""
    return mean if test is None or test.interim is None else test.interim.sign


def _over_tasks(
    variant: str,
    tasks: Sequence[tuple[Mapping[str, Row], Scores]],
    linear: bool,
) -> dict[Hashable, float]:
    """Return the difference of each seed that every task has, averaged over tasks.

    Args:
        variant: the variant.
        tasks: rows and normalised scores of each task.
        linear: multiply the baseline's score by the variant's mean score before subtracting it. To
            first order, the results then have the spread that the differences have if the noise
            of the baseline's mean is included.
    """
    parts = []
    for rows, scores in tasks:
        ours = by_pairing_key(scores[variant], rows[variant].group.pairing_keys)
        ratio = float(np.mean(scores[variant])) if linear else 1.0
        parts.append(_by_seed(ours, _of_baseline(rows, scores), ratio))
    common = [seed for seed in parts[0] if all(seed in part for part in parts)]
    return {seed: float(np.mean([part[seed] for part in parts])) for seed in common}


def _by_seed(
    ours: Mapping[tuple[Hashable, ...], float],
    theirs: Mapping[tuple[Hashable, ...], float],
    ratio: float,
) -> dict[Hashable, float]:
    pairs: dict[Hashable, list[float]] = {}
    for key, score in ours.items():
        if key in theirs:
            pairs.setdefault(key[0], []).append(score - ratio * theirs[key])
    return {seed: float(np.mean(values)) for seed, values in pairs.items()}


def _of_baseline(rows: Mapping[str, Row], scores: Scores) -> dict[tuple[Hashable, ...], float]:
    name = next(name for name, row in rows.items() if row.is_baseline)
    return by_pairing_key(scores[name], rows[name].group.pairing_keys)


def with_noise_of_baseline(name: str, rows: Mapping[str, Row], scores: Scores) -> tuple[float, ...]:
    r"""Return one number per common seed, whose t interval is that of the variant's mean score.

    A normalised score is divided by the baseline's mean, which has noise, too. To first order, a
    seed contributes $R + x_s - R b_s$, with the normalised scores $x$ of the variant and $b$ of the
    baseline, and the variant's mean score $R$.

    Reference:
        Cochran, "Sampling techniques" (1977), section 6.3
    """
    ours = by_pairing_key(scores[name], rows[name].group.pairing_keys)
    theirs = _of_baseline(rows, scores)
    ratio = float(np.mean(scores[name]))
    common = [key for key in ours if key in theirs]
    parts = np.array(of_seeds([ours[key] - ratio * theirs[key] for key in common], common))
    return tuple((ratio + parts - parts.mean()).tolist()) if len(parts) else ()
