"""Repeat the sweep of a study with more seeds, from its recorded commands alone."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from gatekit.cell.errors import ConfigError, RunError
from gatekit.faults import Fault, Kind, Place
from gatekit.runs.studies import plan_file
from gatekit.runs.studies.survey import study_folder, survey

from .command import composition
from .hydra.untrusted_files import RUNS_COMMANDS
from .keys import LAUNCH_KEYS
from .line import plugin_files
from .plan import PlannedRun, SweepPlan, plan

_PARALLEL = re.compile(r"\+*(hydra\.launcher\.)?(threads|devices)=")

LAUNCH_ONLY = tuple(k for k in LAUNCH_KEYS if k not in ("study", "root", "seeds", "trials"))
"""Keys that may be typed, because they decide how runs are executed, not which runs."""


def refuse_variants(study: str, words: Sequence[str]) -> None:
    """Refuse keys that would start other runs than more seeds of those that the study has.

    Raises:
        ConfigError: a key does not only decide how runs are executed.
    """
    for word in words:
        key = word.partition("=")[0]
        if key not in LAUNCH_ONLY and not key.startswith("hydra.launcher."):
            place, why = Place.of(key), "extend only adds seeds to the variants of a study"
            raise ConfigError(Fault(Kind.REFUSED, place, why=why))


def extension(
    study: str,
    root: Path | str,
    seeds: int,
    words: Sequence[str] = (),
    command: str = "",
    trusted: bool = False,
) -> tuple[SweepPlan, int]:
    """Return the runs of a study's commands with more seeds, and how many seeds the study has.

    Args:
        study: the study's name.
        root: the folder of all studies.
        seeds: number of seeds of each variant; seeds are 0 to ``seeds - 1``.
        words: overrides that decide how runs are executed, such as ``n_jobs=4``.
        command: the command that was typed.
        trusted: whether ``--trust-config`` was typed; a recorded one is not enough.

    Returns:
        The plan, including the complete runs, and the number of seeds that the study already has.

    Raises:
        RunError: there is no such study, no command is recorded, or its commands would now start
            different runs.
        ConfigError: the study already has more seeds, its seeds are not numbered from 0, or it is
            a search.
    """
    folder = study_folder(study, root, "extend")
    plan_file.refuse_older(folder)
    refuse_variants(study, words)
    trained = _recorded(folder)
    if not trained:
        raise RunError(
            f"the commands of the study are not recorded in {folder}, so there is nothing to "
            f"repeat with more seeds: train the sweep again, with study={study} seeds={seeds}"
        )
    if any("--trust-config" in typed for typed in trained) and not trusted:
        raise ConfigError(
            f"study {study} was trained with --trust-config; add it here, too, if you wrote the "
            "configuration yourself."
        )
    for typed in trained:
        _refuse_code(study, typed, words, Path(root), trusted)
    where = [f"study={study}", f"root={root}", f"seeds={seeds}"]
    # The shards of a run follow from the threads and devices that were typed first.
    kept = [word for word in words if not _PARALLEL.match(word)]
    plans = [_planned([*_variants(typed, kept), *where]) for typed in trained]
    launch = plans[0].launch
    if kept != [*words]:
        launch = _planned([*_variants(trained[0], words), *where]).launch
    runs = {run.fingerprint: run for each in plans for run in each.runs}
    sources = {digest: source for each in plans for digest, source in each.sources.items()}
    whole = SweepPlan(launch, tuple(runs.values()), (), sources, command)
    return whole, _present(study, folder, whole, seeds)


def first_seeds(whole: SweepPlan, seeds: int) -> SweepPlan:
    """Return a plan with only the runs of the seeds 0 to ``seeds - 1``."""
    runs = tuple(run for run in whole.runs if seed_of(run) < seeds)
    return dataclasses.replace(whole, runs=runs)


def seed_of(run: PlannedRun) -> int:
    """Return the seed of a planned run."""
    return int(run.config["seed"])


def refuse_stored(files: Sequence[str], root: Path | str) -> None:
    """Refuse plugin files in the folder of all studies; a study from elsewhere may contain them.

    Args:
        files: the plugin files that a study's own files name.
        root: the folder of all studies.

    Raises:
        ConfigError: a plugin file is in that folder.
    """
    for file in files:
        if Path(file).resolve().is_relative_to(Path(root).resolve()):
            raise ConfigError(
                f"the study names the plugin {file}, which is in {root}: its code would run. If "
                "you have read the file, move it to ./plugins and train the study again."
            )


def _refuse_code(
    study: str, typed: Sequence[str], words: Sequence[str], root: Path, trusted: bool
) -> None:
    """Refuse code that a recorded command would execute, unless it is typed again."""
    refuse_stored(plugin_files(typed), root)
    now = {word.lstrip("+").partition("=")[0] for word in words}
    for word in typed:
        key = word.lstrip("+").partition("=")[0]
        runs_commands = key.startswith("hydra.launcher.") and key.split(".")[2] in RUNS_COMMANDS
        if runs_commands and key not in now and not trusted:
            raise ConfigError(
                f"study {study} was trained with {word}, which runs commands or reaches another "
                "machine; type it here, too, if you wrote it, or add --trust-config."
            )


def _recorded(folder: Path) -> list[list[str]]:
    """Return the arguments of the `gatekit train` commands that are recorded in a study."""
    commands = []
    for typed in plan_file.commands(folder):
        with contextlib.suppress(ValueError):
            words = shlex.split(typed)
            if words[:2] == ["gatekit", "train"]:
                commands.append(words[2:])
    return commands


def _variants(typed: Sequence[str], words: Sequence[str]) -> list[str]:
    """Return a recorded command without its seeds and study, then the words typed now."""
    now = {word.partition("=")[0] for word in words}
    left_out = {"study", "root", "seed", "seeds", "retry", "allow_changed", *now}
    repeated = [word for word in typed if word.lstrip("+").partition("=")[0] not in left_out]
    return [*repeated, *words]


def _planned(words: Sequence[str]) -> SweepPlan:
    asked = composition(words)
    if asked.search is not None:
        raise ConfigError(
            "a search has no fixed variants to add seeds to; type gatekit "
            "confirm STUDY --seeds N to repeat the best trial of each variant."
        )
    return plan(asked.jobs)


def _present(study: str, folder: Path, whole: SweepPlan, seeds: int) -> int:
    """Return how many seeds a study has; check that the plan contains all its runs."""
    known = {run.fingerprint: seed_of(run) for run in whole.runs}
    runs = survey(folder)
    others = [run for run in runs if run.stale is None and run.id not in known]
    found = [
        int(seed)
        for run in others
        if (seed := run.label.rpartition("seed=")[2]).isdecimal() and run.state != "PLANNED"
        if int(seed) >= seeds and _same_but_seed(run.label, whole)
    ]
    if found:
        raise ConfigError(
            f"study {study} has the seed {found[0]}, and {seeds} seeds are 0 to {seeds - 1}: the "
            f"number is that of all seeds. Type {max(found) + 1 + seeds} for {seeds} more, or "
            "begin a new study with seeds=N, which numbers seeds from 0."
        )
    if changed := [run for run in others if run.state != "PLANNED"]:
        raise RunError(
            f"study {study} cannot be extended: its commands would no longer start {len(changed)} "
            f"of its {len(runs)} runs, such as {changed[0].label}. A cell, plugin, data set or "
            "default has changed, or the runs come from elsewhere. Undo the change, or train a new "
            "study."
        )
    there = [known[run.id] for run in runs if run.id in known and run.state != "PLANNED"]
    return max(there, default=-1) + 1


def _same_but_seed(label: str, whole: SweepPlan) -> bool:
    before = plan_file.variant_of(label)
    return any(plan_file.variant_of(run.label) == before for run in whole.runs)
