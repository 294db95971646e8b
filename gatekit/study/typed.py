"""Messages that refuse a command line and show what to type instead."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from gatekit.cell.errors import amount_of, as_typed, listed, nearest_name
from gatekit.faults import Flag, known_as

from .keys import GROUP_KEYS, LAUNCH_KEYS, RUN_KEYS, USUAL
from .keys import example as example_value

GROUPS = (
    *("cell", "change", "block", "task", "output_unit", "optimizer", "trainer", "experiment"),
)

KEY = re.compile(r"[A-Za-z_]\w*(?:[./][\w-]+)*", re.ASCII)
"""A key of the configuration, or a group."""

NAME = re.compile(r"(?!.*\.\.)(?!.{201})[A-Za-z0-9_][\w.-]*(?:/[A-Za-z0-9_][\w.-]*)*", re.ASCII)
"""The name of a configuration file within its group."""

MOST_LISTED = 12
_WRONG = re.compile(
    r"argument (?P<name>.*?): "
    r"(?P<reason>expected .*|invalid [^:]*: '?|ignored explicit argument '?)"
    r"(?P<came>.*?)'?(?: \(choose from .*\))?"
)
_BOTH = re.compile(r"argument (.*): not allowed with argument (.*)")
_CHOICES = {
    **dict.fromkeys(("pytorch", "th", "pt"), "torch"),
    **dict.fromkeys(("tf", "tensorflow"), "keras"),
    **dict.fromkeys(("flax", "haiku", "equinox"), "jax"),
    **dict.fromkeys(("np", "python"), "numpy"),
    **dict.fromkeys(("sh", "powershell"), "bash"),
}
"""Names of choices in other programs, with gatekit's names for them."""

_EXAMPLES = {
    "KEY": "cell",
    "KEY,KEY": "cell",
    "KEY=VALUE,VALUE": "cell=lstm",
    "KEY=VALUE": "cell=lstm",
    "COST=AMOUNT": "steps=1000",
    "OLD=NEW": "lstm=LSTM",
    "NAME,NAME": "adding",
    "KIND,KIND": "curves",
    "GROUP": "lstm",
    "PATH": "figure.svg",
    "DELTA": "5%",
    "FOLDER": "logs",
    "ROOT": "experiments",
    "CHECK": "documented",
    "FILE": "study.zip",
}
"""An example value by the placeholder in a help text."""


def line(program: str, words: Sequence[str]) -> str:
    """Return a command as it is typed, in backquotes."""
    return f"`{' '.join([program, shlex.join(words)]).rstrip()}`"


def refusal(
    parser: argparse.ArgumentParser,
    message: str,
    words: Sequence[str],
    example: Callable[[argparse.Action], str],
) -> str:
    """Return a message that refuses a command line, with the line to type.

    Args:
        parser: the parser that refuses the command line.
        message: the message of argparse.
        words: the arguments as typed.
        example: returns an example value for a missing argument, or an empty string.
    """
    program, typed = parser.prog, list(words)
    missing = message.partition("required: ")[2]
    if missing:
        options = options_of(parser)
        for word in (w for w in typed if w[:2] == "--" and w.partition("=")[0] not in options):
            if near := near_option(word, options):
                such = line(program, [near if other == word else other for other in typed])
                return f"{program} has no option {word!r}; did you mean {near!r}? Type {such}."
        asked = [a for a in parser._actions if not a.option_strings and a.nargs not in ("*", "?")]
        missed = [a for a in asked if (a.metavar or a.dest) in missing.split(", ")]
        are = " and ".join(_name(a) for a in missed) or missing
        helps = ", ".join(_short(a) for a in missed if _short(a))
        given = [word for word in typed if word[:1] != "-" or word.partition("=")[0] in options]
        values = given + [example(a) or _name(a) for a in missed]
        such = line(program, values)
        form = line(program, [_name(a) for a in asked])
        head = f"{program} needs {are}{f', {helps}' if helps and len(missed) == 1 else ''}"
        return f"{head}; type {form}" + ("." if form == such else f", such as {such}.")
    if both := _BOTH.fullmatch(message):
        first, second = (name.rpartition("/")[2] for name in both.groups())
        such = line(program, without(typed, parser._option_string_actions.get(second), second))
        return f"{first} and {second} exclude each other; type one of them: {such}."
    wrong = _WRONG.fullmatch(message)
    if wrong is None:
        return f"{program}: {message}; `{program} --help` explains it."
    flag_, reason, came = wrong["name"].rpartition("/")[2], wrong["reason"], wrong["came"]
    action = parser._option_string_actions.get(flag_)
    action = action or next(a for a in parser._actions if flag_ in (a.metavar, a.dest))
    name = flag_ if action.option_strings else _name(action)
    if reason.startswith("ignored explicit"):
        corrected = [next(o for o in action.option_strings) if w == f"{flag_}={came}" else w
                for w in typed]  # fmt: skip
        return f"{flag_}={came}: {flag_} takes no value; type {line(program, corrected)}."
    if reason.startswith("invalid"):
        allowed, such = _allowed(action, came)
        corrected = [w if w != came and w != f"{flag_}={came}" else w[: len(w) - len(came)] + such
                for w in typed]  # fmt: skip
        return f"{name} {came}: {allowed}; type {line(program, corrected)}."
    such = example(action) or _example(action)
    given = [o for o in action.option_strings if o in typed]
    at = typed.index(given[-1]) + 1 if given else len(typed)
    what = f" ({_short(action)})" if _short(action) else ""
    corrected = [*typed[:at], such, *typed[at:]]
    return f"{name} needs a value{what}; type for example {line(program, corrected)}."


