"""The page of the tasks is that which `make tasks` writes, and tells of each what a user needs."""

from __future__ import annotations

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
    assert TASKS[name].reference


@pytest.mark.parametrize("name", TASKS)
def test_every_option_of_its_own_is_described(name: str) -> None:
    shared = {"allow_nan", "validation_size", "test_size", "data_seed"}
    described = [option for option, _ in options(sections(TASKS[name])["Args"])]
    assert set(described) | shared >= set(TASKS[name].option_names())
    assert set(described) <= set(TASKS[name].option_names())
