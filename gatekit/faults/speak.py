"""Sentences about faults: where, what was given, what is expected, and near names."""

from __future__ import annotations

import re
from collections.abc import Callable

from .fault import NOTHING, Fault, Kind, Place
from .names import nearest_name
from .values import as_typed, excerpt, safe_repr

CHOICES = {
    **dict.fromkeys(("cell", "task", "optimizer"), "name"),
    **dict.fromkeys(("block", "output_unit"), "kind"),
}
"""The key that names what a group is: ``task=adding`` is typed for ``task.name``."""

MOST_NAMES = 40
KEYS = ("keys", "arguments", "options")
"""What is unknown by the last key of its place; of other kinds, the value is the name."""
_LONG = re.compile(r"\w{61,}")


class Channel:
    """Where a person wrote values; ``line`` returns the file and the line of a place, in words."""

    def __init__(self, line: Callable[[Place], tuple[str, str]] | None = None):
        self.line = line or (lambda place: ("", ""))

    def name(self, place: Place) -> str:
        """Return a place as it is written."""
        return str(place)


class Call(Channel):
    """Arguments of a Python function."""

    def name(self, place: Place) -> str:
        """Return an argument, or an item of one: ``task['length']``."""
        first, *rest = place.path or ("",)
        return f"{first}{''.join(f'[{key!r}]' for key in rest)}"


class Layer(Call):
    """Arguments of a layer, among them those that its cell has as keys: ``dropout``."""

    def name(self, place: Place) -> str:
        """Return an argument, or an item of one: ``gates['forget']``."""
        of_cell = place.path[:1] == ("cell",) and len(place.path) > 1
        return super().name(Place(place.path[1:]) if of_cell else place)


class Typed(Channel):
    """A command line; a place that was not typed is in a file, whose channel is ``rest``."""

    def __init__(self, keys: tuple[str, ...] = (), rest: Channel | None = None):
        super().__init__(lambda place: self.of(place).line(place))
        self.heads = {key.partition(".")[0] for key in keys}
        self.rest = rest or Channel()
        self._typed = Channel()

    def of(self, place: Place) -> Channel:
        """Return the channel of the person who wrote a place."""
        return self._typed if {*map(str, place.path[:1])} & self.heads else self.rest


def speak(fault: Fault, channel: Channel | None = None) -> str:
    """Return the message of a fault.

    Args:
        fault: what is wrong.
        channel: where the person wrote it; by default, in a shell.
    """
    to = channel or Channel()
    said = _syntax(fault, to) if fault.kind is Kind.SYNTAX else _sentence(fault, to)
    line = ", ".join(filter(None, to.line(fault.place)))
    said = _LONG.sub(lambda found: excerpt(found[0]), f"{line}: {said}" if line else said)
    return "\n".join([said, *(speak(other, channel) for other in fault.others)])


def _sentence(fault: Fault, to: Channel) -> str:
    """Return the place, what was given, what is expected, and a near name or all names."""
    given = fault.given
    shown = safe_repr(given) if isinstance(to, Call) else as_typed(given, quoted=True)
    place = to.name(fault.place) + ("" if given is NOTHING else f"={excerpt(shown)}")
    parts = {
        Kind.UNKNOWN: [f"there is no such {fault.what.removesuffix('s')}"],
        Kind.MISSING: ["it is missing"],
    }.get(fault.kind, [])
    parts += [f"expected {fault.expected}"] if fault.expected else []
    parts += [fault.why] if fault.why else []
    if fault.known:
        of_value = fault.what not in KEYS and given is not NOTHING
        wrong = str(given) if of_value else fault.place.last
        near = fault.near or nearest_name(wrong, fault.known)
        names = ", ".join(sorted(fault.known)[:MOST_NAMES])
        parts.append(f"did you mean {near!r}?" if near else f"the {fault.what} are {names}")
    return f"{place}: {'; '.join(parts)}" if place else "; ".join(parts)


def _syntax(fault: Fault, to: Channel) -> str:
    """Return the reason, and the text with its wrong part marked."""
    start, end = fault.span or (0, 0)
    left = max(0, start - 60)
    marks = " " * (start - left) + "^" * max(1, min(end, left + 90) - start)
    shown = str(fault.given)[left : left + 90]
    return f"{to.name(fault.place)}: {fault.why}\n  {shown}\n  {marks}"