def options_of(parser: argparse.ArgumentParser) -> list[str]:
    """Return the options of a parser."""
    return list(parser._option_string_actions)


def without(words: Sequence[str], action: argparse.Action | None, name: str) -> list[str]:
    """Return words without an option and its value."""
    rest = list(words)
    names = action.option_strings if action is not None else [name]
    for index, word in enumerate(rest):
        if word in names:
            takes = action is not None and action.nargs != 0 and index + 1 < len(rest)
            return rest[:index] + rest[index + 1 + takes :]
        if word.partition("=")[0] in names:
            return rest[:index] + rest[index + 1 :]
    return rest


def as_keys(words: Sequence[str], options: Sequence[str]) -> list[str]:
    """Return the words with options replaced by the keys that are meant.

    ``--cell lstm --lr=0.1`` becomes ``cell=lstm optimizer.learning_rate=0.1``.

    Args:
        words: as typed.
        options: the options that the command has; they are kept.
    """
    kept: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        key = key_of(name) if name.startswith("-") and name not in options else ""
        if not key:
            kept.append(word)
            continue
        if not equals:
            check = {**RUN_KEYS, **LAUNCH_KEYS}.get(key)
            value = "true" if isinstance(check, Flag) else "VALUE"
            if rest and not rest[0].startswith("-") and "=" not in rest[0]:
                value = rest.pop(0)
        if name.startswith(("--no-", "--no_")) and key in name.replace("-", "_"):
            value = "false"
        if key == "experiment":
            value = Path(value).stem
        if not any(word.startswith(f"{key}=") for word in kept):
            kept.append(f"{key}={value}")
    return kept


LAUNCHING = ("n_jobs", "threads", "devices", "retry", "track", "allow_changed")
"""The keys that are accepted by commands that repeat the runs of a study."""


def near_option(name: str, options: Sequence[str]) -> str:
    """Return the option that is probably meant by a misspelt one, or an empty string."""
    bare = {option.lstrip("-"): option for option in options if option.startswith("--")}
    typed = name.lstrip("-").replace("_", "-").lower()[:64]
    near = difflib.get_close_matches(typed, bare, n=1, cutoff=0.7)
    candidates = [*near, *(each for each in bare if len(typed) > 2 and each.startswith(typed))]
    return bare[candidates[0]] if candidates else name if name in options else ""


def key_of(option: str) -> str:
    """Return the key that is meant by an option such as ``--lr``, or an empty string."""
    name = option.lstrip("-").replace("-", "_")
    known = {**RUN_KEYS, **LAUNCH_KEYS, "experiment": None}
    if name.startswith("no_") and isinstance(known.get(name[3:]), Flag):
        return name[3:]
    group, dot, last = name.partition(".")
    if name in known or (dot and (group in known or group == "hydra") and last):
        return name
    if KEY.fullmatch(ours := known_as("key", name)):
        return ours
    for group, keys in GROUP_KEYS.items():
        if name in keys and name != "name":
            return f"{group}.{name}"
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.8) if len(name) < 64 else []
    return near[0] if near else ""


def continues(last: str, word: str) -> bool:
    """Return whether a word is one more value of the key before it."""
    key, equals, value = last.lstrip("+").partition("=")
    if not equals or "=" in word or not value or value.endswith(","):
        return False
    final = value.rpartition(",")[2]
    if amount_of(word) is not None and amount_of(final) is not None:
        return True
    if key not in ("cell", "task") or not word.isidentifier():
        return False
    from gatekit.registry import cell_names, tasks

    known = cell_names() if key == "cell" else tasks()
    return word in known


def example_of(key: str) -> str:
    """Return an example value of a key, for messages."""
    value = {**USUAL, "block": "modern"}.get(key) or example_value(key)
    if key.startswith("swap"):
        return "power_law"
    return as_typed(True if value is False else value) if value not in (None, {}) else "VALUE"


