"""Tests reach gatekit's inner modules only through tests/seams.py."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
PUBLIC = (
    "gatekit",
    *(f"gatekit.{name}" for name in ["code", "compare", "convert", "registry", "tasks"]),
)
PUBLIC = (*PUBLIC, "gatekit.testing", "gatekit.ops", "gatekit.conf", "gatekit.plugins")


def inner(tree: ast.AST) -> Iterator[str]:
    """Yield the inner modules and names that a test imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if _is_inner(a.name))
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if _is_inner(node.module):
                yield node.module
            elif node.module in PUBLIC[:7]:
                public = importlib.import_module(node.module).__all__
                names = [a.name for a in node.names if a.name not in (*public, "__version__")]
                yield from (
                    f"{node.module}.{n}" for n in names if f"{node.module}.{n}" not in PUBLIC
                )


def _is_inner(module: str) -> bool:
    known = module in PUBLIC or module.startswith("gatekit.plugins.")
    return module.split(".")[0] == "gatekit" and not known


def test_only_the_seams_import_inner_modules() -> None:
    files = [path for path in TESTS.rglob("*.py") if path.name != "seams.py"]
    found = {str(path.relative_to(TESTS)): [*inner(ast.parse(path.read_text()))] for path in files}
    assert {name: names for name, names in found.items() if names} == {}


def test_an_inner_module_is_noticed() -> None:
    lines = "from gatekit.runs import durable\nfrom gatekit.compare import rows\nimport gatekit.cli"
    assert [*inner(ast.parse(lines))] == ["gatekit.runs", "gatekit.compare.rows", "gatekit.cli"]
    assert [*inner(ast.parse("from gatekit import RNN, conf\nimport gatekit.plugins.jsb"))] == []
