"""A fault and its fixes as data; a place is a path of keys, however the value was written."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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


@dataclass(frozen=True)
class Several:
    """The value of a sweep: each of these in turn; a ``range`` is spelled as one."""

    values: Sequence[Any]


@dataclass(frozen=True)
class Set:
    """Give a place a value; ``such`` for an example, which is not a guess at what is meant."""

    place: Place
    value: Any
    such: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Remove:
    """Remove a key."""

    place: Place


@dataclass(frozen=True)
class Rename:
    """Move a value to another place."""

    place: Place
    to: Place


@dataclass(frozen=True)
class Both:
    """Several fixes that are only right together."""

    fixes: tuple[Set | Remove | Rename, ...]


@dataclass(frozen=True)
class Run:
    """Run a command of gatekit."""

    command: str
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Note:
    """A sentence about what no program can do; its parts other than words are spelled."""

    parts: tuple[str | Place | Set | Run, ...]


Fix = Set | Remove | Rename | Both | Run | Note


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
        why: a clause, where a noun phrase is not enough; places in it are spelled.
        fixes: alternatives, the likeliest first; one is enough.
        known: the names that are allowed, if a name is unknown.
        what: what these names are, in the plural.
        lists: the command that lists them, if they are many.
        span: the characters of the text that are wrong.
        others: further mistakes of the same kind, each with its own fixes.
    """

    kind: Kind
    place: Place
    given: Any = NOTHING
    expected: str = ""
    why: str | tuple[str | Place, ...] = ""
    fixes: tuple[Fix, ...] = ()
    known: tuple[str, ...] = ()
    what: str = "keys"
    lists: Run | None = None
    span: tuple[int, int] | None = None
    others: tuple[Fault, ...] = ()

    def below(self, outer: Place) -> Fault:
        """Return the fault with its places below another one."""
        return self._with(lambda place: Place(outer.path + place.path))

    def moved(self, old: Place, new: Place) -> Fault:
        """Return the fault with the places below ``old`` as places below ``new``."""
        return self._with(lambda place: place.moved(old, new))

    def _with(self, change: Callable[[Place], Place]) -> Fault:
        def of(part: Any) -> Any:
            match part:
                case Place():
                    return change(part)
                case Rename():
                    return Rename(change(part.place), change(part.to))
                case Set() | Remove():
                    return replace(part, place=change(part.place))
                case Both():
                    return Both(tuple(map(of, part.fixes)))
                case Note():
                    return Note(tuple(map(of, part.parts)))
            return part

        why = self.why if isinstance(self.why, str) else tuple(map(of, self.why))
        fixes = tuple(map(of, self.fixes))
        others = tuple(each._with(change) for each in self.others)
        return replace(self, place=of(self.place), why=why, fixes=fixes, others=others)


MOST_TOGETHER = 5


def together(faults: Iterable[Fault]) -> Fault | None:
    """Return the first mistakes as one fault; None if there are none."""
    each = (one for fault in faults for one in (replace(fault, others=()), *fault.others))
    first, *others = [*itertools.islice(each, MOST_TOGETHER), None]
    return first and replace(first, others=tuple(filter(None, others)))


