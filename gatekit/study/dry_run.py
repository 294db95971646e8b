"""Dry run: build every variant and try it for three steps before anything is trained."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatekit.cell.analysis.cost import added
from gatekit.cell.errors import GatekitError
from gatekit.registry import components
from gatekit.runs import metrics
from gatekit.runs.config import sized_alike
from gatekit.runs.names import METRICS, RUNS, canonical_json
from gatekit.runs.result import OUTCOMES
from gatekit.runs.studies import plan_file
from gatekit.study.launch.process import Processes, make
from gatekit.study.launch.slurm_queue import at_once
from gatekit.training.batches import EVALUATIONS
from gatekit.training.schedule import DEFAULTS as SCHEDULE_KEYS
from gatekit.training.schedule import typed

from .launch import launch
from .plan import PlannedRun, SweepPlan, words_of

STEPS = 3

TIMEOUT = 600.0
"""Seconds after which a dry run that hangs is stopped if the launcher has no timeout."""


@dataclass
class VariantPreview:
    """Runs with the same `_shape`, and the results of three steps of one of them.

    Attributes:
        label: the words that the command lines of all these runs share.
        parameters: trainable parameters of all recurrent layers.
        state: numbers of state of all recurrent layers, for one sequence.
        flops: floating-point operations of all recurrent layers per token, forward.
        added: ``parameters``, ``state`` and ``flops`` that it has more than the smallest variant of
            the same cell, ``to``, if only gates and equations differ; None for that variant.
        match: the target that chose the units, as in a run's configuration.
        total: parameters of the whole model, as `gatekit compare` counts; None if not tried.
        states: number of runs by their state.
        stale: number of earlier runs that the new runs outdate.
        todo: number of runs that would start.
        step: seconds per training step.
        seconds: seconds per run, at most.
        memory: bytes that one run needs.
        error: why the variant cannot be built or trained.
        schedules: the numbers of each learning-rate schedule, if one is typed.
        weight_decay: the weights that decay and those that do not, if there is weight decay.
        jit: whether XLA compiles the steps; None if not tried.
        jit_reason: the reason for ``jit``.
    """

    label: str
    units: int
    parameters: int
    states: dict[str, int] = field(default_factory=dict)
    stale: int = 0
    todo: int = 0
    step: float | None = None
    seconds: float | None = None
    memory: int | None = None
    error: str | None = None
    total: int | None = None
    schedules: list[dict[str, Any]] = field(default_factory=list)
    weight_decay: dict[str, list[str]] | None = None
    jit: bool | None = None
    jit_reason: str | None = None
    state: int | None = None
    flops: int | None = None
    match: Mapping[str, Any] | None = None
    added: Mapping[str, Any] | None = None


@dataclass
class Preview:
    """The runs, time and memory that a command would need.

    Attributes:
        broken: label and error of jobs that cannot be built.
        slots: number of runs at a time.
        seconds: seconds until all runs are done, at most; None if nothing was tried.
        place: where ``memory`` is needed: this machine, the Ray cluster or a Slurm job.
        memory: bytes that the runs that run together in this place need.
        available: bytes that the place has; 0 if unknown here.
    """

    study: str
    trials: list[VariantPreview]
    broken: list[tuple[str, str]]
    slots: int
    place: str = "this machine"
    seconds: float | None = None
    memory: int | None = None
    available: int = 0


def preview(
    plan: SweepPlan, broken: Sequence[tuple[str, GatekitError]], try_out: bool = True
) -> Preview:
    """Return a preview of a command.

    Args:
        plan: the runs of the command.
        broken: the jobs that cannot be built.
        try_out: whether to train each variant for three steps, in a process of its own.
    """
    known = plan_file.read(plan.study)
    by_origin: dict[str, list[plan_file.RequestedRun]] = {}
    for each in known.values():
        by_origin.setdefault(each.origin, []).append(each)
    trials: dict[str, VariantPreview] = {}
    alike: dict[str, dict[str, VariantPreview]] = {}
    first: dict[str, PlannedRun] = {}
    for run in plan.runs:
        key = _shape(run.config)
        words = [word for word in words_of(run.label) if not word.startswith("seed=")]
        fresh = VariantPreview(" ".join(words), run.config["units"], run.parameters)
        trial = trials.setdefault(key, fresh)
        trial.label = " ".join(word for word in words_of(trial.label) if word in words)
        trial.state, trial.flops = run.sizes.get("state"), run.sizes.get("flops")
        trial.match = run.config.get("match")
        alike.setdefault(str(sized_alike(run.config)), {})[key] = trial
        state = run.folder().state().name
        trial.states[state] = trial.states.get(state, 0) + 1
        outdated = plan_file.outdated(run.fingerprint, run.origin, by_origin.get(run.origin, ()))
        trial.stale += sum(run.path.with_name(old).is_dir() for old in outdated)
        if state not in OUTCOMES and (state != "FAILED" or plan.launch.retry_failed):
            trial.todo += state != "RUNNING"
            first.setdefault(key, run)
    for variants in alike.values():
        _add_costs(list(variants.values()))
    place, together, slots, available = _room(plan)
    slots = min(slots, max(1, sum(t.todo for t in trials.values())))
    shown = Preview(
        plan.launch.study, list(trials.values()), [(w, str(e)) for w, e in broken], slots, place
    )
    shown.available = available
    per_epoch = _try_out(plan, trials, first) if try_out and first else {}
    _add_schedules(plan, trials, per_epoch)
    if try_out and first:
        tried = [t for t in trials.values() if t.seconds is not None]
        shown.seconds = sum(t.todo * (t.seconds or 0.0) for t in tried) / slots
        shown.memory = min(together, slots) * max((t.memory or 0 for t in tried), default=0)
    return shown


def _add_costs(variants: Sequence[VariantPreview]) -> None:
    """Add what each variant has more than the smallest one."""
    plain = min(variants, key=lambda trial: (trial.parameters, trial.state or 0))
    for trial in variants:
        if trial is not plain and (more := added(vars(trial), vars(plain))) is not None:
            trial.added = {"to": plain.label, **more}


def _room(plan: SweepPlan) -> tuple[str, int, int, int]:
    """Return where the runs are executed, and how many fit there.

    Returns:
        The place, the number of runs at a time in it and in all such places, and its memory in
        bytes (0 if unknown).
    """
    options = plan.launch.options
    if options.backend == "slurm":
        together = at_once(plan)
        memory = int((options.memory_gb or 0) * 2**30)
        return "a job", together, together * options.max_jobs, memory
    slots = Processes(plan).slots
    if options.backend == "ray" and options.address is not None:
        return "the Ray cluster", slots, slots, 0
    here = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return "this machine", slots, slots, here


def _shape(config: Mapping[str, Any]) -> str:
    """Return the settings that decide a run's time and memory, as JSON.

    The seed and the settings of the optimizer, except its name, are omitted; the dropout rate is
    reduced to whether there is dropout.
    """
    keys = {k: v for k, v in config.items() if k not in ("seed", "optimizer")}
    drops = bool(config.get("dropout"))
    return canonical_json({**keys, "dropout": drops, "optimizer": config["optimizer"]["name"]})


def _try_out(
    plan: SweepPlan, trials: Mapping[str, VariantPreview], first: Mapping[str, PlannedRun]
) -> dict[str, int]:
    """Try each variant, add the results to ``trials``, and return the steps per epoch of each."""
    per_epoch = {}
    with tempfile.TemporaryDirectory(prefix="gatekit-plan-") as folder:
        root = Path(folder)
        runs = {key: _short(run, root) for key, run in first.items()}
        options = dataclasses.replace(
            plan.launch.options,
            backend="process",
            timeout=plan.launch.options.timeout or TIMEOUT,
            retries=0,
            fail_fast=False,
        )
        here = dataclasses.replace(plan.launch, study="plan", root=root, options=options)
        short = SweepPlan(here, tuple(runs.values()), ())
        backend = Processes(short, main=_rehearse)
        outcome = launch(short, backend=backend, stream=sys.stderr, verb="tried")
        if outcome.signal is not None:
            raise KeyboardInterrupt
        reasons = {run.fingerprint: reason for run, reason in outcome.failed}
        for key, run in runs.items():
            trial = trials[key]
            trial.memory = outcome.peaks.get(run.fingerprint)
            trial.error = reasons.get(run.fingerprint) or outcome.halted
            if trial.error is None:
                result = run.folder().result()
                trial.total = int(result["parameters"]["total"])
                trial.weight_decay = result.get("weight_decay")
                trial.jit, trial.jit_reason = result["jit"], result["jit_reason"]
                per_epoch[key] = int(json.loads((run.path / "steps.json").read_text()))
                trainer = first[key].config["trainer"]
                trial.step, trial.seconds = _times(run, result, trainer, per_epoch[key])
    return per_epoch


def _add_schedules(
    plan: SweepPlan, trials: Mapping[str, VariantPreview], per_epoch: Mapping[str, int]
) -> None:
    """Add the numbers of each schedule to its variant, if the number of steps is known."""
    for run in plan.runs:
        key, trainer = _shape(run.config), run.config.get("trainer", {})
        steps = trainer.get("steps") or (trainer.get("epochs") or 0) * per_epoch.get(key, 0)
        if not steps:
            continue
        try:
            numbers = typed(run.config["optimizer"], steps)
        except GatekitError as error:
            trials[key].error = trials[key].error or str(error)
        else:
            if numbers and numbers not in trials[key].schedules:
                trials[key].schedules.append(numbers)


def _short(run: PlannedRun, root: Path) -> PlannedRun:
    trainer = {**run.config["trainer"], "steps": STEPS, "epochs": None, "patience": None}
    trainer["until"] = None
    # The decision of `jit=auto` depends on the number of steps.
    trainer["rehearsed"] = run.config["trainer"]
    path = root / "plan" / RUNS / run.fingerprint
    # A schedule may not fit into so few steps, and a step with a constant rate takes as long.
    optimizer = {k: v for k, v in run.config["optimizer"].items() if k not in SCHEDULE_KEYS}
    optimizer["schedule"] = "constant"
    config = {**run.config, "trainer": trainer, "optimizer": optimizer}
    return dataclasses.replace(run, config=config, path=path, origin="")


def _rehearse(run: PlannedRun, plan: SweepPlan, environment: Mapping[str, str], bar: bool) -> None:
    make(run, plan, environment, bar)
    from gatekit.training.feed import Drawing

    task = components.load(run.config["plugins"]).task(run.config["task"])
    feed = Drawing.of(run.config).feed(task)
    (run.path / "steps.json").write_text(json.dumps(feed.per_epoch))


def _times(
    run: PlannedRun, result: Mapping[str, Any], trainer: Mapping[str, Any], per_epoch: int
) -> tuple[float, float]:
    """Return the seconds of a step, and an upper bound on the seconds of the whole run."""
    step = float(result["seconds"]["step"] or 0.0)
    looks = [line.seconds for line in metrics.read(run.path / METRICS, "validation").lines]
    pause = max(0.0, (looks[-1] - looks[0]) / max(1, len(looks) - 1) - step) if looks else 0.0
    rest = max(0.0, float(result["seconds"]["total"]) - len(looks) * (step + pause))
    steps = trainer["steps"]
    times = EVALUATIONS if steps else trainer["epochs"]
    steps = steps or times * per_epoch
    return step, rest + steps * step + times * pause
