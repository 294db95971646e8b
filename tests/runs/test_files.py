"""Writing: the old content or the new, whatever fails, and nothing is lost."""

import os
from pathlib import Path

import pytest
import seams
from disks import CountingDisk, FullDisk
from seams import durable


def fail_at(monkeypatch, k):
    """Make the k-th system call fail; return the list of calls made so far."""
    disk = CountingDisk(k)
    seams.disk(monkeypatch, disk)
    return disk.calls


def test_write_replaces_the_whole_file(tmp_path):
    path = tmp_path / "a.json"
    durable.write(path, "old and long")
    durable.write(path, "new")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize("k", range(1, 7))
def test_a_failure_at_any_call_leaves_old_or_new(tmp_path, monkeypatch, k):
    path = tmp_path / "a.json"
    path.write_text("old")
    fail_at(monkeypatch, k)
    with pytest.raises(OSError, match="No space"):
        durable.write(path, "new")
    assert path.read_text() == ("old" if k < 5 else "new")
    assert os.listdir(tmp_path) == ["a.json"]


def test_write_syncs_file_and_folder(tmp_path, monkeypatch):
    calls = fail_at(monkeypatch, 0)
    durable.write(tmp_path / "a", "x")
    assert calls == ["open", "write", "fsync", "replace", "open", "fsync"]


def test_the_disk_is_waited_for(tmp_path, monkeypatch):
    path, synced = tmp_path / "a", []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.fstat(number).st_ino))
    durable.write(path, "x")
    assert synced == [path.stat().st_ino, tmp_path.stat().st_ino]
    synced.clear()
    durable.remove(path)
    durable.remove(path)
    assert synced == [tmp_path.stat().st_ino]


def test_create_is_given_to_one(tmp_path):
    path = tmp_path / "1.claim"
    assert durable.create(path, "first")
    assert not durable.create(path, "second")
    assert path.read_text() == "first"
    assert os.listdir(tmp_path) == ["1.claim"]


def test_what_was_created_is_created_though_the_reply_was_lost(tmp_path, monkeypatch):
    class Forgetful(durable.Disk):
        def link(self, source, target):
            super().link(source, target)
            raise FileExistsError(17, "File exists")

    path = tmp_path / "1.claim"
    with monkeypatch.context() as patched:
        seams.disk(patched, Forgetful())
        assert durable.create(path, "first")
    assert not durable.create(path, "second")
    assert (path.read_text(), os.listdir(tmp_path)) == ("first", ["1.claim"])


def test_append_closes_a_torn_line_first(tmp_path):
    path = tmp_path / "m.jsonl"
    durable.append(path, "one")
    with open(path, "ab") as file:
        file.write(b"to")
    durable.append(path, "three")
    assert path.read_text() == "one\nto\nthree\n"


def test_a_line_fills_empty_lines_without_new_space(tmp_path, monkeypatch):
    path = tmp_path / "lines"
    path.write_text("one\n" + "\n" * 20)
    size = path.stat().st_size
    seams.disk(monkeypatch, FullDisk())
    durable.fill(path, "two")
    durable.fill(path, "three")
    assert path.read_text().split() == ["one", "two", "three"]
    assert path.stat().st_size == size
    with pytest.raises(OSError, match="No space left"):
        durable.fill(path, "x" * 30)
    monkeypatch.undo()
    durable.fill(path, "y" * 30)
    assert path.read_text().split() == ["one", "two", "three", "y" * 30]


def test_what_a_crash_leaves_of_a_line_stays_separate(tmp_path):
    path = tmp_path / "lines"
    path.write_text('{"half": ' + "\n" * 20)
    durable.fill(path, "whole")
    assert path.read_text().splitlines()[:2] == ['{"half": ', "whole"]


def test_append_waits_for_the_disk(tmp_path, monkeypatch):
    calls = fail_at(monkeypatch, 0)
    durable.append(tmp_path / "m", "x")
    assert calls == ["open", "write", "fsync", "open", "fsync"]


def test_move_overwrites_nothing(tmp_path):
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    with pytest.raises(FileExistsError, match="will not overwrite"):
        durable.move(tmp_path / "a", tmp_path / "b")
    durable.move(tmp_path / "a", tmp_path / "c")
    assert (tmp_path / "c").read_text() == "a"


def test_folder_makes_parents_and_refuses_a_file(tmp_path):
    durable.folder(tmp_path / "a" / "b" / "c")
    durable.folder(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()
    (tmp_path / "f").write_text("")
    with pytest.raises(NotADirectoryError):
        durable.folder(tmp_path / "f" / "g")


def test_sha256_is_that_of_the_content(tmp_path):
    Path(tmp_path / "a").write_bytes(b"abc")
    assert durable.sha256(tmp_path / "a").startswith("ba7816bf8f01cfea")


def test_truncate_cuts(tmp_path):
    (tmp_path / "a").write_bytes(b"0123456789")
    durable.truncate(tmp_path / "a", 4)
    assert (tmp_path / "a").read_bytes() == b"0123"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError(2, "No such file or directory"), "it is missing"),
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (OSError("not a regular file"), "not a regular file"),
    ],
)
def test_why_a_file_cannot_be_read(error, reason):
    assert durable.why(error) == reason
