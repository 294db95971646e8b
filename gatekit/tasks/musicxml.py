"""What sounds in a score: the few elements of MusicXML that four-part music uses."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from gatekit.cell.errors import DataError

LARGEST = 16 * 2**20
"""Bytes that an unzipped document may have."""
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


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
                raise DataError(f"{name} has more than {LARGEST} bytes.")
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
        DataError: the document is no score, lacks a voice, or its voices differ in their measures.
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
    """Return for each measure the passes that play it; none where it stands in no ending."""
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
