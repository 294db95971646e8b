"""Piano rolls from the canonical files of polyphonic music: each piece is ``frames x 88`` keys."""

from __future__ import annotations

import abc
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy

from gatekit.cell.errors import DataError

from .task import Batch, Metric, Signature, Task, recipe_hash

KEYS = 88
LOWEST_KEY = 21
"""MIDI number of the lowest key of a piano, which is column 0 of a roll."""
SPLITS = {"train": "train", "valid": "validation", "test": "test"}
"""Names of the splits in the canonical files, with gatekit's names for them."""

Rolls = Mapping[str, Sequence[numpy.ndarray]]
"""Pieces by split; a piece is ``frames x 88`` uint8, 1 where a key sounds."""


class PianoRolls(Task):
    """Base of tasks that predict each frame of a piece from the frames before it.

    A subclass returns the pieces from `rolls`.
    """

    metric = Metric("nll", direction="min", unit="nats/frame")

    @abc.abstractmethod
    def rolls(self) -> Rolls:
        """Return the pieces by split.

        Raises:
            DataError: the pieces are missing or damaged.
        """

    def signature(self) -> Signature:
        """Return the signature: 88 keys in and 88 keys out at every step."""
        return Signature(KEYS, vocabulary=None, outputs=KEYS, loss="bits", emission="every")

    def chance(self) -> float:
        """Return the test nll if each key is predicted by its training frequency (counts plus one
        half)."""
        rolls = self.rolls()
        train, test = (
            numpy.concatenate([roll[1:] for roll in rolls[name]]) for name in ("train", "test")
        )
        p = (train.sum(axis=0, dtype="float64") + 0.5) / (len(train) + 1)
        return float(-(test * numpy.log(p) + (1 - test) * numpy.log1p(-p)).sum() / len(test))

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return x = frames 1 to T - 1 and y = frames 2 to T, padded to the longest piece."""
        return batches(self.rolls())


class CanonicalRolls(PianoRolls):
    """Base of tasks whose pieces are in a canonical file, which you provide.

    A subclass declares ``content``, the hash of the pieces (`content_hash`), and ``own_file``,
    which describes where to find the file. The same pieces in another file format are the same
    data.
    """

    path: str | None = None
    places = ("path",)
    content: ClassVar[str]

    def data_hash(self) -> str:
        """Return the hash of the expected pieces."""
        return recipe_hash("canonical_rolls/1", {"content": self.content})

    def require(self) -> None:
        """Check that there is a file at ``path``."""
        existing(self.path, self.own_file)

    def rolls(self) -> Rolls:
        """Return the pieces of the file, after checking that they are the expected ones."""
        path = existing(self.path, self.own_file)
        found = read_mat(path) if path.suffix == ".mat" else read_json(path)
        if content_hash(found) != self.content:
            counts = ", ".join(f"{len(pieces)} {split}" for split, pieces in found.items())
            raise DataError(
                f"{path} contains other music ({counts} pieces). Needed: {self.own_file}."
            )
        return found


def batches(rolls: Rolls) -> dict[str, Batch]:
    """Return each split as one masked batch; the first frame of a piece is not predicted."""
    longest = max(len(roll) for pieces in rolls.values() for roll in pieces)
    return {split: _padded(pieces, longest) for split, pieces in rolls.items()}


def _padded(pieces: Sequence[numpy.ndarray], longest: int) -> Batch:
    x = numpy.zeros((len(pieces), longest - 1, KEYS), "float32")
    y = numpy.zeros_like(x)
    mask = numpy.zeros(x.shape[:2], bool)
    for row, roll in enumerate(pieces):
        steps = len(roll) - 1
        x[row, :steps], y[row, :steps], mask[row, :steps] = roll[:-1], roll[1:], True
    return Batch(x, y, mask, mask.astype("float32"))


def content_hash(rolls: Rolls) -> str:
    """Return 64 hex digits that identify the pieces, whatever their file format."""
    digest = hashlib.sha256()
    for split in SPLITS.values():
        for roll in rolls[split]:
            digest.update(f"{split} {len(roll)}\n".encode())
            digest.update(numpy.ascontiguousarray(roll, "uint8").tobytes())
    return digest.hexdigest()


def roll_of(frames: Sequence[Sequence[int]], where: str) -> numpy.ndarray:
    """Return a piece as a roll.

    Args:
        frames: the MIDI numbers that sound in each frame.
        where: the piece, for messages.

    Returns:
        ``frames x 88`` uint8.

    Raises:
        DataError: a number is not a key of the piano, or there are fewer than two frames.
    """
    roll = numpy.zeros((len(frames), KEYS), "uint8")
    if len(frames) < 2:
        raise DataError(f"{where} has fewer than 2 frames.")
    for index, keys in enumerate(frames):
        for midi in keys:
            if type(midi) is not int or not LOWEST_KEY <= midi < LOWEST_KEY + KEYS:
                raise DataError(
                    f"{where}, frame {index}: {midi!r} is not a key of the piano, MIDI 21 to 108."
                )
            roll[index, midi - LOWEST_KEY] = 1
    return roll


def existing(path: str | None, needed: str) -> Path:
    """Return the path of your file of piano rolls.

    Raises:
        DataError: no path is given, there is no such file, or it is not a .mat or .json file.
    """
    if path is None:
        raise DataError(f"task.path is missing; type task.path=FILE. Needed: {needed}.")
    file = Path(path).expanduser()
    if not file.is_file() or file.suffix not in (".mat", ".json"):
        raise DataError(f"task.path={path}: a .mat or .json file is expected. Needed: {needed}.")
    return file


def read_mat(path: Path) -> Rolls:
    """Return the pieces of a file such as ``JSB_Chorales.mat``.

    Raises:
        DataError: the file is damaged, or another kind of file.
    """
    from scipy.io import loadmat

    try:
        stored = loadmat(path)
        rolls = {SPLITS[name]: list(stored[f"{name}data"][0]) for name in SPLITS}
    except Exception as error:  # a damaged byte can make loadmat raise anything
        raise DataError(
            f"{path} is damaged, or not a file of piano rolls (traindata, validdata, testdata): "
            f"{error}"
        ) from error
    for split, pieces in rolls.items():
        for index, roll in enumerate(pieces):
            if getattr(roll, "shape", ())[1:] != (KEYS,) or len(roll) < 2 or not _binary(roll):
                raise DataError(
                    f"{path}: {split} piece {index} should be 2 or more frames x {KEYS} of 0 and "
                    f"1, not {getattr(roll, 'shape', type(roll).__name__)}."
                )
    return rolls


def _binary(roll: Any) -> bool:
    return roll.dtype.kind in "buif" and bool(numpy.isin(roll, (0, 1)).all())


def read_json(path: Path) -> Rolls:
    """Return the pieces of a JSON file: ``{train, valid, test}``, pieces of frames of MIDI numbers.

    Raises:
        DataError: the file is damaged, or another kind of file.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {
            split: [
                roll_of(keys, f"{path}: {name} piece {index}")
                for index, keys in enumerate(stored[name])
            ]
            for name, split in SPLITS.items()
        }
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path} is damaged, or not JSON of piano rolls ({{train, valid, test: pieces of "
            f"frames of MIDI numbers}}): {error}"
        ) from error
