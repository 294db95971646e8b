"""A fault as data; a place is a path of keys, however the value was written."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Self


class _Nothing:
    """No value; it is one object, also after it has crossed to another process."""

    def __reduce__(self) -> str:
        return "NOTHING"

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Any = _Nothing()
"""The value of a fault if there is none."""


@dataclass(frozen=True)
class Place:
    """The keys that lead to a value: ``Place.of('cell.gates.forget')``.

    A key is never a dotted string, for a gate may read ``0.5 * x``.
    """

    path: tuple[str | int, ...] = ()

    @classmethod
    def of(cls, dotted: str) -> Self:
        """Return the place of a dotted name."""
        return cls(tuple(dotted.split(".")) if dotted else ())

    def __truediv__(self, key: object) -> Place:
        return Place((*self.path, key if isinstance(key, int) else str(key)))

    def __str__(self) -> str:
        return ".".join(map(str, self.path))

    @property
    def last(self) -> str:
        """The last key; empty for the whole."""
        return str(self.path[-1]) if self.path else ""

    def within(self, outer: Place) -> bool:
        """Return whether the place is another one, or in it."""
        return self.path[: len(outer.path)] == outer.path

    def moved(self, old: Place, new: Place) -> Place:
        """Return a place below ``old`` as one below ``new``, and any other unchanged."""
        return Place(new.path + self.path[len(old.path) :]) if self.within(old) else self


class Kind(enum.Enum):
    """What is wrong; each kind is one sentence."""

    UNKNOWN = "unknown"  # no such key, or no such name
    MISSING = "missing"
    WRONG = "wrong"  # of another type, out of range, or not one of the names
    CONFLICT = "conflict"  # values that are allowed alone
    SYNTAX = "syntax"  # text with a position
    REFUSED = "refused"  # anything else: see `why`


@dataclass(frozen=True)
class Fault:
    """One mistake.

    Attributes:
        kind: what is wrong.
        place: where.
        given: the value there, as plain data, or `NOTHING`.
        expected: the values that are allowed, as a noun phrase.
        why: a clause, where a noun phrase is not enough.
        known: the names that are allowed, if a name is unknown.
        what: what these names are, in the plural.
        near: the name that is meant, if another one than the nearest of ``known``.
        span: the characters of the text that are wrong.
        others: further mistakes.
    """

    kind: Kind
    place: Place
    given: Any = NOTHING
    expected: str = ""
    why: str = ""
    known: tuple[str, ...] = ()
    what: str = "keys"
    near: str = ""
    span: tuple[int, int] | None = None
    others: tuple[Fault, ...] = ()

    def below(self, outer: Place) -> Fault:
        """Return the fault with its places below another one."""
        return self._with(lambda place: Place(outer.path + place.path))

    def moved(self, old: Place, new: Place) -> Fault:
        """Return the fault with the places below ``old`` as places below ``new``."""
        return self._with(lambda place: place.moved(old, new))

    def _with(self, change: Callable[[Place], Place]) -> Fault:
        others = tuple(each._with(change) for each in self.others)
        return replace(self, place=change(self.place), others=others)


MOST_TOGETHER = 5


def together(faults: Iterable[Fault]) -> Fault | None:
    """Return the first mistakes as one fault; None if there are none."""
    each = (one for fault in faults for one in (replace(fault, others=()), *fault.others))
    first, *others = [*itertools.islice(each, MOST_TOGETHER), None]
    return first and replace(first, others=tuple(filter(None, others)))
