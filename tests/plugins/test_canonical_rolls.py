"""The canonical music, where the tests are told its files: ``GATEKIT_CANONICAL=FOLDER``."""

import os
from pathlib import Path

import pytest
from gatekit.plugins.jsb import JSB
from gatekit.plugins.nottingham import Nottingham


def file(name):
    folder = os.environ.get("GATEKIT_CANONICAL")
    if not folder:
        pytest.skip(f"set GATEKIT_CANONICAL to the folder of {name}")
    return str(Path(folder) / name)


@pytest.mark.parametrize(
    ("kind", "name", "pieces", "chance"),
    [
        (JSB, "JSB_Chorales.mat", (229, 76, 77), 11.0910),
        (Nottingham, "Nottingham.mat", (694, 173, 170), 10.2607),
    ],
)
def test_the_canonical_file_is_taken(kind, name, pieces, chance):
    task = kind(path=file(name))
    assert tuple(map(len, task.rolls().values())) == pieces
    assert task.chance() == pytest.approx(chance, abs=1e-4)


def test_the_music_of_another_task_is_refused():
    with pytest.raises(ValueError, match=r"694 train.*JSB_Chorales.mat"):
        JSB(path=file("Nottingham.mat")).splits(None)
