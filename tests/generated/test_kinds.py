"""A file of every kind of cell is written: together they run every line of the frames."""

from __future__ import annotations

import ast
from typing import Any

import pytest

import gatekit
from gatekit.code import FRAMEWORKS

# Between them: one state and many, matrices, counts, several inputs, noise, fixed weights, long
# and short headers, helpers that call helpers, and forms of all steps.
CELLS = (
    *("tgru", "trnn", "ssru", "tau_gru", "ltc", "retnet", "time_aware_lstm", "titans_linear"),
    *("variational_dropout_lstm", "zoneout_lstm", "leaky_esn", "gru_d"),
)


STATELESS = {
    "name": "stateless",
    "gates": {"a": {"kind": "linear", "reads": ["x"]}},
    "equations": {"h": "a"},
    "emits": "h",
}


@pytest.mark.parametrize("to", FRAMEWORKS)
@pytest.mark.parametrize("cell", [*CELLS, STATELESS], ids=[*CELLS, "stateless"])
def test_a_file_is_written(cell: Any, to: str) -> None:
    tree = ast.parse(gatekit.code(cell, to=to))
    assert ast.get_docstring(tree)
    assert any(isinstance(part, ast.FunctionDef) for part in ast.walk(tree))
