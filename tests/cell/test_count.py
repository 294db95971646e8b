"""The number of parameters as a polynomial."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from seams import formula

from .shown import BUNDLED, FEW, cell


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lstm", "4 n^2 + 4 n m + 4 n"),
        ("gru", "3 n^2 + 3 n m + 3 n"),
        ("gru_reset_after", "3 n^2 + 3 n m + 4 n"),
        ("peephole", "4 n^2 + 4 n m + 7 n"),
        ("rnn", "n^2 + n m + n"),
        ("mingru", "2 n m + 2 n"),
        ("on_lstm", "9/2 n^2 + 9/2 n m + 9/2 n"),
    ],
)
def test_the_formula_of_a_cell(name: str, expected: str) -> None:
    assert formula(cell(name)) == expected


def value(text: str, n: int, m: int) -> Fraction:
    """Return what a formula says for sizes."""
    total = Fraction(0)
    for sign, term in re.findall(r"([+-]?)\s*([^+-]+)", text):
        product = Fraction(1)
        for part in term.split():
            symbol, _, power = part.partition("^")
            base = {"n": Fraction(n), "m": Fraction(m)}.get(symbol)
            product *= Fraction(part) if base is None else base ** int(power or 1)
        total += -product if sign == "-" else product
    return total


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("name", "output_unit"),
    [(name, "hidden") for name in BUNDLED]
    + [(name, unit) for name in FEW for unit in ("gated", "projection", "mix_last")],
)
def test_the_formula_holds_at_other_sizes(name: str, output_unit: str) -> None:
    text = formula(cell(name, output_unit=output_unit))
    assert text is not None
    other = cell(name, units=24, features=7, output_unit=output_unit)
    assert value(text, 24, 7) == other.count()


def test_weights_that_are_not_trained_do_not_count() -> None:
    reads = {"x": "dense", "h_prev": "frozen"}
    built = cell("rnn", gates={"candidate": {"kind": "candidate", "reads": reads}})
    assert formula(built) == "n m + n"


def test_a_width_that_fits_one_size_only_gives_no_formula() -> None:
    reads = {"x": "dense", "h_prev": "diagonal"}
    gate = {"kind": "candidate", "reads": reads, "units": 8}
    assert formula(cell("rnn", gates={"candidate": gate})) == "8 m + 16"
    narrow = {"narrow": {"kind": "linear", "units": 4, "reads": {"x": "identity"}, "bias": False}}
    candidate = {"candidate": {"kind": "candidate", "reads": ["narrow", "h_prev"]}}
    assert formula(cell("rnn", gates={**narrow, **candidate}, features=4)) is None


def test_a_number_that_is_no_polynomial_gives_no_formula() -> None:
    gate = {"kind": "linear", "units": "units // (units - 7)", "reads": ["x"]}
    candidate = {"kind": "candidate", "reads": ["odd", "h_prev"]}
    assert formula(cell("rnn", gates={"odd": gate, "candidate": candidate})) is None
