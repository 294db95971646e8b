"""Documents cannot drift: their commands, keys and examples are checked against the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy
import pytest
import yaml
from seams import CELL_KEYS, COMMANDS, LAUNCH_KEYS, RUN_KEYS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def documents() -> str:
    """Return all that a user reads."""
    return "\n".join(
        path.read_text(encoding="utf-8")
        for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    )


def blocks(language: str) -> list[str]:
    """Return the README's code blocks in a language."""
    return [text for kind, text in BLOCK.findall(README) if kind == language]


def configured_keys() -> list[str]:
    """Return every key of a run, those of the bundled optimizers and trainers dotted."""
    dotted = {
        f"{group}.{key}"
        for group in ("optimizer", "trainer")
        for path in (ROOT / "conf" / group).glob("*.yaml")
        for key in yaml.safe_load(path.read_text(encoding="utf-8"))
        if key != "name"
    }
    return sorted({*RUN_KEYS, *LAUNCH_KEYS, *dotted})


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_named(command: str) -> None:
    assert re.search(rf"`[^`\n]*\bgatekit {command}\b[^`\n]*`", documents())


@pytest.mark.parametrize("key", configured_keys())
def test_every_key_of_a_run_is_named(key: str) -> None:
    assert re.search(rf"`[^`\n]*(?<![\w.]){re.escape(key)}\b[^`\n]*`", documents())


def test_the_table_of_commands_is_complete() -> None:
    page = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
    named = re.findall(r"`gatekit ([a-z-]+)", "\n".join(re.findall(r"^\|[^|]*\|", page, re.M)))
    assert sorted(named) == sorted(COMMANDS)


@pytest.mark.parametrize("key", CELL_KEYS)
def test_every_key_of_a_cell_is_named(key: str) -> None:
    page = (ROOT / "docs/cells.md").read_text(encoding="utf-8")
    table = page.split("## The keys of a cell")[1].split("##")[0]
    assert f"`{key}`" in table


def test_the_gate_of_the_readme_is_that_of_the_tutorial() -> None:
    (source,) = [text for text in blocks("python") if "hookimpl" in text]
    tutorial = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    other = next(text for kind, text in BLOCK.findall(tutorial) if "class Slow" in text)
    pre = numpy.linspace(-30, 30, 12)
    values = []
    for text in (source, other):
        namespace: dict[str, Any] = {"__name__": "page"}
        exec(compile(text, "page", "exec", dont_inherit=True), namespace)
        gate = namespace["gatekit_gates"]()["slow"]
        assert gate().stretch == 4.0
        values.append(gate(stretch=3.0).activate(pre))
    numpy.testing.assert_array_equal(*values)
    numpy.testing.assert_allclose(values[0] ** 3, 1 / (1 + numpy.exp(-pre)))
