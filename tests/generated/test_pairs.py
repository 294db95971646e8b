"""Generated files with several options at once: every two levels meet, and every cell has some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gatekit.code import FRAMEWORKS, generate

from .agreement import jax_agrees, keras_agrees, torch_agrees
from .cases import case
from .options import CELLS, REGULAR, accepted, base, built, others, regular, rows, with_options
from .test_text import formatted

PAIRS = [*enumerate(regular()), *enumerate(others())]
QUICK, EACH_KERAS, EACH_JAX = 6, 4, 16


def marked(place: int, name: str, row: Any) -> Any:
    """Return a case as a parameter; the first few of the regular cells are quick."""
    quick = place < QUICK and name in REGULAR
    levels = "-".join(str(level) for level in row.values())
    marks = [] if quick else [pytest.mark.slow]
    # Every two levels meet in the rows of the regular cells; of the others a half runs in CI.
    if place >= len(regular()):
        marks.append(pytest.mark.one_in(2, slow=8))
    return pytest.param(place, name, row, id=f"{name}-{levels}", marks=marks)


@pytest.mark.parametrize(("place", "name", "row"), [marked(p, *pair) for p, pair in PAIRS])
@pytest.mark.one_in(2, slow=17)
def test_options(place: int, name: str, row: Any) -> None:
    """Keras and JAX cost more, so that they take some of the rows."""
    cell = base(name)
    levels = row if name in REGULAR else accepted(cell, row)
    own = case(gradients=True, **with_options(cell, levels))
    torch_agrees(own)
    if place % EACH_KERAS == 0:
        keras_agrees(own)
    if place % EACH_JAX == 2 and own.drawn is None:
        jax_agrees(own)


def test_every_row_is_tested_and_every_cell() -> None:
    assert [row for _, row in regular()] == rows()
    assert {*REGULAR, *(name for name, _ in others())} == set(CELLS)


@pytest.mark.slow
def test_no_level_of_the_regular_cells_is_refused() -> None:
    """So every pair of levels is tested, as the rows are a covering array."""
    for name, row in regular():
        assert accepted(base(name), row) == row, name


@pytest.mark.slow
def test_ruff_changes_nothing_with_options(tmp_path: Path) -> None:
    for place, (name, row) in enumerate(regular()):
        to = list(FRAMEWORKS)[place % len(FRAMEWORKS)]
        generated = generate(built(base(name), row, units=64, features=32), to)
        (tmp_path / f"{to}_{place}.py").write_text(generated.text)
    formatted(tmp_path)
