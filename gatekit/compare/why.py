"""Explain why two runs or groups differ: list every difference, each as a minimal diff."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gatekit.compare.grouping.label import value_text
from gatekit.compare.grouping.select import Selection
from gatekit.compare.stats.intervals import by_seed, of_seeds, seed_keys
from gatekit.compare.stats.paired_tests import MIN_SEEDS
from gatekit.runs import durable
from gatekit.runs.config import flatten
from gatekit.runs.names import IMPORTED, PLUGINS
from gatekit.runs.record import RunRecord
from gatekit.runs.result import ResultMetric, short_hash

from .recipe import environment

_HARDWARE = ("platform", "host_kind", "cpu", "cores", "gpu", "threads", "executor", "jit")
_FREEDOM = MIN_SEEDS - 1
SECTIONS = ("configuration", "versions", "hardware", "data", "code", "seeds")
"""The fields of `Why` that are changes, in the order in which they are shown."""

_OR = " or "
_SHOWN_ELSEWHERE = ("seed", "study", "plugins")


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs; None if a side does not have it."""

    key: str
    first: str | None
    second: str | None


@dataclass(frozen=True, slots=True)
class PluginSource:
    """A plugin whose source differs, with the diff.

    A side that does not use the plugin is None. The diff is empty if a side has no source, several,
    or one that is not stored.
    """

    name: str
    first: str | None
    second: str | None
    diff: tuple[str, ...]

    def remark(self, first: str, second: str) -> str:
        """Return why there is no diff, given the names of the sides; empty if there is one."""
        if self.diff:
            return ""
        if self.first is None or self.second is None:
            return f"only {first if self.second is None else second} uses this plugin"
        if _OR in self.first + self.second:
            return "no diff is shown, because a side has runs with different sources"
        return "not both sources are stored"


@dataclass(frozen=True, slots=True)
class Spread:
    """The difference of the outcomes, compared with the spread over seeds.

    ``expected`` is the mean size of the difference if the runs differed only in their seeds,
    ``share`` is ``expected`` as a share of the difference, and ``chance`` is the probability that
    seeds alone cause a difference this large (None for few seeds). All three are None if no group
    has two seeds.
    """

    metric: ResultMetric
    first: float
    second: float
    runs: tuple[int, int]
    difference: float
    expected: float | None
    share: float | None
    chance: float | None

    @property
    def chance_text(self) -> str:
        """Return the probability as a sentence; empty if it is unknown."""
        if self.chance is None:
            return ""
        cases = f"{100 * self.chance:.2g} %" if self.chance >= 1e-3 else "less than 0.1 %"
        return f"seeds alone cause a difference this large in {cases} of cases"


@dataclass(frozen=True, slots=True)
class Why:
    """Everything that differs between two selections; a field is empty if nothing differs."""

    first: str
    second: str
    configuration: tuple[Change, ...]
    sources: tuple[PluginSource, ...]
    versions: tuple[Change, ...]
    hardware: tuple[Change, ...]
    data: tuple[Change, ...]
    code: tuple[Change, ...]
    seeds: tuple[Change, ...]
    spread: Spread | None
    notes: tuple[str, ...]


def why(first: Selection, second: Selection) -> Why:
    """Return what differs between two runs or groups."""
    notes = [
        ": ".join(filter(None, [f"{run.id} is {run.state}", run.reason]))
        for s in (first, second)
        for run in s.runs
        if not run.counts
    ]
    configuration, more = _configuration(first, second)
    environments = [[environment(run) for run in s.runs] for s in (first, second)]
    spread, remarks = _spread(first, second)
    return Why(
        first.name,
        second.name,
        configuration,
        _sources(first, second),
        _changes(*([_flat(e, "versions", "python") for e in side] for side in environments)),
        _changes(*([_flat(e, *_HARDWARE) for e in side] for side in environments)),
        _changes(*([_data(run) for run in s.runs] for s in (first, second))),
        _changes(*([_flat(e, "git") for e in side] for side in environments)),
        _seeds(first, second),
        spread,
        (*notes, *more, *remarks),
    )


def side_text(value: str | None) -> str:
    """Return one side of a change as it is shown."""
    return "(none)" if value is None else value


def _configuration(first: Selection, second: Selection) -> tuple[tuple[Change, ...], list[str]]:
    sides = [
        [
            flatten({k: v for k, v in (run.config or {}).items() if k not in _SHOWN_ELSEWHERE})
            for run in side.runs
        ]
        for side in (first, second)
    ]
    changes = _changes(*sides)
    names = [{row.get("cell.name") for row in side} for side in sides]
    if names[0] == names[1]:
        return changes, []
    # Cells with different names differ in nearly every key, so only the name is shown.
    shown = tuple(c for c in changes if not c.key.startswith("cell.") or c.key == "cell.name")
    cells = sorted(str(name) for name in names[0] | names[1])
    hidden = len(changes) - len(shown)
    commands = " and ".join(f"`gatekit show cell={name}`" for name in cells)
    return shown, [
        f"the cells differ in {hidden} more keys; type {commands} to see them"
    ] if hidden else []


def _changes(
    first: Iterable[Mapping[str, object]], second: Iterable[Mapping[str, object]]
) -> tuple[Change, ...]:
    sides = [_values(rows) for rows in (first, second)]
    keys = list(dict.fromkeys([*sides[0], *sides[1]]))
    pairs = [(key, sides[0].get(key), sides[1].get(key)) for key in keys]
    return tuple(Change(key, one, other) for key, one, other in pairs if one != other)


