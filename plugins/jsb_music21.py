"""Bach chorales rebuilt from the scores of music21's corpus, one frame per quarter beat.

music21 is neither imported nor installed: its scores are read as they stand in its archive. The
rolls are the user's own copy: the rights of the encodings are unclear, so none is shipped.
"""

import contextlib
import csv
from pathlib import Path
from typing import NamedTuple

import numpy

from gatekit import Task, hookimpl
from gatekit.cell.errors import DataError
from gatekit.runs import durable
from gatekit.tasks.arrays import read_npz, write_npz
from gatekit.tasks.fetch import PackageSource, contents, folder_of, located
from gatekit.tasks.musicxml import sounding, unzipped
from gatekit.tasks.piano_rolls import KEYS, SPLITS, PianoRolls, Rolls, roll_of
from gatekit.tasks.task import recipe_hash

MAP = Path(__file__).with_name("jsb_music21_map.csv")
CORPUS = "music21/corpus/bach/"
VOICES = ("Soprano", "Alto", "Tenor", "Bass")


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


class JSBMusic21(PianoRolls):
    """Predict each frame of a four-part chorale from the frames before it.

    ``nll = -sum over 88 keys of [y log p + (1 - y) log(1 - p)]``, averaged over all predicted
    frames, all pieces pooled; the first frame of a piece is not predicted. Recipe: the four voices,
    repeats expanded where the map says, what sounds on each quarter beat, transposed by the map's
    semitones. 359 scores stand in the splits of the canonical data, which have 382 pieces; the
    median score agrees with its canonical piece in 95 % of the frames.

    Chance: 11.11, each key's frequency in training.

    Separates: Plain RNN from gated cells. Under SGD without clipping also the LSTM's output
        activation and forget gate, an effect that vanishes under Adam with clipping.

    Time: 10 to 56 s

    Measured: 100 units, batch 16, Adam 1e-2, at most 60 epochs: LSTM 8.65, GRU 8.77, RNN 8.99, 10
        to 56 s each (PyTorch, one CPU thread, one seed).

    Published: None for these data; those of the canonical ones belong to ``jsb``.

    Reference: Boulanger-Lewandowski, Bengio & Vincent, Modeling Temporal Dependencies in
        High-Dimensional Sequences (2012), arXiv:1206.6392; splits and scores: Cuthbert & Ariza,
        music21 (2010)
    """

    reference = "arXiv:1206.6392"
    source = PackageSource(
        "music21",
        "10.5.1",
        sha256="dc3309498c4c95cebdf8d4f20c868deb6b63bce1d929cad4f51a7ccc982987b1",
        members=tuple(CORPUS + piece.file for piece in _pieces()),
        name="jsb_music21",
    )

    def data_hash(self) -> str:
        """Return the hash of archive, map and recipe."""
        return recipe_hash(
            "jsb_music21/1", {"archive": self.source.sha256, "map": durable.sha256(MAP)}
        )

    def require(self) -> None:
        """Check that the scores are there."""
        located(self.source)

    def rolls(self) -> Rolls:
        """Return the pieces, parsed once and kept beside the scores."""
        located(self.source)
        cached = folder_of(self.source) / f"rolls-{self.data_hash()[:16]}.npz"
        if cached.exists():
            return _unpacked(cached)
        scores = {name.removeprefix(CORPUS): content for name, content in contents(self.source)}
        rolls: dict[str, list[numpy.ndarray]] = {split: [] for split in SPLITS.values()}
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
    return roll_of([[midi + piece.shift for midi in beat] for beat in beats], piece.file)


def _packed(rolls: Rolls) -> dict[str, numpy.ndarray]:
    lengths = {f"{split}_lengths": numpy.array([len(r) for r in rolls[split]]) for split in rolls}
    return {**lengths, **{split: numpy.concatenate(pieces) for split, pieces in rolls.items()}}


def _unpacked(path: Path) -> Rolls:
    names = [name for split in SPLITS.values() for name in (split, f"{split}_lengths")]
    remedy = "delete it, and it will be made anew."
    stored = read_npz(path, names, remedy)
    rolls: dict[str, list[numpy.ndarray]] = {}
    for split in SPLITS.values():
        frames, lengths = stored[split], stored[f"{split}_lengths"]
        if frames.shape != (lengths.sum(), KEYS):
            raise DataError(f"{path}: {split} has the shape {frames.shape}; {remedy}")
        rolls[split] = numpy.split(frames, numpy.cumsum(lengths)[:-1])
    return rolls


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"jsb_music21": JSBMusic21}
