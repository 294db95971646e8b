"""Choose the best value of tuning keys within each variant, by validation: ``--best-of KEY``."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gatekit.compare.study import Study
from gatekit.runs.record import RunRecord

from .group import Group, group_runs
from .keys import not_differing
from .label import group_label


@dataclass(frozen=True, slots=True)
class Chosen:
    """The values that were chosen for one variant.

    Attributes:
        values: the chosen values by key.
        candidates: the combinations of values that were tried.
        label: the variant's label.
        metric: the name of the validation metric.
        mean: the mean of the metric over seeds, for the chosen values.
        runs: ids of the runs with the chosen values.
    """

    values: Mapping[str, object]
    candidates: tuple[Mapping[str, object], ...]
    label: str
    metric: str
    mean: float
    runs: tuple[str, ...] = ()

    def note(self) -> str:
        """Return the choice as a sentence."""
        picked = group_label(self.values, "")
        return (
            f"{self.label}: {picked}, the best of {len(self.candidates)} by mean validation"
            f" {self.metric} ({self.mean:.4g})"
        )


@dataclass(frozen=True, slots=True)
class Tuned:
    """A study with the chosen runs only, the tuning keys, and the choices."""

    study: Study
    keys: tuple[str, ...]
    chosen: tuple[Chosen, ...]


def best_of(study: Study, keys: Sequence[str], by: Sequence[str] | None = None) -> Tuned:
    """Return a study in which each variant has only its best value of some keys, on each task.

    The best value has the best mean over seeds of the validation metric at each run's best epoch.
    Test scores have no part in the choice. A value with a diverged run is worse than all others.
    Runs without an outcome stay in the study as missing, because they could change the choice.

    Args:
        study: the result of ``load``.
        keys: the tuning keys, such as ``optimizer.learning_rate``.
        by: the keys that define variants; None means every key that differs.

    Raises:
        ConfigError: the runs do not differ in a key.
    """
    names = None if by is None else [*(k for k in by if k not in keys), *keys]
    groups = group_runs(study.every, names, keys).groups
    tuning = _tuning(keys, groups)
    variants: dict[tuple[tuple[str, str], ...], list[Group]] = {}
    for group in groups:
        rest = tuple((k, group.value(k)) for k in group.values if k not in tuning)
        variants.setdefault(rest, []).append(group)
    remaining: dict[int, RunRecord] = {id(run): run for run in study.runs if run.config is None}
    chosen = []
    for candidates in variants.values():
        for group in candidates:
            remaining |= {id(run): run for run in group.missing}
        finished = [group for group in candidates if group.runs]
        if not finished:
            continue
        best = min(finished, key=_cost)
        remaining |= {id(run): run for run in best.runs}
        chosen.append(
            Chosen(
                {key: best.values.get(key) for key in tuning},
                tuple({key: group.values.get(key) for key in tuning} for group in candidates),
                best.part([k for k in best.values if k not in tuning], best.fallback),
                best.results[0].metric.name,
                _validation(best),
                tuple(run.id for run in best.runs),
            )
        )
    runs = tuple(run for run in study.runs if id(run) in remaining)
    return Tuned(dataclasses.replace(study, runs=runs), tuple(tuning), tuple(chosen))


def optimism(candidates: int, seeds: int) -> float:
    r"""Return how far the mean of the best candidate is above its true mean, in standard deviations
    of a run, if all candidates are equally good, the noise is normal and test scores equal
    validation scores.

    $$E \max(z_1, \ldots, z_k) / \sqrt n$$

    Args:
        candidates: their number $k$.
        seeds: number of seeds $n$ of each.

    Reference:
        David & Nagaraja, "Order statistics" (2003), section 3.1
    """
    from scipy.special import ndtr

    z = (np.arange(-9000, 9000) + 0.5) / 1000
    below = ndtr(z) ** candidates
    return float(np.where(z > 0, 1 - below, -below).sum() / 1000 / math.sqrt(seeds))


def _tuning(keys: Sequence[str], groups: Sequence[Group]) -> list[str]:
    known = {key: None for group in groups for key in group.values}
    tuning: dict[str, None] = {}
    for key in keys:
        inside = [k for k in known if k == key or k.startswith(f"{key}.")]
        differing = [k for k in inside if len({group.value(k) for group in groups}) > 1]
        if groups and not differing:
            raise not_differing("best_of", key, known)
        tuning.update(dict.fromkeys(differing))
    return list(tuning)


def _validation(group: Group) -> float:
    scores = [result.best for result in group.results]
    values = [math.nan if s is None or s.validation is None else s.validation for s in scores]
    return sum(values) / len(values)


def _cost(group: Group) -> tuple[int, float]:
    """Return a sort key that puts the best value first."""
    diverged = sum(result.state != "COMPLETED" for result in group.results)
    mean = _validation(group)
    return (diverged, math.inf if math.isnan(mean) else -group.results[0].metric.sign * mean)
