"""What is packaged, pinned and tracked."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import processes
import pytest
import versions

import gatekit

ROOT = Path(__file__).parents[1]
LARGEST = 2_000_000
PACKAGED = ("gatekit", "plugins", "conf")


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


@dataclass(frozen=True)
class Built:
    """A copy of the clone, and its two wheels: one for users, and one that is editable."""

    clone: Path
    wheel: zipfile.ZipFile
    editable: zipfile.ZipFile


@pytest.fixture(scope="module")
def built(tracked: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Built:
    top = tmp_path_factory.mktemp("parent")
    clone, wheels = top / "gatekit", top / "wheels"
    wheels.mkdir()
    for path in tracked:
        place = path.relative_to(ROOT)
        if place.parts[0] in PACKAGED or len(place.parts) == 1:
            (clone / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, clone / place)
    build = f"""
from setuptools import build_meta
build_meta.build_wheel({str(wheels)!r})
build_meta.build_editable({str(wheels)!r})
"""
    processes.run([sys.executable, "-c", build], cwd=clone, capture_output=True, check=True)
    # What a build leaves behind must not be what is found later.
    shutil.rmtree(clone / "build")
    (editable,) = wheels.glob("*editable*")
    (wheel,) = set(wheels.iterdir()) - {editable}
    return Built(clone, zipfile.ZipFile(wheel), zipfile.ZipFile(editable))


def test_every_tracked_file_of_the_package_is_in_the_wheel(
    built: Built, tracked: list[Path]
) -> None:
    places = [path.relative_to(ROOT) for path in tracked]
    expected = {
        str(place if place.parts[0] == "gatekit" else "gatekit" / place)
        for place in places
        if place.parts[0] in PACKAGED and place.name != "ruff.toml"  # of no use to users
    }
    packaged = {name for name in built.wheel.namelist() if ".dist-info/" not in name}
    assert packaged == expected


WHERE = """
import site, sys
sys.meta_path[:] = [f for f in sys.meta_path if "__editable__" not in getattr(f, "__module__", "")]
sys.path[:] = [p for p in sys.path if p != {root!r}]
site.addsitedir({site!r})
import gatekit, gatekit.conf, gatekit.plugins
from gatekit.plugins.power_law_gate import PowerLaw
for place in (gatekit.__file__, *gatekit.conf.__path__, gatekit.plugins.__path__[0]):
    print(place)
for name in ("gatekit.tests", "gatekit.docs", "gatekit.gatekit"):
    try:
        __import__(name)
    except ImportError:
        continue
    print("unwanted:", name)
import plugins.mine
"""


@pytest.mark.parametrize("how", ["-c", "script", "-m"])
def test_beside_the_clone_an_editable_install_is_found(
    built: Built, tmp_path: Path, how: str
) -> None:
    # In the parent of a clone, its folder `gatekit` looks like a package without `__init__.py`.
    built.editable.extractall(tmp_path / "site")
    folder = tmp_path / "project"
    for name in ("gatekit", "plugins"):
        (folder / name).mkdir(parents=True)
    (folder / "plugins/mine.py").touch()
    code = WHERE.format(root=str(ROOT), site=str(tmp_path / "site"))
    (folder / "where.py").write_text(code)
    arguments = {"-c": ["-c", code], "script": ["where.py"], "-m": ["-m", "where"]}[how]
    done = processes.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    clone = built.clone
    expected = [clone / "gatekit/__init__.py", clone / "conf", clone / "plugins"]
    assert done.stdout.splitlines() == [str(path) for path in expected]


def test_the_installed_version_is_the_declared_one(pyproject: dict[str, Any]) -> None:
    assert gatekit.__version__ == pyproject["project"]["version"]
    assert importlib.metadata.version(pyproject["project"]["name"]) == gatekit.__version__


def test_constraints_pin_every_dependency_and_name_no_address(pyproject: dict[str, Any]) -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[a-z0-9.!+]+", line)] == []
    pinned = {line.split("==")[0] for line in lines}
    groups = pyproject["dependency-groups"]
    wanted = [*pyproject["project"]["dependencies"], *groups["test"], *groups["dev"]]
    wanted = [entry for entry in wanted if isinstance(entry, str)]  # not an included group
    names = {re.split(r"[^A-Za-z0-9._-]", entry)[0].lower().replace("_", "-") for entry in wanted}
    assert names - pinned == set()


def test_the_lowest_versions_are_those_of_the_dependencies(pyproject: dict[str, Any]) -> None:
    found = dict(line.split("==") for line in versions.lowest())
    assert found["tensorflow"].startswith("2.")
    assert len(found) == len(pyproject["project"]["dependencies"])
    assert versions.pythons()[0] == pyproject["project"]["requires-python"].removeprefix(">=")


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
    assert proposed
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
