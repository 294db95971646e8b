"""Refuses wrong arguments of functions and classes, and shows a call that works."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

from gatekit.cell.errors import GatekitError, as_plain, excerpt, nearest_name, safe_repr
from gatekit.faults import (
    NOTHING,
    Call,
    Fault,
    Kind,
    Note,
    Place,
    Remove,
    Rename,
    Set,
    known_as,
    note_for,
)

from .border import border
from .names import ArgumentError
from .values import example_of, expected_by, fits

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")


REQUIRED: Any = None
"""The default of a required argument whose absence the class itself reports.

It is None, because TensorFlow writes the defaults of a layer's call into a SavedModel.
"""


def unknown_argument(
    scope: str, name: str, value: object, known: Collection[str], note: str = ""
) -> Fault:
    """Return the fault of an argument that a function does not have.

    Args:
        scope: the table of other libraries' names, such as ``layer``.
        name: the argument.
        value: its value.
        known: the arguments that are allowed.
        note: what to write instead; by default, what the table has.
    """
    place, given = Place((name,)), value if value is NOTHING else as_plain(value)
    fault = Fault(Kind.UNKNOWN, place, given, known=tuple(known), what="arguments")
    if note := note or note_for(scope, name):
        return replace(fault, fixes=(Note((note,)),))
    near = known_as(scope, name, known) or nearest_name(name, known)
    return replace(fault, fixes=(Rename(place, Place((near,))),)) if near else fault


def remedied(
    example: str,
    notes: Mapping[str, str] | None = None,
    others: Sequence[str] = (),
    types: bool = True,
    channel: type[Call] = Call,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that checks a call before it is made, and refuses it with a remedy.

    It finds missing, unknown and surplus arguments, and values of a wrong type if the annotation is
    a plain type. Faults of errors that the function raises are spelled as Python, and their
    tracebacks are short (`border`).

    Args:
        example: a call that works; messages name the function as the part before the bracket.
        notes: what to write in place of other arguments.
        others: additional arguments of the caller, for messages.
        types: whether values are checked against their annotations.
        channel: how the function's arguments are spelled.
    """
    called = example.partition("(")[0]

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        method = next(iter(signature.parameters), "") == "self"
        kinds = {p.kind: p.name for p in signature.parameters.values()}
        open_ended = kinds.get(inspect.Parameter.VAR_KEYWORD, "")

        @functools.wraps(function)
        def call(*args: P.args, **options: P.kwargs) -> R:
            try:
                given = signature.bind(*args, **options).arguments
            except TypeError:
                parameters = [p for p in signature.parameters.values() if p.name != "self"]
                fault = _unbound(parameters, args[method:], options, notes or {}, others)
                works = Note((f"for example, {called}{example.removeprefix(called)}",))
                fault = replace(fault, fixes=(*fault.fixes, works))
                raise ArgumentError(fault).spoken(channel(given=options)) from None
            for name, value in given.items() if types else ():
                parameter = signature.parameters[name]
                if not fits(parameter, value):
                    fix = Set(Place((name,)), example_of(parameter, value))
                    expected = expected_by(parameter)
                    place, plain = Place((name,)), as_plain(value)
                    fault = Fault(Kind.WRONG, place, plain, expected, fixes=(fix,))
                    raise ArgumentError(fault).spoken(channel(given=given))
            try:
                return function(*args, **options)
            except GatekitError as error:
                values = {**given, **given.get(open_ended, {})}
                raise error.spoken(channel(given=values)) from error.__cause__

        return border(call)

    return decorate


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


def _unbound(
    parameters: Sequence[inspect.Parameter],
    args: Sequence[Any],
    options: Mapping[str, Any],
    notes: Mapping[str, str],
    others: Sequence[str],
) -> Fault:
    """Return the fault of arguments that do not fit a signature."""
    known = [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for name, value in options.items():
        if name not in known and not open_ended:
            known += others
            return unknown_argument("argument", name, value, known, notes.get(name, ""))
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(args) > len(places):
        first = excerpt(safe_repr(args[len(places)]), 40)
        takes = ", ".join(p.name for p in places) or "none"
        by_name = ", ".join(f"{p.name}=" for p in parameters if p.kind is p.KEYWORD_ONLY)
        last = f"; others are given by name: {by_name}" if by_name else ""
        why = f"{first} is one argument too many; by position there are {takes}{last}"
        return Fault(Kind.REFUSED, Place(), why=why)
    for parameter in places[: len(args)]:
        if parameter.name in options and parameter.kind is not parameter.POSITIONAL_ONLY:
            where = Place((parameter.name,))
            why = "it is given twice, by position and by name"
            return Fault(Kind.CONFLICT, where, why=why, fixes=(Remove(where),))
    positional = [p.name for p in places[: len(args)]]
    needed = [p for p in parameters if p.default is p.empty and p.name in known]
    gone = [p for p in needed if p.name not in options and p.name not in positional]
    where = Place((gone[0].name,))
    fixes = (Set(where, example_of(gone[0], NOTHING)),)
    return Fault(Kind.MISSING, where, why=f"arguments: {', '.join(known)}", fixes=fixes)
