"""Zips that no bundle is: each is refused in one line, and leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
import os
import random
import stat
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import processes
import pytest
from seams import EXIT_REFUSED, import_bundle, main, unbundle

from gatekit import GatekitError

RUN = "runs/0123456789abcdef"
ENTRIES = {
    f"{RUN}/config.yaml": b"seed: 1\n",
    f"{RUN}/status.json": b"{}\n",
    f"{RUN}/weights.npz": bytes(range(256)) * 8,
    f"plugins/{'a' * 64}.py": b"slope = 1\n" * 50,
}
MIB = 2**20


def manifest(entries: Mapping[str, bytes], **changes: Any) -> bytes:
    files = {name: hashlib.sha256(data).hexdigest() for name, data in entries.items()}
    return json.dumps({"schema": 1, "study": "demo", "files": files, **changes}).encode()


def zipped(
    path: Path,
    entries: Mapping[str, bytes] = ENTRIES,
    listed: bytes | None = None,
    method: int = zipfile.ZIP_DEFLATED,
    mode: int = 0,
    twice: str | None = None,
) -> Path:
    """Write a zip with a manifest of its entries."""
    everything = {**entries, "bundle.json": manifest(entries) if listed is None else listed}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in everything.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.external_attr = mode << 16
            archive.writestr(info, data, method)
        if twice is not None:
            with pytest.warns(UserWarning, match="Duplicate name"):
                archive.writestr(twice, everything[twice])
    return path


def named(name: str) -> Callable[[Path], Path]:
    """Return what writes a bundle with one more file of this name, listed in its manifest."""
    return lambda path: zipped(path, {**ENTRIES, name: b"x"})


def listing(**changes: Any) -> Callable[[Path], Path]:
    """Return what writes a bundle whose manifest differs."""
    return lambda path: zipped(path, listed=manifest(ENTRIES, **changes))


def holding(listed: bytes) -> Callable[[Path], Path]:
    """Return what writes a bundle with these bytes as its manifest."""
    return lambda path: zipped(path, listed=listed)


def fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


CASES: dict[str, Callable[[Path], Path]] = {
    "up": named("../evil"),
    "far up": named("runs/../../evil"),
    "absolute": named("/etc/evil"),
    "backslashes": named("runs\\0123456789abcdef\\config.yaml"),
    "a drive": named("C:/evil.py"),
    "a drive and a backslash": named("C:\\evil.py"),
    "a trailing dot": named(f"{RUN}/config.yaml."),
    "a trailing space": named(f"{RUN}/config.yaml "),
    "another case": named(f"{RUN}/CONFIG.yaml"),
    "a case of hex": named("runs/0123456789ABCDEF/config.yaml"),
    "a newline": named("looks.jsonl\n"),
    "a stream": named(f"{RUN}/config.yaml:x"),
    "bidi": named(f"{RUN}/\u202econfig.yaml"),
    "a folder": named(f"{RUN}/"),
    "one name twice": lambda path: zipped(path, twice=f"{RUN}/config.yaml"),
    "two manifests": lambda path: zipped(path, twice="bundle.json"),
    "a symbolic link": lambda path: zipped(path, mode=stat.S_IFLNK | 0o777),
    "a device": lambda path: zipped(path, mode=stat.S_IFCHR | 0o666),
    "a FIFO in it": lambda path: zipped(path, mode=stat.S_IFIFO | 0o666),
    "bzip2": lambda path: zipped(path, method=zipfile.ZIP_BZIP2),
    "lzma": lambda path: zipped(path, method=zipfile.ZIP_LZMA),
    "a large file": lambda path: zipped(path, {f"{RUN}/config.yaml": os.urandom(MIB + 1)}),
    "a FIFO": fifo,
    "a folder as a bundle": folder,
    "files of pairs": listing(files=[[1, "a"], ["b", "c"]]),
    "files of strings": listing(files="abc"),
    "files of null": listing(files=None),
    "hashes of numbers": listing(files=dict.fromkeys(ENTRIES, 1)),
    "hashes in capitals": listing(files=dict.fromkeys(ENTRIES, "A" * 64)),
    "no files": listing(files={}),
    "one more file": listing(files={**dict.fromkeys(ENTRIES, "a" * 64), "looks.jsonl": "a" * 64}),
    "other hashes": listing(files=dict.fromkeys(ENTRIES, "a" * 64)),
    **{f"schema {value!r}": listing(schema=value) for value in (0, -5, True, 1.0, "1", None, 2)},
    **{
        f"study {value!r}": listing(study=value)
        for value in (
            None,
            1,
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "/x",
            "a\0b",
            "\u202ex",
            ["demo"],
            "x" * 300,
        )
    },
    "a manifest of a list": holding(b"[1]"),
    "a manifest of nothing": holding(b""),
    "a manifest of no UTF-8": holding(b"\xff\xfe"),
    "a deep manifest": holding(b"[" * 100_000),
    "a long number": holding(b'{"schema": ' + b"1" * 5000 + b"}"),
    "a manifest without a study": holding(b'{"schema": 1, "files": {}}'),
}


@pytest.mark.parametrize("case", CASES)
def test_a_zip_that_is_no_bundle_is_refused_and_leaves_nothing(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    CASES[case](tmp_path / "x.zip")
    assert main(["import", "x.zip"]) == EXIT_REFUSED
    printed = capsys.readouterr().err
    assert printed.startswith("gatekit: ")
    assert printed.count("\n") == 1
    assert os.listdir(tmp_path) == ["x.zip"]


def test_a_mutated_bundle_is_refused_or_whole_and_writes_nothing_elsewhere(tmp_path: Path) -> None:
    whole, rng = zipped(tmp_path / "x.zip").read_bytes(), random.Random(14)
    place = import_bundle(tmp_path / "x.zip", tmp_path / "whole")
    expected = {name: (place / name).read_bytes() for name in ENTRIES}
    assert expected == ENTRIES
    refused = 0
    for count in range(250):
        data, root = bytearray(whole), tmp_path / f"root{count}"
        for _ in range(rng.choice((1, 1, 2, 8))):
            at = rng.randrange(len(data))
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, data[at] ^ 1 << rng.randrange(8)))
        cut = slice(rng.randrange(len(data)) if rng.random() < 0.2 else None)
        (tmp_path / "x.zip").write_bytes(data[cut])
        try:
            place = import_bundle(tmp_path / "x.zip", root)
        except GatekitError:
            refused += 1
            assert not root.exists()
        else:
            assert {name: (place / name).read_bytes() for name in ENTRIES} == ENTRIES
    roots = {path.name for path in tmp_path.iterdir()}
    assert roots <= {"x.zip", "whole", *(f"root{count}" for count in range(250))}
    assert len(roots) == 2 + 250 - refused
    assert 100 < refused < 250


def test_an_import_has_the_usual_permissions(tmp_path: Path) -> None:
    zipped(tmp_path / "x.zip")
    before = os.umask(0o027)
    try:
        place = import_bundle(tmp_path / "x.zip", tmp_path)
    finally:
        os.umask(before)
    for folder in (place, *(p for p in place.rglob("*") if p.is_dir())):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o750


def test_a_refusal_keeps_what_was_there(tmp_path: Path) -> None:
    import_bundle(zipped(tmp_path / "x.zip"), tmp_path)
    listing(files=dict.fromkeys(ENTRIES, "a" * 64))(tmp_path / "y.zip")
    with pytest.raises(GatekitError, match="is not the file that was bundled"):
        import_bundle(tmp_path / "y.zip", tmp_path)
    assert sorted(
        p.name for p in (tmp_path / "demo").rglob("*") if p.is_dir() and p.name != "runs"
    ) == [
        "0123456789abcdef",
        "imported",
        "plugins",
        "x",
    ]


def test_what_a_killed_import_left_is_removed_after_a_day(tmp_path: Path) -> None:
    old, young = (tmp_path / "demo" / f".import-{name}" for name in ("old", "young"))
    for folder in (old, young):
        (folder / "runs").mkdir(parents=True)
    os.utime(old, (0, 0))
    import_bundle(zipped(tmp_path / "x.zip"), tmp_path)
    assert sorted(p.name for p in (tmp_path / "demo").iterdir()) == [".import-young", "imported"]


def test_a_full_disk_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zipped(tmp_path / "x.zip")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gatekit.compare.share.unbundle._copy", full)
    with pytest.raises(GatekitError, match="No space left on device"):
        import_bundle(tmp_path / "x.zip", tmp_path / "root")
    assert os.listdir(tmp_path) == ["x.zip"]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["weights", "manifest", "entries"])
def test_an_import_takes_little_memory(what: str, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    if what == "weights":
        zipped(path, {f"{RUN}/weights.npz": bytes(300 * MIB)}, method=zipfile.ZIP_STORED)
    elif what == "manifest":
        dense = b"[" + b"[]," * ((unbundle.MOST_MANIFEST - 4) // 3) + b"1]"
        zipped(path, listed=dense, method=zipfile.ZIP_STORED)
    else:
        many = {f"runs/{n:016x}/status.json": b"" for n in range(30_000)}
        zipped(path, many, listed=manifest({}), method=zipfile.ZIP_STORED)
    # Not ru_maxrss, which begins with what the process of the tests had.
    code = (
        "import re, sys; from gatekit.cli.main import main; main(sys.argv[1:]);"
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    )
    done = processes.run(
        [sys.executable, "-c", code, "import", str(path), "--root", str(tmp_path / "r")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout.splitlines()[-1]) < 600 * 1024


def test_a_bundle_of_too_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zipped(tmp_path / "x.zip")
    monkeypatch.setattr("gatekit.compare.share.unbundle.MOST_FILES", len(ENTRIES))
    with pytest.raises(GatekitError, match=f"it has {len(ENTRIES) + 1} files; at most"):
        import_bundle(path, tmp_path / "root")
    assert not (tmp_path / "root").exists()
    monkeypatch.setattr("gatekit.compare.share.unbundle.MOST_FILES", len(ENTRIES) + 1)
    import_bundle(path, tmp_path / "root")