def instead(word: str) -> str:
    """Return what to type instead of a word without ``=``, as the end of a sentence."""
    if word.endswith(".py"):
        return f"a plugin file is given by the key plugins: type 'plugins=[{word}]'."
    if os.path.isdir(os.path.join("experiments", word)):
        return (
            f"it is a study: its `gatekit train` command continues it, `gatekit extend {word} "
            "--seeds N` adds seeds, and study=NAME starts another study."
        )
    if is_key(word):
        return f"type {word}={example_of(word)}."
    if near := nearest_name(word, [*RUN_KEYS, *LAUNCH_KEYS]):
        return f"did you mean {near!r}? Type {near}={example_of(near)}."
    return (
        "type for example units=64 or cell=lstm. Separate several values of one key by commas, "
        "as in -m cell=lstm,gru."
    )


def is_key(word: str) -> bool:
    """Return whether a word is a key, without a value."""
    group, dot, _ = word.partition(".")
    return (bool(KEY.fullmatch(word) and dot) and group in (*GROUPS, "swap")) or word in (
        *GROUPS,
        *RUN_KEYS,
        *LAUNCH_KEYS,
    )


def _name(action: argparse.Action) -> str:
    if action.option_strings:
        return action.option_strings[-1]
    return str(action.metavar or action.dest.upper())


def _short(action: argparse.Action) -> str:
    """Return the help of an argument if it is short."""
    text = (action.help or "").partition(" (default")[0].partition(";")[0].replace("%%", "%")
    return text if len(text) <= 60 and ": " not in text and text[:5] != "type " else ""


def _example(action: argparse.Action) -> str:
    if action.choices is not None:
        return str(next(iter(action.choices)))
    if action.type in (int, float):
        return _allowed(action, "")[1]
    metavar = str(action.metavar or action.dest.upper())
    if metavar.startswith("FILE."):
        return f"{action.dest}{metavar[4:]}"
    return _EXAMPLES.get(metavar, metavar)


def _allowed(action: argparse.Action, came: str) -> tuple[str, str]:
    """Return which values an argument takes, in words, and a value to type."""
    if action.choices is not None:
        names = [str(choice) for choice in action.choices]
        meant = _CHOICES.get(came.lower(), "")
        near = meant if meant in names else nearest_name(came, names)
        return f"one of {listed(names)} is expected", near or names[0]
    default = action.default
    usable = isinstance(default, (int, float)) and not isinstance(default, bool)
    amount = amount_of(came.rpartition("=")[2])
    if action.type is int:
        nearly = amount if isinstance(amount, int) else default if usable else 5
        return "an integer is expected", str(nearly)
    nearly = amount if amount is not None else default if usable else 0.5
    if came.endswith("%") and nearly < 0.1:  # 0.95%
        nearly *= 100
    return "a number is expected", f"{nearly:g}"


_ELSEWHERE = {
    "compare": "by baseline figure draw margin level where label best-of split",
    "plan": "list dry-run dry dryrun what-if",
    "status": "runs verify progress",
    "extend": "until-decided add-seeds",
    "report": "watch",
    "prune": "yes delete",
    "serve": "port live dashboard",
    "sample": "prompt temperature",
    "bundle": "weights",
}
"""Options that people type after the wrong command, by the command that has them."""

_TAKES = {"sample": "RUN", "serve": ""}


def having(option: str) -> str:
    """Return a command for studies that has an option, if `train` has none; empty otherwise."""
    commands = (command for command, options in _ELSEWHERE.items() if option in options.split())
    return next((command for command in commands if command not in ("plan", *_TAKES)), "")


def elsewhere(option: str, program: str, words: Sequence[str]) -> str:
    """Return which command has an option, as the end of a sentence; empty if none is known.

    Args:
        option: as typed, such as ``--by`` or ``--by=cell``.
        program: the command that was typed, such as ``gatekit train``.
        words: its further arguments after the option.
    """
    name, _, value = option.lstrip("-").replace("_", "-").partition("=")
    if name in _ELSEWHERE:
        return f"; `gatekit {name}` is a command; `gatekit {name} --help` describes it."
    for command, options in _ELSEWHERE.items():
        if name not in options.split():
            continue
        if command == "plan" and program not in ("gatekit train", "gatekit plan"):
            continue
        if command == "plan":
            return "; `gatekit plan` with the same words shows what would run; --list is faster."
        if program != f"gatekit {command}":
            value = value or next((w for w in words[:1] if w[:1] != "-" and "=" not in w), "")
            typed = f"gatekit {command} {_TAKES.get(command, 'STUDY')} --{name} {value}"
            return f"; --{name} is an option of another command: `{' '.join(typed.split())}`."
    return ""
