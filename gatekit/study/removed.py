"""Names that gatekit no longer has, with what to use instead."""

from __future__ import annotations

REMOVED = {
    "query": "gatekit.load(STUDY).to_pandas() or .to_arrow() has a row for each run, and `gatekit "
    "compare STUDY --csv` for each group; DuckDB queries both in SQL",
    "export": "track=[tensorboard] or track=[mlflow] of `gatekit train` follows runs live, and "
    "layer.export(FOLDER) writes a SavedModel; `gatekit code cell=gru --to torch` writes code",
    "--tensorboard": "track=[tensorboard] of `gatekit train` follows runs live",
    "--mlflow": "track=[mlflow] of `gatekit train` follows runs live",
    "cells --html": "the site of `make docs` has the page, build/site/browse.html",
    "--draw parallel": "--draw heatmap shows two keys, and the table all of them",
}
"""What to use instead, by the name as it was typed; the table is deleted at 1.0.

A name is a command, an option or ``COMMAND --option``, an option with its value, or ``KEY=``.
"""


def no_more(name: str) -> str:
    """Return the end of the message about a removed name, and an empty string for other names."""
    return f" any more; {REMOVED[name]}." if name in REMOVED else ""
