"""Commands of console blocks, tried as far as is cheap: nothing is trained or fetched."""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from collections.abc import Callable, Sequence
from typing import Any, NoReturn
from unittest import mock

from seams import COMMANDS, Parser, compose, loading, main, plan_or_errors

from gatekit import ConfigError, DataError

from .pages import ROOT

RUN = ("new", "show", "cite", "cells", "gates", "output-units", "tasks", "functions", "plugins")
"""Commands that are quick and write no run: they are run."""


class Parsed(Exception):  # noqa: N818 - no error
    """A command's arguments are valid; it is not run."""


def type_in(words: Sequence[str]) -> None:
    """Try a command of a page in the working folder.

    Raises:
        AssertionError: the command is unknown to this page's reader, or is refused.
    """
    name, *rest = words
    assert name in _TRIED, f"what is {name}? teach tests/docs/typed.py"
    _TRIED[name](rest)


def _gatekit(words: Sequence[str]) -> None:
    name, *argv = words
    loading._registry.cache_clear()
    if name in ("--version", "--help"):
        return
    assert name in COMMANDS, f"there is no command gatekit {name}"
    if name in ("train", "plan"):
        own = ("--list", "--json", "--debug")
        # as many trials or seeds as a page asks for would be planned, each the same as the first
        typed = [re.sub(r"^(trials|seeds)=\d+$", r"\1=1", word) for word in argv if word not in own]
        jobs = compose(typed)
        try:
            _, broken = plan_or_errors(jobs)
        except DataError:  # nothing is fetched here: CI has the data, and judges the keys as well
            return
        except ConfigError as error:  # CI has the trackers
            if "a list of installed trackers" not in str(error):
                raise
            return
        assert broken == []
    elif name in RUN:
        assert main([name, *argv]) == 0
    else:
        with mock.patch.object(Parser, "read", _read):
            try:
                COMMANDS[name].function()(Parser(name, "", argv))
            except Parsed:
                return
        raise AssertionError(f"gatekit {name} did not read its arguments")


_original = Parser.read


def _read(self: Parser) -> NoReturn:
    raise Parsed(_original(self))


def _cd(words: Sequence[str]) -> None:
    os.chdir(words[0])


def _mv(words: Sequence[str]) -> None:
    shutil.move(*words)


def _make(words: Sequence[str]) -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(words) <= set(targets)


def _pip(words: Sequence[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = re.findall(r"gatekit\[(\w+)\]", " ".join(words))
    assert set(extras) <= set(project["optional-dependencies"])


def _nothing(words: Sequence[str]) -> None:
    """Take a command of the shell as it is."""


_TRIED: dict[str, Callable[[Sequence[str]], Any]] = {
    "gatekit": _gatekit,
    "cd": _cd,
    "mv": _mv,
    "make": _make,
    "pip": _pip,
    "python3": _nothing,
    "ray": _nothing,
    ".": _nothing,
}
