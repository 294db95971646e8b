"""What was typed after a command's name, and the studies that a line may name."""

from __future__ import annotations

import argparse
import contextlib
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gatekit.cell.errors import RunError


class Line(argparse.ArgumentParser):
    """A parser that remembers what was typed.

    Attributes:
        typed: the words after the command's name.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.typed: list[str] = []

    def takes(self, argument: str) -> bool:
        """Return whether the command has an argument or option of this name."""
        return any(action.dest == argument for action in self._actions)

    def line(self, *words: str) -> str:
        """Return the command with other arguments, in backquotes."""
        from gatekit.study.typed import line

        return line(self.prog, words)


def known_studies() -> list[str]:
    """Return the names of the studies in ``experiments``."""
    return studies("", Namespace())


def study_of(cells: Sequence[str], known: Sequence[str]) -> str:
    """Return the first of some studies that trained all of these cells, or the first study."""
    from gatekit.runs.studies.plan_file import read

    for study in known:
        words = {w for run in read(Path("experiments", study)).values() for w in run.words}
        if words >= {f"cell={cell}" for cell in cells}:
            return study
    return known[0]


def studies(prefix: str, parsed_args: Namespace, **_: Any) -> list[str]:
    """Return the names of the studies in ``--root``."""
    from gatekit.compare.study import studies as names

    with contextlib.suppress(OSError, RunError):
        return names(getattr(parsed_args, "root", None) or "experiments")
    return []
