"""What makes two runs the same run: canonical JSON of all that can change its numbers, hashed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NoReturn

NUMERICS = 2
"""Raised whenever a change of gatekit changes the numbers of an unchanged configuration."""


def refuse_constant(constant: str) -> NoReturn:
    """Refuse NaN and infinities, which JSON lacks; an argument of ``json.loads``."""
    raise ValueError(f"{constant} is not JSON")


def canonical_json(data: Any) -> str:
    """Return the one JSON text of plain data: sorted keys, no blanks, ASCII, no NaN."""
    return json.dumps(
        data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def fingerprint(
    config: Mapping[str, Any],
    defaults: Mapping[str, Any],
    data_hash: str,
    plugins: Mapping[str, str],
    numerics: int = NUMERICS,
) -> str:
    """Return the name of a run's folder.

    Args:
        config: every key that can change numbers, as plain data, the seed among them.
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
