"""``gatekit check`` runs the conformance checks of a plugin or a cell; ``new`` creates a plugin."""

from __future__ import annotations

import os
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekit._version import __version__
from gatekit.cell.errors import (
    ConfigError,
    PluginError,
    excerpt,
    listed,
    nearest,
)
from gatekit.cli.options import Parser
from gatekit.cli.output import WIDTH, print_text, quiet, write_json

if TYPE_CHECKING:
    from gatekit.testing.outcome import Check, Outcome


KINDS = ("gates", "output_units", "blocks", "functions", "tasks")
EXIT_FAILED = 1


def check(parser: Parser) -> int:
    """Check the object that is registered under a name, or a cell in a file.

    Returns:
        0 if every check passes or is excused, 1 if one fails.
    """
    parser.add_argument(
        "what",
        nargs="*",
        metavar="NAME|FILE.yaml|KEY=VALUE",
        help="a gate, output unit, block, function, task or cell, a plugin with all that it "
        "registers, or the YAML file of a cell, which is never executed; then options, such as "
        "eps=1e-2, or for a cell units=16 features=4",
    )
    parser.add_argument(
        "--kind",
        choices=[*KINDS, "cells"],
        help="the kind to check, if several kinds have this name",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="CHECK",
        help="run only this check; may be repeated",
    )
    parser.add_json("write the outcomes as JSON")
    parser.add_plugins()
    options = parser.read()
    names = [word for word in options.what if "=" not in word]
    if len(names) != 1:
        raise ConfigError(f"check takes one name or file, not {len(names)}: {listed(names)}")
    given = dict(_pair(word) for word in options.what if "=" in word)
    with quiet():
        suites = _suites(names[0], options.kind, tuple(options.plugin), given)
        if "tensorflow" in sys.modules:
            from gatekit.testing.tensors import wake

            wake()
    failed, rows = False, []
    for title, offered, outcomes_of in suites:
        chosen = _chosen(offered, options.only)
        if not options.json:
            print_text(title)
        outcomes = []
        for outcome in outcomes_of(chosen):
            outcomes.append(outcome)
            if not options.json:
                _show(outcomes)
        failed = failed or any(outcome.status == "FAIL" for outcome in outcomes)
        rows.append({"checked": title, "outcomes": [asdict(outcome) for outcome in outcomes]})
        if not options.json:
            _show_alike(outcomes)
            print_text(_summary(outcomes))
    if options.json:
        write_json(rows)
    return EXIT_FAILED if failed else 0


# Title, names of the checks, a function that runs checks.
Suite = tuple[str, Sequence[str], Callable[[Sequence[str]], Iterable["Outcome"]]]


def _suites(
    name: str, kind: str | None, plugins: tuple[str, ...], given: Mapping[str, object]
) -> list[Suite]:
    if name.endswith((".yaml", ".yml", ".py")) and not os.path.lexists(name):
        there = [str(path) for path in Path(name).parent.glob(f"*{Path(name).suffix}")]
        raise PluginError(f"there is no file {excerpt(name)}{nearest(name, there)}")
    if name.endswith((".yaml", ".yml")):
        return [_of_cell(Path(name), plugins, given)]
    from gatekit.registry import cell_names, left_out, origins, reasons_of

    if name.endswith(".py") or (Path(name).is_dir() and name not in cell_names(plugins)):
        raise PluginError(f"{name} is a file or folder; a registered name is expected")
    kinds = [k for k in KINDS if name in origins(k, plugins) and kind in (None, k)]
    suites = [_of_registered(k, name, plugins, given) for k in kinds]
    cells = cell_names(plugins)
    if name in cells and kind in (None, "cells") and not kinds:
        suites.append(_of_cell(name, plugins, given))
    if not any(origins(k, plugins)[name].plugin == name for k in kinds):
        suites += [
            _of_registered(k, registered, plugins, given)
            for k in KINDS
            for registered, origin in origins(k, plugins).items()
            if origin.plugin == name and kind in (None, k)
        ]
    if not suites:
        if reasons := reasons_of(name, plugins):
            raise PluginError(f"{name!r} was left out because its plugin is broken: {reasons}")
        others = [
            k for k in (*KINDS, "cells") if name in (cells if k == "cells" else origins(k, plugins))
        ]
        if others:
            raise PluginError(f"{name!r} is registered in {others[0]}, not in {kind}")
        known = sorted({*cells, *(n for k in KINDS for n in origins(k, plugins))})
        broken = left_out(name, plugins)
        raise PluginError(
            f"nothing that can be checked is registered as {name!r}"
            + (f" ({broken})" if broken else "")
            + nearest(name, known)
        )
    return suites


def _of_registered(
    kind: str, name: str, plugins: tuple[str, ...], given: Mapping[str, object]
) -> Suite:
    from gatekit.registry import origins
    from gatekit.testing.suite import checks

    suite_checks = checks(kind, name, plugins, given)
    subject = suite_checks[0].subject
    title = f"{subject.what} {name}"
    if api := origins(kind, plugins)[name].requires_api:
        title += f", written for version {api} of the plugin contract"
    return title, _names(suite_checks), _here(suite_checks)


