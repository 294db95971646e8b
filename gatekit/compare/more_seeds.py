"""Add seeds to a study and look at it in between; the level of 5 % is spread over these looks.

A look is an interim analysis: `analyse` compares the groups at a number of seeds at which every run
has an outcome, and appends the result to ``looks.jsonl``. The first look fixes what is compared.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from gatekit.cell.errors import ConfigError, RunError, listed
from gatekit.compare.deciding.refusals import AT_ONCE
from gatekit.compare.deciding.row import Row, family
from gatekit.compare.numbers import count_of, p_value
from gatekit.compare.stats.interim_tests import next_interim, spent
from gatekit.compare.stats.paired_tests import MIN_FLIPS
from gatekit.faults import Fault, Kind, Place, Whole, wrong
from gatekit.runs.names import canonical_json
from gatekit.runs.result import OUTCOMES
from gatekit.runs.studies import interim_file
from gatekit.runs.studies.interim_file import InterimAnalyses
from gatekit.runs.studies.survey import study_folder
from gatekit.study.extend import extension, first_seeds
from gatekit.study.launch import launch, report
from gatekit.study.plan import SweepPlan

from .comparison import Comparison, compare
from .study import load

FIXED = ("better", "worse")
"""Decisions that need no further seeds."""


def interim_so_far(
    study: Path, most: int | None, asked: Mapping[str, object]
) -> tuple[InterimAnalyses | None, int, dict[str, object]]:
    """Return the looks at a study, its maximum number of seeds, and the options of the comparison.

    Args:
        study: the study's folder.
        most: the maximum as typed; None means that of the first look.
        asked: options of the comparison as typed; none means those of the first look.

    Raises:
        ConfigError: the first look lacks ``most``, or a later look has another ``most`` or option.
        RunError: the file of looks is damaged.
    """
    before = interim_file.read(study)
    options = {key: value for key, value in asked.items() if value not in (None, [], ())}
    if before is None:
        if most is None:
            why = "the most seeds that you would run, which the first look fixes"
            raise ConfigError(Fault(Kind.MISSING, Place(("most",)), why=why))
        if most < MIN_FLIPS:
            raise ConfigError(
                f"--most {most}: looks need at least {MIN_FLIPS} seeds; type --most {MIN_FLIPS} or "
                f"more, or --seeds {most} to add seeds without looks."
            )
        return None, most, options
    if most is not None and most != before.most:
        raise ConfigError(
            f"--most {most}: the first look fixed --most {before.most}, because the level is spent "
            f"over that many seeds; type --most {before.most}, or begin a new study."
        )
    if options and options != before.asked:
        raise ConfigError(
            f"the first look compared {_typed(before.asked)}, but now you ask for "
            f"{_typed(options)}. Omit the options to continue; gatekit compare takes any options."
        )
    return before, before.most, dict(before.asked)


def until_decided(
    study: str,
    root: Path | str,
    *,
    most: int | None = None,
    step: int | None = None,
    asked: Mapping[str, object],
    words: Sequence[str] = (),
    command: str = "",
    trusted: bool = False,
    show: Callable[[str], None] = print,
    stream: TextIO | None = None,
) -> int:
    """Add seeds and look, until every comparison is decided or the maximum of seeds is reached.

    You can stop it at any moment; the same call continues.

    Args:
        study: the study's name.
        root: the folder of all studies.
        most: the maximum number of seeds; needed for the first look only.
        step: seeds from look to look; by default a tenth of ``most``.
        asked: options of `gatekit.compare` that define the comparisons.
        words: overrides that set how runs are started, such as ``n_jobs=4``.
        command: the command that was typed.
        trusted: whether ``--trust-config`` was typed.
        show: called with the decisions, as lines.
        stream: where the progress of runs is shown; stdout by default.

    Returns:
        0, or the exit code of the sweep if runs failed or were stopped.

    Raises:
        GatekitError: as `interim_so_far`, `analyse` and `gatekit.study.extend.extension` describe.
    """
    if step is not None and step < 1:
        raise ConfigError(wrong(Place(("step",)), step, Whole(1)))
    interim, most, asked = interim_so_far(study_folder(study, root, "extend"), most, asked)
    whole, present = extension(study, root, most, words, command, trusted)
    open_ = None
    if interim is not None:
        comparison = analyse(study, root, interim.seeds[-1], most, asked)
        open_ = open_groups(comparison)
        show(_found(comparison, interim, open_))
    while open_ is None or open_:
        seeds = next_interim(None if interim is None else interim.seeds[-1], present, most, step)
        if seeds is None:
            break
        show(f"study {study}: {seeds} of at most {most} seeds for look {_number(interim)}.")
        if code := run_plan(first_seeds(whole, seeds), show, stream):
            return code
        comparison = analyse(study, root, seeds, most, asked)
        interim, open_ = comparison.study.interim, open_groups(comparison)
        assert interim is not None
        show(_found(comparison, interim, open_))
    show(
        f"Still open at the maximum of {most} seeds: {listed(open_)}."
        if open_
        else "Every difference is decided."
    )
    return 0


def add_seeds(
    study: str,
    root: Path | str,
    seeds: int,
    *,
    words: Sequence[str] = (),
    command: str = "",
    trusted: bool = False,
    show: Callable[[str], None] = print,
    stream: TextIO | None = None,
) -> int:
    """Add seeds without a look; the arguments are those of `until_decided`.

    Raises:
        ConfigError: the study has looks, so its next seeds belong to the next look.
        GatekitError: as `gatekit.study.extend.extension` describes.
    """
    before = interim_file.read(study_folder(study, root, "extend"))
    if before is not None:
        raise ConfigError(
            f"study {study} was looked at {count_of(len(before.seeds), 'time')}; type gatekit "
            f"extend {study} --until-decided, which continues to at most {before.most} seeds."
        )
    whole, present = extension(study, root, seeds, words, command, trusted)
    more = f"from {present} to {seeds} seeds"
    if present == seeds:
        more = f"no more seeds, because {seeds} is the number of all seeds, and it has them; "
        more += f"{seeds + 1} would add one"
    show(f"study {study}: {more}.")
    return run_plan(whole, show, stream)


def run_plan(plan: SweepPlan, show: Callable[[str], None], stream: TextIO | None = None) -> int:
    """Start the runs of a plan that are not complete; return 0 if all then have an outcome."""
    outcome = launch(plan, stream=stream)
    waiting = [run for run in plan.runs if run.folder().state().name not in OUTCOMES]
    if not outcome.code and not waiting:
        return 0
    lines = report(plan, outcome).split("\n")
    show("\n".join(line for line in lines if not line.startswith("Now type:")))
    if not outcome.code:
        runs = count_of(len(waiting), "run")
        show(f"Not complete yet: {runs}. When all runs are complete, type the same command.")
    return outcome.code or 1


def _number(interim: InterimAnalyses | None) -> int:
    return 1 if interim is None else len(interim.seeds) + 1


def _found(comparison: Comparison, interim: InterimAnalyses, open_: Sequence[str]) -> str:
    total = sum(row.difference is not None for row in comparison.rows)
    lines = [
        f"look {len(interim.seeds)}: {interim.seeds[-1]} of at most {interim.most} seeds, "
        f"alpha spent {interim.alpha:.2g}; {total - len(open_)} of {total} differences decided"
    ]
    for row in comparison.rows:
        diff = row.difference
        if diff is not None and diff.p is not None:
            lines.append(f"  {row.group.label}: {diff.decision}, p {p_value(diff.p)}")
    return "\n".join(lines)


def analyse(
    study: str, root: Path | str, seeds: int, most: int, asked: Mapping[str, Any]
) -> Comparison:
    """Compare the groups at a number of seeds and record this as a look.

    Every run of these seeds must have an outcome. If a look at this number of seeds is already
    recorded, it is not recorded again.

    Raises:
        ConfigError: the groups are not those of the first look, or none can be compared.
        RunError: results that were looked at have changed, or the look cannot be recorded.
    """
    loaded = load(study, root)
    before = loaded.interim
    done = () if before is None else before.seeds
    if before is not None:
        _check(compare(loaded, **asked), before)
    if seeds in done:
        return compare(loaded, **asked)
    alpha, last = spent(seeds / most), spent(done[-1] / most) if done else 0.0
    now = InterimAnalyses(most, (*done, seeds), asked=asked, alpha=alpha, added=alpha - last)
    comparison = compare(dataclasses.replace(loaded, interim=now), **asked)
    groups = family(comparison.rows)
    if before is not None and groups != before.groups:
        raise ConfigError(_changed(before.groups, groups))
    differences = [row.difference for row in comparison.rows if row.difference is not None]
    if not differences:
        raise ConfigError(
            f"study {study} has one group, and a look compares at least two; train another "
            "variant in the same study first."
        )
    for diff in differences:
        if diff.refused or diff.blocked:
            why = "; ".join(r for r in (*diff.refused, *diff.blocked) if r != AT_ONCE)
            raise RunError(f"no look was taken: {why}")
    now = dataclasses.replace(
        now,
        groups=groups,
        results={row.group.label: _digest(row) for row in comparison.rows},
        decisions={
            row.group.label: row.difference.decision for row in comparison.rows if row.difference
        },
    )
    try:
        interim_file.append(loaded.path, now)
    except OSError as error:
        raise RunError(f"the look cannot be recorded in {loaded.path}: {error.strerror}.") from None
    return comparison


def open_groups(comparison: Comparison) -> list[str]:
    """Return the labels of the groups whose comparison is open."""
    return [
        row.group.label
        for row in comparison.rows
        if row.difference is not None and row.difference.decision not in FIXED
    ]


def _check(comparison: Comparison, before: InterimAnalyses) -> None:
    """Check that the groups and results of the last look have not changed since."""
    groups = family(comparison.rows)
    if groups != before.groups:
        raise ConfigError(_changed(before.groups, groups))
    for row in comparison.rows:
        if before.results.get(row.group.label) != _digest(row):
            raise RunError(
                f"results of {row.group.label} have changed since look {len(before.seeds)} at "
                f"{before.seeds[-1]} seeds, or are missing. Repeat damaged runs with the study's "
                "gatekit train command, or begin a new study."
            )


def _digest(row: Row) -> str:
    """Return a hash of a group's runs and outcomes; repeating a run with equal outcome keeps it."""
    runs = [[run.id, repr(run.result.outcome)] for run in row.group.runs if run.result]
    return hashlib.sha256(canonical_json(sorted(runs)).encode()).hexdigest()[:16]


def _changed(before: Mapping[str, str | None], now: Mapping[str, str | None]) -> str:
    came = [label for label in now if label not in before]
    gone = [label for label in before if label not in now]
    parts = [f"added: {', '.join(came)}"] if came else []
    parts += [f"missing: {', '.join(gone)}"] if gone else []
    return (
        "the groups or baselines are not those of the first look"
        f" ({'; '.join(parts) or 'a baseline changed'}), but the level is spent on the comparisons "
        "of that look. Train other groups in a separate study, or compare only the first ones with "
        "gatekit compare --where KEY=VALUE."
    )


def _typed(asked: Mapping[str, object]) -> str:
    pairs = [f"{key}={','.join(v) if isinstance(v, list) else v}" for key, v in asked.items()]
    return " ".join(pairs) or "the groups without options"
