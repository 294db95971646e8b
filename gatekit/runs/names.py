"""The names of a run's folder, of the files in it and of those of a study: all are written here."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from gatekit.cell.errors import ConfigError

RUNS = "runs"
"""The folder of a study that holds a folder for each of its runs."""

# The files of a run, ROOT/<study>/runs/<fingerprint>/
CONFIG = "config.yaml"
ENVIRONMENT = "env.json"
STATUS = "status.json"
METRICS = "metrics.jsonl"
RESULT = "result.json"
LOG = "log.txt"
WEIGHTS = "weights.npz"
PROBE = "probe.jsonl"
ACTIVATIONS = "probe.npz"
"""What single units of a probed run did; probe.jsonl holds the numbers that describe them."""
CHECKPOINT = "checkpoint.bin"
BEAT = "beat"
"""Grows by a line while the writer is alive (`RunFolder.keep_beating`)."""

FILES = (
    CONFIG,
    ENVIRONMENT,
    STATUS,
    METRICS,
    RESULT,
    LOG,
    WEIGHTS,
    PROBE,
    ACTIVATIONS,
    CHECKPOINT,
    BEAT,
)
"""What moves to ``attempts/<n>/`` when a new attempt begins."""

STALE = "stale.json"
"""Names the run that outdates this one, and why; never moved."""

ATTEMPTS = "attempts"
"""The folder of a run that holds its claims, and the files of earlier attempts."""

# The files of a study, ROOT/<study>/
TUNE = "tune.json"
"""The table of executors that were measured for the study's cells."""
JOURNAL = "optuna.journal"
UNRECORDED = "unrecorded.jsonl"
"""Why runs failed whose own folder could not be written."""
LOOKS = "looks.jsonl"
"""When the study was looked at between seeds, and what was decided."""
PLUGINS = "plugins"
"""The folder that holds the source of each plugin in use, by its hash."""
IMPORTED = "imported"
"""The folder that holds the runs of imported bundles."""
SLURM = "slurm"
"""The folder that holds the files of Slurm jobs, and which runs each job makes."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_ID = re.compile(r"[0-9a-f]{16}\Z")
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def as_root(root: Path | str) -> str:
    """Return the option for a folder of studies, as the end of a command to type."""
    return "" if str(root) == "experiments" else f" --root {shlex.quote(str(root))}"


def plan_name(plan: str) -> str:
    """Return the name of the file in which a command writes what it asks for; ``*`` finds all."""
    return f"plan-{plan}.json"


def plan_log(plan: str) -> str:
    """Return the name of the file that holds the progress of a command."""
    return f"plan-{plan}.log"


def job_name(job: str) -> str:
    """Return the name of the file that lists the runs of a Slurm job; ``*`` finds all."""
    return f"job-{job}.json"


def is_id(name: str) -> bool:
    """Return whether a folder's name is a fingerprint: 16 hex digits."""
    return _ID.match(name) is not None


def study_name(name: str) -> str:
    """Return a study's name if it can be a folder's.

    Raises:
        ConfigError: it could leave the folder, or could not be typed.
    """
    if not isinstance(name, str) or not _NAME.match(name) or name.endswith("."):
        usable = re.sub(r"[^A-Za-z0-9._-]+", "_", str(name)).strip("._-")[:100]
        raise ConfigError(
            f"study={name!r} cannot be a folder's name: use letters, digits, '.', '_' and '-', "
            "100 at most, beginning with a letter or digit. "
            f"Type study={usable if _NAME.match(usable) else 'first'}."
        )
    return name


def table_of(study: str, root: Path | str) -> Path:
    """Return where ``gatekit tune --study`` writes.

    Args:
        study: the study's name; it need not have runs yet.
        root: the folder of all studies.

    Raises:
        ConfigError: this is not a valid name of a study.
    """
    return Path(root) / study_name(study) / TUNE


NUMERICS = 2
"""Raised whenever a change of gatekit changes the numbers of an unchanged configuration."""


def refuse_constant(constant: str) -> NoReturn:
    """Refuse NaN and infinities, which JSON lacks; an argument of ``json.loads``."""
    raise ValueError(f"{constant} is not JSON")


def refuse_halves(data: bytes, content: object) -> None:
    """Refuse half a character, which JSON may name and no output can hold.

    Args:
        data: the bytes of JSON.
        content: what they hold.

    Raises:
        ValueError: a string of it has half a character.
    """
    if _HALF.search(data):
        try:
            json.dumps(content, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("it holds half a character") from None


def canonical_json(data: object) -> str:
    """Return the one JSON text of plain data: sorted keys, no blanks, ASCII, no NaN."""
    return json.dumps(
        data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def fingerprint(
    config: Mapping[str, object],
    defaults: Mapping[str, object],
    data_hash: str,
    plugins: Mapping[str, str],
    numerics: int = NUMERICS,
) -> str:
    """Return the name of a run's folder.

    Args:
        config: every key that can change numbers, as plain data, the seed among them;
            `gatekit.study.variant.Variant` chooses them.
        defaults: the value of each key that is left out when it has this value, so that a key added
            to gatekit later does not rename the runs made before.
        data_hash: the hash that identifies the data of the task.
        plugins: the hash of the source of each plugin in use, by name.
        numerics: the version of gatekit's numbers.

    Returns:
        16 hex digits.
    """
    kept = {k: v for k, v in config.items() if k not in defaults or v != defaults[k]}
    text = canonical_json(
        {"config": kept, "data": data_hash, "plugins": dict(plugins), "numerics": numerics}
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]
