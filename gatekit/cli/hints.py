"""Suggestions for an option or argument that a command does not have."""

from __future__ import annotations

import argparse
import itertools
import re
from collections.abc import Sequence
from pathlib import Path

from gatekit.cell.errors import amount_of, listed, nearest_name
from gatekit.registry import cell_names
from gatekit.study.removed import no_more
from gatekit.study.typed import LAUNCHING, as_keys, elsewhere, key_of, line, near_option

from .options import CommandLine, known_studies, study_of


def hint(parser: CommandLine, argument: str, options: list[str]) -> str:
    """Return what to type instead of an unknown argument, as the end of a message."""
    if argument.startswith("-"):
        return _of_option(parser, argument, options)
    kept = [word for word in parser.typed if word != argument]
    if meant := _as_key(parser, argument, options):
        return meant
    before = parser.typed[max(0, parser.typed.index(argument) - 1)]
    action = parser._option_string_actions.get(before)
    if ending := _file(parser, argument, kept):
        return ending
    if f"--{argument}" in options:
        return f"; did you mean --{argument}? Type {_corrected(parser, argument, f'--{argument}')}."
    if (argument[0] in "0123456789abcdef" and "--run" in options) and is_start(argument):
        return f"; did you mean --run? Type {parser.line(*kept, '--run', argument)}."
    owner = parser._option_string_actions.get(
        parser.typed[max(0, parser.typed.index(argument) - 2)]
    )
    metavar = "" if owner is None else str(owner.metavar)
    if "," in metavar and ("=" in before or "=" not in metavar):
        joined = [f"{word},{argument}" if word == before else word for word in kept]
        return f"; separate several values by commas, without spaces: type {parser.line(*joined)}."
    if "=" in metavar and "=" not in before:
        joined = [f"{word}={argument}" if word == before else word for word in kept]
        return f"; write the key and its value as one word: type {parser.line(*joined)}."
    if "=" in argument and "--where" in options:
        return f"; did you mean --where {argument}? Type {parser.line(*kept, '--where', argument)}."
    if argument == "%":
        joined = [f"{word}%" if word == before else word for word in kept]
        return f"; remove the space before %: type {parser.line(*joined)}."
    if argument.replace(".", "").isdecimal():
        numbers = [
            a.option_strings[-1]
            for a in parser._actions
            if a.type in (int, float) and a.option_strings
        ]
        if action is not None and action.nargs == 0:
            return f"; {before} takes no value. Options that take a number: {listed(numbers)}."
        if len(numbers) == 1:
            return f"; did you mean {numbers[0]}? Type {parser.line(*kept, numbers[0], argument)}."
        if numbers:
            typed = parser.line(*kept, numbers[0], argument)
            return f"; options that take a number: {listed(numbers)}. Type for example {typed}."
    if parser.prog == "gatekit new" and len(_bare(parser.typed)) > 2:
        kind, *parts = _bare(parser.typed)
        word = ("-" if kind == "project" else "_").join(parts)
        return f"; a name is one word: type {parser.line(kind, word)}."
    if parser.takes("study"):
        return _of_study(parser, argument, kept, "--where" in options)
    first = next(iter(_bare(kept)), "STUDY")
    if parser.prog in _LISTS:
        return f"; {_LISTS[parser.prog].format(argument)}"
    if parser.prog == "gatekit why" and first in known_studies():
        others = _bare(parser.typed)[1:3]
        typed = parser.line(*(f"{first}/{word}" for word in others))
        return f"; a group is written as STUDY/LABEL: type {typed}."
    if parser.prog == "gatekit sample":
        return f"; did you mean --prompt? Type {parser.line(*kept, '--prompt', argument)}."
    if parser.takes("run") and first in known_studies():
        return f"; omit the study, because the run is enough: type {parser.line(argument)}."
    typed = parser.line(*_positional(parser))
    named = [a for a in parser._actions if a.metavar and not a.option_strings and a.help]
    where = f", where {'; '.join(f'{a.metavar} is {a.help}' for a in named)}" if named else ""
    takes = "no name" if typed == parser.line() else typed
    return f"; it takes {takes}{where}: type {parser.line(*kept)}."


def _bare(words: Sequence[str]) -> list[str]:
    """Return the words that are not options."""
    return [word for word in words if not word.startswith("-")]


