"""Piano rolls out of the canonical files: the same music, or a message that says what to bring."""

import json

import numpy
import pytest
from scipy.io import savemat
from seams import check_splits, content_hash, read_json, read_mat

from gatekit import DataError
from gatekit.tasks import CanonicalRolls

KEYS = {
    "train": [[[60, 64], []], [[72], [60], [21]]],
    "valid": [[[108], [60]]],
    "test": [[[60], [60]]],
}


def rolls(keys):
    found = numpy.empty((1, len(keys)), object)
    for index, piece in enumerate(keys):
        roll = numpy.zeros((len(piece), 88), "uint8")
        for frame, sounding in enumerate(piece):
            roll[frame, [midi - 21 for midi in sounding]] = 1
        found[0, index] = roll
    return found


def written(path, keys=KEYS):
    if path.suffix == ".json":
        path.write_text(json.dumps(keys))
    else:
        savemat(path, {f"{name}data": rolls(pieces) for name, pieces in keys.items()})
    return path


@pytest.fixture
def kind(tmp_path):
    """A task whose music is that of KEYS."""
    content = content_hash(read_json(written(tmp_path / "expected.json")))

    class Small(CanonicalRolls):
        own_file = "small.mat of somewhere"

    Small.content = content
    return Small


@pytest.mark.parametrize("name", ["small.mat", "small.json"])
def test_frames_become_inputs_targets_masks_and_weights(tmp_path, kind, name):
    task = kind(path=str(written(tmp_path / name)))
    task.require()
    data = check_splits(task, None)
    assert {split: batch.x.shape for split, batch in data.items()} == {
        "train": (2, 2, 88),
        "validation": (1, 2, 88),
        "test": (1, 2, 88),
    }
    assert data["train"].mask.tolist() == [[True, False], [True, True]]
    assert numpy.array_equal(data["train"].mask, data["train"].weights)
    assert numpy.argwhere(data["train"].x).tolist() == [
        [0, 0, 39],
        [0, 0, 43],
        [1, 0, 51],
        [1, 1, 39],
    ]
    assert numpy.argwhere(data["train"].y).tolist() == [[1, 0, 39], [1, 1, 0]]


def test_both_forms_of_a_file_are_the_same_data(tmp_path, kind):
    one, two = (kind(path=str(written(tmp_path / f"a.{form}"))) for form in ("mat", "json"))
    assert content_hash(one.rolls()) == content_hash(two.rolls()) == kind.content
    assert one.data_hash() == two.data_hash() == kind().data_hash()


def test_chance_is_the_nll_of_the_keys_frequencies(tmp_path, kind):
    nll = 0.0
    for key in range(88):
        # of the three predicted frames of training, one is empty
        p = ((key == 39) + (key == 0) + 0.5) / (3 + 1)
        nll -= numpy.log(p if key == 39 else 1 - p)
    assert kind(path=str(written(tmp_path / "a.mat"))).chance() == pytest.approx(nll, rel=1e-9)


@pytest.mark.parametrize("name", ["a.mat", "a.json"])
def test_other_music_is_refused_with_what_is_needed(tmp_path, kind, name):
    other = {**KEYS, "test": [[[60], [61]]]}
    with pytest.raises(DataError, match=r"2 train, 1 validation, 1 test"):
        kind(path=str(written(tmp_path / name, other))).splits(None)


@pytest.mark.parametrize("name", ["a.mat", "a.json"])
@pytest.mark.parametrize("keep", [0, 0.5])
def test_a_truncated_file_is_refused(tmp_path, kind, name, keep):
    path = written(tmp_path / name)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(DataError, match=f"{name} is damaged, or no"):
        kind(path=str(path)).splits(None)


@pytest.mark.parametrize("path", ["absent.mat", "a.npz", "."])
def test_a_path_without_such_a_file_is_refused(tmp_path, monkeypatch, kind, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.npz").write_bytes(b"")
    task = kind(path=path)
    for ask in (task.require, task.chance, lambda: task.splits(None)):
        with pytest.raises(DataError, match=r"\.mat or \.json .*small.mat"):
            ask()


def test_no_path_says_what_to_type(kind):
    with pytest.raises(DataError, match=r"task.path=FILE. Needed: small.mat"):
        kind().require()


@pytest.mark.parametrize(
    "piece",
    [
        numpy.zeros((3, 80)),
        numpy.zeros((1, 88)),
        numpy.full((3, 88), 2),
        numpy.zeros((3, 88), "U1"),
    ],
)
def test_a_mat_of_another_width_or_content_is_refused(tmp_path, piece):
    found = {f"{name}data": rolls(pieces) for name, pieces in KEYS.items()}
    found["validdata"][0, 0] = piece
    savemat(tmp_path / "a.mat", found)
    with pytest.raises(DataError, match=r"piece 0 .*2 or more frames x 88"):
        read_mat(tmp_path / "a.mat")


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"train": [], "valid": []}, "not JSON of piano rolls.*'test'"),
        ({**KEYS, "test": [[[60], [20]]]}, "test piece 0, frame 1: 20 is not a key"),
        ({**KEYS, "test": [[[60], [60.5]]]}, "60.5 is not a key"),
        ({**KEYS, "test": [[[60]]]}, "test piece 0 has fewer than 2 frames"),
        ({**KEYS, "test": [[60, 61]]}, "not JSON of piano rolls"),
        ([1], "not JSON of piano rolls"),
    ],
)
def test_a_json_of_another_form_is_refused(tmp_path, keys, says):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(keys))
    with pytest.raises(DataError, match=says):
        read_json(path)
