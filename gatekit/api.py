"""gatekit from Python and in a notebook: train, plan, extend, report, show, diagram.

Each function does what the command of the same name does, returns what it made, and raises an
error with the remedy where the command would end with a message.
"""

from __future__ import annotations

import re
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gatekit.cell.calls import meant_argument, refuse_attribute, remedied
from gatekit.cell.errors import ConfigError, RunError, excerpt
from gatekit.cell.notebook import Drawing, Text, table

if TYPE_CHECKING:
    from gatekit.cell.graph import Cell
    from gatekit.cell.schema import CellSpec
    from gatekit.compare.compared import Comparison
    from gatekit.compare.study import Study
    from gatekit.study.dry_run import Preview

_PLAIN = re.compile(r"[\w./+-]+", re.ASCII)
# Keys that name a file: as a mapping, the name is one of its entries.
_NAMED = ("cell", "task", "output_unit", "block", "optimizer", "trainer")
_NAMES = ("name", "kind")


@remedied("gatekit.train(cell='lstm', task='adding')")
def train(overrides: str | Sequence[str] = (), /, *others: Any, **keys: Any) -> Study:
    """Train a model or a sweep as ``gatekit train`` does, and return the study.

    Progress is printed. Runs that are complete are skipped, so the same call again continues.
    Each run is a process of its own, so a script needs no ``if __name__ == "__main__"``::

        study = gatekit.train(cell=["lstm", "gru"], task="adding", units=16, seeds=3)
        study = gatekit.train("cell=lstm,gru task=adding task.length=50 seeds=3")

    Args:
        overrides: words as on the command line, as a list or as one string.
        others: refused; other keys are given by name.
        keys: the same by name. A list is swept, a mapping sets the keys within:
            ``task={"name": "adding", "length": 9}``, ``swap={"forget": ["sigmoid", "power_law"]}``.
            A string is what follows ``=`` on the command line. ``plugins`` is a list of files and
            is not swept.

    Returns:
        The study with all of its runs, as `gatekit.load` returns it.

    Raises:
        ConfigError: a key or a value is not allowed; nothing has been written.
        RunError: runs failed or were stopped; the message has their logs and what to type. The
            other runs are complete, and `gatekit.load` reads them.
        KeyboardInterrupt: the call was interrupted; the same call again continues.
    """
    if others:
        raise ConfigError(
            "train takes keys by name: gatekit.train(cell='lstm', task='adding'), or one string of "
            "words"
        )
    from gatekit.compare import load
    from gatekit.study.command import composition, typed_again
    from gatekit.study.launch import launch
    from gatekit.study.launch import report as summary
    from gatekit.study.plan import plan as planned_runs

    words = _words(overrides, keys)
    found = composition(words)
    if found.search is not None:
        from gatekit.study.search.optuna import tune

        planned, outcome = tune(found.search, typed_again(words))
    elif found.jobs:
        planned = planned_runs(found.jobs, typed_again(words))
        outcome = launch(planned)
    else:
        raise ConfigError(f"{shlex.join(words)} trains nothing; type for example cell='gru'.")
    study, root = planned.launch.study, planned.launch.root
    # The command to type next is of the command line only.
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


@remedied("gatekit.plan(cell='lstm', task='adding')")
def plan(overrides: str | Sequence[str] = (), /, *, try_out: bool = True, **keys: Any) -> Planned:
    """Return what `train` would do with the same arguments, as ``gatekit plan`` does.

    Args:
        overrides: words as on the command line.
        try_out: whether each variant is built and tried for three steps; otherwise the runs are
            only listed.
        keys: the same by name, as for `train`.

    Returns:
        The runs that are done and to do, and the time and memory that they need; a notebook shows
        them as a table.

    Raises:
        ConfigError: a key or a value is not allowed.
    """
    from gatekit.study.command import compose
    from gatekit.study.dry_run import preview
    from gatekit.study.plan import plan_or_errors

    planned, broken = plan_or_errors(compose(_words(overrides, keys)))
    return Planned(preview(planned, broken, try_out=try_out))


