"""An argument parser whose errors show what to type."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from gatekit.cell.errors import ConfigError, RunError, listed, nearest, nearest_name

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

    def error(self, message: str) -> NoReturn:
        """Reject the arguments.

        Raises:
            ConfigError: always.
        """
        missing = message.partition("required: ")[2]
        example = f"type `{self.prog} {' '.join(_positional(self))}`; " if missing else ""
        if wrong := _WRONG.fullmatch(message):
            flag, reason, came = wrong["name"].rpartition("/")[2], wrong["reason"], wrong["came"]
            action = self._option_string_actions.get(flag)
            action = action or next(a for a in self._actions if flag in (a.metavar, a.dest))
            typed = f"{self.prog} ... {flag}" if action.option_strings else self.prog
            value = action.metavar or action.dest.upper()
            if reason.startswith("invalid"):
                allowed, such = _allowed(action, came)
                value = such or value
                message = f"{flag} {came}: {allowed}"
            elif reason.startswith("ignored explicit"):
                message, value = f"{flag}={came}: {flag} takes no value", ""
            example = f"type `{typed} {value}".rstrip() + "`; "
        raise ConfigError(f"{self.prog}: {message}; {example}`{self.prog} --help` explains it.")

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """Return the parsed arguments.

        Raises:
            ConfigError: an argument is missing, unknown or of the wrong type.
        """
        if COMPLETING in os.environ:
            offer(self)
        known, unknown = self.parse_known_intermixed_args(list(argv))
        for argument in unknown:
            options = [o for action in self._actions for o in action.option_strings]
            what = "option" if argument.startswith("-") else "argument"
            hint = self._hint(argument, options) or f"; `{self.prog} --help` explains its options."
            shown = [option for option in options if option not in ("-h", "--debug")]
            raise ConfigError(
                f"{self.prog} has no {what} {argument!r}{hint} Options: {listed(shown)}."
            )
        for word in getattr(known, "overrides", ()):
            key, _, value = str(word).partition("=")
            if action := self._option_string_actions.get(f"--{key}"):
                typed = f"--{key}" if action.nargs == 0 else f"--{key} {shlex.quote(value)}"
                raise ConfigError(f"{word}: {self.prog} takes it as an option; type {typed}")
        return known

    def _hint(self, argument: str, options: list[str]) -> str:
        """Return the option that is meant, or why a second study is not taken."""
        name = argument.split("=")[0]
        if not name.startswith("-"):
            if argument.endswith((".yaml", ".yml", ".json", ".csv")) and self.prog.endswith("code"):
                return "; type cell=NAME for the file conf/cell/NAME.yaml."
            if "=" in name + argument and "--where" in options:
                return f"; did you mean --where {argument}?"
            if any(action.dest == "sql" for action in self._actions):
                return f"; put the statement into quotes: type `{self.prog} 'select * from runs'`."
            if any(action.dest == "study" for action in self._actions):
                return self._of_study(argument, "--where" in options)
            typed = " ".join([self.prog, *_positional(self)])
            named = [a for a in self._actions if a.metavar and not a.option_strings and a.help]
            where = (
                f", where {'; '.join(f'{a.metavar} is {a.help}' for a in named)}" if named else ""
            )
            return f"; type `{typed}`{where}."
        if any(action.dest == "overrides" for action in self._actions):
            key = name.lstrip("-").replace("-", "_")
            if key in _KEYS:
                value = argument.partition("=")[2] or "VALUE"
                return f"; keys are typed without dashes: type {key}={value}."
        if name == "--study" and any(action.dest == "study" for action in self._actions):
            return f"; the study's name needs no option: type `{self.prog} {_after(argument)}`."
        meant = next((m for group in _SAME for m in group if name in group and m in options), None)
        if meant is not None:
            metavar = self._option_string_actions[meant].metavar
            return f"; did you mean {meant!r}?" + (f" Type {meant} {metavar}." if metavar else "")
        if name in ("--format", "-f") and "--csv" in options:
            return "; the format is an option: --csv, --json, --markdown or --latex."
        if "--mlflow" in options and name in ("--to", "--wandb", "--format", "--target"):
            return "; type --mlflow URI or --tensorboard FOLDER. track=[wandb] is a key of a run."
        if name == "-o" and "--csv" in options:
            return f"; write a file with `{self.prog} {' '.join(_positional(self))} --csv > FILE`."
        return _NOTES.get(name) or nearest(name, options)

    def _of_study(self, argument: str, chooses: bool) -> str:
        """Return what to type in place of a second study, or of a group of the first."""
        if Path(argument).suffix:
            return "; write a file with an option such as --figure FILE, or with > FILE."
        if argument not in studies("", Namespace()) and not chooses:
            return "; it takes one study."
        if chooses and argument not in studies("", Namespace()):
            return (
                f"; it takes one study, and chooses groups with --where: --where cell={argument}."
            )
        return f"; it takes one study, one after the other: type `{self.prog} {argument}`."


_WRONG = re.compile(
    r"argument (?P<name>.*?): "
    r"(?P<reason>expected .*|invalid [^:]*: '?|ignored explicit argument '?)"
    r"(?P<came>.*?)'?(?: \(choose from .*\))?"
)
"""What argparse reports of one argument."""

_CHOICES = {
    **dict.fromkeys(("pytorch", "th", "pt"), "torch"),
    **dict.fromkeys(("tf", "tensorflow"), "keras"),
    **dict.fromkeys(("flax", "haiku", "equinox"), "jax"),
    **dict.fromkeys(("np", "python"), "numpy"),
    **dict.fromkeys(("sh", "powershell"), "bash"),
}
"""What other programs call a choice."""


def _allowed(action: argparse.Action, came: str) -> tuple[str, str]:
    """Return what an argument may be, in words, and a value to type."""
    if action.choices is not None:
        names = [str(choice) for choice in action.choices]
        meant = _CHOICES.get(came.lower(), "")
        near = meant if meant in names else nearest_name(came, names)
        return f"one of {listed(names)} is expected", shlex.quote(near or names[0])
    default = action.default
    usable = isinstance(default, (int, float)) and not isinstance(default, bool)
    if action.type is int:
        return "an integer is expected", str(default if usable else 10)
    return "a number is expected", str(default if usable else 0.5)


def _after(option: str) -> str:
    """Return the value of ``--option=VALUE``, or what to type in its place."""
    return option.partition("=")[2] or "STUDY"


def _positional(parser: argparse.ArgumentParser) -> list[str]:
    """Return the names of a command's arguments that are not options."""
    actions = [a for a in parser._actions if not a.option_strings]
    return [str(a.metavar or a.dest.upper()) for a in actions]


_KEYS = ("cell", "units", "features", "output_unit", "block", "width", "swap", "plugins", "task")
"""Keys that newcomers type as options."""
_SAME = (
    ("--to", "--output", "--out", "-o"),
    ("--framework", "--backend", "--target", "--to"),
    ("--figure", "--plot"),
    ("--where", "--filter"),
    ("--baseline", "--against", "--reference", "--control"),
    ("--level", "--alpha", "--confidence", "--ci"),
    ("--by", "--group-by", "--groupby"),
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
