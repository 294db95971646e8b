"""A study's own table of measured executors, ``tune.json``, which its runs read."""

from __future__ import annotations

import os
from pathlib import Path

from gatekit.runs.names import TUNE, study_name

VARIABLE = "GATEKIT_TUNE"
"""The variable that `recurrence.executors.table` reads; repeated here because that module
imports TensorFlow."""


def table_of(study: str, root: Path | str) -> Path:
    """Return where ``gatekit tune --study`` writes.

    Args:
        study: the study's name; it need not have runs yet.
        root: the folder of all studies.

    Raises:
        ConfigError: this is not a valid name of a study.
    """
    return Path(root) / study_name(study) / TUNE


def use_table(run: Path) -> None:
    """Let ``executor=auto`` read the table of a run's study; without one, that of the environment.

    Args:
        run: the run's folder, ``ROOT/STUDY/runs/FINGERPRINT``.
    """
    table = run.resolve().parents[1] / TUNE
    if table.exists():
        os.environ[VARIABLE] = str(table)
