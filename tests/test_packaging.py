"""What is packaged, pinned and tracked."""

from __future__ import annotations

import fnmatch
import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import Any

import processes
import pytest

import gatekit

ROOT = Path(__file__).parents[1]
LARGEST = 2_000_000


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    done = processes.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def folder_of(package: str, package_dir: dict[str, str]) -> Path:
    head, tail = package, ""
    while head not in package_dir:
        head, _, last = head.rpartition(".")
        tail = f"{last}/{tail}"
    return ROOT / package_dir[head] / tail


def test_every_package_folder_is_packaged(pyproject: dict[str, Any]) -> None:
    setuptools = pyproject["tool"]["setuptools"]
    packaged = {folder_of(p, setuptools["package-dir"]).resolve() for p in setuptools["packages"]}
    there = {
        init.parent.resolve()
        for top in ("gatekit", "plugins", "conf")
        for init in (ROOT / top).rglob("__init__.py")
    }
    assert there == packaged


def test_every_data_file_is_packaged(pyproject: dict[str, Any], tracked: list[Path]) -> None:
    setuptools = pyproject["tool"]["setuptools"]
    folders = {p: folder_of(p, setuptools["package-dir"]) for p in setuptools["package-data"]}
    patterns = [
        str(folder / pattern)
        for package, folder in folders.items()
        for pattern in setuptools["package-data"][package]
    ]
    data = [
        path
        for path in tracked
        if path.relative_to(ROOT).parts[0] in ("gatekit", "plugins", "conf")
        and path.suffix != ".py"
    ]
    assert data
    assert [p for p in data if not any(fnmatch.fnmatch(str(p), q) for q in patterns)] == []


def test_the_installed_version_is_the_declared_one(pyproject: dict[str, Any]) -> None:
    assert gatekit.__version__ == pyproject["project"]["version"]
    assert importlib.metadata.version("gatekit") == gatekit.__version__


def test_constraints_pin_every_dependency_and_name_no_address(pyproject: dict[str, Any]) -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[a-z0-9.!+]+", line)] == []
    pinned = {line.split("==")[0] for line in lines}
    project = pyproject["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[^A-Za-z0-9._-]", entry)[0].lower().replace("_", "-") for entry in wanted}
    assert names - pinned == set()


def test_nothing_installs_gatekit_by_its_name(
    pyproject: dict[str, Any], tracked: list[Path]
) -> None:
    # On a package index, the name may belong to another project.
    by_name = re.compile(r"pip install (?:[^`#\"\n]*[ '])?gatekit\b(?!/)")
    shown = [p for p in tracked if p.suffix in (".py", ".md", ".txt", ".ipynb", ".toml")]
    lines = [
        line
        for path in shown
        if path.relative_to(ROOT).parts[0] != "tests"
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    found = [line for line in lines if by_name.search(line)]
    assert [line for line in found if "may belong to another project" not in line] == []
    # What messages propose instead of gatekit[EXTRA] is what the extra needs.
    extras = pyproject["project"]["optional-dependencies"].values()
    proposed = re.findall(r"pip install '([^']*>=[^']*)'", "\n".join(lines))
    assert len(proposed) > 5
    assert set(proposed) - {entry for entries in extras for entry in entries} == set()


def test_no_lock_file_and_nothing_large_is_tracked(tracked: list[Path]) -> None:
    locks = re.compile(r"uv\.lock|pylock.*\.toml|package-lock\.json|poetry\.lock")
    assert [path for path in tracked if locks.fullmatch(path.name)] == []
    assert [path for path in tracked if path.stat().st_size > LARGEST] == []


def test_no_address_of_a_registry_and_no_path_of_a_machine_is_tracked(tracked: list[Path]) -> None:
    address = re.compile(r"https?://\S*(?:pypi|pythonhosted|artifactory|/simple\b)", re.IGNORECASE)
    machine = re.compile(r"(?<![\w.~$*}])/(?:home|root|Users|work|mnt|opt)/\w")
    found = []
    for path in tracked:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{number}"
            for number, line in enumerate(text.splitlines(), 1)
            if address.search(line) or machine.search(line) or str(ROOT) in line
        ]
    assert found == []