class Planned:
    """What `train` would do: ``preview`` has the numbers, and printing it shows a table."""

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

    if not TYPE_CHECKING:  # else a type checker would allow every attribute

        def __getattr__(self, name: str) -> Any:
            train = "gatekit.train(...) with the same arguments trains these runs"
            instead = dict.fromkeys(("run", "train", "start", "launch", "execute", "fit"), train)
            known = ("preview", "runs", "broken")
            refuse_attribute("a plan", name, known, instead)

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
                # As `gatekit compare` counts; without a trial only recurrent layers are known.
                f"{trial.parameters if trial.total is None else trial.total:,}",
                "" if trial.step is None else f"{trial.step * 1e3:,.1f}",
                "" if trial.seconds is None else f"{trial.seconds:,.1f}",
                trial.label or "as configured",
            ]
            for trial in self.preview.trials
        ]

    def _notes(self) -> list[str]:
        from gatekit.study.launch.following import duration

        found = self.preview
        notes = [f"study {found.study}: {self.runs} runs to start, {found.slots} at once"]
        if found.seconds is not None:
            notes.append(f"at most {duration(found.seconds)} in total")
        return [*notes, *(f"BROKEN {label}: {error}" for label, error in self.broken)]


@remedied("gatekit.extend('STUDY', most=20)")
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

    Each comparison between seeds is recorded as a look and spends a part of the level. The same
    call again continues::

        comparison = gatekit.extend("forgetting", most=20)

    Args:
        study: the study's name; its recorded commands are repeated with more seeds.
        root: the folder of all studies.
        most: the most seeds; fixed at the first look, and may be left out later.
        seeds: add seeds up to this number without a look, instead.
        step: seeds from look to look; by default a tenth of ``most``.
        launch: words such as ``n_jobs=4`` that choose how runs are made.
        grouping: ``by``, ``within``, ``together``, ``where``, ``tasks``, ``baseline``, ``split``
            and ``margin`` of `gatekit.compare`, fixed at the first look.

    Returns:
        The comparison of the last look.

    Raises:
        ConfigError: an argument is not allowed, or not that of the first look.
        RunError: runs failed or were stopped, or the study cannot be extended.
        KeyboardInterrupt: the call was interrupted; the same call again continues.
    """
    from gatekit.compare import compare
    from gatekit.compare.looking import FAMILY, added, until_decided

    unknown = [key for key in grouping if key not in FAMILY]
    if unknown:
        known = ("study", "root", "most", "seeds", "step", "launch", *FAMILY)
        near = meant_argument(unknown[0], known)
        raise ConfigError(
            f"{unknown[0]}={grouping[unknown[0]]!r} is not an argument of extend{near} It takes "
            f"most, seeds, step, launch and {', '.join(FAMILY)}; give others to gatekit.compare."
        )
    if seeds is not None and (most is not None or step is not None):
        raise ConfigError("give either seeds=N, which only adds seeds, or most=N.")
    asked = {
        key: [*value] if isinstance(value, (list, tuple)) else value
        for key, value in grouping.items()
    }
    lines: list[str] = []

    def show_line(text: str) -> None:
        lines.append(text)
        sys.stdout.write(f"{text}\n")

    if seeds is not None:
        code = added(study, root, seeds, words=launch, show=show_line)
    else:
        code = until_decided(
            study, root, most=most, step=step, asked=asked, words=launch, show=show_line
        )
    if code == 128 + signal.SIGINT:
        raise KeyboardInterrupt
    if code:
        raise RunError(lines[-1])
    return compare(study, root, **asked)


@remedied("gatekit.report('STUDY')")
def report(
    study: str | Study,
    to: str | Path | None = None,
    root: str | Path = "experiments",
    *,
    x: str | None = None,
    plugins: Sequence[str] = (),
    reach: float | None = None,
    over: Literal["epochs", "seconds", "steps", "flops"] | None = None,
    **grouping: Any,
) -> Path:
    """Write a study as one HTML page, as ``gatekit report`` does, and return the file's path.

    Args:
        study: the study's name, or what `gatekit.load` or `train` returned.
        to: the file; ``STUDY.html`` by default.
        root: the folder of all studies.
        x: a swept key: it defines blocks and the x axis of a chart.
        plugins: plugin files outside the folders that gatekit scans.
        reach: a threshold of the validation metric: the page shows how much training it takes.
        over: what ``reach`` counts, and what learning curves are over at first; ``epochs`` by
            default.
        grouping: ``by``, ``baseline`` and the other arguments of `gatekit.compare`.

    Raises:
        RunError: there is no such study.
        ConfigError: an argument is not allowed, or the file cannot be written.
    """
    from gatekit.compare.compared import as_lists
    from gatekit.compare.comparison import compare
    from gatekit.compare.recipe import arguments
    from gatekit.compare.report.context import sheet
    from gatekit.compare.report.write import write_report

    name = study if isinstance(study, str) else study.name
    path = Path(to or f"{name}.html")
    if path.suffix.lower() not in (".html", ".htm"):
        html = str(path.with_suffix(".html"))
        raise ConfigError(f"to={str(path)!r}: a report is HTML; type to={html!r}")
    grouping = as_lists(grouping)
    notes = {"format": "a report is HTML; a browser prints it as PDF"}
    opened = "the path is returned: webbrowser.open(gatekit.report('STUDY').resolve().as_uri())"
    notes |= dict.fromkeys(("open", "show", "browser"), opened)
    own = ("to", "plugins", "reach", "over")
    asked = remedied("gatekit.report('STUDY')", notes, own)(compare)
    compared = asked(study, root, x=x, **grouping)
    typed = arguments(name, root, x=x, **grouping)
    write_report(path, sheet(compared, typed, x, plugins, reach, over))
    return path


@remedied("gatekit.show('lstm', units=64)")
def show(
    cell: str | Mapping[str, Any] | CellSpec | Cell | Any,
    units: int = 64,
    features: int = 32,
    *,
    output_unit: Any = "hidden",
    swap: Mapping[str, Any] | None = None,
    plugins: Sequence[str] = (),
) -> Shown:
    """Return a cell as ``gatekit show`` prints it; a notebook sets the equations.

    Args:
        cell: a cell's name, its mapping as in conf/cell, a `gatekit.RNN`, or a built cell.
        units: the layer's units; those of a layer are its own.
        features: the width of the input; that of a built layer is its own.
        output_unit: what is emitted.
        swap: gates by role, such as ``{"forget": "power_law"}``.
        plugins: plugin files to load besides the registered ones.

    Raises:
        GatekitError: a name is unknown, or the parts do not fit together.
    """
    from gatekit.code.given import built_cell
    from gatekit.registry import bibliography

    built = built_cell(cell, units, features, output_unit, swap, plugins)
    return Shown.of(built, bibliography(tuple(plugins)))


@remedied("gatekit.diagram('lstm', units=64)")
def diagram(
    cell: str | Mapping[str, Any] | CellSpec | Cell | Any,
    units: int = 64,
    features: int = 32,
    *,
    output_unit: Any = "hidden",
    swap: Mapping[str, Any] | None = None,
    block: Any = "plain",
    plugins: Sequence[str] = (),
) -> Drawing:
    """Return a cell's graph as an SVG that a notebook shows; ``save("gru.svg")`` writes it.

    Args:
        cell: a cell's name, its mapping as in conf/cell, a `gatekit.RNN`, or a built cell.
        units: the layer's units.
        features: the width of the input.
        output_unit: what is emitted.
        swap: gates by role, such as ``{"forget": "power_law"}``.
        block: what is around the cell: a name, or ``{"kind": NAME, option: value}``; its width is
            ``features``.
        plugins: plugin files to load besides the registered ones.

    Raises:
        GatekitError: a name is unknown, or the parts do not fit together.
    """
    from gatekit.cell.block.built import build_block
    from gatekit.cell.block.reading import read_block
    from gatekit.cell.schema import read_output_unit
    from gatekit.cell.show.diagram.block import block_diagram
    from gatekit.cell.show.diagram.drawing import diagram as drawn
    from gatekit.code.given import built_cell
    from gatekit.registry import bibliography, catalogue

    built, works = (
        built_cell(cell, units, features, output_unit, swap, plugins),
        bibliography(tuple(plugins)),
    )
    known = catalogue(tuple(plugins))
    around = read_block(block, known)
    if around.plain:
        return Drawing(drawn(built, works))
    unit = read_output_unit(output_unit, known)
    whole = build_block(around, built.spec, unit, width=features, units=built.units)
    return Drawing(block_diagram(whole, works))


class Shown(Text):
    """A cell as text; a notebook shows its equations as formulas.

    Attributes:
        data: everything about the cell as plain data.
    """

    __slots__ = ("_equations", "data")
    data: dict[str, Any]
    _equations: str

    @classmethod
    def of(cls, cell: Cell, known: Mapping[str, Any]) -> Shown:
        """Return a built cell as text.

        Args:
            cell: the built cell.
            known: works by key, as in `gatekit.registry.bibliography`.
        """
        from gatekit.cell.show.describe import describe, text
        from gatekit.cell.show.equations import equations
        from gatekit.cell.show.mathml import mathml

        data = describe(cell, known)
        shown = cls(text(data))
        shown.data, shown._equations = data, mathml(equations(cell))
        return shown

    if not TYPE_CHECKING:  # else a type checker would allow every attribute

        def __getattr__(self, name: str) -> Any:
            instead = dict.fromkeys(
                ("plot", "draw", "diagram", "show", "figure", "save"),
                "gatekit.diagram(CELL).save('cell.svg') draws the cell",
            )
            known = ("data", "latex")
            refuse_attribute("a cell that is shown", name, known, instead)

    @property
    def latex(self) -> str:
        """The equations as one ``aligned`` environment."""
        return str(self.data["latex"])

    def _repr_html_(self) -> str:
        d = self.data
        head = [("reference", d["reference"] or ""), ("notes", d["notes"] or "")]
        head += [("parameters", f"{d['parameters']:,}")]
        states = [(s["name"], " x ".join(map(str, s["shape"])), s["initial"]) for s in d["states"]]
        title = f"{d['name']}: {d['units']} units, {d['features']} features"
        return (
            table([row for row in head if row[1]], title=title)
            + self._equations
            + table(states, ("state", "width", "starts at"))
        )


def _words(overrides: str | Sequence[str], keys: Mapping[str, Any]) -> list[str]:
    """Return the words of a command line; -m is among them, so that what is swept runs."""
    try:
        given = shlex.split(overrides) if isinstance(overrides, str) else [*map(str, overrides)]
    except ValueError as error:
        raise ConfigError(f"{overrides!r} cannot be split into words: {error}") from None
    if given[:1] == ["gatekit"]:  # a whole command
        given = given[2:]
    typed = [word for key, value in keys.items() for word in _typed(key, value)]
    mode = [] if {"-m", "--multirun"} & {*given} else ["-m"]
    return [*mode, *given, *typed]


def _typed(key: str, value: Any) -> list[str]:
    """Return the words for a key: several for a mapping, which sets the keys within."""
    if key == "plugins":
        files = [value] if isinstance(value, (str, Path)) else value
        return [f"plugins=[{','.join(_value(key, Path(file)) for file in files)}]"]
    if isinstance(value, Mapping):
        words = []
        for inner, one in value.items():
            whole = key in _NAMED and inner in _NAMES
            words += _typed(key if whole else f"{key}.{inner}", one)
        return words
    if isinstance(value, (list, tuple, range)):
        if not value:
            raise ConfigError(f"{key}={value!r} has no values; give one, or omit {key}")
        if key == "swap":
            pair = len(value) == 2 and all(isinstance(each, str) for each in value)
            role, gate = value if pair else ("forget", "power_law")
            raise ConfigError(
                f"{key}={value!r}: a mapping from roles to gates is expected; write "
                f"swap={{{role!r}: {gate!r}}}"
            )
        return [f"{key}={','.join(_value(key, one) for one in value)}"]
    if value is None and key in _NAMED:
        such = {"cell": "lstm", "task": "adding", "block": "plain", "output_unit": "hidden"}
        raise ConfigError(
            f"{key}=None: a name is expected; write {key}={such.get(key, 'adam')!r}, or omit it"
        )
    return [f"{key}={_value(key, value)}"]


def _value(key: str, value: Any) -> str:
    """Return a value in Hydra's grammar; a string is in it already."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Path):
        text = str(value)
        return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", "\\'") + "'"
    if isinstance(value, Mapping):
        inner = (f"{name}: {_value(key, one)}" for name, one in value.items())
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(key, one) for one in value) + "]"
    # A number of NumPy is one of Python here.
    number = value.item() if getattr(value, "size", 0) == 1 else value
    if isinstance(number, (int, float)):
        return repr(number)
    raise ConfigError(
        f"{key}={excerpt(repr(value), 60)}: a string, a number, a boolean, None, a list of values "
        f"to sweep, or a mapping is expected; write {_instead(key, value)}"
    )


def _instead(key: str, value: Any) -> str:
    """Return an argument to write in place of one with an object."""
    if hasattr(value, "tolist"):  # an array
        return f"{key}={excerpt(repr(value.tolist()), 60)}"
    if isinstance(value, (set, frozenset)):
        return f"{key}={sorted(value, key=str)!r}"
    name = getattr(getattr(value, "spec", None), "name", None)
    name = name or (value if isinstance(value, type) else type(value)).__name__.lower()
    such = {
        "optimizer": f"{{'name': {name!r}, 'learning_rate': 0.001}}",
        "swap": "{'forget': 'power_law'}",
        "cell": repr(name),
    }
    return f"{key}={such.get(key, repr('NAME'))}" + (
        ", by the name under which a plugin registers it" if key not in such else ""
    )