def _values(rows: Iterable[Mapping[str, object]]) -> dict[str, str]:
    sets: dict[str, set[str]] = {}
    for row in rows:
        for key, value in row.items():
            if value is not None:
                sets.setdefault(key, set()).add(value_text(value))
    return {key: _OR.join(sorted(values)) for key, values in sets.items()}


def environment_facts(record: Mapping[str, object]) -> dict[str, object]:
    """Return the versions and the hardware of an ``env.json`` as a flat dictionary."""
    return _flat(record, "versions", "python", *_HARDWARE)


def _flat(environment: Mapping[str, object], *keys: str) -> dict[str, object]:
    flat = flatten({key: environment[key] for key in keys if key in environment})
    return {key.removeprefix("versions."): value for key, value in flat.items()}


def _data(run: RunRecord) -> dict[str, object]:
    return {} if run.result is None else {"data": short_hash(run.result.data_hash)}


def _seeds(first: Selection, second: Selection) -> tuple[Change, ...]:
    ours, theirs = ({run.seed for run in s.runs if run.seed is not None} for s in (first, second))
    if ours == theirs:
        return ()
    one, other = (", ".join(map(str, sorted(seeds))) or None for seeds in (ours, theirs))
    return (Change("seed", one, other),)


def _sources(first: Selection, second: Selection) -> tuple[PluginSource, ...]:
    if not all(any(run.result for run in side.runs) for side in (first, second)):
        return ()  # a run without a result did not record its plugins
    ours, theirs = _plugins(first), _plugins(second)
    sources = []
    for name in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(name, {}), theirs.get(name, {})
        if one.keys() == other.keys():
            continue
        diff: list[str] = []
        if len(one) == len(other) == 1:
            before, after = (_source(*next(iter(side.items()))) for side in (one, other))
            if before is not None and after is not None:
                lines = difflib.unified_diff(
                    before.splitlines(), after.splitlines(), lineterm="", n=0
                )
                diff = [line for line in lines if not line.startswith(("---", "+++"))]
        sources.append(PluginSource(name, _hashes(one), _hashes(other), tuple(diff)))
    return tuple(sources)


def _hashes(digests: Iterable[str]) -> str | None:
    return _OR.join(sorted(map(short_hash, digests))) or None


def _plugins(selection: Selection) -> dict[str, dict[str, Path]]:
    """Return the hashes of each plugin, each with the folder that stores its source."""
    plugins: dict[str, dict[str, Path]] = {}
    for run in selection.runs:
        study = selection.study.path
        folder = study if run.origin is None else study / IMPORTED / run.origin
        for name, digest in run.result.plugins.items() if run.result else ():
            plugins.setdefault(name, {})[digest] = folder / PLUGINS
    return plugins


def _source(digest: str, folder: Path) -> str | None:
    try:
        name = digest.removeprefix("sha256").lstrip(".:")
        return durable.read(folder / f"{name}.py").decode("utf-8", errors="replace")
    except OSError:
        return None


def _spread(first: Selection, second: Selection) -> tuple[Spread | None, list[str]]:
    runs = [[run for run in s.runs if run.result is not None] for s in (first, second)]
    results = [[run.result for run in side if run.result is not None] for side in runs]
    if not all(results):
        return None, ["one side has no outcome, so there is no difference to explain"]
    metrics = [side[0].metric for side in results]
    if (metrics[0].name, metrics[0].unit) != (metrics[1].name, metrics[1].unit):
        return None, [
            f"{metrics[0].name} and {metrics[1].name} are different metrics and cannot be compared"
        ]
    outcomes = [[result.outcome for result in side] for side in results]
    if not np.isfinite([value for side in outcomes for value in side]).all():
        return None, ["a diverged run has no number to compare"]
    before, after = (float(np.mean(side)) for side in outcomes)
    difference = after - before
    counts = (len(outcomes[0]), len(outcomes[1]))
    deviation, freedom = _within(first, second)
    expected = share = chance = None
    if deviation is not None:
        from scipy.special import stdtr

        keys = [seed_keys(run.seed for run in side) for side in runs]
        seeds = [len(by_seed(*pair)) for pair in zip(outcomes, keys, strict=True)]
        error = deviation * math.sqrt(1 / seeds[0] + 1 / seeds[1])
        expected = error * math.sqrt(2 / math.pi)
        share = min(1.0, expected / abs(difference)) if difference else 1.0
        if error and freedom >= _FREEDOM:
            chance = 2 * float(stdtr(freedom, -abs(difference) / error))
    spread = Spread(metrics[0], before, after, counts, difference, expected, share, chance)
    return spread, []


def _within(first: Selection, second: Selection) -> tuple[float | None, int]:
    """Return the standard deviation over seeds within the groups, and its degrees of freedom."""
    groups = {id(g): g for s in (first, second) if (g := s.group) is not None}
    squares, freedom = 0.0, 0
    for group in groups.values():
        pairs = zip(group.outcomes, group.pairing_keys, strict=True)
        finite = [(value, key) for value, key in pairs if math.isfinite(value)]
        seeds = of_seeds([value for value, _ in finite], [key for _, key in finite])
        if len(seeds) > 1:
            squares += float(np.var(seeds, ddof=1)) * (len(seeds) - 1)
            freedom += len(seeds) - 1
    return (math.sqrt(squares / freedom), freedom) if freedom else (None, 0)
