"""The names of all files of a run and a study, and of a run's folder."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from gatekit.cell.errors import ConfigError, as_plain
from gatekit.faults import Fault, Kind, Place

RUNS = "runs"
"""The folder of a study that contains the folders of its runs."""

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
"""Activations of single units in a probed run; probe.jsonl has statistics of all units."""
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
"""Files that move to ``attempts/<n>/`` when a new attempt begins."""

STALE = "stale.json"
"""Names the run that outdates this one, and the reason; never moved."""

ATTEMPTS = "attempts"
"""The folder of a run that contains its claims and the files of earlier attempts."""

# The files of a study, ROOT/<study>/
JOURNAL = "optuna.journal"
UNRECORDED = "unrecorded.jsonl"
"""Reasons of failed runs whose folder could not be written, and empty lines for more of them."""
LOOKS = "looks.jsonl"
"""The looks: recorded comparisons after which seeds may be added, and their decisions."""
PLUGINS = "plugins"
"""The folder with the source of each plugin in use, by its hash."""
IMPORTED = "imported"
"""The folder with the runs of imported bundles."""
SLURM = "slurm"
"""The folder with the files of Slurm jobs and the lists of their runs."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_ID = re.compile(r"[0-9a-f]{16}\Z")
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def as_root(root: Path | str) -> str:
    """Return the option ``--root`` for a folder of studies; empty for the default folder."""
    return "" if str(root) == "experiments" else f" --root {shlex.quote(str(root))}"


def plan_name(plan: str) -> str:
    """Return the name of the file in which a command records its runs; ``*`` matches all."""
    return f"plan-{plan}.json"


def plan_log(plan: str) -> str:
    """Return the name of the file with the progress of a command."""
    return f"plan-{plan}.log"


def job_name(job: str) -> str:
    """Return the name of the file that lists the runs of a Slurm job; ``*`` matches all."""
    return f"job-{job}.json"


def is_id(name: str) -> bool:
    """Return whether a folder's name is a fingerprint: 16 hex digits."""
    return _ID.match(name) is not None


def study_name(name: str) -> str:
    """Return a study's name, if it can be the name of a folder.

    Raises:
        ConfigError: the name could lead out of the folder, or could not be typed in a shell.
    """
    if not isinstance(name, str) or not _NAME.match(name) or name.endswith("."):
        why = (
            "it cannot be a folder's name, which has at most 100 letters, digits, '.', '_' and "
            "'-', and begins with a letter or digit"
        )
        raise ConfigError(Fault(Kind.REFUSED, Place(("study",)), as_plain(name), why=why))
    return name


NUMERICS = 3
"""Incremented when a change of gatekit changes the numbers of an unchanged configuration."""


def refuse_constant(constant: str) -> NoReturn:
    """Refuse NaN and infinities, which JSON lacks; an argument of ``json.loads``."""
    raise ValueError(f"{constant} is not JSON")


def refuse_halves(data: bytes, content: object) -> None:
    """Refuse unpaired surrogates, which JSON can write but UTF-8 cannot.

    Args:
        data: the bytes of JSON.
        content: the parsed content.

    Raises:
        ValueError: a string has an unpaired surrogate.
    """
    if _HALF.search(data):
        try:
            json.dumps(content, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("a string has an unpaired surrogate") from None


def canonical_json(data: object) -> str:
    """Return plain data as canonical JSON: sorted keys, no spaces, ASCII, no NaN."""
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
        config: every key that can change numbers, including the seed, as plain data;
            `gatekit.study.variant.Variant` chooses the keys.
        defaults: values at which a key is omitted, so that a key that is added to gatekit later
            does not rename earlier runs.
        data_hash: the hash that identifies the data of the task.
        plugins: the hash of the source of each plugin in use, by name.
        numerics: the version of gatekit's computation, `NUMERICS`.

    Returns:
        16 hex digits.
    """
    kept = {k: v for k, v in config.items() if k not in defaults or v != defaults[k]}
    text = canonical_json(
        {"config": kept, "data": data_hash, "plugins": dict(plugins), "numerics": numerics}
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]
