"""What is to go warns with the version in which it ends, and is gone by then."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from seams import deprecated

import gatekit

PACKAGE = Path(gatekit.__file__).parent


def parsed(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def ends() -> Iterator[tuple[str, str]]:
    """Yield the place of each call of the helper in gatekit, with the version that it names."""
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if "deprecated(" in text else ():
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "deprecated":
                (version,) = [k.value for k in node.keywords if k.arg == "ends"]
                yield f"{path.name}:{node.lineno}", ast.literal_eval(version)


def test_the_warning_is_at_the_callers_line_and_shows_what_to_write() -> None:
    with pytest.warns(FutureWarning) as notice:
        deprecated("gates=", "swap=", ends="1.0")
    (found,) = notice
    assert found.filename == __file__
    text = "gates= is deprecated and ends with version 1.0; write swap="
    assert str(found.message) == text


def test_what_ends_with_this_version_is_gone() -> None:
    found = dict(ends())
    assert found
    here = parsed(gatekit.__version__)
    assert {place: v for place, v in found.items() if parsed(v) <= here} == {}
