"""Scores: what sounds on each quarter, and in which order measures are played."""

import io
import zipfile

import pytest
from gatekit.plugins import jsb_music21
from gatekit.plugins.jsb_music21 import sounding, unzipped

from gatekit import DataError

QUARTER = "<note><pitch><step>{}</step><octave>4</octave></pitch><duration>2</duration></note>"


def score(*parts):
    names = [f"Voice {i}" for i in range(len(parts))]
    listed = "".join(
        f'<score-part id="P{i}"><part-name>{n}</part-name></score-part>'
        for i, n in enumerate(names)
    )
    attributes = "<attributes><divisions>2</divisions></attributes>"
    bodies = "".join(
        f'<part id="P{i}">'
        + "".join(f"<measure>{attributes * (k == 0)}{m}</measure>" for k, m in enumerate(part))
        + "</part>"
        for i, part in enumerate(parts)
    )
    return f"<score><part-list>{listed}</part-list>{bodies}</score>".encode(), names


def played(measures, expand=True):
    """Return the steps of one voice whose every measure is a quarter."""
    beats = sounding(*score(measures), expand)
    return "".join(
        {60: "C", 62: "D", 64: "E", 65: "F", 67: "G", 69: "A", 71: "B"}[b] for (b,) in beats
    )


def measure(step, left="", right=""):
    barline = '<barline location="{}">{}</barline>'
    return barline.format("left", left) + QUARTER.format(step) + barline.format("right", right)


FORWARD, BACKWARD = '<repeat direction="forward"/>', '<repeat direction="backward"/>'


def ending(number, kind):
    return f'<ending number="{number}" type="{kind}"/>'


def test_pitches_rests_chords_grace_notes_and_syncopation():
    pitch = "<pitch><step>F</step><alter>1</alter><octave>3</octave></pitch>"
    sharp = f"<note>{pitch}<duration>1</duration></note>"
    rest = "<note><rest/><duration>2</duration></note>"
    chord = QUARTER.format("E").replace("<note>", "<note><chord/>")
    grace = "<note><grace/><pitch><step>B</step><octave>4</octave></pitch></note>"
    back = "<backup><duration>2</duration></backup>"
    forward = "<forward><duration>2</duration></forward>"
    assert sounding(*score([QUARTER.format("C") + chord + rest]), True) == [[60, 64], []]
    assert sounding(*score([grace + QUARTER.format("C") + back + QUARTER.format("G")]), True) == [
        [60, 67]
    ]
    assert sounding(*score([forward + QUARTER.format("C")]), True) == [[], [60]]
    # an eighth on the beat, then a quarter that sounds over the next beat
    assert sounding(*score([sharp + QUARTER.format("C")]), True) == [[54], [60]]


def test_voices_sound_together_in_the_order_asked_for():
    document, names = score([QUARTER.format("C")], [QUARTER.format("E")])
    assert sounding(document, names, True) == [[60, 64]]
    assert sounding(document, names[::-1], True) == [[64, 60]]


def test_a_short_voice_waits_for_the_longest_in_each_measure():
    document, names = score(
        [QUARTER.format("C"), QUARTER.format("D")], [QUARTER.format("E") * 2] * 2
    )
    assert sounding(document, names, True) == [[60, 64], [64], [62, 64], [64]]


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        ([measure("C"), measure("D")], "CD"),
        ([measure("C"), measure("D", right=BACKWARD), measure("E")], "CDCDE"),
        ([measure("C", right=BACKWARD), measure("D", right=BACKWARD)], "CCDD"),
        ([measure("C"), measure("D", left=FORWARD), measure("E", right=BACKWARD)], "CDEDE"),
        (
            [
                measure("C", right=BACKWARD),
                measure("D"),
                measure("E", left=FORWARD, right=BACKWARD),
            ],
            "CCDEE",
        ),
        (
            [
                measure("C"),
                measure("D", left=ending("1", "start"), right=BACKWARD + ending("1", "stop")),
                measure("E", left=ending("2", "start")),
                measure("F", right=ending("2", "stop")),
                measure("G", right=BACKWARD),
            ],
            "CDCEFGG",
        ),
        (
            [
                measure("C", left=ending("1, 2", "start"), right=BACKWARD + ending("1, 2", "stop")),
                measure("D"),
            ],
            "CCD",
        ),
    ],
    ids=["none", "from-start", "two", "forward", "after-repeat", "endings", "shared-ending"],
)
def test_repeats_are_played_as_written(measures, expected):
    assert played(measures) == expected


def test_repeats_stay_closed_where_the_map_says_so():
    assert played([measure("C", right=BACKWARD), measure("D")], expand=False) == "CD"


@pytest.mark.parametrize(
    ("document", "voices"),
    [
        (b"<score", ["Voice 0"]),
        (score([QUARTER.format("C")])[0], ["Soprano"]),
        (score([QUARTER.format("H")])[0], ["Voice 0"]),
        (score([QUARTER.format("C").replace("2", "x")])[0], ["Voice 0"]),
        (score([""], ["", ""])[0], ["Voice 0", "Voice 1"]),
        (score([QUARTER.format("C")])[0].replace(b"<divisions>2", b"<divisions>0"), ["Voice 0"]),
    ],
    ids=["xml", "voice", "step", "duration", "measures", "divisions"],
)
def test_a_damaged_score_is_refused(document, voices):
    with pytest.raises(DataError, match="not a score with"):
        sounding(document, voices, True)


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in members.items():
            archive.writestr({"container": "META-INF/container.xml"}.get(name, name), text)
    return buffer.getvalue()


CONTAINER = '<c><rootfiles><rootfile full-path="score"/></rootfiles></c>'


def test_a_compressed_score_is_found_through_its_container():
    assert unzipped(zipped(container=CONTAINER, score="<x/>", other="<y/>")) == b"<x/>"


@pytest.mark.parametrize(
    "archive",
    [b"no zip", zipped(score="<x/>"), zipped(container="<c/>"), zipped(container=CONTAINER)],
    ids=["zip", "container", "rootfile", "document"],
)
def test_a_damaged_archive_is_refused(archive):
    with pytest.raises(DataError, match="not a compressed score"):
        unzipped(archive)


def test_a_document_that_unpacks_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(jsb_music21, "LARGEST", 3)
    with pytest.raises(DataError, match="score has more than 3 bytes"):
        unzipped(zipped(container=CONTAINER, score="<x/>"))