def apply(fix: Fix, data: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a configuration with a fix; it is None for a fix that only a person can make.

    The first of several values is set. A key that is not there is not removed.

    Args:
        fix: the fix.
        data: plain data, which is not changed.
    """
    if isinstance(fix, (Run, Note)):
        return None
    result: Any = _copied(data)
    for one in single(fix):
        value = _taken(result, one.place) if isinstance(one, (Remove, Rename)) else NOTHING
        if isinstance(one, Set):
            value = next(iter(one.value.values)) if isinstance(one.value, Several) else one.value
        if value is not NOTHING and not isinstance(one, Remove):
            _put(result, one.to if isinstance(one, Rename) else one.place, value)
    return result if isinstance(result, dict) else None


MOST_STEPS = 4


def settled(
    fault: Fault, data: Mapping[str, Any], read: Callable[[dict[str, Any]], Fault | None]
) -> Fault:
    """Return a fault whose first fix is accepted at once.

    The fix is made, and the result is read again. While what the fix wrote is refused, the first
    thing to do about that is done, too. All of it is then one fix, with a note of what was refused.
    A fix stays as it is if a person has to decide on what follows.

    Args:
        fault: what is wrong.
        data: what was read.
        read: returns the fault of other data, or None if they are accepted; raises `LookupError`
            if the data are gone, or refused with a sentence.
    """
    each = [replace(fault, others=()), *fault.others]
    for index, one in enumerate(each):
        base: dict[str, Any] = dict(data)
        for other in (*each[:index], *each[index + 1 :]):
            base = (apply(other.fixes[0], base) if other.fixes else None) or base
        each[index] = _settled(one, base, read)
    return replace(each[0], others=tuple(each[1:]))


def _settled(
    fault: Fault, data: dict[str, Any], read: Callable[[dict[str, Any]], Fault | None]
) -> Fault:
    done: list[Fix] = [*fault.fixes[:1]]
    notes: list[Note] = []
    now = apply(done[0], data) if done else None
    for _ in range(MOST_STEPS):
        if now is None:
            return fault
        changed = [place for fix in done for place in _places(fix)]
        try:
            further = read(now)
        except LookupError:
            return fault
        if further is None or not _concerns(further, done):
            break
        if further.kind is fault.kind is Kind.UNKNOWN and further.place == fault.place:
            return fault  # a dotted key is not removed
        ways = (f for f in further.fixes if single(f))
        then = next((f for f in ways if not isinstance(f, Remove) or f.place not in changed), None)
        if then is None and further.kind is Kind.UNKNOWN and fault.kind is Kind.WRONG:
            names = replace(fault, known=further.known, what=further.what, lists=further.lists)
            return replace(names, fixes=fault.fixes[1:])  # it was a guess at a name
        after = apply(then, now) if then else None
        if then is None or repr(after) == repr(now) or further.place.path[:1] == ("hydra",):
            return fault
        notes.append(Note((further.place, *_what(further))))
        done.append(then)
        now = after
    else:
        return fault
    whole = _one(done, data, now) if notes else None
    return replace(fault, fixes=(whole, *notes, *fault.fixes[1:])) if whole else fault


def _concerns(fault: Fault, fixes: Iterable[Fix]) -> bool:
    """Return whether a fault is in what fixes changed, or around a value that they set."""
    place = fault.place
    return any(
        place.within(changed) or (changed.within(place) and not isinstance(one, (Remove, Rename)))
        for fix in fixes
        for one in single(fix)
        for changed in _places(one)
    )


def _one(fixes: Iterable[Fix], before: Any, after: Any) -> Fix | None:
    """Return one fix that does what several do, one after another; None if that is nothing."""
    each = [one for fix in fixes for one in single(fix)]
    such = any(isinstance(one, Set) and one.such for one in each)
    places = dict.fromkeys(place for one in each for place in _places(one))
    found: list[Set | Remove] = []
    for place in places:
        old, new = _at(before, place), _at(after, place)
        part = any(place != other and place.within(other) for other in places)
        if not part and not (old is new is NOTHING):
            found.append(Remove(place) if new is NOTHING else Set(place, new, such))
    return found[0] if len(found) == 1 else Both(tuple(found)) if found else None


def _what(fault: Fault) -> Sequence[str | Place]:
    """Return what is wrong at a place, as the rest of a sentence."""
    if fault.expected or not fault.why:
        return (f" is {fault.expected or 'not a key'}",)
    return (": ", *((fault.why,) if isinstance(fault.why, str) else fault.why))


def single(fix: Fix) -> tuple[Set | Remove | Rename, ...]:
    """Return the changes that a fix consists of; none for a fix that only a person can make."""
    return () if isinstance(fix, (Run, Note)) else fix.fixes if isinstance(fix, Both) else (fix,)


def _places(fix: Fix) -> Iterator[Place]:
    """Yield the places that a fix changes."""
    for one in single(fix):
        yield one.place
        if isinstance(one, Rename):
            yield one.to


def _at(data: Any, place: Place) -> Any:
    """Return the value at a place, or `NOTHING`."""
    for key in place.path:
        if not _has(data, key):
            return NOTHING
        data = data[key]
    return data


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _has(holder: Any, key: str | int) -> bool:
    if isinstance(holder, list):
        return isinstance(key, int) and 0 <= key < len(holder)
    return isinstance(holder, dict) and key in holder


def _taken(data: Any, place: Place) -> Any:
    """Remove a value and return it; `NOTHING` if it is not there."""
    for key in place.path[:-1]:
        data = data[key] if _has(data, key) else None
    return data.pop(place.path[-1]) if place.path and _has(data, place.path[-1]) else NOTHING


def _put(data: Any, place: Place, value: Any) -> None:
    """Set a value; what is on the way and has no keys is replaced by a mapping."""
    for key, inner in zip(place.path, place.path[1:], strict=False):
        fine = (dict, list) if isinstance(inner, int) else dict
        if not _has(data, key) or not isinstance(data[key], fine):
            if isinstance(data, list):
                return
            data[key] = {}
        data = data[key]
    if place.path and (isinstance(data, dict) or _has(data, place.path[-1])):
        data[place.path[-1]] = value
