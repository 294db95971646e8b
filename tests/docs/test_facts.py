"""Numbers and lists that pages state agree with the code that they are about."""

from __future__ import annotations

import re
import tomllib

import pytest
from seams import NAMES, build, read_output_unit

from gatekit import tasks, testing
from gatekit.registry import catalogue, cell_names, load_cell

from .pages import ROOT

VALUES = {"KEYS", "SPLITS", "Rolls"}
"""Names of `gatekit.tasks` that are plain values."""
DIGITS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def read(path: str) -> str:
    """Return a page."""
    return (ROOT / path).read_text(encoding="utf-8")


def test_packages_are_listed_in_the_order_that_lint_imports_enforces() -> None:
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = [c["layers"] for c in contracts if c.get("containers") == ["gatekit"]]
    order = [layer for layer in reversed(layers) if not layer.startswith("_")]
    (line,) = re.findall(r"in this order:\n(.*)\n", read("CONTRIBUTING.md"))
    assert re.findall(r"`(\w+)`", line) == order
    page = read("docs/architecture.md")
    assert re.findall(r"^\| \[`(\w+)`\]\(#\1\) \|", page, re.MULTILINE) == order


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        ("gates", "docs/plugins.md"),
        ("cells", "docs/plugins.md"),
        ("blocks", "docs/howto/block.md"),
        ("functions", "docs/howto/function.md"),
        ("tasks", "docs/howto/task.md"),
    ],
)
def test_every_check_has_a_row(kind: str, page: str) -> None:
    (table,) = re.findall(rf"^\| check of a {kind[:-1]}\b.*\n((?:\|.*\n)+)", read(page), re.M)
    first = "".join(row.split("|")[1] for row in table.splitlines())
    assert set(re.findall(r"`(\w+)`", first)) == set(NAMES[kind])


def test_every_public_name_for_tasks_and_tests_has_a_reference() -> None:
    page = read("docs/reference/python.md")
    named = {name.rpartition(".")[2] for name in re.findall(r"^::: ([\w.]+)$", page, re.M)}
    checks = {name for name in testing.__all__ if name.endswith("_checks")}
    assert set(tasks.__all__) - VALUES | checks <= named


def test_cells_with_many_states_and_with_further_inputs() -> None:
    page, known = read("docs/keras.md"), catalogue()
    hidden = read_output_unit("hidden", known)
    specs = {name: load_cell(name, known) for name in cell_names()}
    most = max(len(build(spec, 16, 8, hidden).states) for spec in specs.values())
    assert f"cells have up to {DIGITS[most - 2]} states" in page
    (names,) = re.findall(r"Cells with further inputs \((.*?)\)", page)
    further = {name for name, spec in specs.items() if spec.inputs}
    assert set(re.findall(r"`(\w+)`", names)) == further


def test_equations_beside_a_picture_are_those_of_the_pictured_cell() -> None:
    found, known = 0, catalogue()
    for part in read("docs/concepts.md").split("](drawings/")[1:]:
        name, _, text = part.partition(".svg)")
        equations = {name: str(expr) for name, expr in load_cell(name, known).equations}
        for left, right in re.findall(r"`(\w+) = ([^`]*)`", text):
            if left in equations:
                found += 1
                assert right.replace(" ", "") == equations[left].replace(" ", ""), name
    assert found >= 2
    gla = load_cell("gla", known)
    assert f"has {DIGITS[len(gla.gates) - 2]} gates" in read("docs/concepts.md")
    assert f"and {DIGITS[len(gla.equations) - 2]} equations" in read("docs/concepts.md")
