"""Refuses wrong arguments of functions and classes, and shows a call that works."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from gatekit.cell.errors import GatekitError, excerpt, nearest_name
from gatekit.faults import Call

from .border import border
from .names import ArgumentError
from .python import in_python
from .values import SUCH, example_of, expected, fits

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")


REQUIRED: Any = None
"""The default of a required argument whose absence the class itself reports.

It is None, because TensorFlow writes the defaults of a layer's call into a SavedModel.
"""

OTHER_ARGUMENTS = {
    **dict.fromkeys(("against", "reference", "control"), "baseline"),
    **dict.fromkeys(("path", "folder", "dir", "directory", "base_dir"), "root"),
    **dict.fromkeys(("file", "filename", "output", "out", "framework", "backend"), "to"),
    **dict.fromkeys(("name", "project", "experiment", "experiment_name"), "study"),
    **dict.fromkeys(("hidden_size", "hidden_dim", "num_units", "n_units"), "units"),
    **dict.fromkeys(("input_size", "input_dim", "n_features"), "features"),
    **dict.fromkeys(("confidence", "ci", "alpha"), "level"),
    **dict.fromkeys(("group_by", "groupby", "groups"), "by"),
    **dict.fromkeys(("filter", "filters", "query"), "where"),
    **dict.fromkeys(("gate", "gates"), "swap"),
    **dict.fromkeys(("model", "layer", "rnn"), "cell"),
    **dict.fromkeys(("max_seeds", "n_seeds", "max"), "most"),
    **dict.fromkeys(("params", "hparams", "hyperparameters", "configuration"), "config"),
    **dict.fromkeys(("random_state", "random_seed"), "seed"),
    **dict.fromkeys(("mode", "goal"), "direction"),
    **dict.fromkeys(("metric_name", "monitor"), "metric"),
    **dict.fromkeys(("val_loss", "valid", "val_metric", "dev"), "val"),
    **dict.fromkeys(("dry_run", "try_it"), "try_out"),
    "label": "labels",
    "task": "tasks",
    "plugin": "plugins",
}
"""Other libraries' names for an argument; it is suggested only if the function has it."""


def meant_argument(name: str, known: Sequence[str]) -> str:
    """Return ``"; did you mean 'units'?"`` for an unknown argument, or a full stop."""
    meant = _meant(name, known)
    return f"; did you mean {meant!r}?" if meant else "."


def remedied(
    example: str,
    notes: Mapping[str, str] | None = None,
    others: Sequence[str] = (),
    types: bool = True,
    words: bool = True,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that checks a call before it is made, and refuses it with a remedy.

    It finds missing, unknown and surplus arguments, and values of a wrong type if the annotation is
    a plain type. The remedies of errors that the function raises are rewritten as Python
    (`in_python`), and their tracebacks are short (`border`).

    Args:
        example: a call that works; messages name the function as the part before the bracket.
        notes: what to write in place of other arguments.
        others: additional arguments of the caller, for messages.
        types: whether values are checked against their annotations.
        words: whether remedies of errors from the function are rewritten as Python.
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
                reason = _unbound(parameters, args[method:], options, notes or {}, others)
                write = _meant_call(example, parameters, args[method:], options, others)
                raise ArgumentError(f"{called}: {reason} Write {write}.") from None
            for name in given if types else ():
                such, places = _of_study(example, given), len(args) - method
                _refuse_type(such, signature.parameters, name, given, places)
            try:
                return function(*args, **options)
            except GatekitError as error:
                if not words:
                    raise
                values = {**given, **given.get(open_ended, {})}
                if error.fault is not None:
                    raise error.spoken(Call(given=values)) from error.__cause__
                messages = [in_python(a, values) if isinstance(a, str) else a for a in error.args]
                # A function of a study calls `compare` and has its arguments.
                if "study" in signature.parameters:
                    call_of_own = rf"\1{called}("
                    messages = [
                        re.sub(r"(ype (?:for example )?)gatekit\.compare\(", call_of_own, str(a))
                        for a in messages
                    ]
                error.args = tuple(messages)
                raise

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


def _of_study(example: str, given: Mapping[str, Any]) -> str:
    """Return a call with the study that was given in place of ``'STUDY'``."""
    study = given.get("study")
    return example.replace("'STUDY'", repr(study)) if isinstance(study, str) else example


def _meant_call(
    example: str,
    parameters: Sequence[inspect.Parameter],
    args: Sequence[Any],
    options: Mapping[str, Any],
    others: Sequence[str],
) -> str:
    """Return the call as written, with its arguments corrected; the example if that is unclear."""
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    places = [p.name for p in parameters if p.kind in by_place]
    known = [*(p.name for p in parameters), *others]
    given = dict(zip(places, args, strict=False))
    renamed = {k if k in known else _meant(k, known) or k: v for k, v in options.items()}
    renamed = {k: v for k, v in renamed.items() if k not in given}
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters)
    values = [*given.values(), *renamed.values()]
    if not values or not all(map(_is_plain, values)) or (not open_ended and {*renamed} - {*known}):
        return _of_study(example, given)
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in _SEVERAL]
    missing = [name for name in needed if name not in given and name not in renamed]
    words = [repr(value) for value in given.values()]
    words += [f"{n}={SUCH[n]}" if n in SUCH and n != "epoch" else n for n in missing]
    words += [f"{name}={value!r}" for name, value in renamed.items()]
    meant = f"{example.partition('(')[0]}({', '.join(words)})"
    return meant if len(meant) <= 100 else _of_study(example, given)


