"""Programs of XLA: equal runs compile once and get the same bits, and nothing stays behind."""

import hashlib
import os
import tempfile
from pathlib import Path

import numpy
import pytest
from seams import programs

import gatekit

KEPT = "--tf_xla_persistent_cache_directory="


@pytest.fixture
def common(tmp_path, monkeypatch):
    """Return the common folder of a command, with a program of another run."""
    (tmp_path / "other.pb").write_bytes(b"other")
    monkeypatch.setattr(programs, "_own", None)
    monkeypatch.setenv(programs.VARIABLE, str(tmp_path))
    monkeypatch.setenv(programs.FLAGS, "")
    return tmp_path


def own():
    """Return the folder that TensorFlow is told to keep programs in."""
    (flag,) = [f for f in os.environ[programs.FLAGS].split() if f.startswith(KEPT)]
    return Path(flag.removeprefix(KEPT))


def test_a_run_reads_finished_programs_and_writes_beside_them(common):
    programs.begin()
    assert own().parent == common
    assert (own() / "other.pb").read_bytes() == b"other"
    (own() / "mine.pb").write_bytes(b"mine")
    assert not (common / "mine.pb").exists()
    programs.share()
    programs.share()
    assert (common / "mine.pb").read_bytes() == b"mine"
    folder = own()
    programs.end(orphan=False)
    assert not folder.exists()
    assert {file.name for file in common.iterdir()} == {"mine.pb", "other.pb"}


def test_an_orphan_removes_the_common_folder(common):
    programs.begin()
    programs.end(orphan=True)
    assert not common.exists()


def test_many_programs_are_not_added_to(common, monkeypatch):
    monkeypatch.setattr(programs, "_LARGEST", 5)
    programs.begin()
    (own() / "mine.pb").write_bytes(b"mine")
    programs.share()
    assert not (common / "mine.pb").exists()


def test_flags_of_the_user_stay(common, monkeypatch):
    monkeypatch.setenv(programs.FLAGS, "--tf_xla_clustering_debug")
    programs.begin()
    assert os.environ[programs.FLAGS].split()[0] == "--tf_xla_clustering_debug"
    assert own().parent == common


@pytest.mark.parametrize("why", ["no folder", "gone", "a full disk", "own folder", "a space"])
def test_nothing_is_kept(common, monkeypatch, why):
    flags = ""
    if why == "no folder":
        monkeypatch.delenv(programs.VARIABLE)
    elif why == "gone":
        monkeypatch.setenv(programs.VARIABLE, str(common / "gone"))
    elif why == "a full disk":
        monkeypatch.setattr(programs, "_FREE", 2**62)
    elif why == "own folder":
        flags = f"{KEPT}/elsewhere"
        monkeypatch.setenv(programs.FLAGS, flags)
    else:
        spaced = common / "a space"
        spaced.mkdir()
        monkeypatch.setenv(programs.VARIABLE, str(spaced))
    programs.begin()
    assert os.environ[programs.FLAGS] == flags
    programs.share()
    programs.end(orphan=False)
    assert (common / "other.pb").exists()


@pytest.mark.slow
def test_seeds_share_programs_and_their_bits_are_the_same(tmp_path, monkeypatch):
    clean, found = tempfile.TemporaryDirectory.cleanup, []

    def noted(folder):
        if "gatekit-programs" in folder.name:
            found.append(sorted(os.listdir(folder.name)))
        clean(folder)

    monkeypatch.setattr(tempfile.TemporaryDirectory, "cleanup", noted)
    words = ["cell=lstm", "task=adding", "task.length=8", "units=4", "trainer.steps=4", "jit=true"]

    def digests(study, seeds):
        gatekit.train([*words, f"study={study}", f"seed={seeds}", f"root={tmp_path}"])
        runs = {}
        for path in (tmp_path / study / "runs").iterdir():
            with numpy.load(path / "weights.npz") as arrays:
                held = b"".join(arrays[key].tobytes() for key in sorted(arrays))
            runs[path.name] = hashlib.sha256(held).hexdigest()
        return runs

    together = digests("together", "0,1,2")
    assert [len(names) for names in found] == [1]  # a training step; scores are too few
    alone = digests("alone", "2")
    assert len(found) == 1
    (fingerprint,) = alone
    assert alone[fingerprint] == together[fingerprint]
