"""Sentences: the only code that spells a fault, once for each kind, in the way of each channel."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from .fault import (
    NOTHING,
    Both,
    Fault,
    Fix,
    Kind,
    Note,
    Place,
    Remove,
    Rename,
    Run,
    Set,
    Several,
    apply,
    single,
)
from .values import (
    Described,
    as_typed,
    excerpt,
    in_hydra,
    in_shell,
    is_plain,
    kind_of,
    safe_repr,
)

CHOICES = {
    **dict.fromkeys(("cell", "task", "optimizer"), "name"),
    **dict.fromkeys(("block", "output_unit"), "kind"),
}
"""The key that names what a group is: ``task=adding`` is typed for ``task.name``."""

MOST_NAMES = 40
MOST_WRITTEN = 160
"""The most characters of an argument that is written out as a whole."""


def _written(value: Any) -> bool:
    return value is not NOTHING and not isinstance(value, Described)


def _choice(place: Place) -> bool:
    """Return whether a place is the name of what a group is."""
    path = place.path
    return len(path) == 2 and CHOICES.get(str(path[0])) == path[1]


@dataclass(frozen=True)
class Channel:
    """How a person writes values; the base spells a shell.

    Attributes:
        line: returns the file of a place and its line in the file, each in words or empty.
        full: the choices that are spelled in full, ``cell.name`` in place of ``cell``.
        texts: the values that were typed, by key; a sweep has one of them in a fault.
    """

    verb = "type"
    line: Callable[[Place], tuple[str, str]] = field(default=lambda place: ("", ""))
    full: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)

    def of(self, place: Place) -> Channel:
        """Return the channel of the person who wrote a place."""
        return self

    def name(self, place: Place) -> str:
        """Return a place as it is written."""
        return str(place.path[0] if _choice(place) and str(place) not in self.full else place)

    def mention(self, place: Place) -> str:
        """Return a further place of a message, with its line."""
        line = self.line(place)[1]
        return f"{self.name(place)} ({line})" if line else self.name(place)

    def value(self, value: Any) -> str:
        """Return the value that was given, as a message quotes it."""
        return _swept(value) if isinstance(value, Several) else as_typed(value, quoted=True)

    def assign(self, *fixes: Set | Remove) -> str:
        """Return what to write to give places their values; what is removed is not written."""
        sets = [fix for fix in fixes if isinstance(fix, Set)]
        options = [fix for fix in sets if self.name(fix.place).startswith("-")]
        keys = [fix for fix in sets if fix not in options]
        words = ["-m"] * any(isinstance(fix.value, Several) for fix in keys)
        words += [in_shell(f"{self.name(fix.place)}={_swept(fix.value)}") for fix in keys]
        for fix in options:
            words += [self.name(fix.place), in_shell(as_typed(fix.value))][
                : 1 + (fix.value is not True)
            ]
        return " ".join(words)

    def rename(self, fix: Rename, value: Any) -> str:
        """Return what to write to give a value another key; empty if it cannot be written."""
        if text := self.texts.get(str(fix.place)):
            return in_shell(f"{self.name(fix.to)}={text}")
        return self.assign(Set(fix.to, value)) if _written(value) else ""

    def command(self, run: Run) -> str:
        """Return a command of gatekit as it is run."""
        return f"`{shlex.join(['gatekit', *run.command.split(), *run.args])}`"


Shell = Channel


def _swept(value: Any) -> str:
    values = value.values if isinstance(value, Several) else (value,)
    if isinstance(values, range):
        step = f",{values.step}" if values.step != 1 else ""
        return f"range({values.start},{values.stop}{step})"
    return ",".join(map(in_hydra, values))


@dataclass(frozen=True)
class Call(Channel):
    """Arguments of a Python function.

    Attributes:
        given: the arguments, by name; what they hold is not lost in what to write.
        placed: the names of those that were given without their name.
    """

    verb = "write"
    given: Mapping[str, Any] = field(default_factory=dict)
    placed: tuple[str, ...] = ()

    def name(self, place: Place) -> str:
        """Return an argument, or an item of one: ``task['length']``."""
        first, *rest = place.path or ("",)
        if _choice(place) and not isinstance(self.given.get(str(first)), Mapping):
            return str(first)
        return f"{first}{''.join(f'[{key!r}]' for key in rest)}"

    def value(self, value: Any) -> str:
        """Return the value in Python."""
        return safe_repr([*value.values] if isinstance(value, Several) else value)

    def rename(self, fix: Rename, value: Any) -> str:
        """Return the arguments as they would be with another key; a sweep keeps its values."""
        written: Any = self.given
        for key in fix.place.path:
            written = written.get(key, NOTHING) if isinstance(written, Mapping) else NOTHING
        value = written if is_plain(written) else value
        way = self.assign(Remove(fix.place), Set(fix.to, value)) if _written(value) else ""
        return self.replaced(way, fix.to)

    def replaced(self, way: str, place: Place) -> str:
        """Return what to write for an argument beside another one that is wrong."""
        head = str(next(iter(place.path), ""))
        if head in self.placed and way.startswith(f"{head}="):
            return f"{way.removeprefix(f'{head}=')} in place of {safe_repr(self.given[head])}"
        return way

    def assign(self, *fixes: Set | Remove) -> str:
        """Return the arguments as they would be with the fixes."""
        fixes = tuple(fix for fix in fixes if fix.place.path)
        heads = dict.fromkeys(str(fix.place.path[0]) for fix in fixes if isinstance(fix, Set))
        data = {head: self.given[head] for head in heads if is_plain(self.given.get(head, NOTHING))}
        for fix in fixes:
            head, name = str(fix.place.path[0]), data.get(str(fix.place.path[0]))
            if isinstance(name, str) and fix.place.path[1:] and head in CHOICES:
                data[head] = {CHOICES[head]: name}  # an option joins the name
            if isinstance(fix, Set) and isinstance(fix.value, Several):
                fix = Set(fix.place, list(fix.value.values))
            data = apply(fix, data) or {}
        for head, value in data.items():
            if isinstance(value, Mapping) and [*value] == [CHOICES.get(head)]:
                data[head] = next(iter(value.values()))
        words = [f"{head}={safe_repr(data[head])}" for head in heads if head in data]
        sets = [fix for fix in fixes if isinstance(fix, Set)]
        inner = [str(fix.place.path[0]) for fix in sets if fix.place.path[1:]]
        known = all(is_plain(self.given.get(head)) for head in inner)
        if known and max(map(len, words), default=0) <= MOST_WRITTEN:
            return ", ".join(words)
        return ", ".join(
            f"{(name := self.name(fix.place))}{'=' if name.isidentifier() else ' = '}"
            f"{excerpt(self.value(fix.value), MOST_WRITTEN)}"
            for fix in sets
        )

    def command(self, run: Run) -> str:
        """Return a call, if a function does what the command does."""
        if run.command == "plan" and "--list" in run.args:
            return "try_out=False"
        options = any(word.startswith("-") for word in run.args)
        names = ("train", "load", "compare", "report", "show", "extend", "plan")
        if options or run.command not in names:
            return super().command(run)
        args = "..." if run.args == ("...",) else ", ".join(map(repr, run.args))
        return f"`gatekit.{run.command}({args})`"


@dataclass(frozen=True)
class Layer(Call):
    """Arguments of a layer: ``cell.zoneout.h`` is ``zoneout['h']``, if the layer has it."""

    def _short(self, place: Place) -> Place:
        own = self.given.get(str(place.path[1])) is not None if place.path[1:] else False
        return place.moved(Place(("cell",)), Place()) if own else place

    def name(self, place: Place) -> str:
        """Return the argument, which has no ``cell.`` before it."""
        return super().name(self._short(place))

    def assign(self, *fixes: Set | Remove) -> str:
        """Return the arguments as they would be with the fixes."""
        return super().assign(*(replace(fix, place=self._short(fix.place)) for fix in fixes))


@dataclass(frozen=True)
class File(Channel):
    """Entries of a YAML file, itself below the keys ``above``; what is elsewhere is typed."""

    verb = "write"
    above: tuple[str | int, ...] = ()

    def name(self, place: Place) -> str:
        """Return the keys that lead to an entry."""
        return str(place)

    def rename(self, fix: Rename, value: Any) -> str:
        """Return the entry as YAML, within the entries that the other key is not in."""
        if not _written(value):
            return ""
        new, old = fix.to.path, fix.place.path[:-1]
        size = 1 + next((n for n in range(len(old)) if new[n : n + 1] != old[n : n + 1]), len(old))
        for key in reversed(new[size:]):
            value = {key: value}
        return self.assign(Set(Place(new[:size]), value))

    def assign(self, *fixes: Set | Remove) -> str:
        """Return the entries as YAML, without the entries that all of them are in."""
        sets = [fix for fix in fixes if isinstance(fix, Set)]
        above = [fix.place.path[:-1] for fix in sets]
        if any(each != above[0] for each in above):
            levels = enumerate(zip(*above, strict=False))
            size = next((n for n, keys in levels if len({*keys}) > 1), min(map(len, above)))
            data: dict[str, Any] = {}
            for fix in sets:
                data = apply(replace(fix, place=Place(fix.place.path[size:])), data) or {}
            return " and ".join(f"{key}: {_in_yaml(value)}" for key, value in data.items())
        heads = [f"{fix.place.last}: " if fix.place.path else "" for fix in sets]
        return " and ".join(
            f"{head}{_in_yaml(fix.value)}" for head, fix in zip(heads, sets, strict=True)
        )


_TRAP = re.compile(r"[\W\d]|.*(: | #)|(yes|no|on|off|true|false|null|~)\Z", re.IGNORECASE)


def _in_yaml(value: Any) -> str:
    if isinstance(value, Several):
        value = _swept(value)
    if isinstance(value, str):
        traps = not value or _TRAP.match(value) or set(value) & set(",[]{}")
        return "'" + value.replace("'", "''") + "'" if traps else value
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {_in_yaml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_in_yaml(each) for each in value) + "]"
    return as_typed(value)


@dataclass(frozen=True)
class Flags(Channel):
    """Options of a command: ``best_of`` is ``--best-of``, and a list is separated by commas."""

    def name(self, place: Place) -> str:
        """Return the option."""
        return f"--{place.last.lstrip('-').replace('_', '-')}"

    def value(self, value: Any) -> str:
        """Return the value as it was typed."""
        return (
            ",".join(map(as_typed, value)) if isinstance(value, (list, tuple)) else as_typed(value)
        )

    def assign(self, *fixes: Set | Remove) -> str:
        """Return the options with their values."""
        sets = [Set(fix.place, self.value(fix.value)) for fix in fixes if isinstance(fix, Set)]
        return super().assign(*sets)


@dataclass(frozen=True)
class Typed(Channel):
    """A command line: each place is spelled as the person wrote it.

    Attributes:
        keys: the keys that were typed; they are spelled for the shell.
        options: the options that the command has, by the names that functions give them.
        rest: the channel of the others.
    """

    keys: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    rest: Channel = field(default_factory=Channel)

    def of(self, place: Place) -> Channel:
        """Return the shell if the place, something in it, or something around it was typed."""
        if len(place.path) == 1 and place.last in self.options:
            return Flags()
        name = f"{place}."
        typed = any(name.startswith(f"{k}.") or f"{k}.".startswith(name) for k in self.keys)
        if not typed and not name.startswith("-"):
            return self.rest
        return Channel(full=self.keys, texts=self.texts)


def speak(fault: Fault, channel: Channel | None = None) -> str:
    """Return the message of a fault, as one or more sentences.

    Args:
        fault: what is wrong.
        channel: how the person who wrote it writes; by default, in a shell.
    """
    fault = _cut(fault)
    whole = channel or Channel()
    to = whole.of(fault.place)
    line = ", ".join(filter(None, to.line(fault.place)))
    notes = [_note(fix, whole, to) for fix in fault.fixes if isinstance(fix, Note)]
    ways = [way for fix in fault.fixes for way in _way(fix, fault, to)]
    said = [f"{line}: {_head(fault, to)}" if line else _head(fault, to)]
    if ways:
        said.append(f"{_capital(', or '.join(ways))}.")
    said += notes
    if fault.known and not any(isinstance(fix, (Rename, Set, Both)) for fix in fault.fixes):
        more = f", and {len(fault.known) - MOST_NAMES} more" * (len(fault.known) > MOST_NAMES)
        names = ", ".join(sorted(fault.known)[:MOST_NAMES])
        said.append(f"{_capital(fault.what)}: {names}{more}.")
    if fault.lists is not None:
        said.append(f"{to.command(fault.lists)} lists all {fault.what}.")
    text = ("\n" if fault.kind is Kind.SYNTAX else " ").join(said)
    for other in fault.others:
        text += ("\n" if Kind.SYNTAX in (fault.kind, other.kind) else " ") + speak(other, channel)
    return text


_NAME = re.compile(r"\w{61,}")


def _cut(part: Any) -> Any:
    """Return a fault, or a part of one, in which no name has more than 60 characters."""
    match part:
        case str():
            # A description of an object is a string of its own type, and stays one.
            long = _NAME.search(part)
            return _NAME.sub(lambda found: excerpt(found[0]), part) if long else part
        case bool() | float() | None:
            return part
        case int():
            return part if abs(part) < 10**60 else excerpt(safe_repr(part))
        case Fault():
            given = part.given if part.kind is Kind.SYNTAX else _cut(part.given)
            return replace(part, place=_cut(part.place), given=given, fixes=_cut(part.fixes))
        case Place() | Set() | Remove() | Rename() | Both() | Note():
            return replace(part, **{f.name: _cut(getattr(part, f.name)) for f in fields(part)})
        case Mapping():
            return {_cut(key): _cut(value) for key, value in part.items()}
        case list():
            return [*map(_cut, part)]
        case tuple():
            return tuple(map(_cut, part))
    return part


def _capital(text: str) -> str:
    code = set(text.partition(" ")[0]) & set("._=(")
    return text if code else text[:1].upper() + text[1:]


def _head(fault: Fault, to: Channel) -> str:
    name, given = to.name(fault.place), fault.given
    came = "" if given is NOTHING else f"={excerpt(to.value(given))}"
    why = "".join(
        part if isinstance(part, str) else to.mention(part)
        for part in ((fault.why,) if isinstance(fault.why, str) else fault.why)
    ).rstrip(".")
    meant = "; did you mean {}?"
    match fault.kind:
        case Kind.WRONG:
            kind = f" ({kind_of(given)})" if _written(given) else ""
            if not name:
                return f"{excerpt(to.value(given))}{kind} is not allowed: {fault.expected}."
            return f"{name}{came}{kind} is not allowed: {name} is {fault.expected}."
        case Kind.MISSING if name.startswith("-"):
            return f"{name} needs a value{f': {why}' if why else ''}."
        case Kind.MISSING:
            head = f"{name} is missing"
        case Kind.SYNTAX:
            start, end = fault.span or (0, 0)
            left = max(0, start - 60)
            marks = " " * (start - left) + "^" * max(1, min(end, left + 90) - start)
            shown = str(given)[left : left + 90]
            return f"{name}{': ' if name else ''}{why}\n  {shown}\n  {marks}"
        case Kind.UNKNOWN if fault.what in ("keys", "options"):
            what = "an option" if fault.what == "options" else "a key"
            head, others = f"{name} is not {what}", [to.name(at) for at in _targets(fault)]
            if others and others != [name]:
                return head + meant.format(" and ".join(others))
        case Kind.UNKNOWN:
            plain = given is NOTHING or isinstance(to, (File, Call))
            named = f"{name}{came}" if plain else to.assign(Set(fault.place, given))
            head = f"{named}: there is no such {fault.what.removesuffix('s')}"
            first = next(iter(fault.fixes), None)
            if isinstance(first, Set) and isinstance(first.value, str) and not first.such:
                return head + meant.format(repr(first.value))
        case _:
            head = f"{name}{came}"
    stop = "" if why.endswith("?") else "."
    return f"{head}: {why}{stop}" if head and why else f"{head or why}{stop}"


def _targets(fault: Fault) -> Iterator[Place]:
    """Yield the places that the first fix gives a value."""
    for fix in itertools.chain.from_iterable(map(single, fault.fixes[:1])):
        if isinstance(fix, (Rename, Set)):
            yield fix.to if isinstance(fix, Rename) else fix.place


def _way(fix: Fix, fault: Fault, to: Channel) -> Iterator[str]:
    """Yield what to do, in words."""
    to = to.of(fix.place) if isinstance(fix, (Set, Remove, Rename)) else to
    sweeps = any(isinstance(one, Set) and isinstance(one.value, Several) for one in single(fix))
    at = fix.to if isinstance(fix, Rename) else getattr(fix, "place", fault.place)
    first = ""
    if isinstance(to, File) and at.path[: len(to.above)] != to.above:
        first = f"remove {to.name(fix.place)} and " if isinstance(fix, Rename) else ""
        to = Channel()
    if isinstance(to, File) and sweeps and fault.place.path[:1] != ("hydra",):
        if isinstance(fix, Set) and not to.above:  # an experiment, which can be a sweep
            swept = {"sweeper": {"params": {str(fix.place): _swept(fix.value)}}}
            both = Both((Remove(fix.place), Set(Place(("hydra",)), {"mode": "MULTIRUN", **swept})))
            yield from _way(both, fault, to)
        to = Channel()  # a file has one value, and what is typed replaces it
    match fix:
        case Set(value=Several(values)) if isinstance(to, Layer):
            yield f"{to.verb} {to.assign(Set(fix.place, values[0]))}"  # a layer has one value
        case Set(value=Several(values)):
            reason = "for a range" if isinstance(values, range) else "to run each of them"
            yield f"{reason}, {to.verb} {to.assign(fix)}"
        case Set():
            way = to.assign(fix)
            below = fix.place.path[: len(fault.place.path)] == fault.place.path
            if isinstance(to, File) and not below:  # with the section that it is in
                way = to.rename(Rename(fault.place, fix.place), fix.value) or way
            if isinstance(to, Call) and fix.place.path[:1] != fault.place.path[:1]:
                way = to.replaced(way, fix.place)
            yield f"{to.verb} {way}{', for example' * fix.such}"
        case Remove():
            yield f"remove {to.name(fix.place)}"
        case Rename() if fix.place == fault.place and (way := to.rename(fix, fault.given)):
            yield f"{first}{to.verb} {way}"
        case Rename():
            yield f"rename {to.name(fix.place)} to {to.name(fix.to)}"
        case Run():
            yield f"{to.verb} {to.command(fix)}"
        case Both():
            # An unknown key that others replace is not removed by hand.
            gone = Remove(fault.place) if fault.kind is Kind.UNKNOWN else None
            sets = [f for f in fix.fixes if isinstance(f, Set) or f == gone]
            heads = {f.place.path[:1] for f in sets} if isinstance(to, Call) else set()
            sets += [
                f
                for f in fix.fixes
                if isinstance(f, Remove) and f.place.path[:1] in heads and f != gone
            ]
            words = [way for f in fix.fixes if f not in sets for way in _way(f, fault, to)]
            given = [f for f in sets if isinstance(f, Set)]
            if len(given) == 1 and isinstance(to, File):
                [one] = given  # with the section that it is in, if that is another one
                words.append(f"{to.verb} {to.rename(Rename(fault.place, one.place), one.value)}")
            elif sets:
                words.append(f"{to.verb} {to.assign(*sets)}")
            such = any(isinstance(one, Set) and one.such for one in fix.fixes)
            yield " and ".join(words) + ", for example" * such


def _note(note: Note, whole: Channel, to: Channel) -> str:
    def part(each: str | Place | Set | Run) -> str:
        match each:
            case Place():
                return whole.of(each).mention(each)
            case Set():
                return whole.of(each.place).assign(each)
            case Run():
                return to.command(each)
        return each

    text = "".join(map(part, note.parts)).rstrip(".") + "."
    return text if isinstance(note.parts[0], Place) else _capital(text)