def _of_cell(cell: str | Path, plugins: tuple[str, ...], given: Mapping[str, Any]) -> Suite:
    from gatekit.testing import cell_subject, limited
    from gatekit.testing.suite import OF_CELLS, cell_checks

    for key, value in given.items():
        if key not in ("units", "features") or type(value) is not int or value < 1:
            raise ConfigError(
                f"{key}={value}: a cell takes units= and features=, both positive integers"
            )
    if isinstance(cell, Path):
        name = limited.name(cell, plugins, given)

        def apart(names: Sequence[str]) -> Iterable[Outcome]:
            return limited.outcomes(cell, plugins, given, names)

        return f"cell {name}", OF_CELLS, apart
    checks = cell_checks(cell_subject.by_name(cell, plugins, **given))
    return f"cell {cell}", _names(checks), _here(checks)


def _names(checks: Sequence[Check]) -> list[str]:
    return [check.name for check in checks]


def _here(checks: Sequence[Check]) -> Callable[[Sequence[str]], Iterable[Outcome]]:
    """Return a function that runs checks by their names in this process."""
    return lambda names: (check.outcome() for check in checks if check.name in names)


def _chosen(names: Sequence[str], only: Sequence[str]) -> list[str]:
    for wanted in only:
        if wanted not in names:
            raise ConfigError(
                f"there is no check {wanted!r}; checks: {listed(names, 40)}{nearest(wanted, names)}"
            )
    return [name for name in names if not only or name in only]


def _show(outcomes: Sequence[Outcome]) -> None:
    """Write the last outcome, unless an earlier one failed for the same reason."""
    outcome = outcomes[-1]
    if _first_with(outcomes) is not outcome:
        return
    head = f"  {outcome.status:<5} {outcome.check:<22}"
    lines = textwrap.wrap(outcome.reason, WIDTH - len(head) - 1, break_on_hyphens=False)
    first, *rest = lines or [""]
    print_text("\n".join([f"{head} {first}".rstrip(), *(" " * (len(head) + 1) + r for r in rest)]))


def _first_with(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the first outcome that failed for the same reason as the last, or the last."""
    last = outcomes[-1]
    if last.status != "FAIL":
        return last
    return next(o for o in outcomes if o.status == "FAIL" and o.reason == last.reason)


def _show_alike(outcomes: Sequence[Outcome]) -> None:
    """Write how many checks failed for the same reason as an earlier one."""
    alike = Counter[str]()
    for at, outcome in enumerate(outcomes, start=1):
        first = _first_with(outcomes[:at])
        if first is not outcome:
            alike[first.check] += 1
    for name, count in alike.items():
        print_text(f"  FAIL  {count} more for the same reason as {name}")


def _summary(outcomes: Sequence[Outcome]) -> str:
    states = [outcome.status for outcome in outcomes]
    counts = [f"{states.count('PASS')} passed"]
    counts += [f"{states.count('FAIL')} failed"] if "FAIL" in states else []
    counts += [f"{states.count('XFAIL')} excused"] if "XFAIL" in states else []
    return ", ".join(counts)


def _pair(word: str) -> tuple[str, Any]:
    import yaml

    key, _, text = word.partition("=")
    try:
        return key, yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"{key}={text[:80]}: the value is not YAML") from None


def new(parser: Parser) -> int:
    """Create files from a template; existing files are never overwritten.

    Raises:
        ConfigError: the kind or the name is not allowed, or a file exists.
    """
    parser.add_argument(
        "kind", metavar="KIND", help="project, gate, output-unit, block, task or function"
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="the new name")
    parser.add_argument(
        "--package",
        action="store_true",
        help="create a distribution for pip, from plugins/NAME.py if it exists",
    )
    options = parser.read()
    from gatekit.testing import scaffold

    kind = scaffold.checked_kind(options.kind)
    if options.name is None:
        raise ConfigError(f"new {kind}: a name is missing")
    if kind == "project":
        if options.package:
            raise ConfigError("--package is for plugins, and not for a project")
        files = scaffold.project(options.name)
        then = [f"cd {options.name}", "gatekit new gate leaky"]
    elif options.package:
        files = scaffold.package(kind, options.name, __version__)
        (folder,) = {path.parts[0] for path in files}
        then = [f"pip install -e ./{folder}", f"gatekit check {options.name}"]
        if own := scaffold.own_file(kind, options.name):
            # Both files would register the name; gatekit skips files that begin with _.
            then.insert(0, f"mv {own} {own.with_name('_' + own.name)}")
    else:
        files = scaffold.plugin(kind, options.name)
        then = scaffold.next_commands(kind, options.name)
    _write_files(files)
    print_text("\n".join(["Now type:", *(f"  {command}" for command in then)]))
    return 0


def _write_files(files: Mapping[Path, str]) -> None:
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise ConfigError(f"{path} cannot be written ({error.strerror})") from None
        print_text(f"wrote {path}")
