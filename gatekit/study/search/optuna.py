"""A search that learns from results: Optuna proposes values and stores results in its journal."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gatekit.cell.errors import ConfigError, GatekitError
from gatekit.registry import components
from gatekit.runs import durable
from gatekit.runs.names import JOURNAL, canonical_json
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

    def ended(self, run: PlannedRun, state: str) -> None:
        """Report the end of a run to Optuna."""
        self.owners[run.fingerprint].ended(run, state)


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
        name = _name(search, index, run)
        self.study: Study = optuna.create_study(
            study_name=name,
            storage=storage,
            direction="maximize" if task.metric.direction == "max" else "minimize",
            load_if_exists=True,
        )
        before = self.study.get_trials(deepcopy=False)
        # Seeded by the number of trials, so a continued search does not repeat its first points.
        options: Mapping[str, Any] = search.options or {}
        self.study.sampler = optuna.samplers.TPESampler(
            seed=seeds.integer(search.seed, "optuna", name, len(before), bits=31),
            n_startup_trials=int(options["startup"]),
            constant_liar=True,
        )
        self.seen: set[str] = set()
        self.used = 0
        self.trials: dict[str, int] = {}
        self.open: list[PlannedRun] = []
        for trial in before:
            self._recall(trial)

    def _recall(self, trial: FrozenTrial) -> None:
        """Count a trial of an earlier command; one that has no value yet is continued."""
        key = canonical_json(trial.params)
        if REPEATED in trial.user_attrs or trial.params.keys() != self.space.keys():
            return
        running = trial.state == self.states.RUNNING
        if running and key in self.seen:
            return  # its command ended between proposing a point and using it
        self.used += 1
        self.seen.add(key)
        if running:
            run = self._begun(trial)
            if run is not None and (
                run.folder().state().name != "FAILED" or self.plan.launch.retry_failed
            ):
                self.open.append(run)

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
            run = self._begun(trial)
            if run is not None:
                return run
        return None

    def ended(self, run: PlannedRun, state: str) -> None:
        trial = self.trials[run.fingerprint]
        if state == "COMPLETED":
            value = float(run.folder().result()["best"]["validation"])
            self.study.tell(trial, value, skip_if_finished=True)
        elif state == "DIVERGED":
            # Optuna ranks a pruned trial without a value behind every trial that has one.
            self.study.tell(trial, state=self.states.PRUNED, skip_if_finished=True)

    def _ask(self) -> Trial | None:
        """Return a trial with a point that was not tried; None if none is found."""
        for index in range(TRIES):
            trial = self.study.ask(self.space)
            key = canonical_json(trial.params)
            if key not in self.seen:
                self.seen.add(key)
                return trial
            trial.set_user_attr(REPEATED, True)
            self.study.tell(trial, state=self.states.FAIL)
            random = seeds.generator(self.search.seed, "unseen", len(self.seen), index)
            point = {k: self._value(k, d.draw(random)) for k, d in self.search.space.items()}
            self.study.enqueue_trial(point)
        return None

    def _value(self, key: str, text: str) -> Any:
        draw = self.search.space[key]
        if isinstance(draw, SearchInterval):
            return int(text) if draw.whole else float(text)
        return text

    def _begun(self, trial: Trial | FrozenTrial) -> PlannedRun | None:
        """Return the run of a trial; None if its values make no run, which Optuna is told."""
        values = {}
        for key, draw in self.search.space.items():
            value = trial.params[key]
            values[key] = draw.text(value) if isinstance(draw, SearchInterval) else str(value)
        try:
            _, (run,) = runs_of(*self.search.job(self.index, values), {})
        except GatekitError:
            self.study.tell(trial.number, state=self.states.FAIL)
            return None
        self.trials[run.fingerprint] = trial.number
        return run


def _name(search: Search, index: int, run: PlannedRun) -> str:
    """Return the name of a variant's Optuna study; it depends on the space and one of its runs."""
    searched = {k: recorded(d) for k, d in sorted(search.space.items())}
    fixed = canonical_json([searched, run.fingerprint])
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
