"""Data sets out of packages: whole or not there, and nothing written outside their folder."""

import hashlib
import io
import itertools
import json
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from seams import PluginError, fetch, verify
from seams import tasks_fetch as data_fetch

from gatekit import DataError
from gatekit.tasks import PackageSource, contents, folder_of, located

CONTENT = {"pack/a.txt": b"first", "pack/deep/b.bin": b"\x00\x01" * 500}
COMMAND = "type: gatekit data get letters$"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GATEKIT_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "letters-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in {**CONTENT, "pack/__init__.py": b"raise SystemExit"}.items():
            zipped.writestr(name, content)
    return path


def source_of(archive, members=tuple(CONTENT), **change):
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    return PackageSource("letters", "1.0", digest, members, "letters", **change)


def test_fetch_unpacks_what_is_needed_and_nothing_else(archive, cache):
    source = source_of(archive)
    folder = fetch(source, archive)
    assert folder == cache / "letters-1.0"
    assert dict(contents(source)) == CONTENT
    stored = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert stored == {*CONTENT, "manifest.json"}
    assert [p.name for p in cache.iterdir()] == ["letters-1.0"]


def test_fetch_again_needs_no_archive(archive):
    source = source_of(archive)
    folder = fetch(source, archive)
    before = (folder / "manifest.json").stat().st_mtime_ns
    archive.unlink()
    assert fetch(source, archive) == folder
    assert (folder / "manifest.json").stat().st_mtime_ns == before


def test_a_missing_set_says_the_command(archive):
    with pytest.raises(DataError, match=COMMAND):
        located(source_of(archive))


def test_a_file_that_is_missing_or_changed_is_named_and_mended(archive):
    source = source_of(archive)
    folder = fetch(source, archive)
    (folder / "pack/a.txt").write_bytes(b"First")
    with pytest.raises(DataError, match=r"pack/a.txt was changed"):
        verify(source)
    (folder / "pack/a.txt").unlink()
    with pytest.raises(DataError, match=rf"pack/a.txt: No such file.*; {COMMAND}"):
        verify(source)
    fetch(source, archive)
    assert dict(contents(source)) == CONTENT


@pytest.mark.parametrize("text", ["", "{", "[]", '{"members": {"../x": "0"}, "sha256": "0"}', "\0"])
def test_a_damaged_manifest_is_refused_and_mended(archive, text):
    source = source_of(archive)
    (fetch(source, archive) / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=rf"manifest.json is damaged; {COMMAND}"):
        located(source)
    fetch(source, archive)
    assert dict(contents(source)) == CONTENT


def test_a_set_of_another_archive_is_refused_and_replaced(archive):
    fetch(source_of(archive, members=("pack/a.txt",)), archive)
    source = source_of(archive)
    with pytest.raises(DataError, match=COMMAND):
        located(source)
    fetch(source, archive)
    assert dict(contents(source)) == CONTENT


@pytest.mark.parametrize("keep", [0, 1, 200])
def test_a_truncated_archive_leaves_nothing(archive, cache, keep):
    source = source_of(archive)
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(DataError, match=f"{source.sha256} is expected"):
        fetch(source, archive)
    assert list(cache.iterdir()) == []


def test_a_missing_archive_and_member_are_named(archive, cache):
    with pytest.raises(DataError, match="there is no file"):
        fetch(source_of(archive), archive.with_name("absent.whl"))
    with pytest.raises(DataError, match=r"no item named 'pack/c.txt'"):
        fetch(source_of(archive, members=("pack/a.txt", "pack/c.txt")), archive)
    assert list(cache.iterdir()) == []


def test_an_archive_that_is_no_zip_is_named(tmp_path):
    path = tmp_path / "letters.whl"
    path.write_bytes(b"not a zip")
    with pytest.raises(DataError, match=r"letters\.whl is damaged"):
        fetch(source_of(path), path)


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", "a/../../x", "a\\..\\x", "C:x", "", "a/./b", "a//b", "a\0b"]
)
def test_members_and_names_that_leave_the_folder_are_refused(name):
    with pytest.raises(PluginError, match="would leave its folder"):
        PackageSource("p", "1", "0" * 64, (name,), "set")
    with pytest.raises(PluginError, match="would leave its folder"):
        PackageSource("p", "1", "0" * 64, ("a",), name)


def test_a_source_needs_members():
    with pytest.raises(PluginError, match="names no members"):
        PackageSource("p", "1", "0" * 64, (), "set")


def test_a_hostile_archive_writes_nothing_outside(tmp_path, cache):
    path = tmp_path / "letters.whl"
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("pack/a.txt", "good")
        zipped.writestr("../../escaped.txt", "bad")
    fetch(source_of(path, members=("pack/a.txt",)), path)
    assert not list(tmp_path.rglob("escaped.txt"))


def test_a_file_that_unpacks_too_large_is_refused(archive, monkeypatch):
    monkeypatch.setattr(data_fetch, "LARGEST", 999)
    with pytest.raises(DataError, match="would have 1,000 bytes"):
        fetch(source_of(archive), archive)


