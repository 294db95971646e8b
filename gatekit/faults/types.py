"""Types of values: each accepts a value, describes what it accepts, and guesses what is meant."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .fault import NOTHING, Both, Fault, Fix, Kind, Note, Place, Remove, Rename, Run, Set, Several
from .names import known_as, nearest_key, nearest_name
from .values import SWITCHES, amount_of, as_plain, as_typed, is_off

LARGEST = 2**63 - 1
MOST_LISTED = 16


class Mismatch(Exception):  # noqa: N818 - it is caught where it is raised
    """A value is not of a type; the message is a noun phrase for the values that are."""


@dataclass(frozen=True)
class Type:
    """The base of the types. A type can be called, and compares by what it accepts."""

    def accept(self, value: Any) -> Any:
        """Return the value, converted to the type.

        Raises:
            Mismatch: the value is not of the type.
        """
        raise NotImplementedError

    def __call__(self, value: Any) -> Any:
        return self.accept(value)


@dataclass(frozen=True)
class Whole(Type):
    """An integer in a range, which may be infinite."""

    low: float
    high: float = LARGEST

    def accept(self, value: Any) -> int:
        """Return the integer."""
        fine = isinstance(value, int) and not isinstance(value, bool)
        if not fine or not self.low <= value <= self.high:
            beyond = self.high < LARGEST or (isinstance(value, int) and value > self.high)
            start = f" from {self.low}" if self.low > -LARGEST else ""
            raise Mismatch(f"an integer{start}" + (f" to {self.high:,}" if beyond else ""))
        return int(value)


@dataclass(frozen=True)
class Number(Type):
    """A finite number in a range, whose ends are open if ``above`` or ``below``."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False

    def accept(self, value: Any) -> float:
        """Return the number as a float."""
        fine = isinstance(value, (int, float)) and not isinstance(value, bool)
        fine = fine and abs(value) <= 1e300 and self.low <= value <= self.high
        if not fine or (self.above and value == self.low) or (self.below and value == self.high):
            start = f" {'above' if self.above else 'from'} {self.low:g}"
            end = f" to {'below ' if self.below else ''}{self.high:g}"
            ends = start * (self.low > -math.inf) + end * (self.high < math.inf)
            raise Mismatch(f"a finite number{ends}")
        return float(value)


@dataclass(frozen=True)
class Flag(Type):
    """True or false, or one further word."""

    word: str = ""

    def accept(self, value: Any) -> Any:
        """Return the boolean, or the word."""
        if not isinstance(value, bool) and not (self.word and value == self.word):
            raise Mismatch(f"true, false or {self.word}" if self.word else "true or false")
        return value


@dataclass(frozen=True)
class OneOf(Type):
    """One of some names; ``scope`` is the table of their foreign names."""

    names: tuple[Any, ...]
    scope: str = "word"

    def accept(self, value: Any) -> Any:
        """Return the name."""
        if not any(type(value) is type(name) and value == name for name in self.names):
            raise Mismatch("one of " * (len(self.names) > 1) + ", ".join(map(str, self.names)))
        return value


@dataclass(frozen=True)
class Text(Type):
    """A string that is not blank, unless ``blank``."""

    blank: bool = False

    def accept(self, value: Any) -> str:
        """Return the string."""
        if not isinstance(value, str) or not (self.blank or value.strip()):
            raise Mismatch("a string")
        return value


@dataclass(frozen=True)
class Table(Type):
    """A mapping whose keys are strings."""

    def accept(self, value: Any) -> dict[str, Any]:
        """Return the mapping as a dictionary."""
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise Mismatch("a mapping whose keys are strings")
        return dict(value)


@dataclass(frozen=True)
class ListOf(Type):
    """A list; ``words`` describes it."""

    item: Type
    words: str = "a list of strings, such as [a, b]"
    empty: bool = True

    def accept(self, value: Any) -> list[Any]:
        """Return the list."""
        full = isinstance(value, list) and (value or self.empty)
        if not full or not all(fits(each, self.item) for each in value):
            raise Mismatch(self.words)
        return list(value)


@dataclass(frozen=True)
class Optional(Type):
    """A type, or null."""

    inner: Type

    def accept(self, value: Any) -> Any:
        """Return the value, or None."""
        if value is None:
            return None
        try:
            return self.inner.accept(value)
        except Mismatch as mismatch:
            raise Mismatch(f"{mismatch}, or null") from None


@dataclass(frozen=True)
class AnyOf(Type):
    """The first of several types that a value is of."""

    types: tuple[Type, ...]

    def accept(self, value: Any) -> Any:
        """Return the value, converted to that type."""
        words = []
        for type_ in self.types:
            try:
                return type_.accept(value)
            except Mismatch as mismatch:
                words.append(str(mismatch))
        raise Mismatch(" or ".join(words))


@dataclass(frozen=True)
class Custom(Type):
    """What a function accepts; it raises `Mismatch` for anything else."""

    check: Callable[[Any], Any]

    def accept(self, value: Any) -> Any:
        """Return what the function returns."""
        return self.check(value)


def fits(value: Any, type_: Type) -> bool:
    """Return whether a value is of a type."""
    try:
        type_.accept(value)
    except Mismatch:
        return False
    return True


def guesses(value: Any, type_: Type) -> Iterator[Any]:
    """Yield values of a type that a wrong value probably means, the likeliest first."""
    inner = type_.inner if isinstance(type_, Optional) else type_
    for each in inner.types if isinstance(inner, AnyOf) else (inner,):
        for guess in _candidates(value, each):
            if guess not in (None, "") and fits(guess, type_):
                yield guess


