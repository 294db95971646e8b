"""Bach chorales rebuilt from the scores of music21's corpus, one frame per quarter beat.

music21 is neither imported nor installed: its scores are read from its archive. The
rolls are made on your machine: the rights of the encodings are unclear, so none is shipped.
"""

import contextlib
import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy

from gatekit import DataError, Task, hookimpl
from gatekit.tasks import (
    KEYS,
    SPLITS,
    PackageSource,
    PianoRolls,
    Rolls,
    contents,
    file_hash,
    folder_of,
    located,
    read_npz,
    recipe_hash,
    roll_of,
    write_npz,
)

MAP = Path(__file__).parent / "data" / "jsb_music21_map.csv"
CORPUS = "music21/corpus/bach/"
VOICES = ("Soprano", "Alto", "Tenor", "Bass")
LARGEST = 16 * 2**20
"""Bytes that an unzipped document may have."""
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


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
    repeats expanded according to the map, what sounds on each quarter beat, transposed by the map's
    semitones. 359 scores are in the splits of the canonical data, which have 382 pieces; the
    median score agrees with its canonical piece in 95 % of the frames.

    Chance: 11.11, each key's frequency in training.

    Separates: Plain RNN from most gated cells. Under SGD without clipping also the LSTM's output
        activation and forget gate, an effect that is below 0.1 under Adam with clipping.

    Time: 10 to 56 s

    Measured: 100 units, batch 16, Adam 1e-2, at most 60 epochs: LSTM 8.65, GRU 8.77, RNN 8.99, 10
        to 56 s each (PyTorch, one CPU thread, one seed). In gatekit, the same, means of 10 seeds:
        LSTM 8.591, GRU 8.839, RNN 8.923.

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
        return recipe_hash("jsb_music21/1", {"archive": self.source.sha256, "map": file_hash(MAP)})

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
    remedy = "delete it, and gatekit will make it again."
    stored = read_npz(path, names, remedy)
    rolls: dict[str, list[numpy.ndarray]] = {}
    for split in SPLITS.values():
        frames, lengths = stored[split], stored[f"{split}_lengths"]
        if frames.shape != (lengths.sum(), KEYS):
            raise DataError(f"{path}: {split} has the shape {frames.shape}; {remedy}")
        rolls[split] = numpy.split(frames, numpy.cumsum(lengths)[:-1])
    return rolls


def unzipped(archive: bytes) -> bytes:
    """Return the document inside a compressed score (``.mxl``).

    Raises:
        DataError: the archive is damaged, holds no document, or one that is too large.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
            container = ElementTree.fromstring(zipped.read("META-INF/container.xml"))
            name = next(container.iter("rootfile")).attrib["full-path"]
            if zipped.getinfo(name).file_size > LARGEST:
                raise DataError(f"{name} has more than {LARGEST:,} bytes.")
            return zipped.read(name)
    except (ElementTree.ParseError, zipfile.BadZipFile, KeyError, StopIteration) as error:
        raise DataError(f"not a compressed score: {error!r}") from error


def sounding(document: bytes, voices: Sequence[str], expand_repeats: bool) -> list[list[int]]:
    """Return the keys that sound on each quarter beat, counted from the start of the score.

    Args:
        document: MusicXML, by parts.
        voices: names of the parts that are read.
        expand_repeats: whether a repeat is played twice, as the first of the voices marks it.

    Returns:
        For each quarter the MIDI numbers, one for each voice that sounds.

    Raises:
        DataError: the document is not a score, lacks a voice, or its voices differ in measures.
    """
    try:
        parts = _voices(document, voices)
        measures = list(zip(*(_measures(part) for part in parts), strict=True))
    except (ElementTree.ParseError, KeyError, ValueError, ZeroDivisionError) as error:
        raise DataError(f"not a score with {', '.join(voices)}: {error!r}") from error
    start, notes = Fraction(0), []
    for index in _order(parts[0].findall("measure"), expand_repeats):
        for part, _ in measures[index]:
            notes += [(start + onset, start + onset + length, midi) for onset, length, midi in part]
        start += max(length for _, length in measures[index])
    beats: list[list[int]] = [[] for _ in range(ceil(start))]
    for begin, end, midi in notes:
        for beat in beats[ceil(begin) : ceil(end)]:
            beat.append(midi)
    return beats


def _voices(document: bytes, voices: Sequence[str]) -> list[Element]:
    score = ElementTree.fromstring(document)
    names = {(p.findtext("part-name") or "").strip(): p.get("id") for p in score.iter("score-part")}
    parts = {part.get("id"): part for part in score.findall("part")}
    return [parts[names[voice]] for voice in voices]


def _measures(part: Element) -> Iterator[tuple[list[tuple[Fraction, Fraction, int]], Fraction]]:
    """Yield for each measure its notes (onset, length, MIDI number) and its length, in quarters."""
    divisions = 1
    for measure in part.findall("measure"):
        cursor = onset = end = Fraction(0)
        notes = []
        for item in measure:
            divisions = int(item.findtext("divisions") or divisions)
            if item.tag not in ("note", "backup", "forward") or item.find("grace") is not None:
                continue
            length = Fraction(int(item.findtext("duration") or ""), divisions)
            if item.find("chord") is None:
                onset, cursor = cursor, cursor + (-length if item.tag == "backup" else length)
            pitch = item.find("pitch")
            if pitch is not None:
                notes.append((onset, length, _midi(pitch)))
            end = max(end, cursor)
        yield notes, end


def _midi(pitch: Element) -> int:
    octave, alter = int(pitch.findtext("octave") or ""), int(pitch.findtext("alter") or 0)
    return 12 * (octave + 1) + SEMITONES[pitch.findtext("step") or ""] + alter


def _order(measures: Sequence[Element], expand: bool) -> list[int]:
    """Return the measures as they are played: each repeat twice, each ending in its pass."""
    if not expand:
        return list(range(len(measures)))
    endings = _endings(measures)
    repeats = [{r.get("direction") for r in measure.iter("repeat")} for measure in measures]
    order: list[int] = []
    index = start = 0
    again = False
    while index < len(measures):
        if "forward" in repeats[index] and index != start:
            start, again = index, False
        if not endings[index] or ("2" if again else "1") in endings[index]:
            order.append(index)
            if "backward" in repeats[index] and not again:
                index, again = start, True
                continue
        if again and ("2" in endings[index] or "backward" in repeats[index]):
            more = index + 1 < len(measures) and "2" in endings[index + 1]
            start, again = (start, True) if more else (index + 1, False)
        index += 1
    return order


def _endings(measures: Sequence[Element]) -> list[set[str]]:
    """Return for each measure the passes that play it; none if it is in no ending."""
    current: set[str] = set()
    found = []
    for measure in measures:
        marks = list(measure.iter("ending"))
        for mark in marks:
            if mark.get("type") == "start":
                current = set(mark.get("number", "").replace(",", " ").split())
        found.append(current)
        if any(mark.get("type") != "start" for mark in marks):
            current = set()
    return found


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"jsb_music21": JSBMusic21}
