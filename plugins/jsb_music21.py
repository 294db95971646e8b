"""Bach chorales rebuilt from the scores of music21's corpus, one frame per quarter beat.

music21 is neither imported nor installed: its scores are read as they stand in its archive. The
rolls are the user's own copy: the rights of the encodings are unclear, so none is shipped.
"""

import contextlib
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy

from gatekit import Batch, Metric, Signature, Task, hookimpl
from gatekit.cell.errors import DataError
from gatekit.study import files
from gatekit.study.data_arrays import read_npz, write_npz
from gatekit.study.data_fetch import PackageSource, contents, folder_of, located
from gatekit.study.data_musicxml import sounding, unzipped
from gatekit.study.task import recipe_hash

KEYS = 88
LOWEST_KEY = 21
"""MIDI number of the lowest key of a piano, which is column 0 of a roll."""
SPLITS = {"train": "train", "valid": "validation", "test": "test"}
"""Names of the splits in the map and in the canonical files, and here."""
MAP = Path(__file__).with_name("jsb_music21_map.csv")
CORPUS = "music21/corpus/bach/"
VOICES = ("Soprano", "Alto", "Tenor", "Bass")

Rolls = dict[str, list[numpy.ndarray]]
"""Pieces by split; a piece is ``frames x 88`` uint8, 1 where a key sounds."""


class Piece(NamedTuple):
    """A row of the map: one score, where it belongs, and how it is read."""

    file: str
    split: str
    expand_repeats: bool
    shift: int


def _pieces() -> list[Piece]:
    with MAP.open(newline="", encoding="ascii") as file:
        return [
            Piece(
                row["file"],
                SPLITS[row["split"]],
                row["expand_repeats"] == "1",
                int(row["semitone_shift"]),
            )
            for row in csv.DictReader(file)
        ]


