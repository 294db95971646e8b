"""The page docs/parallel.md has the parallel form of each bundled cell."""

from __future__ import annotations

import random

import pytest

from .pages import hook

PARALLEL = hook("parallel")
NAMES, cell, form, numbers = PARALLEL.NAMES, PARALLEL.cell, PARALLEL.form, PARALLEL.numbers
WRITTEN = PARALLEL.rows(PARALLEL.PAGE.read_text(encoding="utf-8"))


def test_each_cell_has_a_row_with_its_form() -> None:
    assert list(WRITTEN) == NAMES, "run `make parallel`"
    assert {name: WRITTEN[name][:2] for name in NAMES} == {
        name: form(cell(name)) for name in NAMES
    }, "run `make parallel`"


def test_affine_and_chunk_cells_need_one_iteration() -> None:
    for columns in WRITTEN.values():
        if columns[0] in ("affine", "chunk"):
            assert columns[2:6] == ["exact", "1", "1", "1"]


@pytest.mark.slow
def test_the_iterations_are_those_that_are_counted_now() -> None:
    for name in random.Random(7).sample(NAMES, 5):
        assert WRITTEN[name][2:] == numbers(cell(name)), f"python docs/hooks/parallel.py {name}"
