"""Refuses wrong arguments of functions and classes, and shows a call that works."""

from __future__ import annotations

import functools
import inspect
import numbers
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from gatekit.cell.errors import GatekitError, amount_of, excerpt, nearest_name

from .names import ArgumentError
from .python import in_python

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
    """Return a decorator that refuses wrong calls with a remedy, before Python or a later step.

    It finds missing, unknown and surplus arguments, and values of a wrong type if the annotation is
    a plain type. The remedies of errors that the function raises are rewritten as Python
    (`in_python`).

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
            for name, value in given.items() if types else ():
                _refuse_type(_of_study(example, given), signature.parameters[name], value)
            try:
                return function(*args, **options)
            except GatekitError as error:
                if not words:
                    raise
                values = {**given, **given.get(open_ended, {})}
                messages = [in_python(a, values) if isinstance(a, str) else a for a in error.args]
                messages = [
                    _other_argument(str(a), values, [*signature.parameters]) for a in messages
                ]
                # A function of a study calls `compare` and has its arguments.
                if "study" in signature.parameters:
                    call_of_own = rf"\1{called}("
                    messages = [
                        re.sub(r"(ype )gatekit\.compare\(", call_of_own, str(a)) for a in messages
                    ]
                error.args = tuple(messages)
                raise

        # Keras reads the positions of a layer's arguments from this.
        call.__signature__ = signature  # type: ignore[attr-defined]
        return call

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
    words += [f"{n}={_SUCH[n]}" if n in _SUCH and n != "epoch" else n for n in missing]
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


def _other_argument(message: str, given: Mapping[str, Any], known: Sequence[str]) -> str:
    """Return a message about an unknown key that names the argument of the function it means."""
    name = message.partition(" is not a key. ")[0]
    meant = OTHER_ARGUMENTS.get(name)
    if name not in given or meant not in known:
        return message
    return message.replace(" is not a key. ", f" is not a key; did you mean {meant!r}? ", 1)


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


def _refuse_type(example: str, parameter: inspect.Parameter, value: Any) -> None:
    """Refuse a value whose type its annotation does not allow; only plain types are checked."""
    if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
        return
    kinds = str(parameter.annotation).split(" | ")
    if value is parameter.default or any(k not in _KINDS and k[0] not in "'\"" for k in kinds):
        return
    if any(_KINDS[kind][0](value) for kind in kinds):
        return
    expected = " or ".join(dict.fromkeys(_KINDS[kind][1] for kind in kinds))
    kind = next(k for k in kinds if k != "None")
    default = parameter.default
    such = _SUCH.get(parameter.name)
    if such is None:
        usable = default is not parameter.empty and default is not None and default != ()
        such = repr(default) if usable else _KINDS[kind][2]
    if kind == "Sequence[str]" and isinstance(value, str):
        such = repr([value])
    called, write = example.partition("(")[0], example
    if kind == "int" and isinstance(value, (list, tuple)) and all(map(_whole, value)) and value:
        such = str(max(value) + 1)  # seeds are numbered from 0
    elif kind == "int" and isinstance(amount_of(value), int):
        such = str(amount_of(value))
    study = re.match(r"[\w.]+\('[^']+'", example)
    if study and "study" not in parameter.name and "STUDY" not in example:
        write = f"{study[0]}, {parameter.name}={such})"
    if called == "run.log" and isinstance(value, Mapping):
        scores = ", ".join(f"{name}={each!r}" for name, each in value.items())
        write = f"run.log(epoch, {scores})"
    elif called == "run.log" and isinstance(value, str) and value.isidentifier():
        write = f"run.log(epoch, {value}=VALUE)"
    if isinstance(value, (list, tuple)) and kind == "str":
        write = f"[{called}(each) for each in {excerpt(repr(value), 60)}]"
    if called == "gatekit.diagram" and isinstance(value, str) and Path(value).suffix:
        write = f"{example}.save({value!r})"
    raise ArgumentError(
        f"{called}: {parameter.name}={excerpt(repr(value), 60)}: {expected} is expected, such as "
        f"{parameter.name}={such}. Write {write}."
    )


_SUCH = {
    "overrides": "'cell=lstm task=adding'",
    "study": "'forgetting'",
    "swap": "{'forget': 'power_law'}",
    "gates": "{'forget': 'power_law'}",
    "config": "{'lr': 0.1}",
    "seed": "0",
    "epoch": "1",
    "step": "100",
    "by": "['cell']",
    "within": "['task.length']",
    "where": "['cell=lstm']",
    "best_of": "['optimizer.learning_rate']",
    "labels": "['OLD=NEW']",
    "tasks": "['adding']",
    "baseline": "'lstm'",
    "plugins": "['plugins/mine.py']",
    "launch": "['n_jobs=4']",
    "margin": "'5%'",
    "at": "'steps=2000'",
    "split": "'validation'",
    "x": "'units'",
}
"""A value of arguments by name, for messages."""


def _class(name: str) -> Callable[[Any], bool]:
    return lambda value: any(kind.__name__ == name for kind in type(value).__mro__)


def _strings(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(v, (str, Path)) for v in value)


def _whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


_KINDS: dict[str, tuple[Callable[[Any], bool], str, str]] = {
    "None": (lambda value: value is None, "None", "None"),
    "str": (lambda value: isinstance(value, str), "a string", "'NAME'"),
    "Path": (lambda value: isinstance(value, Path), "a path", "'FOLDER'"),
    "bool": (lambda value: isinstance(value, bool), "True or False", "True"),
    "int": (_whole, "an integer", "10"),
    "float": (_number, "a number", "0.1"),
    "Sequence[str]": (_strings, "a list of strings", "['NAME']"),
    "Mapping[str, Any]": (
        lambda value: isinstance(value, Mapping),
        "a mapping",
        "{'KEY': 'VALUE'}",
    ),
    "Study": (_class("Study"), "a study from gatekit.load", "'STUDY'"),
    "Budget": (_class("Budget"), "a budget", "'steps=2000'"),
}
"""For each annotation: a test of a value, the type in words, and an example."""