class JSBMusic21(Task):
    """Predict each frame of a four-part chorale from the frames before it.

    ``nll = -sum over 88 keys of [y log p + (1 - y) log(1 - p)]``, averaged over all predicted
    frames, all pieces pooled; the first frame of a piece is not predicted. Recipe: the four voices,
    repeats expanded where the map says, what sounds on each quarter beat, transposed by the map's
    semitones. 359 scores stand in the splits of the canonical data, which have 382 pieces; the
    median score agrees with its canonical piece in 95 % of the frames.

    Args:
        path: the canonical data themselves, where the user has them: ``JSB_Chorales.mat`` or the
            JSON with quarter frames; the package is not needed then. A relative path starts at the
            working folder.

    Chance: 11.11 on the rebuilt data, 11.09 on the canonical ones: each key's frequency in
        training.

    Separates: Plain RNN from gated cells. Under SGD without clipping also the LSTM's output
        activation and forget gate, an effect that vanishes under Adam with clipping.

    Time: 10 to 56 s

    Measured: 100 units, batch 16, Adam 1e-2, at most 60 epochs: LSTM 8.65, GRU 8.77, RNN 8.99, 10
        to 56 s each (PyTorch, one CPU thread, one seed).

    Published: For the canonical data, Bai et al. (arXiv:1803.01271) Table 1, 300,000 parameters:
        LSTM 8.45, GRU 8.43, RNN 8.91.

    Reference: Boulanger-Lewandowski, Bengio & Vincent, Modeling Temporal Dependencies in
        High-Dimensional Sequences (2012), arXiv:1206.6392; splits and scores: Cuthbert & Ariza,
        music21 (2010)
    """

    path: str | None = None
    metric = Metric("nll", direction="min", unit="nats/frame")
    reference = "arXiv:1206.6392"
    source = PackageSource(
        "music21",
        "10.5.1",
        sha256="dc3309498c4c95cebdf8d4f20c868deb6b63bce1d929cad4f51a7ccc982987b1",
        members=tuple(CORPUS + piece.file for piece in _pieces()),
        name="jsb_music21",
    )

    def signature(self) -> Signature:
        """88 keys in, 88 keys out, at every step."""
        return Signature(KEYS, vocabulary=None, outputs=KEYS, loss="bits", emission="every")

    def chance(self) -> float:
        """Return the test nll of each key's frequency in the training set (counts plus one
        half)."""
        data = self._batches()
        train, test = (data[name].y[data[name].mask] for name in ("train", "test"))
        p = (train.sum(axis=0, dtype="float64") + 0.5) / (len(train) + 1)
        return float(-(test * numpy.log(p) + (1 - test) * numpy.log1p(-p)).sum() / len(test))

    def data_hash(self) -> str:
        """Return the hash of archive, map and recipe; of the file where a path is given."""
        if self.path is not None:
            return files.sha256(_existing(self.path))
        return recipe_hash(
            "jsb_music21/1", {"archive": self.source.sha256, "map": files.sha256(MAP)}
        )

    def require(self) -> None:
        """Check that the scores, or the file at ``path``, are there."""
        if self.path is None:
            located(self.source)
        else:
            _existing(self.path)

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return x = frames 1 to T - 1, y = frames 2 to T, padded to the longest piece of all."""
        return self._batches()

    def _batches(self) -> dict[str, Batch]:
        rolls = self._rolls()
        longest = max(len(roll) for pieces in rolls.values() for roll in pieces)
        return {split: _padded(pieces, longest) for split, pieces in rolls.items()}

    def _rolls(self) -> Rolls:
        if self.path is not None:
            path = _existing(self.path)
            return _read_mat(path) if path.suffix == ".mat" else _read_json(path)
        located(self.source)
        cached = folder_of(self.source) / f"rolls-{self.data_hash()[:16]}.npz"
        if cached.exists():
            return _unpacked(cached)
        scores = {name.removeprefix(CORPUS): content for name, content in contents(self.source)}
        rolls: Rolls = {split: [] for split in SPLITS.values()}
        for piece in _pieces():
            rolls[piece.split].append(piano_roll(piece, scores[piece.file]))
        # a cache that cannot be written costs seconds, not the run
        with contextlib.suppress(OSError):
            write_npz(cached, _packed(rolls))
        return rolls


def piano_roll(piece: Piece, score: bytes) -> numpy.ndarray:
    """Return what sounds on each quarter beat of a score.

    Args:
        piece: the row of the map.
        score: a MusicXML document, zipped where the file's name ends in ``.mxl``.

    Returns:
        ``frames x 88`` uint8.

    Raises:
        DataError: the score is not one of four voices with equally many measures.
    """
    try:
        document = unzipped(score) if piece.file.endswith(".mxl") else score
        beats = sounding(document, VOICES, piece.expand_repeats)
    except DataError as error:
        raise DataError(f"{piece.file}: {error}") from error
    return _from_keys([[midi + piece.shift for midi in beat] for beat in beats], piece.file)


def _column(midi: int, where: str) -> int:
    if type(midi) is not int or not LOWEST_KEY <= midi < LOWEST_KEY + KEYS:
        raise DataError(f"{where}: {midi!r} is not a key of the piano, MIDI 21 to 108.")
    return midi - LOWEST_KEY


def _padded(pieces: Sequence[numpy.ndarray], longest: int) -> Batch:
    x = numpy.zeros((len(pieces), longest - 1, KEYS), "float32")
    y = numpy.zeros_like(x)
    mask = numpy.zeros(x.shape[:2], bool)
    for row, roll in enumerate(pieces):
        steps = len(roll) - 1
        x[row, :steps], y[row, :steps], mask[row, :steps] = roll[:-1], roll[1:], True
    return Batch(x, y, mask, mask.astype("float32"))


def _packed(rolls: Rolls) -> dict[str, numpy.ndarray]:
    lengths = {f"{split}_lengths": numpy.array([len(r) for r in rolls[split]]) for split in rolls}
    return {**lengths, **{split: numpy.concatenate(pieces) for split, pieces in rolls.items()}}


def _unpacked(path: Path) -> Rolls:
    names = [name for split in SPLITS.values() for name in (split, f"{split}_lengths")]
    remedy = "delete it, and it will be made anew."
    stored = read_npz(path, names, remedy)
    rolls = {}
    for split in SPLITS.values():
        frames, lengths = stored[split], stored[f"{split}_lengths"]
        if frames.shape != (lengths.sum(), KEYS):
            raise DataError(f"{path}: {split} has the shape {frames.shape}; {remedy}")
        rolls[split] = numpy.split(frames, numpy.cumsum(lengths)[:-1])
    return rolls


def _existing(path: str) -> Path:
    found = Path(path).expanduser()
    if not found.is_file() or found.suffix not in (".mat", ".json"):
        raise DataError(f"task.path={path}: a .mat or .json file is expected there.")
    return found


def _read_mat(path: Path) -> Rolls:
    from scipy.io import loadmat

    try:
        stored = loadmat(path)
        rolls = {SPLITS[name]: list(stored[f"{name}data"][0]) for name in SPLITS}
    except Exception as error:  # loadmat raises whatever a damaged byte leads it to
        raise DataError(f"{path} is not the canonical JSB_Chorales.mat: {error}") from error
    for split, pieces in rolls.items():
        for index, roll in enumerate(pieces):
            if getattr(roll, "shape", ())[1:] != (KEYS,) or len(roll) < 2 or not _binary(roll):
                raise DataError(
                    f"{path}: {split} piece {index} should be 2 or more frames x {KEYS} of 0 and "
                    f"1, and is {getattr(roll, 'shape', type(roll).__name__)}."
                )
    return rolls


def _binary(roll: numpy.ndarray) -> bool:
    return roll.dtype.kind in "buif" and bool(numpy.isin(roll, (0, 1)).all())


def _read_json(path: Path) -> Rolls:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {
            split: [
                _from_keys(keys, f"{path}: {name} piece {index}")
                for index, keys in enumerate(stored[name])
            ]
            for name, split in SPLITS.items()
        }
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path} is not the canonical JSON, {{train, valid, test: pieces of frames of MIDI "
            f"numbers}}: {error}"
        ) from error


def _from_keys(frames: Sequence[Sequence[int]], where: str) -> numpy.ndarray:
    roll = numpy.zeros((len(frames), KEYS), "uint8")
    if len(frames) < 2:
        raise DataError(f"{where} has fewer than 2 frames.")
    for index, keys in enumerate(frames):
        for midi in keys:
            roll[index, _column(midi, f"{where}, frame {index}")] = 1
    return roll


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"jsb_music21": JSBMusic21}
