"""An argument parser whose errors show what to type."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import re
import shlex
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from gatekit.cell.errors import ConfigError, RunError, amount_of, listed, nearest_name

COMPLETING = "_ARGCOMPLETE"
"""The variable that argcomplete's shell function sets if gatekit is to complete a line."""


class Parser(argparse.ArgumentParser):
    """A parser that raises `ConfigError` instead of exiting, and suggests the nearest option.

    Args:
        command: the command's name, ``show`` in ``gatekit show``.
        summary: what the command does, for its help.
    """

    def __init__(self, command: str, summary: str) -> None:
        super().__init__(
            prog=f"gatekit {command}",
            description=summary,
            allow_abbrev=False,
        )
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")
        self._typed: list[str] = []

    def error(self, message: str) -> NoReturn:
        """Reject the arguments.

        Raises:
            ConfigError: always.
        """
        from gatekit.study.typed import refusal

        raise ConfigError(refusal(self, message, self._typed, self._example))

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """Return the parsed arguments.

        Raises:
            ConfigError: an argument is missing, unknown or of the wrong type.
        """
        if COMPLETING in os.environ:
            offer(self)
        self._typed = list(argv)
        known, unknown = self.parse_known_intermixed_args(self._typed)
        for argument in unknown:
            options = [o for action in self._actions for o in action.option_strings]
            what = "option" if argument.startswith("-") else "argument"
            hint = self._hint(argument, options) or self._listed(options)
            raise ConfigError(f"{self.prog} has no {what} {argument!r}{hint}")
        for word in getattr(known, "overrides", ()):
            key, _, value = str(word).partition("=")
            if action := self._option_string_actions.get(f"--{key}"):
                typed = f"--{key}" if action.nargs == 0 else f"--{key} {shlex.quote(value)}"
                raise ConfigError(f"{word}: {self.prog} takes it as an option; type {typed}")
        return known

    def _listed(self, options: Sequence[str]) -> str:
        """Return which options there are, as the end of a sentence."""
        from gatekit.study.typed import MOST_LISTED

        shown = [option for option in options if option not in ("-h", "--debug", "--help")]
        if len(shown) > MOST_LISTED:
            return f"; `{self.prog} --help` lists its {len(shown)} options."
        return f". Options: {listed(shown)}. `{self.prog} --help` explains them."

    def _example(self, action: argparse.Action) -> str:
        """Return a value of an argument from what is there, or an empty string."""
        known = studies("", Namespace())
        if action.dest == "study":
            return next(iter(known), "")
        runs = sorted(Path("experiments").glob("*/runs/????????????????"))
        if action.dest == "run" and runs:
            return runs[0].name[:8]
        if action.metavar in ("A", "B") and known:
            return f"{known[0]}/{'lstm' if action.metavar == 'A' else 'gru'}"
        return _FIRST.get(action.dest, "")

    def _line(self, *words: str) -> str:
        from gatekit.study.typed import line

        return line(self.prog, words)

    def _hint(self, argument: str, options: list[str]) -> str:
        """Return the option that is meant, or why a second study is not taken."""
        if argument.startswith("-"):
            return self._of_option(argument, options)
        kept = [word for word in self._typed if word != argument]
        before = self._typed[max(0, self._typed.index(argument) - 1)]
        action = self._option_string_actions.get(before)
        if ending := self._file(argument, kept):
            return ending
        if self._typed[max(0, self._typed.index(argument) - 2)] == "--where":
            joined = [f"{word}={argument}" if word == before else word for word in kept]
            return f"; the key and its value are one word: type {self._line(*joined)}."
        if "=" in argument and "--where" in options:
            return (
                f"; did you mean --where {argument}? Type {self._line(*kept, '--where', argument)}."
            )
        if any(action.dest == "sql" for action in self._actions):
            return f"; put the statement into quotes: type `{self.prog} 'select * from runs'`."
        if argument == "%":
            joined = [f"{word}%" if word == before else word for word in kept]
            return f"; there is a space before %: type {self._line(*joined)}."
        if argument.replace(".", "").isdecimal():
            numbers = [
                a.option_strings[-1]
                for a in self._actions
                if a.type in (int, float) and a.option_strings
            ]
            if action is not None and action.nargs == 0:
                return f"; {before} takes no value. Numbers are given by {listed(numbers)}."
            if len(numbers) == 1:
                return (
                    f"; did you mean {numbers[0]}? Type {self._line(*kept, numbers[0], argument)}."
                )
            if numbers:
                typed = self._line(*kept, numbers[0], argument)
                return f"; numbers are given by {listed(numbers)}: type for example {typed}."
        if any(action.dest == "study" for action in self._actions):
            return self._of_study(argument, kept, "--where" in options)
        first = next((word for word in kept if not word.startswith("-")), "STUDY")
        if self.prog in _LISTS:
            return f"; {_LISTS[self.prog].format(argument)}"
        if self.prog == "gatekit why" and first in studies("", Namespace()):
            others = [w for w in self._typed if not w.startswith("-")][1:3]
            typed = self._line(*(f"{first}/{word}" for word in others))
            return f"; groups are given by study and label: type {typed}."
        if self.prog == "gatekit sample":
            return f"; did you mean --prompt? Type {self._line(*kept, '--prompt', argument)}."
        if any(a.dest == "run" for a in self._actions) and first in studies("", Namespace()):
            return f"; a run needs no study: type {self._line(argument)}."
        typed = self._line(*_positional(self))
        named = [a for a in self._actions if a.metavar and not a.option_strings and a.help]
        where = f", where {'; '.join(f'{a.metavar} is {a.help}' for a in named)}" if named else ""
        return (
            f"; type {typed}{where}."
            if typed != self._line()
            else f"; it takes no names: type {typed}."
        )

    def _file(self, argument: str, kept: Sequence[str]) -> str:
        """Return what to type in place of the name of a file that no option precedes."""
        from gatekit.study.typed import line

        ending = Path(argument).suffix
        if argument.endswith((".yaml", ".yml", ".json", ".csv")) and self.prog.endswith("code"):
            return "; type cell=NAME for the file conf/cell/NAME.yaml."
        form = {".csv": "--csv", ".json": "--json", ".md": "--markdown", ".tex": "--latex"}.get(
            ending
        )
        if form in self._option_string_actions:
            words = [word for word in kept if word != form]
            typed = line(self.prog, [*words, form])[:-1]
            return f"; a table is written to a file by >: type {typed} > {argument}`."
        if not re.fullmatch(r"\.[a-z]{2,6}", ending):
            return ""
        for action in self._actions:
            metavar = str(action.metavar)
            figure = action.dest == "figure" and ending in (".png", ".svg", ".pdf")
            if action.option_strings and (
                figure or metavar == f"FILE{ending}" or action.dest == "output"
            ):
                option = action.option_strings[-1]
                return f"; did you mean {option}? Type {self._line(*kept, option, argument)}."
        return ""

    def _of_option(self, argument: str, options: list[str]) -> str:
        from gatekit.study.typed import as_keys, elsewhere, key_of, line

        name, _, value = argument.partition("=")
        if any(action.dest == "overrides" for action in self._actions) and key_of(name):
            typed = as_keys(self._typed, options)
            return f"; keys are typed without dashes: type {line(self.prog, typed)}."
        if name == "--study" and any(action.dest == "study" for action in self._actions):
            study = value or next(iter(self._typed[self._typed.index(argument) + 1 :]), "STUDY")
            return f"; the study's name needs no option: type {self._line(study)}."
        if "--where" in options and "--by" in options and key_of(name):
            rest = self._typed[self._typed.index(argument) + 1 :]
            given = itertools.takewhile(lambda word: word[:1] != "-", rest)
            word = f"{key_of(name)}={value or ','.join(given) or 'VALUE'}"
            return f"; runs are chosen by --where: type --where {word}."
        if name in ("--format", "-f") and "--csv" in options:
            return "; the format is an option: --csv, --json, --markdown or --latex."
        if "--mlflow" in options and name in ("--to", "--wandb", "--format", "--target", "--csv"):
            return (
                "; type --mlflow URI or --tensorboard FOLDER. `gatekit compare STUDY --csv` writes "
                "a table, and track=[wandb] is a key of a run."
            )
        if name == "-o" and "--csv" in options:
            return f"; write a file with `{self.prog} {' '.join(_positional(self))} --csv > FILE`."
        if name in _NOTES:
            return _NOTES[name]
        meant = next((m for group in _SAME for m in group if name in group and m in options), None)
        meant = meant or nearest_name(name, options)
        if not meant:
            return elsewhere(argument, self.prog)
        return f"; did you mean {meant!r}? Type {self._corrected(argument, meant)}."

    def _corrected(self, argument: str, meant: str) -> str:
        """Return the line with the option that is meant, and a value for it if it needs one."""
        from gatekit.study.typed import line

        action = self._option_string_actions[meant]
        words, index = list(self._typed), self._typed.index(argument)
        value = argument.partition("=")[2]
        given = [value] if value else []
        if (
            not given
            and action.nargs != 0
            and index + 1 < len(words)
            and words[index + 1][:1] != "-"
        ):
            given = [words.pop(index + 1)]
        if meant == "--level" and given and (amount_of(given[0]) or 1) < 0.5:
            given = [f"{1 - (amount_of(given[0]) or 0):g}"]
        if action.nargs != 0:
            given = given or [str(action.metavar or action.dest.upper())]
            ending = str(action.metavar).partition("FILE.")[2]
            if ending and Path(given[0]).suffix:
                given = [str(Path(given[0]).with_suffix(f".{ending}"))]
        words[index : index + 1] = [meant, *(given if action.nargs != 0 else [])]
        return line(self.prog, words)

    def _of_study(self, argument: str, kept: Sequence[str], chooses: bool) -> str:
        """Return what to type in place of a second study, or of a group of the first."""
        known = studies("", Namespace())
        first = next((word for word in kept if not word.startswith("-")), "STUDY")
        if argument in known:
            each = self._line(argument)
            return (
                f"; it takes one study, one after the other: type {self._line(*kept)}, then {each}."
            )
        if "/" in argument:
            return f"; `gatekit why {first} {argument}` compares two groups or runs."
        if re.fullmatch(r"[0-9a-f]{3,16}", argument):
            return f"; it takes one study. `gatekit logs {argument}` shows the log of this run."
        if chooses and first not in known and known:
            names = ",".join(word for word in self._typed if not word.startswith("-"))
            typed = self._line(known[0], "--where", f"cell={names}")
            return (
                f"; it takes one study, and {first!r} is none. For cells of a study type {typed}."
            )
        if chooses and argument.isidentifier():
            typed = self._line(*kept, "--where", f"cell={argument}")
            return f"; it takes one study. To choose groups of it type {typed}."
        return f"; it takes one study: type {self._line(*kept)}."