def _as_key(parser: CommandLine, argument: str, options: Sequence[str]) -> str:
    """Return what to type if an option is written like a key, as in ``root=experiments``."""
    first = next(iter(_bare(parser.typed)), "")  # taken as the study
    for word in (argument, first):
        name, equals, value = word.partition("=")
        option = f"--{name.replace('_', '-')}"
        if equals and option in options:
            index, takes = parser.typed.index(word), parser._option_string_actions[option].nargs
            words = [option] if takes == 0 else [option, value]
            typed = line(parser.prog, [*parser.typed[:index], *words, *parser.typed[index + 1 :]])
            if word == argument:
                return f"; did you mean {option}? Type {typed}."
            return f": {word} is read as the study, but {option} is an option; type {typed}."
    return ""


def _file(parser: CommandLine, argument: str, kept: Sequence[str]) -> str:
    """Return what to type if a file is named without an option before it."""
    ending = Path(argument).suffix
    if argument.endswith((".yaml", ".yml", ".json", ".csv")) and parser.prog.endswith("code"):
        return "; type cell=NAME for the file conf/cell/NAME.yaml."
    form = {".csv": "--csv", ".json": "--json", ".md": "--markdown", ".tex": "--latex"}.get(ending)
    if form in parser._option_string_actions:
        words = [word for word in kept if word != form]
        typed = line(parser.prog, [*words, form])[:-1]
        return f"; to write a table to a file, type {typed} > {argument}`."
    if not re.fullmatch(r"\.[a-z]{2,6}", ending):
        return ""
    for action in parser._actions:
        metavar = str(action.metavar)
        figure = action.dest == "figure" and ending in (".png", ".svg", ".pdf")
        if action.option_strings and (
            figure or metavar == f"FILE{ending}" or action.dest == "output"
        ):
            option = action.option_strings[-1]
            return f"; did you mean {option}? Type {parser.line(*kept, option, argument)}."
    return ""


def _of_option(parser: CommandLine, argument: str, options: list[str]) -> str:
    """Return what to type instead of an option that the command does not have."""
    name, _, value = argument.partition("=")
    for key in (f"{parser.prog.removeprefix('gatekit ')} {name}", name):
        if gone := no_more(key):
            return gone
        if key in _NOTES:
            return _NOTES[key]
    same = next((m for group in _SAME for m in group if name in group and m in options), None)
    if same is not None and not (same == "--output" and "--csv" in options):
        return f"; did you mean {same!r}? Type {_corrected(parser, argument, same)}."
    allowed = LAUNCHING if parser.takes("study") else (key_of(name) or None,)
    if parser.takes("overrides") and key_of(name) in allowed:
        typed = as_keys(parser.typed, options)
        return f"; keys have no dashes: type {line(parser.prog, typed)}."
    if name == "--study" and parser.takes("study"):
        study = value or next(iter(parser.typed[parser.typed.index(argument) + 1 :]), "STUDY")
        return f"; the study's name needs no option: type {parser.line(study)}."
    if "--where" in options and "--by" in options and key_of(name):
        rest = parser.typed[parser.typed.index(argument) + 1 :]
        given = itertools.takewhile(lambda word: word[:1] != "-", rest)
        word = f"{key_of(name)}={value or ','.join(given) or 'VALUE'}"
        return f"; choose runs with --where: type --where {word}."
    if name in ("--format", "-f") and "--csv" in options:
        return "; the format is an option: --csv, --json, --markdown or --latex."
    if name == "--run" and parser.takes("run"):
        run = value or next(iter(parser.typed[parser.typed.index(argument) + 1 :]), "RUN")
        return f"; the run needs no option: type {parser.line(run)}."
    if name in ("-o", "--output", "--out", "--save", "--file") and "--csv" in options:
        index = parser.typed.index(argument)
        file = value or next(iter(parser.typed[index + 1 :]), "FILE.csv")
        kept = [word for word in parser.typed if word not in (argument, file)]
        if such := _file(parser, file, kept):
            return such
    if name == "-o" and "--csv" in options:
        return f"; write a file with `{parser.prog} {' '.join(_positional(parser))} --csv > FILE`."
    meant = near_option(name, options)
    if not meant:
        after = parser.typed[parser.typed.index(argument) + 1 :]
        return elsewhere(argument, parser.prog, after)
    return f"; did you mean {meant!r}? Type {_corrected(parser, argument, meant)}."


