"""Reads the words of a command, before anything else does: a mistake in an option is a fault."""

from __future__ import annotations

import argparse
import re
from argparse import Action, Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from gatekit.cell.errors import ConfigError
from gatekit.faults import (
    NOTHING,
    Channel,
    Fault,
    Fix,
    Kind,
    Note,
    Number,
    OneOf,
    Optional,
    Place,
    Remove,
    Rename,
    Run,
    Set,
    Type,
    Typed,
    Whole,
    fits,
    known_as,
    nearest_name,
    note_for,
    together,
    wrong,
)
from gatekit.faults.values import amount_of


class Reader(argparse.ArgumentParser):
    """A parser whose options are declared, explained and completed by argparse, and read here.

    An option is declared with a `Type`, which converts its value, and with an example for messages.

    Args:
        program: the command, such as ``gatekit show``.
        typed: the words after the command's name.
        more: arguments of argparse.
    """

    def __init__(self, program: str, typed: Sequence[str], **more: Any) -> None:
        super().__init__(prog=program, allow_abbrev=False, **more)
        self.command, self.typed = program.removeprefix("gatekit "), list(typed)

    def add_argument(self, *names: Any, example: Any = None, **more: Any) -> Action:
        """Declare an argument; ``example`` is a value for messages."""
        action = super().add_argument(*names, **more)
        action.example = example  # type: ignore[attr-defined]
        return action

    def takes(self, argument: str) -> bool:
        """Return whether the command has an argument or option of this name."""
        return any(action.dest == argument for action in self._actions)

    def _study(self) -> str:
        """Return the study that was typed, or a placeholder."""
        words = [word for word in self.typed if word[:1] != "-" and "=" not in word]
        return words[0] if words and self.takes("study") else "STUDY"

    def channel(self, rest: Channel) -> Typed:
        """Return how to spell what was typed; the rest is spelled by another channel."""
        pairs = [word.partition("=")[::2] for word in self.typed if word[:1] != "-"]
        texts = {key.lstrip("+~"): text for key, text in pairs}
        options = [action.dest for action in self._actions if action.option_strings]
        return Typed(texts=texts, keys=tuple(texts), options=tuple(options), rest=rest)

    def read(self) -> Namespace:
        """Return the arguments that were typed.

        Raises:
            ConfigError: an argument is missing, unknown or of the wrong type.
        """
        found: dict[str, Any] = {}
        seen: list[Action] = []
        words: list[str] = []
        rest = list(self.typed)
        while rest:
            word = rest.pop(0)
            if word == "--":
                words, rest = [*words, *rest], []
            elif _is_option(word):
                seen.append(self._read_option(word, rest, found))
            else:
                words.append(word)
        for group in self._mutually_exclusive_groups:
            both = [action for action in seen if action in group._group_actions]
            if len({*map(id, both)}) > 1:
                first, second = (Place((action.option_strings[-1],)) for action in both[:2])
                fixes = Remove(first), Remove(second)
                refuse(Fault(Kind.CONFLICT, second, why=("it excludes ", first), fixes=fixes))
        self._read_words(words, found)
        return Namespace(
            **{
                action.dest: found.get(action.dest, [] if action.nargs == "*" else action.default)
                for action in self._actions
                if action.default != argparse.SUPPRESS
            }
        )

    def _read_option(self, word: str, rest: list[str], found: dict[str, Any]) -> Action:
        name, equals, value = word.partition("=")
        action = self._option_string_actions.get(name)
        place = Place((name,))
        if action is None:
            first = self._unknown_option(word, rest)
            known = self._option_string_actions
            others = (
                self._unknown_option(other, rest[index + 1 :])
                for index, other in enumerate(rest[: rest.index("--")] if "--" in rest else rest)
                if _is_option(other) and other.partition("=")[0] not in known
            )
            refuse(together((first, *others)) or first)
        if isinstance(action, argparse._HelpAction):
            self.print_help()
            self.exit()
        if action.nargs == 0:
            if equals:
                expected = "an option without a value"
                refuse(Fault(Kind.WRONG, place, value, expected, fixes=(Set(place, True),)))
            found[action.dest] = action.const
            return action
        follows = bool(rest) and not _is_option(rest[0])
        if action.nargs == "?":
            follows = follows and rest[0] in (action.choices or ())
        if not equals and not follows and action.nargs == "?":
            found[action.dest] = action.const
            return action
        if not equals and not follows:
            fixes = (Set(place, self._example(action)),)
            refuse(Fault(Kind.MISSING, place, why=_short(action), fixes=fixes))
        one = self._value(action, place, value if equals else rest.pop(0))
        if isinstance(action, argparse._AppendAction):
            found.setdefault(action.dest, []).append(one)
        else:
            found[action.dest] = one
        return action

    def _value(self, action: Action, place: Place, text: str) -> Any:
        """Return a value, converted to the type of its argument."""
        type_: Any = OneOf(tuple(map(str, action.choices))) if action.choices else action.type
        if not isinstance(type_, Type):
            return type_(text) if type_ else text
        inner = type_.inner if isinstance(type_, Optional) else type_
        value: Any = _number(text) if isinstance(inner, (Whole, Number)) else text
        if not fits(value, type_) and text.endswith((".yaml", ".yml")):
            stem = text.rpartition("/")[2].rpartition(".")[0]
            refuse(Fault(Kind.REFUSED, place, text, fixes=(Set(Place(("experiment",)), stem),)))
        if not fits(value, type_):
            fault = wrong(place, value, type_, self._example(action))
            if fault.fixes and not action.option_strings:
                first = fault.fixes[0]
                meant = str(first.value) if isinstance(first, Set) else text
                words = (meant if word == text else word for word in self.typed)
                fault = replace(fault, fixes=(Run(self.command, tuple(words)),))
            refuse(fault)
        return type_.accept(value)

    def _read_words(self, words: list[str], found: dict[str, Any]) -> None:
        """Give the words that are no options to the arguments, in their order."""
        for word in words:
            key, equals, value = word.partition("=")
            action = self._option_string_actions.get(f"--{key}") if equals else None
            if action is not None:
                fix = Set(Place((f"--{key}",)), True if action.nargs == 0 else value)
                refuse(Fault(Kind.UNKNOWN, Place((word,)), fixes=(fix,)))
        rest = list(words)
        missing: list[Action] = []
        for action in (action for action in self._actions if not action.option_strings):
            place = Place((str(action.metavar or action.dest.upper()),))
            if action.nargs in ("*", "+"):
                found[action.dest], rest = rest, []
            elif rest:
                found[action.dest] = self._value(action, place, rest.pop(0))
            if not found.get(action.dest) and action.nargs not in ("?", "*"):
                missing.append(action)
        if missing:
            place = Place((str(missing[0].metavar or missing[0].dest.upper()),))
            examples = (self._example(action) for action in missing)
            such = Run(self.command, (*self.typed, *map(str, examples)))
            found_by = Run("studies") if missing[0].dest == "study" else None
            fault = Fault(Kind.MISSING, place, why=_short(missing[0]), fixes=(such,))
            refuse(replace(fault, what="studies", lists=found_by))
        if rest:
            refuse(self._surplus(words, *rest))

    def _unknown_option(self, word: str, rest: Sequence[str]) -> Fault:
        """Return the fault of an option that the command does not have, from its word on."""
        name, equals, value = word.partition("=")
        follows = bool(rest) and not _is_option(rest[0])
        if name == "--swap" and follows and "=" in rest[0]:  # --swap forget=power_law
            name, equals, value = f"{name}.{rest[0]}".partition("=")
        after = rest[0] if follows and "=" not in rest[0] else None
        return self._unknown(name, value if equals else after)

    def _unknown(self, name: str, value: str | None) -> Fault:
        """Return the fault of an option that the command does not have."""
        # The declarations of keys need NumPy, and a command that is right does without.
        from .keys import LAUNCHING
        from .line import meant_by, value_as_option

        options, name = self._option_string_actions, name.replace("_", "-")
        place, given = Place((name,)), NOTHING if value is None else value
        for key in (f"{self.command} {name}", name):
            if note := note_for("flag", key.replace(" ", "")).replace("STUDY", self._study()):
                return Fault(Kind.UNKNOWN, place, fixes=(Note((note,)),), what="options")
        fix: Fix | None = None
        meant, chooses = known_as("flag", name, options), "--where" in options and "--by" in options
        key = meant_by(name) if not meant and (self.takes("overrides") or chooses) else ""
        if key and not self.takes("overrides"):
            fix = Set(Place(("--where",)), f"{key}={'VALUE' if value is None else value}")
        elif key and (key in LAUNCHING or not self.takes("study")):
            fix = Set(Place.of(key), value_as_option(key, name, value))
        elif meant := meant or nearest_name(name, options):
            to, action = Place((meant,)), options[meant]
            if action.nargs == 0:
                fix, given = Set(to, True), NOTHING
            else:
                fix = Set(to, self._example(action)) if value is None else Rename(place, to)
        elif command := known_as("flag-of", name.lstrip("-")):
            words: Sequence[str] = (self._study(), name, *([] if value is None else [value]))
            if command == "plan":  # which tries each variant, or only lists the runs
                kept = [word for word in self.typed if word.partition("=")[0] != name]
                words = (*kept, *(["--list"] if name == "--list" else []))
            fix = Remove(place) if command == self.command else Run(command, tuple(words))
        elif self.takes("overrides") and (key := meant_by(name, near=True)):
            fix = Set(Place.of(key), value_as_option(key, name, value))
        if fix is not None:
            return Fault(Kind.UNKNOWN, place, given, fixes=(fix,), what="options")
        known = tuple(option for option in options if option not in ("-h", "--debug"))
        if len(known) > MOST_LISTED:
            return Fault(Kind.UNKNOWN, place, what="options", lists=Run(self.command, ("--help",)))
        return Fault(Kind.UNKNOWN, place, known=known, what="options")

    def _surplus(self, words: Sequence[str], word: str, *others: str) -> Fault:
        """Return the fault of a word for which the command has no argument, as for others."""
        at = len(self.typed) - 1 - self.typed[::-1].index(word)
        place, kept = Place((word,)), [*self.typed[:at], *self.typed[at + 1 :]]
        for other in others:
            kept.remove(other)
        option, before = ["", "", *self.typed][at : at + 2]
        owner = self._option_string_actions.get(before)
        form = str(getattr(self._option_string_actions.get(option), "metavar", ""))
        joint = "=" if "=" in form and "=" not in before else "," if "," in form else ""
        ending = word.rpartition(".")[2] if "." in word else ""
        numbers = [a for a in self._actions if isinstance(a.type, (Whole, Number))]
        files = [
            a
            for a in self._actions
            if ending and (str(a.metavar).endswith(f".{ending}") or a.dest in ("figure", "output"))
        ]
        fixes: list[Fix] = []
        if word == "%" or (form not in ("", "None") and joint):
            key = f"{before.partition('=')[0]}="  # cell=lstm cell=gru is cell=lstm,gru
            more = word.removeprefix(key) if "=" in before else word
            fixes = [Set(Place((option,)), f"{before}{joint * (word != '%')}{more}")]
        elif f"--{word}" in self._option_string_actions:
            fixes = [Set(Place((f"--{word}",)), True)]
        elif "=" in word and "--where" in self._option_string_actions:
            fixes = [Set(Place(("--where",)), word)]
        elif amount_of(word) is not None and len(numbers) == 1 and owner is None:
            fixes = [Set(Place((numbers[0].option_strings[-1],)), _number(word))]
        elif files and owner is None:
            fixes = [Set(Place((files[0].option_strings[-1],)), word)]
        elif self.takes("study") and "--where" in self._option_string_actions and owner is None:
            fixes = [self._of_study(words)]
        elif not ending and (note := note_for("surplus", self.command)):
            fixes = [Note((re.sub(r"\bNAME\b|(?<=status )STUDY", lambda _: word, note),))]
        fixes = fixes or [Run(self.command, tuple(kept))]
        if owner is not None and ending:
            fixes.append(Note((f"`> {word}` after the command writes a file",)))
        takes = [str(a.metavar or a.dest.upper()) for a in self._actions if not a.option_strings]
        why = f"gatekit {self.command} takes {' and '.join(takes) or 'no name'}"
        return Fault(Kind.REFUSED, place, why=why, fixes=tuple(fixes))

    def _of_study(self, names: Sequence[str]) -> Fix:
        """Return what is typed to compare groups, if they are named in place of their study."""
        studies = [each.name for each in Path("experiments").glob("*/") if each.name[0] not in "_."]
        named = [name for name in names if name in studies] or studies
        if len(named) != 1:
            return Note((note_for("surplus", self.command),))
        groups = ",".join(name for name in names if name != named[0])
        others = (word for word in self.typed if word not in names)
        return Run(self.command, (named[0], "--where", f"cell={groups}", *others))

    def _example(self, action: Action) -> Any:
        """Return an example value of an argument."""
        example = getattr(action, "example", None)
        if example is None and action.choices:
            example = next(iter(action.choices))
        if example is None and action.default not in (None, False, [], argparse.SUPPRESS):
            example = action.default
        return str(action.metavar or action.dest.upper()) if example is None else example

    def error(self, message: str) -> NoReturn:
        """Refuse a command line; only completion lets argparse read it."""
        raise ConfigError(f"{self.prog}: {message}")


MOST_LISTED = 12


def refuse(fault: Fault) -> NoReturn:
    """Refuse a command line.

    Raises:
        ConfigError: always.
    """
    raise ConfigError(fault)


def _is_option(word: str) -> bool:
    return word[:1] == "-" and len(word) > 1 and amount_of(word) is None


def _number(text: str) -> Any:
    """Return an integer or a number; any other string is returned unchanged."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _short(action: Action) -> str:
    """Return the help of an argument if it is short."""
    text = (action.help or "").partition(" (default")[0].partition(";")[0].replace("%%", "%")
    return text if len(text) <= 60 and ": " not in text and text[:5] != "type " else ""
