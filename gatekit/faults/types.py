"""Types of values: each accepts a value, and describes what it accepts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .fault import Fault, Kind, Place
from .values import as_plain

LARGEST = 2**63 - 1


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
    """One of some names."""

    names: tuple[Any, ...]

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


def wrong(place: Place, value: Any, type_: Type) -> Fault:
    """Return the fault of a value that is not of a type."""
    try:
        type_.accept(value)
    except Mismatch as mismatch:
        return Fault(Kind.WRONG, place, as_plain(value), str(mismatch))
    raise AssertionError(f"{place} may be {value!r}")


def unknown_name(place: Place, name: Any, known: Iterable[str], what: str) -> Fault:
    """Return the fault of a name that nothing registered has."""
    return Fault(Kind.UNKNOWN, place, as_plain(name), known=tuple(sorted(known)), what=what)


def unknown_option(place: Place, value: Any, known: Iterable[str]) -> Fault:
    """Return the fault of an option that a class does not have, or of a key of a mapping."""
    return Fault(Kind.UNKNOWN, place, as_plain(value), known=tuple(known))
