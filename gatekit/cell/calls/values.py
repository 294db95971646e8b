"""Values of arguments: tests against plain annotations, and examples for messages."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gatekit.cell.errors import amount_of


def fits(parameter: inspect.Parameter, value: Any) -> bool:
    """Return whether an annotation allows a value; annotations that are not plain allow any."""
    if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
        return True
    kinds = str(parameter.annotation).split(" | ")
    if value is parameter.default or any(k not in KINDS and k[0] not in "'\"" for k in kinds):
        return True
    return any(KINDS[kind][0](value) for kind in kinds)


def expected_by(parameter: inspect.Parameter) -> str:
    """Return the types that an annotation allows, in words."""
    kinds = str(parameter.annotation).split(" | ")
    return " or ".join(dict.fromkeys(KINDS[kind][1] for kind in kinds))


def example_of(parameter: inspect.Parameter, value: Any) -> Any:
    """Return an allowed value to show in place of a wrong or missing one."""
    kind = next(k for k in str(parameter.annotation).split(" | ") if k != "None")
    if kind == "Sequence[str]" and isinstance(value, str):
        return [value]
    if kind == "int" and isinstance(value, (list, tuple)) and all(map(_whole, value)) and value:
        return max(value) + 1  # seeds are numbered from 0
    if kind == "int" and isinstance(amount_of(value), int):
        return amount_of(value)
    default = parameter.default
    usable = default is not parameter.empty and default is not None and default != ()
    other = default if usable else KINDS[kind][2] if kind in KINDS else "NAME"
    return _SUCH.get(parameter.name, other)


_SUCH: dict[str, Any] = {
    "overrides": "cell=lstm task=adding",
    "study": "forgetting",
    "swap": {"forget": "power_law"},
    "config": {"lr": 0.1},
    "seed": 0,
    "epoch": 1,
    "step": 100,
    "by": ["cell"],
    "within": ["task.length"],
    "where": ["cell=lstm"],
    "best_of": ["optimizer.learning_rate"],
    "labels": ["OLD=NEW"],
    "tasks": ["adding"],
    "baseline": "lstm",
    "plugins": ["plugins/mine.py"],
    "launch": ["n_jobs=4"],
    "margin": "5%",
    "at": "steps=2000",
    "split": "validation",
    "x": "units",
}
"""An example value of each argument by name, for messages."""


def _class(name: str) -> Callable[[Any], bool]:
    return lambda value: any(kind.__name__ == name for kind in type(value).__mro__)


def _strings(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(v, (str, Path)) for v in value)


def _whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


KINDS: dict[str, tuple[Callable[[Any], bool], str, Any]] = {
    "None": (lambda value: value is None, "None", None),
    "str": (lambda value: isinstance(value, str), "a string", "NAME"),
    "Path": (lambda value: isinstance(value, Path), "a path", "FOLDER"),
    "bool": (lambda value: isinstance(value, bool), "True or False", True),
    "int": (_whole, "an integer", 10),
    "float": (_number, "a number", 0.1),
    "Sequence[str]": (_strings, "a list of strings", ["NAME"]),
    "Mapping[str, Any]": (
        lambda value: isinstance(value, Mapping),
        "a mapping",
        {"KEY": "VALUE"},
    ),
    "Study": (_class("Study"), "a study from gatekit.load", "STUDY"),
    "Budget": (_class("Budget"), "a budget", "steps=2000"),
}
"""Each annotation with a function that tests a value, a description of the type, and an example."""
