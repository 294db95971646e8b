"""``result.json``: written once, sealed with its own SHA-256, and believed only as a whole."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from gatekit.cell.errors import RunError

SCHEMA = 2
"""The format that is written. Every format from 2 on ends with the same seal."""

OUTCOMES = ("COMPLETED", "DIVERGED")
"""The states of a run that has a result."""

HASHED = ("config.yaml", "env.json", "metrics.jsonl", "weights.npz")
"""The files whose hashes a result holds. Every run has the first one."""

SEAL = "sha256"
"""The last key: the SHA-256 of all bytes before it."""

_SEALED = re.compile(rb'(.*),\n "sha256": "([0-9a-f]{64})"\n\}\n', re.DOTALL)


class NewerError(RunError):
    """A newer gatekit wrote this result."""


def dumped(record: Mapping[str, Any]) -> bytes:
    """Return a result as the bytes of its file.

    Args:
        record: plain data without NaN; its schema and seal, if any, are replaced.
    """
    plain = {key: value for key, value in record.items() if key not in ("schema", SEAL)}
    text = json.dumps({"schema": SCHEMA, **plain}, indent=1, allow_nan=False)
    body = text.removesuffix("\n}").encode()
    return body + f',\n "{SEAL}": "{hashlib.sha256(body).hexdigest()}"\n}}\n'.encode()


def parsed(data: bytes) -> dict[str, Any]:
    """Return the record in the bytes of a result, after checking its seal.

    A result of format 1 has no seal and is accepted without one. A damaged result of format 2 is
    not taken for one: no single bit turns a 2 into a 1, and a seal alone marks format 2.

    Raises:
        NewerError: the seal is right, and a newer gatekit wrote the file.
        ValueError: the file is not a result, or a byte of it has changed.
    """
    try:
        record = json.loads(data, parse_constant=_refuse, parse_float=_number)
    except RecursionError:
        raise ValueError("it is nested deeper than any result") from None
    if not isinstance(record, dict):
        raise ValueError("it is not an object")
    schema = record.get("schema")
    if type(schema) is not int or schema < 1:
        raise ValueError(f"schema is {schema!r}")
    if schema > 1 or SEAL in record:
        sealed = _SEALED.fullmatch(data)
        if sealed is None or hashlib.sha256(sealed[1]).hexdigest().encode() != sealed[2]:
            raise ValueError("it was altered after the run (its own sha256 differs)")
        if schema > SCHEMA:
            raise NewerError(
                f"result.json has format {schema}; this gatekit reads format {SCHEMA}: it needs a "
                "newer gatekit. Type pip install --upgrade gatekit."
            )
    if record.get("state") not in OUTCOMES:
        raise ValueError(f"state is {record.get('state')!r}, not {' or '.join(OUTCOMES)}")
    _check_files(record.get("files"))
    return record


def is_sealed(record: Mapping[str, Any]) -> bool:
    """Return whether a record that `parsed` returned is protected by a seal."""
    return SEAL in record


def altered(files: Mapping[str, str], name: str, data: bytes | str) -> bool:
    """Return whether a file is not the one that a result was written for.

    Args:
        files: ``files`` of the result.
        name: the file's name.
        data: its content, or its SHA-256 as hex digits.
    """
    if name not in files:
        return False
    digest = data if isinstance(data, str) else hashlib.sha256(data).hexdigest()
    return digest != files[name].removeprefix("sha256").lstrip(".:")


def _check_files(files: Any) -> None:
    # Without them nothing protects the numbers of an unsealed result.
    if not isinstance(files, dict) or HASHED[0] not in files:
        raise ValueError(f"files does not hold the hash of {HASHED[0]}")
    for name, digest in files.items():
        if name not in HASHED or not isinstance(digest, str):
            raise ValueError(f"files holds {name!r}, which is not a file of a result")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a number of JSON")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
