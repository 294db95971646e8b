"""Calls from Python: arguments are checked by the signature, and tracebacks begin at the caller.

No name here is public.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import numbers
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
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
    Note,
    Place,
    Rename,
    Set,
    Type,
    fits,
    guesses,
    known_as,
    nearest_key,
    note_for,
    together,
)

from .errors import ConfigError, GatekitError, as_plain, listed

_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

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
        kind, name, parts = self.args
        said = f"{kind.__name__!r} object has no attribute {name!r}"
        if name.startswith("_"):
            return said
        if owner := next((each for each, part in parts.items() if hasattr(part, name)), ""):
            return f"{said}; its {owner} has it: write .{owner}.{name}"
        fields = getattr(kind, "__annotations__", {})
        own = sorted({each for each in (*dir(kind), *fields) if each[0] != "_"})
        near = known_as("attribute", name, own) or nearest_key(name, own)
        note = f"did you mean {near!r}?" if near else note_for("attribute", name)
        others = f". It has {listed(own)}" * (len(own) <= _FEW)
        return f"{said}; {note}" if note else f"{said}{others}"

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return AttributeError, (str(self),)


_FEW = 40
"""The most attributes that are listed; a layer of Keras has more."""


def no_attribute(self: Any, name: str) -> Any:
    """Refuse an attribute; a class assigns this to ``__getattr__``."""
    own = getattr(type(self), name, None)
    if isinstance(own, property) and own.fget:  # it raised an AttributeError: raise that one again
        return own.fget(self)
    parts = {}
    for each in getattr(type(self), "__dataclass_fields__", ()):
        with contextlib.suppress(AttributeError):  # it is being constructed
            parts[each] = type(object.__getattribute__(self, each))
    raise NoAttributeError(type(self), name, parts)


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


def remedied(
    example: str, types: bool = True, channel: type[Call] = Call
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that checks a call before it is made.

    It refuses missing, unknown and surplus arguments, and values of a wrong type if the annotation
    is a plain type. Faults of errors that the function raises are spelled as Python, and their
    tracebacks are short (`border`).

    Args:
        example: a call that works, for messages.
        types: whether values are checked against their annotations.
        channel: how the function's arguments are spelled.
    """
    works = Note((f"for example, {example}",))
    shown: Any = ast.parse(example, mode="eval").body
    kinds_of_data = (ast.Constant, ast.Dict, ast.List)
    plain = [word for word in shown.keywords if isinstance(word.value, kinds_of_data)]
    such = {word.arg: ast.literal_eval(word.value) for word in plain}

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        more = next((p.name for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD), "")
        kinds = _types(signature) if types else {}
        without_default = {n for n, p in signature.parameters.items() if p.default is p.empty}
        needed = [n for n in such if n in without_default]

        @functools.wraps(function)
        def call(*args: P.args, **options: P.kwargs) -> R:
            try:
                given = signature.bind(*args, **options).arguments
            except TypeError as error:
                known = [name for name in signature.parameters if name != "self"]
                free = [name for name in known if name not in options]
                faults = [Fault(Kind.REFUSED, Place(), why=str(error))]
                plain = [n for n, p in signature.parameters.items() if p.kind in _BY_PLACE]
                if len(args) > len(plain):
                    without = listed([name for name in plain if name != "self"]) or "nothing"
                    why = f"only {without} can be given without a name"
                    named = tuple(name for name in free if name not in (*plain, more))
                    what = "arguments with a name"
                    faults = [Fault(Kind.REFUSED, Place(), why=why, known=named, what=what)]
                if not more and (unknown := [name for name in options if name not in known]):
                    faults = [unknown_argument("argument", n, options[n], free) for n in unknown]
                if not any(fault.fixes for fault in faults):
                    given_by_place = [*signature.parameters][: len(args)]
                    lacking = [n for n in needed if n not in (*given_by_place, *options)]
                    own = tuple(Set(Place((n,)), such[n], such=True) for n in lacking[:1])
                    faults[-1] = replace(faults[-1], fixes=own or (works,))
                raise ArgumentError(together(faults)).spoken(channel(given=options)) from None
            for name, kind in kinds.items():
                declared = signature.parameters[name]
                if name in given and given[name] is not declared.default:
                    by_name = declared.kind is not declared.POSITIONAL_ONLY
                    spelled = channel(given=given)
                    value = given[name]
                    way: Note | Set = works
                    if name in such:
                        way = Set(Place((name,)), such[name], such=True)
                    if isinstance(value, Mapping) and all(
                        isinstance(key, str) and (more or key in signature.parameters)
                        for key in value
                    ):
                        known = [*signature.parameters]
                        ours = {known_as("argument", k, known) or k: v for k, v in value.items()}
                        way = Note((f"write {_with_names(shown, ours)}",))
                    _check(Place((name,)), value, kind, way, spelled, by_name)
            try:
                return function(*args, **options)
            except GatekitError as error:
                values = {**given, **given.get(more, {})}
                placed = (*signature.parameters,)[: len(args)]
                raise error.spoken(channel(given=values, placed=placed)) from error.__cause__

        return border(call)

    return decorate


def _with_names(call: ast.Call, values: Mapping[str, Any]) -> str:
    """Return a call with these arguments in place of its own; what it names by place stays so."""
    places = {each.id for each in call.args if isinstance(each, ast.Name)} & values.keys()
    first: list[ast.expr] = [ast.Constant(values[name]) for name in values if name in places]
    words = [ast.keyword(name, ast.Constant(v)) for name, v in values.items() if name not in places]
    return ast.unparse(ast.Call(call.func, first or call.args, words))


def constructed(example: str) -> Callable[[type[C]], type[C]]:
    """Return a decorator that checks the arguments of a class like `remedied`, except their types.

    Args:
        example: a call that works.
    """

    def decorate(cls: type[C]) -> type[C]:
        vars_of: Any = cls
        vars_of.__init__ = remedied(example, types=False)(vars_of.__init__)
        return cls

    return decorate


def unknown_argument(scope: str, name: str, value: object, known: Collection[str]) -> Fault:
    """Return the fault of an argument that a function does not have.

    Args:
        scope: the table of other libraries' names, such as ``layer``.
        name: the argument.
        value: its value.
        known: the arguments that are allowed.
    """
    place, given = Place((name,)), value if value is NOTHING else as_plain(value)
    fault = Fault(Kind.UNKNOWN, place, given, known=tuple(known), what="arguments")
    if note := note_for(scope, name):
        return replace(fault, fixes=(Note((note,)),), known=())
    near = known_as(scope, name, known) or nearest_key(name, known)
    if near == "to" and (ours := known_as("word", str(value))):
        return replace(fault, fixes=(Set(Place((near,)), ours),))
    if near:
        return replace(fault, fixes=(Rename(place, Place.of(near)),))
    return fault


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


def _check(
    place: Place, value: object, kind: Type, works: Note | Set, channel: Call, by_name: bool
) -> None:
    try:
        kind.accept(value)
    except Mismatch as mismatch:
        entries = [*value.items()] if isinstance(value, Mapping) else []
        pairs = [f"{k}={v}" for k, v in entries] if len(entries) == 1 else []
        meant = [*guesses(value, kind), *(each for each in pairs if fits(each, kind))]
        fixes = tuple(Set(place, each) for each in meant[:by_name]) or (works,)
        fault = Fault(Kind.WRONG, place, as_plain(value), str(mismatch), fixes=fixes)
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
