"""The outcomes of the runs of one command, and what the command prints at its end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gatekit.cell.errors import GatekitError, RunError, excerpt
from gatekit.runs.folder import RunFolder
from gatekit.runs.names import LOG, as_root
from gatekit.runs.result import OUTCOMES
from gatekit.runs.state import RunState
from gatekit.study.plan import PlannedRun, SweepPlan

_MOST = 8
"""The most runs that are named for one reason of failure."""


@dataclass
class SweepOutcome:
    """The outcomes of the runs of one command.

    Attributes:
        executed: runs that were executed, with their state.
        skipped: runs that were already complete, or that another process completed; RUNNING if
            another process works on them and this command does not wait for its own jobs, either.
        failed: runs that failed, now or before, with the reason.
        damaged: runs that ended without a valid outcome, with the state of their folder.
        held: runs that another process works on, with its name.
        left: runs that were not begun or were stopped early; the same command continues them.
        signal: the signal that ended the command.
        halted: why the command stopped by itself before every run had begun.
        peaks: the largest resident memory of runs that were watched, in bytes, by fingerprint.
        jobs: Slurm jobs that continue without the command.
    """

    executed: list[tuple[PlannedRun, str]] = field(default_factory=list)
    skipped: list[tuple[PlannedRun, str]] = field(default_factory=list)
    failed: list[tuple[PlannedRun, str]] = field(default_factory=list)
    damaged: list[tuple[PlannedRun, RunState]] = field(default_factory=list)
    held: list[tuple[PlannedRun, str]] = field(default_factory=list)
    left: list[PlannedRun] = field(default_factory=list)
    signal: int | None = None
    halted: str | None = None
    peaks: dict[str, int] = field(default_factory=dict)
    jobs: list[str] = field(default_factory=list)

    def ended(self, run: PlannedRun, state: str) -> None:
        """Record the state of a run; an interrupted run is left."""
        self.executed.append((run, state))
        if state == "INTERRUPTED":
            self.left.append(run)

    @property
    def code(self) -> int:
        """Exit code: 0; 1 if halted, or a run failed, is damaged, held or left; 128 + n after
        signal n."""
        if self.signal is not None:
            return 128 + self.signal
        bad = self.failed or self.damaged or self.halted or self.held or self.left
        return 1 if bad else 0

    def look_again(self) -> None:
        """Move the runs whose outcome was damaged after they had ended to ``damaged``."""
        for run, state in [pair for pair in self.executed if pair[1] in OUTCOMES]:
            now = run.folder().state(quick=True)
            if now.name not in OUTCOMES:
                self.executed.remove((run, state))
                self.damaged.append((run, now))


def _failures(plan: SweepPlan, outcome: SweepOutcome) -> Iterator[str]:
    """Yield each reason once, with its runs and the end of the first one's log."""
    for reason, group in _grouped(outcome.failed).items():
        first = group[0]
        labels = "; ".join(plan.label(run) for run in group[:_MOST])
        more = f"; {len(group) - _MOST} more" if len(group) > _MOST else ""
        yield f"FAILED {labels}{more}: {reason}"
        # A line of the log that only repeats the reason is omitted.
        tail = first.folder().log_tail(6)
        yield from (f"    {line}" for line in tail if not reason.startswith(line.strip()))
        yield f"    whole log: {first.path / LOG}"


def _grouped(failed: Iterable[tuple[PlannedRun, str]]) -> dict[str, list[PlannedRun]]:
    groups: dict[str, list[PlannedRun]] = {}
    for run, reason in failed:
        groups.setdefault(reason, []).append(run)
    return groups


def report(plan: SweepPlan, outcome: SweepOutcome) -> str:
    """Return the report at the end of a command: what ran, what failed, what to type next."""
    study, root = plan.launch.study, as_root(plan.launch.root)
    lines = [_counts(study, outcome)]
    done = [r for r, s in outcome.skipped if s != "RUNNING"]
    elsewhere = [r for r, s in outcome.skipped if s == "RUNNING"]
    if done:
        lines.append(f"{len(done)} complete already, skipped.")
    if elsewhere:
        lines.append(f"{len(elsewhere)} being worked on by another process, skipped.")
    if plan.duplicates:
        lines.append(
            f"{len(plan.duplicates)} listed twice, run once: {'; '.join(plan.duplicates[:5])}"
        )
    lines += _failures(plan, outcome)
    if outcome.failed:
        lines.append("To repeat failed runs, add retry=failed to the command.")
    for run, state in outcome.damaged:
        lines.append(f"{state.name} {plan.label(run)}: {state.reason or 'its files are missing'}")
    if outcome.damaged:
        lines.append("To run damaged runs again, repeat the command.")
        lines += [f"    {plan.command}"] if plan.command else []
    lines += [f"LEFT {plan.label(run)}: {reason}" for run, reason in outcome.held]
    if outcome.halted is not None:
        lines.append(f"Stopped: {outcome.halted}")
    if outcome.jobs:
        lines.append(
            f"{len(outcome.jobs)} Slurm jobs continue without this command: "
            f"{', '.join(outcome.jobs[:8])}{' ...' if len(outcome.jobs) > 8 else ''}"
        )
        lines.append(f"To see their state: gatekit status {study}{root}")
        return "\n".join(lines)
    lines += _remarks(outcome)
    if outcome.left or outcome.signal is not None or outcome.halted is not None:
        # A search does not know its remaining runs, so their number may be 0.
        left = len(outcome.left)
        many = f", {left} run{'s' if left > 1 else ''} left" if left else ""
        lines.append(f"Interrupted{many}. To continue, repeat the command.")
        if plan.command:
            lines.append(f"    {plan.command}")
    if outcome.damaged:
        return "\n".join(lines)
    if any(state in OUTCOMES for _, state in [*outcome.executed, *outcome.skipped]):
        lines.append(f"Now type: gatekit compare {study}{root}")
    elif outcome.failed:
        lines.append(f"Now type: gatekit failures {study}{root}")
    return "\n".join(lines)


def _remarks(outcome: SweepOutcome) -> list[str]:
    """Return the distinct warnings of the runs that were executed."""
    counts: dict[str, int] = {}
    for run, state in outcome.executed:
        if state in OUTCOMES:
            with contextlib.suppress(GatekitError):
                for remark in run.folder().result().get("warnings") or ():
                    counts[str(remark)] = counts.get(str(remark), 0) + 1
    count = len(outcome.executed)
    return [
        f"Warning ({times} of {count} runs): {excerpt(text, 200)}"
        for text, times in [*counts.items()][:4]
    ]


def _counts(study: str, outcome: SweepOutcome) -> str:
    states = [state for _, state in outcome.executed]
    counts = [f"{states.count(s)} {s.lower()}" for s in dict.fromkeys(states)]
    counts += [f"{len(outcome.failed)} failed"] if outcome.failed else []
    counts += [f"{len(outcome.damaged)} damaged"] if outcome.damaged else []
    return f"study {study}: " + (", ".join(counts) or "nothing new was run") + "."


def score(folder: RunFolder) -> str:
    """Return the score of a complete run, as ``nll 8.65``; empty if it cannot be read."""
    try:
        result = folder.result()
        return f"{result['metric']['name']} {result['best']['test']:.4g}"
    except (RunError, KeyError, TypeError):
        return ""
