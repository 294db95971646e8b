"""The table of the tasks is up to date, and each task says what a user needs."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import pytest
from seams import sections
from seams import task_options as options

from gatekit.registry import tasks

from .pages import ROOT, hook

TASKS = tasks()


def test_the_table_is_up_to_date() -> None:
    text = (ROOT / "docs/tasks.md").read_text(encoding="utf-8")
    assert text == hook("tasks").page(TASKS), "run `make tasks`"
    assert set(re.findall(r"^\| \[`(\w+)`\]", text, re.MULTILINE)) == set(TASKS)


def test_the_site_has_a_part_for_each_task() -> None:
    for name, kind in TASKS.items():
        text = hook("tasks").entry(name, kind)
        assert f"\n## {name}\n" in text
        assert "**Chance.**" in text
        assert "**Reference.**" in text


@pytest.mark.parametrize("name", TASKS)
def test_every_task_says_recipe_chance_what_it_separates_time_and_source(name: str) -> None:
    said = sections(TASKS[name])
    needed = ("Summary", "Recipe", "Chance", "Separates", "Time", "Reference")
    assert [part for part in needed if not said.get(part)] == []
    assert re.search(r"\d|not measured", said["Time"])
    assert TASKS[name].reference


@pytest.mark.parametrize("name", TASKS)
def test_every_option_of_its_own_is_described(name: str) -> None:
    shared = {"allow_nan", "validation_size", "test_size", "data_seed"}
    described = [option for option, _ in options(sections(TASKS[name])["Args"])]
    assert set(described) | shared >= set(TASKS[name].option_names())
    assert set(described) <= set(TASKS[name].option_names())


DATA = {name for name, kind in TASKS.items() if kind.source or kind.own_file}


@pytest.mark.parametrize("name", sorted({*TASKS} - DATA))
def test_the_chance_that_is_told_is_that_of_the_defaults(name: str) -> None:
    told = re.split("[,;]", sections(TASKS[name])["Chance"])[0]
    numbers = [Fraction(text) for text in re.findall(r"[\d.]+(?:/\d+)?", told)]
    chance = TASKS[name]().chance()
    assert [n for n in numbers if math.isclose(n, chance, rel_tol=5e-3)], (told, chance)
