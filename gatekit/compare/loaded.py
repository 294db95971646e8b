"""``gatekit.load``: a study that a notebook shows as a table.

Tables are made from studies, so they cannot be part of the module ``study``.
"""

from __future__ import annotations

import dataclasses
from html import escape
from pathlib import Path
from typing import Any

from gatekit.cell.calls import ArgumentError, remedied
from gatekit.cell.errors import GatekitError

from . import study as plain


class Rows(tuple[Any, ...]):
    """Runs by number, as in a tuple; other subscripts are answered with how runs are chosen."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, slice) and not hasattr(key, "__index__"):
            raise ArgumentError(
                f"runs[{key!r}]: runs are numbered, runs[0] to runs[{len(self) - 1}]. "
                "study.to_pandas() has a row for each run, and "
                "gatekit.compare(study, where='cell=lstm') compares some of them."
            )
        return super().__getitem__(key)


class Study(plain.Study):
    """A study that a notebook shows: its runs by state, and the comparison of its groups."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        from .compared import compare
        from .output.notebook import study_html

        head = study_html(self)
        try:
            return head + compare(self)._repr_html_()
        except GatekitError as error:
            return f"{head}<p>{escape(str(error))}</p>"


@remedied("gatekit.load('STUDY')")
def load(study: str, root: Path | str = "experiments") -> Study:
    """Read all runs of a study from their folders.

    Args:
        study: name of the study, a folder of ``root``.
        root: the folder that contains the studies.

    Returns:
        The study; it includes damaged and unfinished runs, with their state.

    Raises:
        RunError: the study does not exist, or a newer gatekit wrote one of its runs.
    """
    found = plain.load(study, root)
    fields = {f.name: getattr(found, f.name) for f in dataclasses.fields(found)}
    return Study(**{**fields, "runs": Rows(found.runs)})
