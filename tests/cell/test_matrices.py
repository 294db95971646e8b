"""Matrix-valued signals: shapes, what is refused, and how they are shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refused import at
from seams import CellError, equations
from seams import cell_text as text
from seams import describe_cell as describe
from seams import drawing_diagram as diagram
from seams import language_ops as ops

GATES = {n: {"kind": "linear", "reads": ["x"]} for n in ("query", "key", "value")}
MEMORY: dict[str, Any] = {
    "name": "memory",
    "constants": {"heads": 2},
    "gates": {**GATES, "decay": {"kind": "sigmoid", "reads": ["x"], "units": "heads"}},
    "equations": {
        "S": "column(column(decay)) * S_prev + outer(split(key, heads), split(value, heads))",
        "h": "flat(vecmat(split(query, heads), S))",
    },
    "emits": "h",
}


def memory(**changes: Any) -> dict[str, Any]:
    """Return the cell with members of its sections replaced."""
    return {
        key: {**value, **changes[key]} if key in changes and isinstance(value, dict) else value
        for key, value in {**{k: {} for k in changes}, **MEMORY}.items()
    } | {key: value for key, value in changes.items() if not isinstance(value, dict)}


def test_shapes_and_widths(built: Any) -> None:
    cell = built(MEMORY, units=8)
    assert cell.shapes["S"] == (2, 4, 4)
    assert (cell.widths["S"], cell.widths["h"]) == (32, 8)
    (state,) = cell.states
    assert (state.name, state.shape, state.width) == ("S", (2, 4, 4), 32)


def test_shown_as_written(built: Any) -> None:
    cell = built(MEMORY, units=8)
    d = describe(cell)
    assert d["states"][0]["shape"] == [2, 4, 4]
    assert "h = flat(vecmat(split(query, heads), S))" in d["equations"]
    assert "  S: 2 x 4 x 4, starts at 0" in text(d).splitlines()
    assert any(r"\odot S_{t-1}" in line for line in equations(cell))


def test_the_diagram_has_equations_as_written_and_the_shapes_of_matrices(built: Any) -> None:
    drawn = diagram(built(MEMORY, units=8))
    assert "= flat(vecmat(split(query, heads)," in drawn
    assert ">2 x 4 x 4<" in drawn


@pytest.mark.parametrize(("units", "heads"), [(8, 8), (1, 1)])
def test_an_axis_of_size_one(built: Any, units: int, heads: int) -> None:
    cell = built(memory(constants={"heads": heads}), units=units)
    assert cell.shapes["S"] == (heads, 1, 1)


def test_one_unit(built: Any, lstm: Any) -> None:
    assert built(lstm(), units=1).widths["c"] == 1


@pytest.mark.parametrize(
    ("added", "shapes"),
    [
        ("decay * S_prev", ("2 x 4 x 4", "2")),
        ("outer(key, value)", ("2 x 4 x 4", "8 x 8")),
        ("split(split(key, 2), 2)", ("2 x 4 x 4", "2 x 2 x 2")),
        ("column(split(key, 3))", ("8", "3")),
        ("column(split(key, decay))", ()),
    ],
)
def test_shapes_that_do_not_fit(built: Any, added: str, shapes: tuple[str, ...]) -> None:
    written = f"{MEMORY['equations']['S']} + {added}"
    with pytest.raises(CellError, check=at("cell.equations.S", names=shapes)):
        built(memory(equations={"S": written}), units=8)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        (
            {"emits": "S", "equations": {"h": None}, "gates": {"query": None}},
            "cell.emits",
        ),
        (
            {"gates": {"value": {"kind": "linear", "reads": ["x", "S_prev"]}}},
            "cell.gates.value.reads",
        ),
        ({"gates": {"value": {"activation": "pre * sum(S_prev)"}}}, "cell.gates.value"),
        (
            {"norms": {"T": "S"}, "equations": {"h": "flat(vecmat(split(query, heads), T))"}},
            "cell.norms.T",
        ),
    ],
)
def test_matrices_where_only_vectors_can_be(
    built: Any, changes: dict[str, Any], place: str
) -> None:
    with pytest.raises(CellError, check=at(place, names=("2 x 4 x 4",))):
        built(memory(**changes), units=8)


def test_functions_of_matrices() -> None:
    m = np.arange(12.0).reshape(1, 3, 4)
    v = np.arange(6.0).reshape(1, 6)
    np.testing.assert_array_equal(ops.split(v, 2), [[[0, 1, 2], [3, 4, 5]]])
    np.testing.assert_array_equal(ops.flat(ops.split(v, 3)), v)
    np.testing.assert_array_equal(ops.transpose(m)[0], m[0].T)
    np.testing.assert_array_equal(ops.column(v)[0, :, 0], v[0])
    np.testing.assert_array_equal(ops.row(v)[0, 0], v[0])
    assert (ops.column(v).shape, ops.row(v).shape) == ((1, 6, 1), (1, 1, 6))


def test_a_plain_number_goes_with_a_matrix(built: Any) -> None:
    written = "2 * S_prev + 1 - outer(split(key, heads), split(value, heads))"
    assert built(memory(equations={"S": written}, gates={"decay": None}), units=8).shapes["S"] == (
        (2, 4, 4)
    )
