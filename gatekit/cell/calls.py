"""Calls from Python: arguments are checked by the signature, and tracebacks begin at the caller.

No name here is public.
"""

from __future__ import annotations

import functools
import inspect
import numbers
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

from gatekit.faults import (
    NOTHING,
    Call,
    Custom,
    Fault,
    Flag,
    Kind,
    Mismatch,
    Place,
    Type,
    together,
)

from .errors import ConfigError, GatekitError, as_plain, nearest

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")

TRACEBACK = "GATEKIT_TRACEBACK"
"""The environment variable that keeps the frames if it is ``full``."""

REQUIRED: Any = None
"""The default of a required argument whose absence the class itself reports.

It is None, because TensorFlow writes the defaults of a layer's call into a SavedModel.
"""


class ArgumentError(ConfigError, TypeError):
    """An argument of a Python function is missing, unknown, or of another type."""


class MissingAttributeError(ConfigError, AttributeError):
    """An object does not have an attribute yet; `hasattr` returns False."""


class NoAttributeError(AttributeError):
    """An object does not have an attribute.

    The message is composed only when it is shown, because Keras and TensorFlow probe for many
    attributes without reading it.
    """

    __module__, __qualname__ = "builtins", "AttributeError"  # what a traceback shows

    def __str__(self) -> str:
        kind, name = self.args
        said = f"{kind.__name__!r} object has no attribute {name!r}"
        if name.startswith("_"):
            return said
        fields = getattr(kind, "__annotations__", {})
        return said + nearest(name, {each for each in (*dir(kind), *fields) if each[0] != "_"})

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return AttributeError, (str(self),)


def no_attribute(self: Any, name: str) -> Any:
    """Refuse an attribute; a class assigns this to ``__getattr__``."""
    own = getattr(type(self), name, None)
    if isinstance(own, property) and own.fget:  # it raised an AttributeError: raise that one again
        return own.fget(self)
    raise NoAttributeError(type(self), name)


def border(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function; the traceback of a `GatekitError` that it raises begins at its caller.

    The message of such an error states what to type, and a hundred frames of gatekit, Keras and
    Hydra above it would hide where the user's own line is. Other errors keep all of their frames.
    """

    @functools.wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> R:
        __tracebackhide__ = True  # pytest omits this frame, too
        try:
            return function(*args, **options)
        except GatekitError as error:
            if os.environ.get(TRACEBACK) == "full":
                raise
            raise error.with_traceback(None) from None

    # Keras reads the positions of a layer's arguments from this.
    call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return call


def checked_call(
    types: bool = True, channel: type[Call] = Call
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that checks a call before it is made.

    It refuses missing, unknown and surplus arguments, and values of a wrong type if the annotation
    is a plain type. Faults of errors that the function raises are spelled as Python, and their
    tracebacks are short (`border`).

    Args:
        types: whether values are checked against their annotations.
        channel: how the function's arguments are spelled.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        kinds = _types(signature) if types else {}

        @functools.wraps(function)
        def call(*args: P.args, **options: P.kwargs) -> R:
            try:
                given = signature.bind(*args, **options).arguments
            except TypeError as error:
                fault = _unbound(signature, options) or Fault(Kind.REFUSED, Place(), why=str(error))
                raise ArgumentError(fault).spoken(channel()) from None
            for name, kind in kinds.items():
                if name in given and given[name] is not signature.parameters[name].default:
                    _check(Place((name,)), given[name], kind, channel())
            try:
                return function(*args, **options)
            except GatekitError as error:
                raise error.spoken(channel()) from error.__cause__

        return border(call)

    return decorate


def constructed(cls: type[C]) -> type[C]:
    """Return a class whose arguments are checked like those of a call, except their types."""
    vars_of: Any = cls
    vars_of.__init__ = checked_call(types=False)(vars_of.__init__)
    return cls


def _unbound(signature: inspect.Signature, options: Mapping[str, Any]) -> Fault | None:
    """Return the fault of arguments that a function does not have; None if it has them all."""
    parameters = signature.parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    known = [parameter.name for parameter in parameters if parameter.name != "self"]
    free = [name for name in known if name not in options]
    unknown = [name for name in options if name not in known]
    return together(unknown_argument(name, options[name], free) for name in unknown)


def unknown_argument(name: str, value: object, known: Collection[str]) -> Fault:
    """Return the fault of an argument that a function does not have.

    Args:
        name: the argument.
        value: its value.
        known: the arguments that are allowed.
    """
    given = value if value is NOTHING else as_plain(value)
    known = tuple(known)
    return Fault(Kind.UNKNOWN, Place((name,)), given, known=known, what="arguments")


# --- types ----------------------------------------------------------------------


def _that(text: str, test: Callable[[Any], bool]) -> Type:
    """Return the type of the values that pass a test."""

    def check(value: Any) -> Any:
        if not test(value):
            raise Mismatch(text)
        return value

    return Custom(check)


def _named(text: str, name: str) -> Type:
    """Return the type of the objects of a class, which need not be imported, by its name."""
    return _that(text, lambda value: any(kind.__name__ == name for kind in type(value).__mro__))


def _strings(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(v, (str, Path)) for v in value)


def _of(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kind) and not isinstance(value, bool)


TYPES: dict[str, Type] = {
    "None": _that("None", lambda value: value is None),
    "str": _that("a string", _of(str)),
    "Path": _named("a path", "Path"),
    "bool": Flag(),
    "int": _that("an integer", _of(numbers.Integral)),
    "float": _that("a number", _of(numbers.Real)),
    "Sequence[str]": _that("a list of strings", _strings),
    "Mapping[str, Any]": _that("a mapping", _of(Mapping)),
    "Study": _named("a study from gatekit.load", "Study"),
    "Budget": _named("a budget", "Budget"),
}
"""The type of each annotation that is checked."""


def _types(signature: inspect.Signature) -> dict[str, Type]:
    """Return the types of the arguments whose annotations are plain."""
    found = {}
    for name, parameter in signature.parameters.items():
        kinds = str(parameter.annotation).split(" | ")
        variadic = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        if not variadic and all(kind in TYPES for kind in kinds):
            types = [TYPES[kind] for kind in kinds]
            found[name] = types[0] if len(types) == 1 else Custom(partial(_one_of, types))
    return found


def _one_of(types: Sequence[Type], value: Any) -> Any:
    texts = []
    for each in types:
        try:
            return each.accept(value)
        except Mismatch as mismatch:
            texts.append(str(mismatch))
    raise Mismatch(" or ".join(texts))


def _check(place: Place, value: object, kind: Type, channel: Call) -> None:
    try:
        kind.accept(value)
    except Mismatch as mismatch:
        fault = Fault(Kind.WRONG, place, as_plain(value), str(mismatch))
        raise ArgumentError(fault).spoken(channel) from None


# --- packages -------------------------------------------------------------------


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
