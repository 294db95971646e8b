"""Repeat the best trial of every variant with seeds that did not help to choose it."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatekit.cell.errors import ConfigError, RunError, listed, nearest
from gatekit.registry import components
from gatekit.runs.config import cell_name
from gatekit.runs.config import read as read_config
from gatekit.runs.folder import RunFolder
from gatekit.runs.names import CONFIG, canonical_json
from gatekit.runs.result import OUTCOMES
from gatekit.runs.studies import plan_file
from gatekit.runs.studies.survey import survey
from gatekit.study.config import validate
from gatekit.study.extend import refuse_stored
from gatekit.study.keys import with_omitted
from gatekit.study.plan import Launch, SweepPlan, run_of
from gatekit.study.search.search import refuse_runs
from gatekit.study.variant import variant


@dataclass(frozen=True)
class Best:
    """The trial of a variant with the best validation score.

    Attributes:
        by: the keys and values that define the variant; a default of its task is None.
        config: the configuration of the trial.
        validation: its mean validation score over its seeds.
        trials: the number of trials of the variant.
        words: the words of its command line.
    """

    by: Mapping[str, Any]
    config: Mapping[str, Any]
    validation: float
    trials: int
    words: tuple[str, ...]

    @property
    def label(self) -> str:
        """Return the keys and values of the variant, a default as it was typed."""
        typed = dict(word.partition("=")[::2] for word in self.words)
        named = {k: typed.get(k, "default") if v is None else v for k, v in self.by.items()}
        return " ".join(f"{key}={value}" for key, value in named.items())


@dataclass(frozen=True)
class _ScoredRun:
    config: dict[str, Any]
    score: float
    words: tuple[str, ...]


def best(folder: Path, by: Sequence[str]) -> tuple[list[Best], int]:
    """Return the best trial of each variant, and the smallest seed that no trial has used.

    Args:
        folder: the study's folder.
        by: the configuration keys that distinguish variants; ``cell`` means the cell's name. If
            empty, variants are distinguished by their cell.

    Raises:
        RunError: no run is complete.
        ConfigError: no run has such a key; no key was given, and the runs differ in more than
            their cell; or some metrics are minimized and others maximized.
    """
    words = {name: known.words for name, known in plan_file.read(folder).items()}
    runs: list[_ScoredRun] = []
    top, directions = -1, set()
    for known_run in survey(folder):
        if known_run.state not in OUTCOMES or known_run.stale is not None:
            continue
        config = _read(known_run.path / CONFIG)
        result = RunFolder(known_run.path).result()
        directions.add(result["metric"]["direction"])
        top = max(top, int(config["seed"]))
        score = (result.get("best") or {}).get("validation")
        score = math.nan if known_run.state == "DIVERGED" or score is None else float(score)
        runs.append(_ScoredRun(config, score, words.get(known_run.id, ())))
    if not runs:
        raise RunError(f"no run of {folder} is complete; there is nothing to choose from.")
    if not by:
        by = _cells_only(folder.name, [run.config for run in runs])
    if len(directions) > 1:
        raise ConfigError(
            "some runs have a metric to minimize and others one to maximize; add task to --by."
        )
    sign = 1.0 if directions == {"min"} else -1.0
    _known(by, [run.config for run in runs])
    groups: dict[str, dict[str, list[_ScoredRun]]] = {}
    for run in runs:
        values = canonical_json([value_of(run.config, key) for key in by])
        trial = canonical_json({k: v for k, v in run.config.items() if k not in ("seed", "study")})
        groups.setdefault(values, {}).setdefault(trial, []).append(run)
    chosen = []
    for trials in groups.values():
        scores = {
            key: statistics.fmean(sign * run.score for run in seeds)
            for key, seeds in trials.items()
        }
        finite = [k for k, score in scores.items() if math.isfinite(score)]
        if finite:
            key = min(finite, key=lambda k: (scores[k], k))
            first = trials[key][0]
            by_key = {k: value_of(first.config, k) for k in by}
            chosen.append(Best(by_key, first.config, sign * scores[key], len(trials), first.words))
    return chosen, top + 1


def confirming(
    chosen: Sequence[Best], seeds: Sequence[int], launch: Launch, command: str
) -> SweepPlan:
    """Return the plan that repeats these trials with other seeds.

    Args:
        chosen: the trials.
        seeds: the seeds.
        launch: where and how the runs are executed.
        command: the command that was typed.

    Raises:
        GatekitError: a plugin or task no longer exists.
    """
    refuse_runs(len(chosen), len(chosen) * len(seeds))
    runs: dict[str, Any] = {}
    sources: dict[str, bytes] = {}
    for each in chosen:
        refuse_stored(each.config["plugins"], launch.root)
        known = components.load(each.config["plugins"])
        data = {k: v for k, v in each.config.items() if k not in ("match", "study", "seed")}
        data["optimizer"] = with_omitted(data["optimizer"])
        confirmed = variant(validate(data), known, swapped=True)
        chosen_by = {"swap": each.config["swap"], "match": each.config.get("match")}
        confirmed = dataclasses.replace(confirmed, config={**confirmed.config, **chosen_by})
        sources |= confirmed.sources
        ours = ("seed", "study", "root", "plugins", "hydra.mode")
        typed = [w for w in each.words if w.partition("=")[0] not in ours]
        for seed in seeds:
            run = run_of(confirmed, launch, seed, f"{each.label} seed={seed}", typed)
            runs[run.fingerprint] = run
    return SweepPlan(launch, tuple(runs.values()), (), sources, command)


def _cells_only(study: str, configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return ``cell`` as the key of variants; refuse runs that differ in task, block or gates."""
    roles = {f"swap.{role}" for config in configs for role in config.get("swap") or {}}
    others = [
        key
        for key in ("task", "block", "output_unit", *sorted(roles))
        if len({canonical_json(value_of(config, key)) for config in configs}) > 1
    ]
    if others:
        differ, typed = " and ".join(others), f"gatekit confirm {study} --by"
        raise ConfigError(
            f"runs of study {study} differ in {differ}, and confirm keeps one run of each cell: "
            f"type {typed} cell,{','.join(others)} for one of each variant, or {typed} cell if "
            f"{differ} was tuned."
        )
    return ["cell"]


def value_of(config: Mapping[str, Any], key: str) -> Any:
    """Return the value of a dotted key; for a group such as ``cell`` or ``block``, the name."""
    if key == "cell" and (name := cell_name(config)):
        return name  # a hybrid has the names of all its cells
    value: Any = config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, Mapping) and "." not in key:
        return value.get("name") or value.get("kind") or dict(value)
    return value


def _known(by: Sequence[str], configs: Sequence[Mapping[str, Any]]) -> None:
    for key in by:
        if key.startswith("swap."):
            continue
        if all(value_of(config, key) is None for config in configs):
            known = [*configs[0]]
            of = next((k for k in known if any(value_of(c, k) == key for c in configs)), "")
            near = f"; it is a value of {of}: type --by {of}." if of else nearest(key, known)
            raise ConfigError(
                f"--by {key}: no run has this key{near or '.'} Keys: {listed(known)}."
            )


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_config(path)
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}.") from None
