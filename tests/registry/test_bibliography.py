"""references.bib of configuration folders: whose works are found, and which files are refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from seams import BIBLIOGRAPHY as FILE
from seams import MAX_BYTES

from gatekit import ConfigError, conf
from gatekit.registry import bibliography

ENTRY = "@misc{%s,\n  author = {Own, O.},\n  title = {{%s}},\n  year = {2026}\n}\n"
PACK = "from gatekit import hookimpl\n@hookimpl\ndef gatekit_config_dirs():\n    return ['pack']\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project's ``conf``, empty."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    return tmp_path / "conf"


def test_the_first_folder_wins(folder: Path) -> None:
    (folder.parent / "pack").mkdir()
    (folder.parent / "more.py").write_text(PACK)
    (folder.parent / "pack" / FILE).write_text(ENTRY % ("own2026", "b") + ENTRY % ("other", "c"))
    (folder / FILE).write_text(
        "\ufeff" + ENTRY % ("own2026", "a") + ENTRY % ("gers2000learning", "d")
    )
    works = bibliography([str(folder.parent / "more.py")])
    assert works["own2026"].plain("title") == "a"
    assert works["other"].plain("title") == "c"
    assert works["gers2000learning"].plain("title") == "d"
    assert works["cho2014learning"].reference() == "Cho et al. 2014, arXiv:1406.1078"


def test_the_bundled_file_is_as_gatekit_prints_it(folder: Path) -> None:
    works = bibliography()
    assert (Path(conf.__file__).parent / FILE).read_text() == (
        "\n\n".join(works[key].entry() for key in sorted(works)) + "\n"
    )


def test_a_link_within_the_folder_is_followed(folder: Path) -> None:
    (folder / "works.bib").write_text(ENTRY % ("own2026", "a"))
    (folder / FILE).symlink_to("works.bib")
    assert "own2026" in bibliography()


def _outside(path: Path) -> None:
    secret = path.parents[1] / "secret"
    secret.write_text("a secret")
    path.symlink_to(secret)


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "fifo": (os.mkfifo, "is not a regular file"),
    "folder": (Path.mkdir, "cannot be read"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "is a link out of"),
    "outside": (_outside, "is a link out of .*; copy the file there"),
    "nowhere": (lambda path: path.symlink_to("none.bib"), "No such file"),
    "itself": (lambda path: path.symlink_to(FILE), "cannot be read"),
    "binary": (lambda path: path.write_bytes(b"\xff\xfe\x00"), "is not UTF-8 text"),
    "null": (lambda path: path.write_bytes(b"@misc{a}\0"), "has NUL bytes"),
    "large": (lambda path: path.write_text(" " * (MAX_BYTES + 1)), "at most 1,048,576 bytes"),
    "deep": (lambda path: path.write_text("@misc{a, t=" + "{" * 10**6), "too many nested braces"),
    "text": (lambda path: path.write_text("\nmail a@b.org"), "line 2: "),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_refused(case: str, folder: Path) -> None:
    write, message = HOSTILE[case]
    write(folder / FILE)
    with pytest.raises(ConfigError, match=message) as refused:
        bibliography()
    assert FILE in str(refused.value)
    assert "a secret" not in str(refused.value)