def _corrected(parser: CommandLine, argument: str, meant: str) -> str:
    """Return the command line with the option that is meant, and a value if it needs one."""
    action = parser._option_string_actions[meant]
    words, index = list(parser.typed), parser.typed.index(argument)
    value = argument.partition("=")[2]
    given = [value] if value else []
    after = words[index + 1 : index + 2]
    if action.nargs == 0 and after and after[0][:1] != "-" and after[0] not in known_studies():
        words.pop(index + 1)  # the value of an option that takes none
    if not given and action.nargs != 0 and index + 1 < len(words) and words[index + 1][:1] != "-":
        given = [words.pop(index + 1)]
    if meant == "--level" and given and (amount_of(given[0]) or 1) < 0.5:
        given = [f"{1 - (amount_of(given[0]) or 0):g}"]
    if meant == "--where" and given and "=" not in given[0]:
        given = [f"cell={given[0]}"]
    if action.nargs != 0:
        given = given or [str(action.metavar or action.dest.upper())]
        ending = str(action.metavar).partition("FILE.")[2]
        if ending and Path(given[0]).suffix:
            given = [str(Path(given[0]).with_suffix(f".{ending}"))]
    words[index : index + 1] = [meant, *(given if action.nargs != 0 else [])]
    return line(parser.prog, words)


def is_start(word: str) -> bool:
    """Return whether a word may be the first digits of a run's id."""
    return re.fullmatch(r"[0-9a-f]{3,16}", word) is not None


def _of_study(parser: CommandLine, argument: str, kept: Sequence[str], chooses: bool) -> str:
    """Return what to type if a second study or a group follows the study."""
    known = known_studies()
    first = next(iter(_bare(kept)), "STUDY")
    if argument in known:
        each = parser.line(argument)
        if parser.prog == "gatekit compare":
            return _of_two(next(w for w in parser.typed if w in known), argument)
        return f"; it takes one study at a time: type {parser.line(*kept)}, then {each}."
    if "/" in argument:
        return f"; `gatekit why {first} {argument}` compares two groups or runs."
    if is_start(argument):
        return f"; it takes one study. `gatekit logs {argument}` shows the log of this run."
    if chooses and first not in known and known:
        names = _bare(parser.typed)
        typed = parser.line(study_of(names, known), "--where", f"cell={','.join(names)}")
        return (
            f"; it takes one study, and {first!r} is not one. For cells of a study, type {typed}."
        )
    if chooses and {first, argument} <= set(cell_names()):
        cells = ",".join(_bare(parser.typed))
        return (
            f"; these are cells, and there is no study here yet. Train them in one: type `gatekit "
            f"train -m study=mine cell={cells} task=adding seeds=5`, then {parser.line('mine')}."
        )
    if near := nearest_name(argument, known):
        typed = parser.line(*(near if word == first else word for word in kept))
        also = f", or {typed} for {near}" if near != first else ""
        return f"; it takes one study: type {parser.line(*kept)}{also}."
    if chooses and argument in cell_names():
        typed = parser.line(*kept, "--where", f"cell={argument}")
        return f"; it takes one study. To choose some of its groups, type {typed}."
    return f"; it takes one study: type {parser.line(*kept)}."


def _of_two(first: str, second: str) -> str:
    """Return how to compare the runs of two studies."""
    from gatekit.runs.studies.plan_file import training

    typed = training(Path("experiments", second), f"study={first}")
    return (
        f"; groups are compared within one study. `gatekit why {first}/GROUP {second}/GROUP` shows "
        "how two groups differ. To compare with intervals, train both in one study"
        + (f": type `{typed}`." if typed else f", with study={first}.")
    )


def _positional(parser: argparse.ArgumentParser) -> list[str]:
    """Return the names of a command's arguments that are not options."""
    actions = [a for a in parser._actions if not a.option_strings]
    return [str(a.metavar or a.dest.upper()) for a in actions]


