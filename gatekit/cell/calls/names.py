"""Errors for names that an object, a mapping, a tuple or a module lacks; callable packages."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, NoReturn, Self

from gatekit.cell.errors import ConfigError, listed, nearest

from .border import border


class ArgumentError(ConfigError, TypeError):
    """An argument of a Python function is missing, unknown, or of another type."""


class MissingAttributeError(ConfigError, AttributeError):
    """An object does not have an attribute, or not yet; `hasattr` returns False."""


class UnknownNameError(ConfigError, KeyError):
    """A mapping does not have a name."""

    __str__ = BaseException.__str__  # KeyError would quote the message


class Named(dict[str, Any]):
    """A dictionary; its error for an unknown name shows the nearest name and all names.

    Args:
        entries: the entries.
        what: the kind of entry, in the singular.
        roles: other names of the part of a name before its first dot.
    """

    def __init__(
        self, entries: Mapping[str, Any], what: str, roles: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(entries)
        self._what, self._roles = what, roles or {}

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or super().__contains__(self._meant(name))

    def get(self, name: Any, default: Any = None) -> Any:
        """Return the entry of a name, or the default."""
        return super().get(name, super().get(self._meant(name), default))

    def _meant(self, name: object) -> str:
        """Return a name with the gate in place of its role."""
        first, dot, rest = str(name).partition(".")
        return f"{self._roles.get(first, first)}{dot}{rest}"

    def __setitem__(self, name: str, value: Any) -> None:
        """Refuse an entry: the mapping is created anew each time, so the entry would be lost.

        Raises:
            ConfigError: always; the message has what to write.
        """
        self[name]  # raises for an unknown name
        raise ConfigError(
            f"a {self._what} is changed in place: write named_{self._what}s[{name!r}].assign(...)"
        )

    def __missing__(self, name: Any) -> Any:
        if super().__contains__(self._meant(name)):
            return self[self._meant(name)]
        near = self._near(str(name)) or "."
        raise UnknownNameError(
            f"there is no {self._what} {name!r}{near} {self._what.capitalize()}s: "
            f"{listed(self, 60)}."
        )

    def _near(self, name: str) -> str:
        """Return a suggestion for a name: the kernel of Keras is the read of x, for example."""
        gate, _, last = name.partition(".")
        for words, other in _OF_KERAS.items():
            if last in words.split() and f"{gate}.{other}" in self:
                return f"; did you mean {f'{gate}.{other}'!r}?"
        return nearest(name, self)


_OF_KERAS = {"kernel W weight": "x", "recurrent_kernel recurrent U h": "h_prev", "b": "bias"}
"""Other libraries' names for the matrix of a gate's input, of its last output, and the bias."""


def refuse_name(
    module: str, name: str, known: Sequence[str], instead: Mapping[str, str]
) -> NoReturn:
    """Raise an error for a name that a module lacks, with a suggestion.

    Args:
        module: the module.
        name: the name.
        known: the names that the module has.
        instead: what to write in place of names from other libraries.

    Raises:
        AttributeError: always; the message states what to write.
    """
    hint = f"; {instead[name]}" if name in instead else ""
    if not hint and not name.startswith("_"):
        hint = nearest(name, known) or f". It has {', '.join(sorted(known))}."
    raise AttributeError(f"module {module!r} has no attribute {name!r}{hint}")


def refuse_attribute(
    what: str, name: str, known: Sequence[str], instead: Mapping[str, str]
) -> NoReturn:
    """Raise an error for an attribute that an object lacks, with a suggestion.

    Args:
        what: the object, such as ``a comparison``.
        name: the attribute.
        known: the attributes that the object has.
        instead: what to write in place of names from other libraries.

    Raises:
        AttributeError: always; the message states what to write.
    """
    hint = "" if name.startswith("_") else nearest(name, known)
    public = [each for each in known if not each.startswith("_")]
    if public and not hint and not name.startswith("_"):
        hint = f". It has {', '.join(sorted(public))}."
    hint = f"; {instead[name]}" if name in instead else hint
    raise AttributeError(f"{what} has no {name!r}{hint}")


class Rows(tuple[Any, ...]):
    """A tuple; its error for a subscript that is not a number shows how to choose elements.

    Args:
        elements: the elements.
        choose: what to write in place of ``rows["name"]``.
    """

    choose: str

    def __new__(cls, elements: Sequence[Any], choose: str) -> Self:
        """Return the tuple."""
        rows = super().__new__(cls, elements)
        rows.choose = choose
        return rows

    def __reduce__(self) -> tuple[type, tuple[tuple[Any, ...], str]]:
        return Rows, (tuple(self), self.choose)

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, slice) and not hasattr(key, "__index__"):
            raise ArgumentError(
                f"[{key!r}]: elements are numbered from 0 to {len(self) - 1}. {self.choose}."
            )
        return super().__getitem__(key)


class _Callable(ModuleType):
    """A package that can be called like its function of the same name."""

    @property
    def _function(self) -> Any:
        return getattr(self, self.__name__.rpartition(".")[2])

    @border
    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call the function; see its own documentation."""
        return self._function(*args, **options)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._function)


def make_callable(package: str) -> None:
    """Make an imported package callable like its function of the same name.

    ``gatekit.NAME`` is then the package and can be called, whichever was imported first.

    Args:
        package: the package's full name, its ``__name__``.
    """
    sys.modules[package].__class__ = _Callable