def sdist(path, content, **link):
    with tarfile.open(path, "w:gz") as tar:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            for key, value in link.items():
                setattr(member, key, value)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_an_sdist_is_read_as_a_wheel_is(tmp_path):
    path = sdist(tmp_path / "letters-1.0.tar.gz", CONTENT)
    source = source_of(path, form="sdist")
    fetch(source, path)
    assert dict(contents(source)) == CONTENT


def test_a_link_in_an_sdist_is_not_followed(tmp_path):
    link = {"type": tarfile.SYMTYPE, "linkname": "/etc/hostname"}
    path = sdist(tmp_path / "letters-1.0.tar.gz", {"pack/a.txt": b""}, **link)
    with pytest.raises(DataError, match="not a regular file"):
        fetch(source_of(path, members=("pack/a.txt",), form="sdist"), path)


BACKEND = """
import pathlib
pathlib.Path({trace!r}).write_text("its code was run")

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    about = pathlib.Path(folder, "letters-1.0.dist-info")
    about.mkdir()
    text = "Metadata-Version: 2.1\\nName: letters\\nVersion: 1.0\\n"
    about.joinpath("METADATA").write_text(text)
    return about.name
"""
BUILD = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"


@pytest.fixture
def offered(tmp_path, monkeypatch):
    """An sdist that pip finds, and the file that its code writes when it is run."""
    folder, trace = tmp_path / "offered", tmp_path / "trace"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    texts = {"pyproject.toml": BUILD, "backend.py": BACKEND.format(trace=str(trace))}
    content = {f"letters-1.0/{name}": text.encode() for name, text in texts.items()}
    return sdist(folder / "letters-1.0.tar.gz", content | {"letters-1.0/a.txt": b"first"}), trace


def test_pip_runs_no_code_of_an_archive_with_another_hash(offered, cache):
    path, trace = offered
    members = ("letters-1.0/a.txt",)
    with pytest.raises(DataError):
        fetch(PackageSource("letters", "1.0", "0" * 64, members, "letters", form="sdist"))
    assert not trace.exists()
    assert list(cache.iterdir()) == []
    source = source_of(path, members=members, form="sdist")
    fetch(source)
    assert dict(contents(source)) == {members[0]: b"first"}


def deb(path, content):
    """Return a Debian package that holds these files."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:xz") as tar:
        for name, data in content.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    files = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": inner.getvalue()}
    with path.open("wb") as file:
        file.write(b"!<arch>\n")
        for name, data in files.items():
            file.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode())
            file.write(data + b"\n" * (len(data) % 2))
    return path


def test_apt_is_asked_for_one_pinned_package(tmp_path, monkeypatch):
    package = deb(tmp_path / "letters.deb", CONTENT)
    source = source_of(package, form="deb")

    def apt(command, cwd, **options):
        assert command == ["apt-get", "download", "-qq", "letters=1.0"]
        (cwd / package.name).write_bytes(package.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", apt)
    fetch(source)
    assert dict(contents(source)) == CONTENT


def test_without_apt_the_package_is_handed_in(tmp_path, monkeypatch):
    package = deb(tmp_path / "letters.deb", CONTENT)
    source = source_of(package, form="deb")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="apt-get could not download letters"):
        fetch(source)
    assert fetch(source, package)


@pytest.mark.parametrize("content", [b"", b"!<arch>\n", b"!<arch>\n" + b"x" * 60, b"PK"])
def test_a_package_without_data_is_damaged(tmp_path, content):
    path = tmp_path / "letters.deb"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"letters.deb is damaged"):
        fetch(source_of(path, form="deb"), path)


def test_a_wheel_of_one_platform_is_asked_for_on_all(archive, monkeypatch):
    source = source_of(archive, tags="cp311-cp311-manylinux_2_28_x86_64")

    def pip(command, **options):
        pairs = dict(itertools.pairwise(command))
        assert pairs["--implementation"] == "cp"
        assert pairs["--python-version"] == "311"
        assert pairs["--abi"] == "cp311"
        assert pairs["--platform"] == "manylinux_2_28_x86_64"
        folder = Path(pairs["--dest"])
        (folder / archive.name).write_bytes(archive.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    fetch(source)
    assert dict(contents(source)) == CONTENT


def test_what_pip_says_is_passed_on(archive, monkeypatch, cache):
    failed = subprocess.CompletedProcess([], 1, "", "noise\nERROR: No matching distribution found")
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: failed)
    with pytest.raises(DataError, match=r"letters==1.0: "):
        fetch(source_of(archive))
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(archive, cache):
    cache.write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"cannot store letters in .*letters-1.0"):
        fetch(source_of(archive), archive)


def test_the_cache_follows_the_environment(monkeypatch, tmp_path, archive):
    monkeypatch.delenv("GATEKIT_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert folder_of(source_of(archive)) == tmp_path / "xdg/gatekit/letters-1.0"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert folder_of(source_of(archive)) == tmp_path / "home/.cache/gatekit/letters-1.0"


def test_the_manifest_says_where_the_files_come_from(archive):
    source = source_of(archive)
    about = json.loads((fetch(source, archive) / "manifest.json").read_text())
    assert (about["package"], about["version"], about["sha256"]) == (
        "letters",
        "1.0",
        source.sha256,
    )
