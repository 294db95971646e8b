"""The imports, read from the source, have no cycle, not even inside functions or for types."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import processes
import pytest

import gatekit

GATEKIT = Path(gatekit.__file__).parent

ALLOWED: dict[frozenset[str], str] = {}
"""Circles that may stay, as the set of their modules, each with its reason."""


def modules(root: Path) -> dict[str, Path]:
    """Return the modules under a package's folder by their full name."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imported(name: str, path: Path, known: Iterable[str]) -> set[str]:
    """Return the modules that a module imports, wherever in the file the import is, or names.

    ``from package import module`` imports the module; ``from package import name`` the package. The
    packages that Python passes on the way to a module do not count: their ``__init__`` is run, but
    nothing of it is used.
    """
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = package.split(".")
                up = up[: len(up) - node.level + 1]
                base = ".".join([*up, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in known else base)
        elif isinstance(node, ast.Constant) and "." in str(node.value):
            # a module's name, to be imported when it is needed
            found.add(str(node.value))
    return (found & set(known)) - {name}


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the sets of modules that import each other, directly or through others (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            circle = [stack.pop()]
            while circle[-1] != name:
                circle.append(stack.pop())
            if len(circle) > 1:
                found.append(sorted(circle))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return found


def graph_of(root: Path) -> dict[str, set[str]]:
    """Return what each module of a package imports of it."""
    known = modules(root)
    return {name: imported(name, path, known) for name, path in known.items()}


def test_a_circle_inside_a_function_and_one_for_types_are_found(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    sources = {
        "__init__": "",
        "a": "def f():\n    from . import b\n",
        "b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .c import C\n",
        "c": "import package.a\nfrom package.d import thing\n",
        "d": "",
    }
    for name, source in sources.items():
        (package / f"{name}.py").write_text(source)
    assert circles(graph_of(package)) == [["package.a", "package.b", "package.c"]]


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = graph_of(GATEKIT)
    assert len(graph) > 300
    found = {
        " <-> ".join(circle): {name: sorted(graph[name] & set(circle)) for name in circle}
        for circle in circles(graph)
        if frozenset(circle) not in ALLOWED
    }
    assert not found


def loaded(names: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Return which of the wanted modules are loaded once the others have been imported."""
    code = (
        "import importlib, sys\n"
        f"for name in {sorted(names)!r}:\n"
        "    importlib.import_module(name)\n"
        f"print('loaded', *[name for name in {sorted(wanted)!r} if name in sys.modules])"
    )
    done = processes.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()[1:]


def of_packages(*packages: str) -> list[str]:
    return [name for name in modules(GATEKIT) if ".".join(name.split(".")[1:2]) in packages]


LIGHT = ("cell", "runs", "tasks", "registry", "study", "compare", "cli")


def test_only_training_layers_and_conversion_need_tensorflow() -> None:
    names = of_packages(*LIGHT)
    assert len(names) > 200
    assert loaded(names, ["tensorflow", "keras", "numpy"]) == ["numpy"]


@pytest.mark.slow
def test_the_packages_that_need_tensorflow_import_it() -> None:
    assert loaded(of_packages("training"), ["tensorflow"]) == ["tensorflow"]


@pytest.mark.parametrize("package", ["cell", "runs"])
def test_cells_and_run_folders_need_no_hydra(package: str) -> None:
    assert loaded(of_packages(package), ["hydra", "omegaconf"]) == []
