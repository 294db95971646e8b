"""``gatekit.load``: a study that a notebook shows as a table.

Tables import the module ``study``, so that module cannot import them.
"""

from __future__ import annotations

import dataclasses
from html import escape
from pathlib import Path

from gatekit.cell.calls import checked_call
from gatekit.cell.errors import GatekitError

from . import study as plain


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


@checked_call()
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
    loaded = plain.load(study, root, command="load")
    return Study(**{f.name: getattr(loaded, f.name) for f in dataclasses.fields(loaded)})