def _is_plain(value: Any) -> bool:
    """Return whether a value can be shown as it is written."""
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (str, bool, int, float))


_SEVERAL = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _meant(name: str, known: Sequence[str]) -> str:
    """Return the argument that an unknown one probably means, or an empty string."""
    if name in _OF_FILES and "to" in known:
        return "to"
    meant = OTHER_ARGUMENTS.get(name, "")
    return meant if meant in known else nearest_name(name, known)


_OF_FILES = ("path", "file", "filename", "output", "out", "html", "dest")


def _unbound(
    parameters: Sequence[inspect.Parameter],
    args: Sequence[Any],
    options: Mapping[str, Any],
    notes: Mapping[str, str],
    others: Sequence[str],
) -> str:
    """Return why arguments do not fit, as a sentence."""
    known = [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for name, value in options.items():
        if name in known or open_ended:
            continue
        arguments = [*known, *others]
        near = f": {notes[name]}." if name in notes else meant_argument(name, arguments)
        came = f"{name}={excerpt(repr(value), 40)}"
        return f"there is no argument {came}{near} Arguments: {', '.join(arguments)}."
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(args) > len(places):
        first = excerpt(repr(args[len(places)]), 40)
        by_name = ", ".join(f"{p.name}=" for p in parameters if p.kind is p.KEYWORD_ONLY)
        takes = ", ".join(p.name for p in places) or "none"
        last = f"; others are given by name: {by_name}" if by_name else ""
        return f"{first} is one argument too many. Arguments by position: {takes}{last}."
    for place in places[: len(args)]:
        if place.name in options and place.kind is not place.POSITIONAL_ONLY:
            return f"{place.name} is given twice, by position and by name; remove one of them."
    gone = [p.name for p in parameters if p.default is p.empty and p.name in known]
    missing = [name for name in gone if name not in options]
    missing = [name for name in missing if name not in [p.name for p in places[: len(args)]]]
    are = "is" if len(missing) == 1 else "are"
    return f"{' and '.join(missing)} {are} missing. Arguments: {', '.join(known)}."


def _refuse_type(
    example: str,
    parameters: Mapping[str, inspect.Parameter],
    name: str,
    given: Mapping[str, Any],
    places: int,
) -> None:
    """Refuse a value whose type its annotation does not allow; only plain types are checked."""
    parameter, value = parameters[name], given[name]
    if fits(parameter, value):
        return
    such = example_of(parameter, value)
    called, write = example.partition("(")[0], example
    words = []
    for index, (key, each) in enumerate((k, v) for k, v in given.items() if k != "self"):
        word = repr(each) if fits(parameters[key], each) else example_of(parameters[key], each)
        words.append(word if index < places else f"{key}={word}")
    whole = f"{called}({', '.join(words)})"
    several = any(parameters[key].kind in _SEVERAL for key in given)
    study = re.match(r"[\w.]+\('[^']+'", example)
    wrong = [key for key, each in given.items() if not fits(parameters[key], each)]
    kept = [each for key, each in given.items() if key not in ("self", *wrong)]
    if study and not several and len(whole) <= 100 and all(map(_is_plain, kept)):
        write = whole
    elif study and "study" not in name and "STUDY" not in example:
        write = f"{study[0]}, {name}={such})"
    if called == "run.log" and isinstance(value, Mapping):
        scores = ", ".join(f"{key}={each!r}" for key, each in value.items())
        write = f"run.log(epoch, {scores})"
    elif called == "run.log" and isinstance(value, str) and value.isidentifier():
        write = f"run.log(epoch, {value}=VALUE)"
    if isinstance(value, (list, tuple)) and str(parameter.annotation).startswith("str"):
        write = f"[{called}(each) for each in {excerpt(repr(value), 60)}]"
    if called == "gatekit.diagram" and isinstance(value, str) and Path(value).suffix:
        write = f"{example}.save({value!r})"
    raise ArgumentError(
        f"{called}: {name}={excerpt(repr(value), 60)}: {expected(parameter)} is expected, such as "
        f"{name}={such}. Write {write}."
    )
