"""Doing what a message says first gives an allowed configuration.

Every key of a run, of a launcher, and every option of a task and block has each of some mistakes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from seams import (
    CHECKS,
    DECLARED,
    OPTIMIZERS,
    Place,
    Remove,
    Set,
    apply,
    components,
    read_block,
    read_options,
    validate,
)

from gatekit import GatekitError

MOST_STEPS = 4
WRONG = (
    "yes",
    "1k",
    "50%",
    "1..4",
    "a|b",
    -1,
    0.5,
    3.0,
    10**30,
    [],
    [1, 2],
    {"a": 1},
    None,
    True,
    "",
)
BASE: dict[str, Any] = {
    "cell": {"name": "lstm"},
    "task": {"name": "adding"},
    "optimizer": {"name": "adam"},
    "trainer": {"epochs": 1},
}
ANOTHER = "trainer={'a': 1}"  # with the mapping, epochs are gone: a second mistake
HARD = ("track", "study")  # what is installed, and names of folders, are sentences


def put(data: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    return apply(Set(Place.of(key), value), data) or {}


def misspelt(key: str) -> str:
    group, dot, name = key.rpartition(".")
    return f"{group}{dot}{name[:-1]}" if len(name) > 4 else f"{key}{name[-1]}"


def followed(check: Callable[[Any], object], data: dict[str, Any]) -> tuple[list[str], str]:
    """Return the messages, each about what the one before said to do, and how they end.

    They end in ``accepted``, in a ``sentence`` of a task about its options together, or ``stuck``.
    """
    said: list[str] = []
    while len(said) < MOST_STEPS:
        try:
            check(data)
        except GatekitError as error:
            said.append(str(error))
            if error.fault is None:
                return said, "sentence"
            fixed = apply(error.fault.fixes[0], data) if error.fault.fixes else None
            if fixed is None or repr(fixed) == repr(data):
                break
            data = fixed
        else:
            return said, "accepted"
    return said, "stuck"


def mistakes() -> Iterator[tuple[str, Callable[[Any], object], dict[str, Any]]]:
    for key in (key for key in DECLARED if key not in HARD):
        inner = key.removeprefix("optimizer.")
        named = next((name for name, own in OPTIMIZERS.items() if inner in own), "adam")
        base = put(BASE, "optimizer.name", named)
        for value in WRONG:
            yield f"{key}={value!r}", validate, put(base, key, value)
        yield f"~{key}", validate, apply(Remove(Place.of(key)), base) or {}
        yield misspelt(key), validate, put(base, misspelt(key), 3)
    for key in CHECKS:
        for value in WRONG:
            yield f"hydra.launcher.{key}={value!r}", launcher, launched(key, value)
        yield f"hydra.launcher.{misspelt(key)}", launcher, launched(misspelt(key), 1)
    known = components.load()
    for group, kinds, check in (
        ("task", known.tasks, lambda data: known.task(data["task"])),
        ("block", known.catalogue.blocks, lambda data: read_block(data["block"], known.catalogue)),
    ):
        for name, kind in sorted(kinds.items()):
            chosen = {"name" if group == "task" else "kind": name}
            yield f"{group}={name}x", check, {group: {key: f"{v}x" for key, v in chosen.items()}}
            for option in kind.option_names():
                if option not in getattr(kind, "places", ()):
                    yield (
                        f"{group}.{misspelt(option)}",
                        check,
                        {group: {**chosen, misspelt(option): 1}},
                    )
                    for value in ("yes", "12", -1, [1, 2], None):
                        yield (
                            f"{name}.{option}={value!r}",
                            check,
                            {group: {**chosen, option: value}},
                        )


def launched(key: str, value: Any) -> dict[str, Any]:
    return {"hydra": {"launcher": {key: value}}}


def launcher(data: Mapping[str, Any]) -> object:
    return read_options(data["hydra"]["launcher"])


def test_following_the_first_fix_ends_in_acceptance() -> None:
    tried = {what: followed(check, data) for what, check, data in mistakes()}
    assert len(tried) > 2500
    assert {what: said for what, (said, end) in tried.items() if end == "stuck"} == {}
    again = [what for what, (said, end) in tried.items() if end == "accepted" and said[1:]]
    assert again == [ANOTHER]
    assert sum(end == "sentence" for _, end in tried.values()) < len(tried) / 50
