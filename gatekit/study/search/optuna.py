"""A search that learns from results: Optuna proposes values and stores results in its journal."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gatekit.cell.errors import ConfigError, GatekitError
from gatekit.registry import components
from gatekit.runs import durable, metrics
from gatekit.runs.names import JOURNAL, METRICS, canonical_json
from gatekit.runs.result import OUTCOMES
from gatekit.study.launch import SweepOutcome, launch
from gatekit.study.launch.entry import write_plan
from gatekit.study.plan import PlannedRun, SweepPlan, runs_of
from gatekit.tasks import seeds

from .search import Draw, Search, SearchChoice, SearchInterval, recorded
from .storage import import_optuna, storage

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

REPEATED = "repeated"
TRIES = 200
CHECKED = 20
"""The most trials of an earlier command whose runs are looked up."""

LOOK_EVERY = 2.0
"""Seconds between two checks of the validation scores of a running run."""


def tune(search: Search, command: str) -> tuple[SweepPlan, SweepOutcome]:
    """Train up to ``trials`` runs of each variant, each with the values that Optuna proposes.

    Args:
        search: the variants, their searched keys, and the number of trials.
        command: the command that was typed.

    Returns:
        The proposed runs, and their outcome.

    Raises:
        ConfigError: the configuration does not allow a search.
    """
    sources: dict[str, bytes] = {}
    variants = range(len(search.variants))
    launches = {runs_of(*search.job(v, search.drawn(0)), sources)[0] for v in variants}
    if len(launches) != 1:
        raise ConfigError("one command runs one study; only keys of a run can be swept.")
    plan = SweepPlan(launches.pop(), (), (), sources, command)
    if plan.launch.options.backend == "slurm":
        raise ConfigError(
            "hydra/sweeper=optuna learns from each result; type hydra.launcher.backend=process "
            "or ray, or hydra/sweeper=random for Slurm."
        )
    durable.folder(plan.study)
    try:
        work = OptunaRuns(search, plan, storage(plan.study / JOURNAL))
    except GatekitError:
        raise
    except Exception as error:
        # Optuna replays the journal unchecked: a changed line may raise anything.
        raise ConfigError(
            f"{plan.study / JOURNAL} is damaged ({type(error).__name__}: {error}). Every result is "
            "in its run's folder: move the journal away and repeat the command. Complete runs "
            "are not repeated, but count as trials if they are proposed again."
        ) from None
    outcome = launch(plan, work=work)
    return dataclasses.replace(plan, runs=tuple(work.runs)), outcome


class OptunaRuns:
    """The runs of a search: variants take turns, and each has an Optuna study in the journal.

    Args:
        search: the variants, their searched keys, and the number of trials.
        plan: where and how the runs are executed.
        storage: Optuna's storage.
    """

    def __init__(self, search: Search, plan: SweepPlan, storage: object) -> None:
        self.plan = plan
        variants = range(len(search.variants))
        self.variants = [_VariantSearch(search, v, plan, storage) for v in variants]
        self.total = sum(v.left() for v in self.variants)
        self.runs: list[PlannedRun] = []
        self.owners: dict[str, _VariantSearch] = {}

    def take(self, slot: int) -> PlannedRun | None:
        """Return a run of the variant with the most trials left."""
        for variant in sorted(self.variants, key=lambda v: v.left(), reverse=True):
            run = variant.take()
            if run is not None:
                self.runs.append(run)
                self.owners[run.fingerprint] = variant
                write_plan(SweepPlan(self.plan.launch, (run,), (), {}, self.plan.command))
                return run
        return None

    def more(self) -> bool:
        """Return whether a variant has trials left."""
        return any(variant.left() > 0 for variant in self.variants)

    def rest(self) -> list[PlannedRun]:
        """Return an empty list, because later runs are not known yet."""
        return []

    def stop_reason(self, run: PlannedRun) -> str | None:
        """Return the reason to stop a run early; None if it should continue."""
        return self.owners[run.fingerprint].stop_reason(run)

    def ended(self, run: PlannedRun, state: str) -> None:
        """Report the end of a run to Optuna."""
        self.owners[run.fingerprint].ended(run, state)

    def settled(self, run: PlannedRun, state: str) -> bool:
        """Return whether a run has an outcome, or was pruned."""
        return self.owners[run.fingerprint].settled(run, state)


class _VariantSearch:
    def __init__(self, search: Search, index: int, plan: SweepPlan, storage: object) -> None:
        optuna = import_optuna()
        self.search, self.index, self.plan = search, index, plan
        self.states = optuna.trial.TrialState
        self.space = {k: _distribution(optuna, d) for k, d in search.space.items()}
        _, (run, *others) = runs_of(*search.job(index, search.drawn(0)), {})
        if others:
            raise ConfigError(
                "seeds=N cannot be combined with hydra/sweeper=optuna: remove it, then type "
                "gatekit confirm STUDY --seeds N to repeat the best with fresh seeds."
            )
        task = components.load(run.config["plugins"]).task(run.config["task"])
        words = _name(search, index, run)
        options: Mapping[str, Any] = search.options or {}
        startup = int(options["startup"])
        median = optuna.pruners.MedianPruner(n_startup_trials=startup)
        settings: dict[str, Any] = {
            "storage": storage,
            "direction": "maximize" if task.metric.direction == "max" else "minimize",
            "pruner": median if options["pruner"] == "median" else optuna.pruners.NopPruner(),
            "load_if_exists": True,
        }
        for number in itertools.count(1):
            name = words if number == 1 else f"{words} {number}"
            self.study: Study = optuna.create_study(study_name=name, **settings)
            before = self.study.get_trials(deepcopy=False)
            if not self._of_others(before):
                break
        # Seeded by the number of trials, so a continued search does not repeat its first points.
        drawn = seeds.integer(search.seed, "optuna", name, len(before), bits=31)
        sampler = optuna.samplers.TPESampler
        self.study.sampler = sampler(seed=drawn, n_startup_trials=startup, constant_liar=True)
        self.seen: set[str] = set()
        self.used = 0
        self.trials: dict[str, Trial] = {}
        self.open: list[PlannedRun] = []
        self.looked: dict[str, tuple[float, int]] = {}
        for frozen in before:
            if REPEATED in frozen.user_attrs or frozen.state == self.states.WAITING:
                continue
            running = frozen.state == self.states.RUNNING
            key = canonical_json(frozen.params)
            if running and (frozen.params.keys() != self.space.keys() or key in self.seen):
                # Its command was killed, or still runs, between proposing a point and using it.
                continue
            self.used += 1
            self.seen.add(key)
            if running:
                trial = optuna.trial.Trial(self.study, frozen._trial_id)
                self._reopen(trial, max(frozen.intermediate_values, default=0))

    def _of_others(self, trials: Sequence[FrozenTrial]) -> bool:
        """Return whether trials belong to another configuration under the same words.

        If the file of a cell or an experiment is edited, the same trial becomes another run.
        """
        over = (self.states.COMPLETE, self.states.PRUNED)
        ended = [t for t in trials if t.state in over and t.params.keys() == self.space.keys()]
        for trial in ended[:CHECKED]:
            with contextlib.suppress(GatekitError):
                if self._run(trial).path.is_dir():
                    return False
        return bool(ended)

    def left(self) -> int:
        """Return how many runs have not started yet."""
        return len(self.open) + max(0, self.search.trials - self.used)

    def take(self) -> PlannedRun | None:
        """Return a run that an earlier command left unfinished, or the run of a new point."""
        if self.open:
            return self.open.pop(0)
        while self.used < self.search.trials:
            trial = self._ask()
            if trial is None:
                self.used = self.search.trials
                return None
            self.used += 1
            try:
                run = self._run(trial)
            except GatekitError as error:
                trial.set_user_attr("broken", str(error))
                self.study.tell(trial, state=self.states.FAIL)
                continue
            self.trials[run.fingerprint] = trial
            return run
        return None

    def stop_reason(self, run: PlannedRun) -> str | None:
        at, epochs = self.looked.get(run.fingerprint, (-math.inf, 0))
        if time.monotonic() - at < LOOK_EVERY:
            return None
        trial = self.trials[run.fingerprint]
        epochs = self._report(run, trial, epochs)
        self.looked[run.fingerprint] = (time.monotonic(), epochs)
        if trial.should_prune():
            return f"pruned after epoch {epochs}: behind the median of its variant"
        return None

    def ended(self, run: PlannedRun, state: str) -> None:
        trial = self.trials[run.fingerprint]
        if self.study.get_trials(deepcopy=False)[trial.number].state.is_finished():
            return  # another command of this search has reported it
        if state == "COMPLETED":
            self._report(run, trial, self.looked.get(run.fingerprint, (0.0, 0))[1])
            self.study.tell(trial, float(run.folder().result()["best"]["validation"]))
        elif state == "DIVERGED" or self._was_pruned(run):
            # Optuna ranks a trial without a value behind every trial that has one.
            self.study.tell(trial, state=self.states.PRUNED)

    def settled(self, run: PlannedRun, state: str) -> bool:
        return state in OUTCOMES or (state == "INTERRUPTED" and self._was_pruned(run))

    def _was_pruned(self, run: PlannedRun) -> bool:
        return str(run.folder().state().reason or "").startswith("pruned")

    def _reopen(self, trial: Trial, epochs: int) -> None:
        """Resume a trial whose run had no outcome when its command ended.

        Args:
            trial: the trial.
            epochs: the last epoch whose score Optuna knows.
        """
        try:
            run = self._run(trial)
        except GatekitError:
            self.study.tell(trial, state=self.states.FAIL)
            return
        state = run.folder().state().name
        self.trials[run.fingerprint] = trial
        self.looked[run.fingerprint] = (-math.inf, epochs)
        if self.settled(run, state):
            self.ended(run, state)
        elif state != "FAILED" or self.plan.launch.retry_failed:
            # A run that another process works on is watched until it ends.
            self.open.append(run)

    def _ask(self) -> Trial | None:
        for _ in range(TRIES):
            trial = self.study.ask(self.space)
            key = canonical_json(trial.params)
            if key not in self.seen:
                self.seen.add(key)
                return trial
            trial.set_user_attr(REPEATED, True)
            self.study.tell(trial, state=self.states.FAIL)
            unseen = self._unseen()
            if unseen is None:
                return None
            self.study.enqueue_trial(unseen)
        return None

    def _unseen(self) -> dict[str, Any] | None:
        """Return a point that was not tried; None if none is found."""
        for index in range(TRIES):
            random = seeds.generator(self.search.seed, "unseen", len(self.seen), index)
            point = {k: self._value(k, d.draw(random)) for k, d in self.search.space.items()}
            if canonical_json(point) not in self.seen:
                return point
        every = [list(d.values) for d in self.search.space.values() if isinstance(d, SearchChoice)]
        if len(every) == len(self.search.space):
            for values in itertools.product(*every):
                point = dict(zip(self.search.space, values, strict=True))
                if canonical_json(point) not in self.seen:
                    return point
        return None

    def _value(self, key: str, text: str) -> Any:
        draw = self.search.space[key]
        if isinstance(draw, SearchInterval):
            return int(text) if draw.whole else float(text)
        return text

    def _run(self, trial: Trial | FrozenTrial) -> PlannedRun:
        values = {}
        for key, draw in self.search.space.items():
            value = trial.params[key]
            values[key] = draw.text(value) if isinstance(draw, SearchInterval) else str(value)
        _, (run,) = runs_of(*self.search.job(self.index, values), {})
        return run

    def _report(self, run: PlannedRun, trial: Trial, known: int) -> int:
        last = known
        for line in metrics.read(run.path / METRICS, "validation").lines:
            if line.epoch > known:
                last = max(last, line.epoch)
                if line.value is not None:
                    trial.report(line.value, line.epoch)
        return last


def _name(search: Search, index: int, run: PlannedRun) -> str:
    """Return the name of a variant's Optuna study; it depends on sources, data and search space."""
    searched = {k: recorded(d) for k, d in sorted(search.space.items())}
    shown = [w for w in run.words if w.partition("=")[0] not in search.space]
    seed = search.base(index).get("seed")
    fixed = canonical_json([searched, shown, run.data_hash, dict(run.plugins), seed])
    words = " ".join(w.lstrip("+") for w in search.variants[index] if w.startswith("cell="))
    return f"{words} {seeds.integer(0, fixed, bits=40):010x}".strip()


def _distribution(optuna: Any, draw: Draw) -> Any:
    kinds = optuna.distributions
    if isinstance(draw, SearchInterval):
        if draw.whole:
            return kinds.IntDistribution(int(draw.low), int(draw.high), log=draw.log)
        return kinds.FloatDistribution(draw.low, draw.high, log=draw.log)
    assert isinstance(draw, SearchChoice)
    return kinds.CategoricalDistribution(draw.values)
