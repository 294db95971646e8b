"""The checkpoint of a run as one file with its own SHA-256.

A run that continues from it ends with the same numbers as one that was never interrupted.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy

from gatekit._version import UPDATE
from gatekit.cell.errors import RunError

FORMAT = 2
DIGITS = 64
"""The number of bytes before the archive, which are its SHA-256 as hex digits."""


class DamagedError(Exception):
    """A checkpoint differs from the one that was written; the message shows how."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after a batch.

    Attributes:
        arrays: weights, optimizer, seed generators and running loss, by name; ``best/...`` are the
            weights of the best validation epoch.
        position: epoch, step, scores, seconds and the states of callbacks, as plain data.
        made_with: versions, machine and settings that change a run's numbers, as plain data.
    """

    arrays: Mapping[str, numpy.ndarray]
    position: Mapping[str, Any]
    made_with: Mapping[str, Any]


def pack(checkpoint: Checkpoint) -> bytes:
    """Return a checkpoint as bytes: a NumPy archive, preceded by its SHA-256."""
    about = {"format": FORMAT, "position": checkpoint.position, "made_with": checkpoint.made_with}
    archive = io.BytesIO()
    text = numpy.frombuffer(json.dumps(about).encode(), numpy.uint8)
    arrays = {f"array/{name}": value for name, value in checkpoint.arrays.items()}
    numpy.savez(archive, about=text, **arrays)  # type: ignore[arg-type]
    data = archive.getvalue()
    return hashlib.sha256(data).hexdigest().encode() + data


def is_digest(head: bytes) -> bool:
    """Return whether the first bytes of a checkpoint can be its SHA-256."""
    return re.fullmatch(rb"[0-9a-f]{64}", head) is not None


def unpack(data: bytes) -> Checkpoint:
    """Return the checkpoint from the bytes that `pack` returned.

    Raises:
        DamagedError: a byte differs.
        RunError: another version of gatekit wrote it.
    """
    digest, body = data[:DIGITS], data[DIGITS:]
    if digest != hashlib.sha256(body).hexdigest().encode():
        raise DamagedError("its checksum does not match its content")
    with numpy.load(io.BytesIO(body), allow_pickle=False) as archive:
        about = json.loads(archive["about"].tobytes())
        if about["format"] != FORMAT:
            raise RunError(
                f"the checkpoint has format {about['format']}; this gatekit reads format {FORMAT}. "
                f"To update, {UPDATE}; or delete checkpoint.bin to start again."
            )
        arrays = {
            name.removeprefix("array/"): archive[name]
            for name in archive.files
            if name.startswith("array/")
        }
    return Checkpoint(arrays, about["position"], about["made_with"])
