"""All that a run needs to go on as if nothing had happened, as one file that verifies itself."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy

from gatekit.cell.errors import RunError

FORMAT = 1
DIGITS = 64
"""The bytes before the archive: its SHA-256 as hex digits."""


class DamagedError(Exception):
    """A checkpoint is not what was written; the message has the difference."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after a batch.

    Attributes:
        arrays: weights, optimizer, seed generators and running loss, by name; ``best/...`` are the
            weights of the best validation epoch.
        position: epoch, step, scores and what plugins keep, as plain data.
        made_with: what the numbers depend on besides the configuration, as plain data.
    """

    arrays: Mapping[str, numpy.ndarray]
    position: Mapping[str, Any]
    made_with: Mapping[str, Any]


def pack(checkpoint: Checkpoint) -> bytes:
    """Return a checkpoint as bytes: the SHA-256 of what follows, and an archive of NumPy's."""
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
    """Return the checkpoint that `pack` made bytes of.

    Raises:
        DamagedError: a byte differs.
        RunError: another version of gatekit wrote it.
    """
    digest, body = data[:DIGITS], data[DIGITS:]
    if digest != hashlib.sha256(body).hexdigest().encode():
        raise DamagedError("its check sum does not agree with its content")
    with numpy.load(io.BytesIO(body), allow_pickle=False) as archive:
        about = json.loads(archive["about"].tobytes())
        if about["format"] != FORMAT:
            raise RunError(
                f"the checkpoint has format {about['format']}; this gatekit reads format {FORMAT}. "
                "Type pip install --upgrade gatekit, or delete checkpoint.bin to begin again."
            )
        arrays = {
            name.removeprefix("array/"): archive[name]
            for name in archive.files
            if name.startswith("array/")
        }
    return Checkpoint(arrays, about["position"], about["made_with"])