def _positional(parser: argparse.ArgumentParser) -> list[str]:
    """Return the names of a command's arguments that are not options."""
    actions = [a for a in parser._actions if not a.option_strings]
    return [str(a.metavar or a.dest.upper()) for a in actions]


_FIRST = {
    "sql": "select * from runs",
    "file": "study.zip",
    "shell": "bash",
    "action": "list",
    "kind": "gate",
    "name": "my_gate",
}
"""A value of arguments that are missing."""

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
    "gatekit plugins": "a file is loaded by an option: type `gatekit plugins --plugin {0}`.",
}
"""What to type in place of the name that commands without a name are given."""

_SAME = (
    ("--to", "--output", "--out", "-o", "--html", "--file", "--save", "--dest"),
    ("--output", "--to", "--out", "-o", "--file", "--save", "--dest"),
    ("--framework", "--backend", "--target", "--to"),
    ("--figure", "--plot", "--fig", "--png", "--svg", "--pdf"),
    ("--draw", "--kind", "--plot-type"),
    ("--where", "--filter", "--only", "--select"),
    ("--baseline", "--against", "--reference", "--control", "--base", "--vs"),
    ("--level", "--alpha", "--confidence", "--ci", "--significance"),
    ("--by", "--group-by", "--groupby", "--groups"),
    ("--seconds", "--interval", "--refresh", "--every"),
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
"""Options that mean the same in different commands, or elsewhere."""
_NOTES = {
    "--metric": "; a task has one metric, which the table names: --task NAME chooses the task, "
    "--split NAME another test set.",
    "--metrics": "; a task has one metric, which the table names: --task NAME chooses the task.",
    "--host": "; the page is for this machine only: `ssh -L 8850:localhost:8850 HOST` shows it on "
    "another one.",
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
    "-m": "; this command is about one cell: type one name after cell=.",
    "--open": "; the page is a file: open it in a browser.",
    "--sort": "; the table lists the groups by their mean, the best first.",
    "--seeds": "; seeds are chosen by train: seeds=5.",
}


def offer(parser: argparse.ArgumentParser) -> None:
    """Complete the line by the options and arguments of a parser; the process ends here."""
    import argcomplete

    completers = {"study": studies, "studies": studies, "overrides": keys}
    for action in parser._actions:
        if action.dest in completers:
            action.completer = completers[action.dest]  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser)


def studies(prefix: str, parsed_args: Namespace, **_: Any) -> list[str]:
    """Return the names of the studies in ``--root``."""
    from gatekit.compare.study import studies as names

    with contextlib.suppress(OSError, RunError):
        return names(getattr(parsed_args, "root", None) or "experiments")
    return []


def keys(prefix: str, parsed_args: Namespace, **_: Any) -> list[str]:
    """Return the keys and values that Hydra knows after the words before."""
    from gatekit.study.hydra.composing import candidates

    return candidates(getattr(parsed_args, "overrides", None) or [], prefix)
