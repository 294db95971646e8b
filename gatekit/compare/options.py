"""The options of a comparison, declared once: for the command and its help, and for functions."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from gatekit.cell.errors import ConfigError
from gatekit.compare.numbers import exact
from gatekit.faults import OneOf, Place, Type, fits, unknown_name, wrong

if TYPE_CHECKING:
    from gatekit.study.argv import Reader

FIGURES = ("curves", "axis", "forest", "heatmap", "scatter")
UNITS = {"epochs": "epochs", "seconds": "s", "steps": "steps", "tokens": "tokens", "flops": "FLOPs"}
"""What training is counted in, and how a number of it is written."""


class Option(NamedTuple):
    """An option of a comparison; its default is that of the argument of the functions.

    Attributes:
        help: what it does.
        default: its default: False for a switch, and an empty tuple if it may be repeated.
        form: how its value is typed; one of `KEYS` is a list, separated by commas.
        example: a value for messages.
        type: the values that are allowed.
        flag: the option's name in a command, if it is another one.
    """

    help: str
    default: Any = None
    form: str | None = None
    example: Any = None
    type: Type | None = None
    flag: str = ""

    @property
    def several(self) -> bool:
        """Whether it has several values."""
        return self.default == () or self.form == KEYS


KEYS = "KEY,KEY"
OPTIONS: dict[str, Option] = {
    "where": Option(
        "only runs with one of these values, such as cell=lstm,gru; may be repeated",
        *((), "KEY=VALUE,VALUE", "cell=lstm"),
    ),
    "tasks": Option("only runs of these tasks", (), "NAME,NAME", "adding", flag="task"),
    "best_of": Option(
        "for each variant, compare only the value of these keys that is best on validation",
        *((), KEYS, "cell"),
    ),
    "x": Option("a swept key that defines blocks and the x axis of a figure", None, "KEY", "units"),
    "by": Option(
        "group by these keys (default: every key that differs, except the seed)",
        *(None, KEYS, "cell"),
    ),
    "baseline": Option("the group that the others are compared with", None, "GROUP", "lstm"),
    "within": Option(
        "compare within blocks of these keys, each with its own baseline", (), KEYS, "cell"
    ),
    "split": Option(
        "compare on this split, such as validation or test_256 (default: test)",
        *(None, "NAME", "validation"),
    ),
    "margin": Option(
        "also decide whether a group is at most DELTA worse than the baseline; DELTA is a number or"
        " a share of the baseline's mean, such as 5%%",
        *(None, "DELTA", "5%"),
    ),
    "at": Option(
        "compare at an equal budget: seconds=600, steps=2000, tokens=1e6 or flops=1e12",
        *(None, "COST=AMOUNT", "steps=1000"),
    ),
    "force": Option(
        "compare even groups that are not comparable, and tables that miss planned runs", False
    ),
    "draw": Option(
        f"figures to draw: {', '.join(FIGURES)} (default: curves, or axis if --x is given)",
        *((), "KIND,KIND", "forest"),
    ),
    "over": Option(
        "the unit of the x axis of curves (default: epochs)",
        type=OneOf(tuple(UNITS)),
    ),
}

CHOICE = ("where", "tasks")
"""The options that select runs."""

FAMILY = ("by", "baseline", "within", "split")
"""The options that define the groups and their differences."""


GROUPING = (*CHOICE, "best_of", "x", *FAMILY, "margin", "at", "force")
"""The arguments of `gatekit.compare`."""

FLAGS = tuple((Place((name,)), Place((o.flag,))) for name, o in OPTIONS.items() if o.flag)
"""The arguments that have another name in a command, and this name."""


def add_options(parser: Reader, *names: str) -> None:
    """Add options to a command."""
    for name in names:
        option = OPTIONS[name]
        more: dict[str, Any] = {"help": option.help}
        if option.default is False:
            more["action"] = "store_true"
        elif option.several:
            more |= {"action": "append", "default": [], "metavar": option.form}
        elif isinstance(option.type, OneOf):
            more["choices"] = option.type.names
        else:
            more |= {"type": option.type, "default": option.default, "metavar": option.form}
        parser.add_argument(f"--{(option.flag or name).replace('_', '-')}", **more)


def asked(options: Namespace, *names: str) -> dict[str, Any]:
    """Return options of a command as the arguments of `gatekit.compare`."""
    found = {name: getattr(options, OPTIONS[name].flag or name) for name in names}
    keys = {name: split(value) for name, value in found.items() if OPTIONS[name].form == KEYS}
    return {**found, **{name: value or OPTIONS[name].default for name, value in keys.items()}}


def split(texts: Iterable[str]) -> list[str]:
    """Return the parts of the values of a repeatable option, which are separated by commas."""
    return [part for text in texts for part in text.split(",") if part]


def typed(arguments: Mapping[str, Any]) -> list[str]:
    """Return the words to type for the same options as in Python."""
    words: list[str] = []
    for name, option in OPTIONS.items():
        value = arguments.get(name)
        flag = f"--{(option.flag or name).replace('_', '-')}"
        if value is None or value == option.default or value in ((), []):
            continue
        if value is True:
            words += [flag]
        elif option.form == KEYS:
            words += [flag, ",".join(value)]
        else:
            for one in value if option.several else [value]:
                words += [flag, exact(one) if isinstance(one, float) else str(one)]
    return words


def check(**arguments: Any) -> None:
    """Refuse the first argument that is not of its type.

    Raises:
        ConfigError: it is not.
    """
    for name, value in arguments.items():
        option = OPTIONS[name]
        if option.type is not None and value is not None and not fits(value, option.type):
            raise ConfigError(wrong(Place((name,)), value, option.type))


def check_figure(kind: str, place: str = "kind") -> None:
    """Refuse the name of a figure that does not exist.

    Raises:
        ConfigError: there is no such figure.
    """
    if kind not in FIGURES:
        raise ConfigError(unknown_name(Place((place,)), kind, FIGURES, "figures"))
