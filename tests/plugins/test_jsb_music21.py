"""The chorales: read from a package's archive or from the canonical files."""

import csv
import hashlib
import os
import pickle
import zipfile

import numpy
import pytest
from gatekit.plugins import jsb_music21
from gatekit.plugins.jsb import JSB
from gatekit.plugins.jsb_music21 import JSBMusic21, Piece, piano_roll
from seams import check_splits, fetch

from gatekit import DataError
from gatekit.tasks import SPLITS, PackageSource, located

VOICES = ("Soprano", "Alto", "Tenor", "Bass")


def score(*steps):
    """Return a score whose voices all sing these quarters, an octave apart."""
    note = "<note><pitch><step>{}</step><octave>{}</octave></pitch><duration>1</duration></note>"
    names = "".join(f'<score-part id="{v}"><part-name>{v}</part-name></score-part>' for v in VOICES)
    parts = "".join(
        f'<part id="{voice}"><measure><attributes><divisions>1</divisions></attributes>'
        + "".join(note.format(step, octave) for step in steps)
        + "</measure></part>"
        for voice, octave in zip(VOICES, (5, 4, 3, 2), strict=True)
    )
    return f"<score><part-list>{names}</part-list>{parts}</score>".encode()


PIECES = {"a.xml": "CDEF", "b.xml": "CCD", "c.xml": "GA"}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The task over an archive of three short scores, one a split."""
    monkeypatch.setenv("GATEKIT_DATA", str(tmp_path / "cache"))
    archive = tmp_path / "music.whl"
    with zipfile.ZipFile(archive, "w") as zipped:
        for name, steps in PIECES.items():
            zipped.writestr(jsb_music21.CORPUS + name, score(*steps))
    members = tuple(jsb_music21.CORPUS + name for name in PIECES)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    source = PackageSource("music", "1", digest, members, "jsb_music21")
    monkeypatch.setattr(JSBMusic21, "source", source)
    rows = list(zip(PIECES, ("train", "validation", "test"), strict=True))
    monkeypatch.setattr(
        jsb_music21, "_pieces", lambda: [Piece(name, split, True, 12) for name, split in rows]
    )
    return source, archive


@pytest.fixture(scope="module")
def rebuilt():
    try:
        located(JSBMusic21.source)
    except DataError as error:
        pytest.skip(str(error))
    return JSBMusic21()


def test_a_missing_set_says_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("GATEKIT_DATA", str(tmp_path))
    for ask in (JSBMusic21().require, JSBMusic21().chance, lambda: JSBMusic21().splits(None)):
        with pytest.raises(DataError, match=r"type: gatekit data get jsb_music21$"):
            ask()
    assert len(JSBMusic21().data_hash()) == 64


def test_frames_become_inputs_targets_masks_and_weights(small):
    fetch(*small)
    data = JSBMusic21().splits(None)
    train, test = data["train"], data["test"]
    assert {name: batch.x.shape for name, batch in data.items()} == dict.fromkeys(data, (1, 3, 88))
    c2 = 36 + 12 - 21
    for step, semitones in enumerate((0, 2, 4)):
        expected = [c2 + semitones + 12 * octave for octave in range(4)]
        assert numpy.flatnonzero(train.x[0, step]).tolist() == expected
    assert numpy.array_equal(train.y[0, :-1], train.x[0, 1:])
    assert test.mask.tolist() == [[True, False, False]]
    assert numpy.array_equal(test.mask, test.weights)
    assert not test.x[0, 1:].any()
    assert not test.y[0, 1:].any()


def test_chance_is_the_nll_of_the_keys_frequencies(small):
    fetch(*small)
    data = JSBMusic21().splits(None)
    frames = data["train"].y[data["train"].mask]
    target = data["test"].y[0, 0]
    nll = 0.0
    for key in range(88):
        p = (sum(float(frame[key]) for frame in frames) + 0.5) / (len(frames) + 1)
        nll -= numpy.log(p if target[key] else 1 - p)
    assert JSBMusic21().chance() == pytest.approx(nll, rel=1e-9)


def test_rolls_are_parsed_once(small, monkeypatch):
    folder = fetch(*small)
    first = JSBMusic21().splits(None)
    monkeypatch.setattr(jsb_music21, "piano_roll", None)
    second = JSBMusic21().splits(None)
    for name, batch in first.items():
        assert numpy.array_equal(batch.x, second[name].x)
    assert [p.name for p in folder.glob("*.npz")] == [f"rolls-{JSBMusic21().data_hash()[:16]}.npz"]


@pytest.mark.parametrize("damage", ["truncated", "pickled", "shape"])
def test_a_damaged_cache_says_what_to_delete(small, damage):
    folder = fetch(*small)
    JSBMusic21().splits(None)
    (cached,) = folder.glob("*.npz")
    stored = dict(numpy.load(cached))
    if damage == "truncated":
        cached.write_bytes(cached.read_bytes()[:-40])
    elif damage == "pickled":
        cached.write_bytes(pickle.dumps(stored))
    else:
        numpy.savez(cached, **{**stored, "test": stored["test"][:, :80]})
    with pytest.raises(DataError, match=r"rolls-.*npz.*delete it"):
        JSBMusic21().splits(None)
    cached.unlink()
    assert set(JSBMusic21().splits(None)) == {"train", "validation", "test"}


def test_a_changed_score_says_the_command(small):
    folder = fetch(*small)
    (folder / jsb_music21.CORPUS / "b.xml").write_text("<score/>")
    with pytest.raises(DataError, match="was changed"):
        JSBMusic21().splits(None)


def test_a_score_that_is_none_is_named():
    with pytest.raises(DataError, match=r"x.mxl: not a compressed score"):
        piano_roll(Piece("x.mxl", "train", True, 0), score("C"))
    with pytest.raises(DataError, match=r"x.xml: not a score with Soprano"):
        piano_roll(Piece("x.xml", "train", True, 0), b"<score/>")
    with pytest.raises(DataError, match=r"x.xml, frame 0: 136 is not a key"):
        piano_roll(Piece("x.xml", "train", True, 64), score("C", "C"))


def test_the_map_names_each_score_once_and_where_it_belongs():
    pieces = jsb_music21._pieces()
    count = {
        split: sum(p.split == split for p in pieces) for split in ("train", "validation", "test")
    }
    assert count == {"train": 218, "validation": 69, "test": 72}
    assert len({p.file for p in pieces}) == len(JSBMusic21.source.members) == 359
    assert all(5 <= p.shift <= 17 for p in pieces)


def test_the_rebuilt_data_have_the_expected_size(rebuilt):
    data = check_splits(rebuilt, None)
    assert {name: batch.x.shape for name, batch in data.items()} == {
        "train": (218, 159, 88),
        "validation": (69, 159, 88),
        "test": (72, 159, 88),
    }
    assert {name: int(batch.mask.sum()) for name, batch in data.items()} == {
        "train": 12793,
        "validation": 3916,
        "test": 4312,
    }
    assert rebuilt.chance() == pytest.approx(11.1127, abs=1e-4)


def test_the_rebuilt_data_agree_with_the_canonical_ones(rebuilt):
    path = os.environ.get("GATEKIT_CANONICAL")
    if not path:
        pytest.skip("set GATEKIT_CANONICAL to the folder of JSB_Chorales.mat")
    ours, theirs = rebuilt.rolls(), JSB(path=f"{path}/JSB_Chorales.mat").rolls()
    with jsb_music21.MAP.open() as file:
        rows = list(csv.DictReader(file))
    place = dict.fromkeys(ours, 0)
    agreement = []
    for row in rows:
        split = SPLITS[row["split"]]
        roll = ours[split][place[split]]
        place[split] += 1
        if row["canonical_index_quarter"]:
            other = theirs[split][int(row["canonical_index_quarter"])]
            a, b = [f.tobytes() for f in roll], [f.tobytes() for f in other]
            share = sum(x == y for x, y in zip(a, b, strict=False)) / max(len(a), len(b))
            agreement.append((share, float(row["frame_match"])))
    shares, expected = numpy.array(agreement).T
    assert len(shares) == 356
    assert numpy.median(shares) == pytest.approx(0.947, abs=0.001)
    # in eight scores an edition has a beat more or less: frames differ from there on
    assert (abs(shares - expected) < 0.001).sum() == 348