_LISTS = {
    "gatekit serve": "the page shows all studies: type `gatekit serve`.",
    "gatekit studies": "it lists all studies: `gatekit status {0}` shows one of them.",
    "gatekit cells": "it lists all cells: `gatekit show cell={0}` shows one of them.",
    "gatekit gates": "it lists all gates: `gatekit show cell=lstm swap.forget={0}` shows one in a "
    "cell.",
    "gatekit blocks": "it lists all blocks: `gatekit show cell=lstm block={0}` shows one.",
    "gatekit output-units": "it lists all output units: `gatekit show cell=lstm output_unit={0}` "
    "shows one.",
    "gatekit tasks": "it lists all tasks: `gatekit tasks --json` has all that is known of one, and "
    "`gatekit train task={0}` trains on it.",
    "gatekit functions": "it lists all functions: type `gatekit functions`.",
    "gatekit plugins": "a file needs an option before it: type `gatekit plugins --plugin {0}`.",
}
"""What to type if a command that takes no name is given one."""

_SAME = (
    ("--output", "--to", "--out", "-o", "--file", "--save", "--dest"),
    ("--to", "--output", "--out", "-o", "--html", "--file", "--save", "--dest"),
    ("--framework", "--backend", "--target", "--to"),
    ("--figure", "--plot", "--fig", "--png", "--svg", "--pdf"),
    ("--draw", "--kind", "--plot-type"),
    ("--where", "--filter", "--only", "--select"),
    ("--baseline", "--against", "--reference", "--control", "--base", "--vs"),
    ("--level", "--alpha", "--confidence", "--ci", "--significance"),
    ("--by", "--group-by", "--groupby", "--groups"),
    ("--seconds", "--interval", "--refresh", "--every"),
    ("--seeds", "--add", "--count", "--num-seeds"),
    ("--yes", "-y", "--force", "--delete", "--confirm", "--no-dry-run"),
    ("--lines", "--tail", "-n"),
    ("--most", "--max", "--max-seeds"),
    ("--into", "--name", "--as"),
    ("--as", "--name", "--into"),
    ("--with-weights", "--run", "--checkpoint", "--weights"),
    ("--weights", "--with-weights", "--checkpoints", "--models"),
    ("--root", "--dir", "--folder", "--path", "--logdir", "--output-dir"),
    ("--length", "--num-tokens", "--max-new-tokens", "--max-tokens", "--num-chars", "-n"),
    ("--runs", "--all", "--list"),
    ("--prompt", "--start", "--prime"),
)
"""Options with the same meaning, in commands of gatekit or in other programs."""
_NOTES = {
    "--metric": "; a task has one metric, which the table names: --task NAME chooses the task, "
    "--split NAME another test set.",
    "--metrics": "; a task has one metric, which the table names: --task NAME chooses the task.",
    "--host": "; the page is served to this machine only: `ssh -L 8850:localhost:8850 HOST` shows "
    "it on another one.",
    **dict.fromkeys(
        ("--verbose", "--quiet", "-v", "-q"),
        "; there is one level of detail, and --debug shows the traceback of an error.",
    ),
    **dict.fromkeys(
        ("--follow", "-f", "--watch", "--live"),
        "; `gatekit serve` shows all studies on a page while their runs train.",
    ),
    **dict.fromkeys(
        ("--retry", "--rerun", "--resume"),
        "; `gatekit train ... retry=failed`, with the words of the study, repeats failed runs.",
    ),
    **dict.fromkeys(
        ("--test", "--ttest", "--pvalue"),
        "; the table has one method: differences paired by seed, with intervals and verdicts.",
    ),
    "-m": "; this command takes one cell: type one name after cell=.",
    "--open": "; the page is a file: open it in a browser.",
    **dict.fromkeys(
        ("--excel", "--xlsx", "--tsv", "--table"),
        "; a table for other programs is CSV: type --csv > FILE.csv.",
    ),
    **dict.fromkeys(
        ("compare --html", "compare --report"),
        "; `gatekit report STUDY` writes an HTML page.",
    ),
    **dict.fromkeys(
        ("report --format", "report --pdf"),
        "; it writes an HTML page, which a browser prints to PDF: type `gatekit report STUDY`.",
    ),
    **dict.fromkeys(("status --failed", "status --failures"), "; type `gatekit failures STUDY`."),
    "prune --dry-run": "; `gatekit prune STUDY` only lists files, and --yes removes them.",
    "new --force": "; nothing is overwritten: choose another name, or move the file.",
    "cite --bibtex": "; it prints BibTeX: omit the option.",
    "compare --sort": "; the table lists the groups by their mean, the best first.",
    "--seeds": "; choose the seeds with `gatekit train`: seeds=5.",
}
