"""Expected score of the best of k trials: what a variant reaches with k tuning attempts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gatekit.cell.errors import ConfigError
from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.row import Row
from gatekit.compare.grouping.best import Trial
from gatekit.compare.stats.intervals import MIN_BOOTSTRAP, Floats

_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class BestOfK:
    """The expected score of the best of k = 1, 2, ... trials of a variant.

    Attributes:
        row: the variant.
        trials: number of complete trials.
        left_out: number of trials that are left out because they lack a run.
        diverged: number of trials that count as the worst because a run diverged.
        validation: expected best validation score, for each k.
        outcome: expected score on the compared split of the trial that validation chooses.
        low: lower ends of the interval of ``outcome``, for k up to half of the trials; None for
            fewer than ten trials.
        high: upper ends.
    """

    row: Row
    trials: int
    left_out: int
    diverged: int
    validation: tuple[float, ...]
    outcome: tuple[float, ...]
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None


def best_of_k(comparison: Comparison) -> tuple[BestOfK, ...]:
    r"""Return the expected score of the best of k trials of each tuned variant.

    The k trials are drawn without replacement from the N that were run, which is unbiased. With
    trials in ascending order of their validation score, the i-th is the best with probability

    $$p_i = \binom{i - 1}{k - 1} \Big/ \binom{N}{k}$$

    A trial is one combination of the tuned values; its score is the mean over seeds. A trial with a
    diverged run has the worst score: chance, or the score of the task's worst trial if it is worse.
    A trial that lacks a run is left out.

    Raises:
        ConfigError: the comparison has no tuned keys.

    Reference:
        Dodge et al., "Show your work: improved reporting of experimental results", EMNLP (2019),
        arXiv:1909.03004; unbiased form: Tang et al., ACL (2020), arXiv:2004.13705
    """
    if not comparison.chosen:
        raise ConfigError(
            "the best of k trials needs the keys that were tuned; type --best-of"
            " optimizer.learning_rate"
        )
    rows = {run.id: row for row in comparison.rows for run in row.group.runs}
    pairs = [
        (rows[choice.runs[0]], choice.trials)
        for choice in comparison.chosen
        if choice.runs and choice.runs[0] in rows and not all(t.lacks for t in choice.trials)
    ]
    return tuple(
        _expected(
            row, trials, _worst(row, [t for r, t in pairs if r.shared_keys == row.shared_keys])
        )
        for row, trials in pairs
    )


def weights(trials: int, k: int) -> Floats:
    """Return the probability that the i-th of the trials, in ascending order, is the best of k."""
    total = math.comb(trials, k)
    return np.array([math.comb(i, k - 1) / total for i in range(trials)])


def _worst(row: Row, trials: Sequence[Sequence[Trial]]) -> tuple[float, float]:
    """Return the worst validation score and compared score of a task, or chance if it is worse."""
    assert row.summary is not None
    metric = row.summary.metric
    finished = [one for each in trials for one in each if not (one.diverged or one.lacks)]
    known = [] if metric.chance is None else [metric.chance]
    scores = (
        [one.validation for one in finished] + known,
        [one.test for one in finished] + known,
    )
    validation, test = (
        metric.sign * min((metric.sign * v for v in values), default=0.0) for values in scores
    )
    return validation, test


def _expected(row: Row, trials: Sequence[Trial], worst: tuple[float, float]) -> BestOfK:
    assert row.summary is not None
    sign = row.summary.metric.sign
    scores = [worst if t.diverged else (t.validation, t.test) for t in trials if not t.lacks]
    values = np.array(scores, dtype=np.float64).reshape(-1, 2)
    table = np.array([weights(len(values), k) for k in range(1, len(values) + 1)])
    best = _of(values, table, sign)
    low = high = None
    if len(values) >= MIN_BOOTSTRAP:
        rng = np.random.default_rng(0)
        # If k is close to the number of trials, nearly all resamples have the same best trial.
        half = table[: len(values) // 2]
        drawn = [
            _of(values[rng.integers(0, len(values), len(values))], half, sign)[:, 1]
            for _ in range(_RESAMPLES)
        ]
        ends = np.quantile(drawn, [0.025, 0.975], axis=0)
        low, high = tuple(ends[0].tolist()), tuple(ends[1].tolist())
    return BestOfK(
        row=row,
        trials=len(values),
        left_out=len(trials) - len(values),
        diverged=sum(one.diverged and not one.lacks for one in trials),
        validation=tuple(best[:, 0].tolist()),
        outcome=tuple(best[:, 1].tolist()),
        low=low,
        high=high,
    )


def _of(values: Floats, table: Floats, sign: int) -> Floats:
    """Return the expected best of each k, ``k x 2``: validation, and the compared split."""
    order = np.argsort(sign * values[:, 0], kind="stable")
    return np.asarray(table @ values[order])
