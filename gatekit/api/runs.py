"""The functions train, plan, extend and report, each like the command of the same name."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekit.cell.calls import checked_call, unknown_argument
from gatekit.cell.errors import ConfigError, RunError
from gatekit.cell.notebook import table

from .words import words_of

if TYPE_CHECKING:
    from gatekit.compare.compared import Comparison
    from gatekit.compare.study import Study
    from gatekit.study.dry_run import Preview


@checked_call()
def train(*overrides: str | Sequence[str], **keys: Any) -> Study:
    """Train a model or a sweep as ``gatekit train`` does, and return the study.

    Progress is printed. Complete runs are skipped, so repeating the call continues a study. The
    process of a run does not execute your script again, so a script needs no
    ``if __name__ == "__main__"``:

        study = gatekit.train(cell=["lstm", "gru"], task="adding", units=16, seeds=3)
        study = gatekit.train("cell=lstm,gru task=adding task.length=50 seeds=3")

    Args:
        overrides: words as on the command line, as strings or lists.
        keys: keys by name. A list is swept, and a mapping sets the keys of a group:
            ``task={"name": "adding", "length": 9}``, ``swap={"forget": ["sigmoid", "power_law"]}``.
            A string is what you would type after ``=`` on the command line. ``plugins`` is a list
            of files and is not swept.

    Returns:
        The study with all of its runs, as `gatekit.load` returns it.

    Raises:
        ConfigError: a key or a value is not allowed; nothing has been written.
        RunError: runs failed or were stopped; the message shows their logs. The
            other runs are complete, and `gatekit.load` reads them.
        KeyboardInterrupt: the call was interrupted; repeat it to continue.
    """
    from gatekit.compare import load
    from gatekit.study.command import composition, typed_again
    from gatekit.study.launch import launch
    from gatekit.study.launch import report as summary
    from gatekit.study.plan import plan as planned_runs

    words = words_of(overrides, keys)
    composed = composition(words)
    if composed.search is not None:
        from gatekit.study.search.optuna import tune

        planned, outcome = tune(composed.search, typed_again(words))
    elif composed.jobs:
        planned = planned_runs(composed.jobs, typed_again(words))
        outcome = launch(planned)
    else:
        raise ConfigError(f"{shlex.join(words)} trains nothing")
    study, root = planned.launch.study, planned.launch.root
    # The line about the next command is only for the command line.
    lines = [x for x in summary(planned, outcome).split("\n") if not x.startswith("Now type:")]
    if outcome.signal == signal.SIGINT:
        sys.stdout.write("\n".join(lines) + "\n")
        raise KeyboardInterrupt
    if outcome.code:
        done = "" if str(root) == "experiments" else f", root={str(root)!r}"
        lines.append(f"Complete runs: gatekit.load({study!r}{done}).")
        raise RunError("\n".join(lines))
    sys.stdout.write("\n".join(lines) + "\n")
    return load(study, root)


@checked_call()
def plan(*overrides: str | Sequence[str], try_out: bool = True, **keys: Any) -> Planned:
    """Return what `train` would do with the same arguments, as ``gatekit plan`` does.

    Args:
        overrides: words as on the command line.
        try_out: whether each variant is built and tried for three steps; otherwise the runs are
            only listed.
        keys: keys by name, as for `train`.

    Returns:
        The runs that are done and those to start, with the time and memory that they need; a
        notebook shows them as a table.

    Raises:
        ConfigError: a key or a value is not allowed.
    """
    from gatekit.study.command import compose
    from gatekit.study.dry_run import preview
    from gatekit.study.plan import plan_or_errors

    planned, broken = plan_or_errors(compose(words_of(overrides, keys)))
    return Planned(preview(planned, broken, try_out=try_out))


class Planned:
    """The plan of a `train` call: ``preview`` has the numbers; print the plan to see a table."""

    def __init__(self, preview: Preview) -> None:
        self.preview = preview

    @property
    def runs(self) -> int:
        """The number of runs to start."""
        return sum(trial.todo for trial in self.preview.trials)

    @property
    def broken(self) -> list[tuple[str, str]]:
        """Label and error of each variant that cannot be built or trained."""
        tried = [(t.label, t.error) for t in self.preview.trials if t.error]
        return [*self.preview.broken, *tried]

    def __repr__(self) -> str:
        rows: list[list[object]] = [[*self._head()], *self._rows()]
        widths = [max(len(str(row[k])) for row in rows) for k in range(len(rows[0]))]
        lines = [
            "  ".join(str(v).ljust(w) for v, w in zip(row, widths, strict=True)) for row in rows
        ]
        return "\n".join([*(line.rstrip() for line in lines), *self._notes()])

    def _repr_html_(self) -> str:
        notes = table([[note] for note in self._notes()])
        return table(self._rows(), self._head()) + notes

    def _head(self) -> list[str]:
        return ["to run", "done", "units", "parameters", "ms/step", "s/run", "variant"]

    def _rows(self) -> list[list[object]]:
        from gatekit.runs.result import OUTCOMES

        return [
            [
                trial.todo,
                sum(trial.states.get(state, 0) for state in OUTCOMES),
                trial.units,
                # As `gatekit compare` counts; without a dry run only recurrent layers are known.
                f"{trial.parameters if trial.total is None else trial.total:,}",
                "" if trial.step is None else f"{trial.step * 1e3:,.1f}",
                "" if trial.seconds is None else f"{trial.seconds:,.1f}",
                trial.label or "as configured",
            ]
            for trial in self.preview.trials
        ]

    def _notes(self) -> list[str]:
        from gatekit.study.launch.following import duration

        preview = self.preview
        notes = [f"study {preview.study}: {self.runs} runs to start, {preview.slots} at once"]
        if preview.seconds is not None:
            notes.append(f"at most {duration(preview.seconds)} in total")
        return [*notes, *(f"BROKEN {label}: {error}" for label, error in self.broken)]


@checked_call()
def extend(
    study: str,
    root: str | Path = "experiments",
    *,
    most: int | None = None,
    seeds: int | None = None,
    step: int | None = None,
    launch: Sequence[str] = (),
    **grouping: Any,
) -> Comparison:
    """Add seeds to a study until every difference is decided, as ``gatekit extend`` does.

    The groups are compared after each step of seeds. Each comparison is recorded as a look and
    spends a part of the 5 % level. Repeating the call continues:

        comparison = gatekit.extend("forgetting", most=20)

    Args:
        study: the study's name; its recorded commands are repeated with more seeds.
        root: the folder of all studies.
        most: the largest number of seeds; fixed at the first look, and may be omitted later.
        seeds: the number of seeds to reach without a look; used instead of ``most``.
        step: the number of seeds between looks; by default a tenth of ``most``.
        launch: words such as ``n_jobs=4`` that choose how runs are started.
        grouping: ``by``, ``within``, ``where``, ``tasks``, ``baseline`` and
            ``split`` of `gatekit.compare`, fixed at the first look.

    Returns:
        The comparison of the study with its new seeds, which is that of the last look if there
        are looks.

    Raises:
        ConfigError: an argument is not allowed, or differs from that of the first look.
        RunError: runs failed or were stopped, or the study cannot be extended.
        KeyboardInterrupt: the call was interrupted; repeat it to continue.
    """
    from gatekit.compare import compare
    from gatekit.compare.compared import as_lists
    from gatekit.compare.more_seeds import add_seeds, until_decided
    from gatekit.compare.options import CHOICE, FAMILY

    unknown = [key for key in grouping if key not in (*FAMILY, *CHOICE)]
    if unknown:
        known = ("study", "root", "most", "seeds", "step", "launch", *FAMILY, *CHOICE)
        raise ConfigError(unknown_argument(unknown[0], grouping[unknown[0]], known))
    if seeds is not None and (most is not None or step is not None):
        raise ConfigError("either seeds=N or most=N is expected, and not both")
    asked = {
        key: [*value] if isinstance(value, (list, tuple)) else value
        for key, value in as_lists(grouping).items()
    }
    lines: list[str] = []

    def show_line(text: str) -> None:
        lines.append(text)
        sys.stdout.write(f"{text}\n")

    if seeds is not None:
        code = add_seeds(study, root, seeds, words=launch, show=show_line)
    else:
        code = until_decided(
            study, root, most=most, step=step, asked=asked, words=launch, show=show_line
        )
    if code == 128 + signal.SIGINT:
        raise KeyboardInterrupt
    if code:
        raise RunError(lines[-1])
    return compare(study, root, **asked)


@checked_call()
def report(
    study: str | Study,
    to: str | Path | None = None,
    root: str | Path = "experiments",
    *,
    x: str | None = None,
    plugins: Sequence[str] = (),
    over: str | None = None,
    **grouping: Any,
) -> Path:
    """Write a study as one HTML page, as ``gatekit report`` does, and return the file's path.

    Args:
        study: the study's name, or a study that `gatekit.load` or `train` returned.
        to: the file; ``STUDY.html`` by default.
        root: the folder of all studies.
        x: a swept key: it defines blocks and the x axis of a chart.
        plugins: plugin files outside the folders that gatekit scans.
        over: the first x axis of the learning curves; by default the
            unit of the budget ``at``, or ``epochs``.
        grouping: ``by``, ``baseline`` and the other arguments of `gatekit.compare`.

    Raises:
        RunError: there is no such study.
        ConfigError: an argument is not allowed, or the file cannot be written.
    """
    from gatekit.compare.compared import as_lists
    from gatekit.compare.comparison import compare
    from gatekit.compare.recipe import arguments
    from gatekit.compare.report.context import sheet
    from gatekit.compare.report.save import write_report

    name = study if isinstance(study, str) else study.name
    path = Path(to or f"{name}.html")
    if path.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"to={str(path)!r}: a .html file is expected")
    grouping = as_lists(grouping)
    compared = checked_call()(compare)(study, root, x=x, **grouping)
    typed = arguments(name, root, x=x, **grouping)
    write_report(path, sheet(compared, typed, x, plugins, over))
    return path
