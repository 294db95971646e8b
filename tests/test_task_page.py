"""The page of the tasks is up to date with `make tasks`, and has what a user needs on each."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import pytest
from task_page import NEEDED, PAGE, options, page, sections

from gatekit.registry import tasks

TASKS = tasks()


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(TASKS), "run `make tasks`"


@pytest.mark.parametrize("name", TASKS)
def test_every_task_stands_in_the_table_and_has_a_part(name: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert f"| [`{name}`](#{name}) |" in text
    assert f"\n## {name}\n" in text


@pytest.mark.parametrize("name", TASKS)
def test_every_task_says_recipe_chance_what_it_separates_time_and_source(name: str) -> None:
    said = sections(TASKS[name])
    assert [part for part in ("Summary", "Recipe", *NEEDED) if not said.get(part)] == []
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