def _candidates(value: Any, type_: Type) -> Iterator[Any]:
    text = as_typed(value)
    yield "all" if isinstance(value, int) and value == -1 else None
    if isinstance(type_, Flag):
        yield SWITCHES.get(text.lower())
        if not type_.word and isinstance(value, str) and value.lower() not in ("", "none", "null"):
            yield True
    if isinstance(type_, (Whole, Number)) and value is not None and is_off(value):
        yield 0
    if isinstance(type_, OneOf) and isinstance(value, (str, int)):
        yield known_as(type_.scope, text.lower(), tuple(map(str, type_.names)))
        yield nearest_name(text, type_.names)
    if isinstance(value, float) and abs(value) < 1e15 and (value.is_integer() or value >= 1):
        yield int(value) if value.is_integer() else round(value)
    share = isinstance(type_, Number) and type_.high == 1
    if share and isinstance(value, (int, float)) and 2 <= value <= 100:
        yield value / 100  # a percentage
    if isinstance(value, int) and isinstance(type_, Whole) and value > type_.high:
        yield type_.high
    if isinstance(value, str):
        yield from (value.lower(), amount_of(value), [value])
        bound = re.fullmatch(r"[\w ]*[<>=]{1,2}([^<>=]+)", value)  # mse<0.1
        yield amount_of(bound[1]) if bound else None
    if isinstance(value, (list, tuple)) and len(value) == 1:
        yield value[0]
    if isinstance(value, Mapping) and isinstance(type_, ListOf):
        yield [dict(value)]


def several(value: Any, type_: Type) -> Several | None:
    """Return the values of a type that one wrong value lists; None if it lists none.

    They are written as a list, ``16 32``, ``lstm|gru`` or, for integers, ``1..5`` or ``2:8:2``.
    """
    each: list[Any] = list(value) if isinstance(value, (list, tuple)) else []
    if isinstance(value, str):
        if (ends := _RANGE.fullmatch(value)) is not None:
            numbers = range(int(ends[1]), int(ends[2]) + 1, max(1, int(ends[3] or 1)))
            return Several(numbers) if len(numbers) > 1 and fits(numbers[0], type_) else None
        one = amount_of(value)
        between = "[ ;|]" if one is not None and fits(one, type_) else "[ ;|,]"  # 1,000 is a number
        if re.fullmatch(rf"[\w.+-]+(?:{between}+[\w.+-]+)+", value):
            each = re.findall(r"[\w.+-]+", value)
            each = [each if fits(each, type_) else amount_of(each) for each in each]
    fit = each[1:] and each.count(each[0]) < len(each) and all(fits(one, type_) for one in each)
    return Several(tuple(each)) if fit else None


_RANGE = re.compile(r"(\d{1,9}) *(?:\.\.\.?|:|-) *(\d{1,9})(?: *: *(\d{1,9}))?")


def wrong(
    place: Place, value: Any, type_: Type, example: Any = NOTHING, swept: bool = False
) -> Fault:
    """Return the fault of a value that is not of a type.

    Args:
        place: where the value is.
        value: the value.
        type_: the type.
        example: a value to show if none can be guessed.
        swept: whether the place may have several values, one in each run.
    """
    expected = ""
    try:
        type_.accept(value)
    except Mismatch as mismatch:
        expected = str(mismatch)
    counts = place.last.lstrip("-") == "seeds" and not swept  # how many, and not which
    found = several(value, Whole(0) if counts else type_)
    meant = [] if found is None else [found if swept else found.values[0]]
    if found is not None and counts:
        meant = [len(found.values)]
    meant += guesses(value, type_)
    fixes: tuple[Fix, ...] = tuple(Set(place, one) for one in meant[:1])
    if found is not None and counts:
        fixes += (Note(("it is how many, and not which",)),)
    if not fixes and example is not NOTHING and fits(example, type_):
        fixes = (Set(place, example, such=True),)
    return Fault(Kind.WRONG, place, as_plain(value), expected, fixes=fixes)


def unknown_name(place: Place, name: Any, known: Iterable[str], what: str) -> Fault:
    """Return the fault of a name that nothing registered has.

    Args:
        place: where the name is.
        name: the name.
        known: the names there are.
        what: what they are, in the plural, which is also the command that lists them.
    """
    names = tuple(sorted(known))
    meant = several(name, OneOf(names)) or nearest_name(as_typed(name), names)
    fixes = (Set(place, meant),) if meant else ()
    short = len(names) <= MOST_LISTED
    return Fault(
        Kind.UNKNOWN,
        place,
        as_plain(name),
        fixes=fixes,
        known=names if short else (),
        what=what,
        lists=None if short else Run(what),
    )


def unknown_option(place: Place, value: Any, known: Iterable[str]) -> Fault:
    """Return the fault of an option that a class does not have, or of a key of a mapping."""
    names = tuple(known)
    key, colon, after = place.last.partition(":")
    if value is None and colon and key.isidentifier():  # {kind:tanh} is one key
        number = amount_of(after)
        meant = Set(Place((*place.path[:-1], key)), after if number is None else number)
        return Fault(Kind.UNKNOWN, place, fixes=(Both((Remove(place), meant)),))
    near = known_as("option", place.last, names)
    if not near and known_as("kind", place.last):
        near = next((each for each in ("kind", "name") if each in names), "")
    near = near or nearest_key(place.last, names)
    above = Place(place.path[:-1])
    fix: Fix = Rename(place, Place((*above.path, *near.split(".")))) if near else Remove(place)
    if isinstance(value, Mapping) and value and all(each in names for each in value):
        fix = Both((Remove(place), *(Set(above / key, one) for key, one in value.items())))
    return Fault(Kind.UNKNOWN, place, as_plain(value), fixes=(fix,), known=names)
