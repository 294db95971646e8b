"""MathML says what the LaTeX says, and lets nothing of a plugin's template through as markup."""

from __future__ import annotations

import re
import xml.etree.ElementTree

import pytest
from seams import (
    FUNCTIONS,
    GREEK,
    Notation,
    build,
    equations,
    expression,
    latex,
    mathml,
    read_output_unit,
)
from seams import NameNode as Name

from gatekit import Function
from gatekit.registry import catalogue, load_cell


def text(markup: str) -> str:
    """Return what one reads, without elements."""
    return re.sub(r"<[^>]*>", "", markup)


@pytest.mark.parametrize("cell", ["lstm", "gru", "peephole", "slstm", "rhn", "on_lstm"])
def test_bundled_cells_are_read_whole(cell: str) -> None:
    known = catalogue()
    built = build(load_cell(cell, known), 12, 8, read_output_unit("hidden", known))
    lines = equations(built)
    tree = xml.etree.ElementTree.fromstring(mathml(lines))
    assert len(tree[0]) == len(lines)
    assert not list(tree.iter("mtext"))
    assert all(len(row) == 3 and row[1].find(".//mo").text == "=" for row in tree[0])


def test_what_stands_above_below_and_beside() -> None:
    assert "<msubsup><mi>h</mi><mrow><mi>t</mi><mo>−</mo>" in expression(r"h_{t-1}^{2}")
    assert text(expression(r"\frac{a}{b+1}")) == "ab+1"
    assert text(expression(r"\left(\mathrm{for\_get}_t \odot c\right)")) == "(for_gett⊙c)"
    assert text(expression(r"\operatorname{LN}\left(x\right)")) == "LN(x)"
    assert text(expression(r"{W_{x}}^{\top}\,\mathbf{1}")) == "Wx⊤1"
    assert [text(expression(rf"\{name}")) for name in ("alpha", "lambda", "omega")] == list("αλω")


def test_a_function_s_name_does_not_touch_the_next_letter() -> None:
    assert "<mspace" in expression(r"\log\sigma\left(x\right)")
    assert "<mspace" not in expression(r"\log\left(x\right)")


def test_every_function_and_letter_of_the_language_has_its_sign() -> None:
    for function in FUNCTIONS.values():
        names = [Name(letter) for letter in "xyz"[: function.arity]]
        if not function.static:
            assert "<mtext>" not in expression(latex(function(*names), Notation()))
    assert not [name for name in GREEK if "<mtext>" in expression(f"\\{name}")]


@pytest.mark.parametrize(
    "template",
    [
        r"<script>alert(1)</script>{0}",
        r"\operatorname{{<img src=x onerror=alert(1)>}}\left({0}\right)",
        r"\href{{javascript:alert(1)}}{{{0}}}",
        r"\left<script>{0}\right>",
    ],
)
def test_a_template_never_becomes_markup(template: str) -> None:
    function = Function("evil", 1, latex=template)
    written = latex(function(Name("x")), Notation(functions={"evil": function}))
    tree = xml.etree.ElementTree.fromstring(mathml([f"h_t &= {written}"]))
    known = {"math", "mtable", "mtr", "mtd", "mrow", "mi", "mo", "mn", "msub", "mtext", "mspace"}
    assert {element.tag for element in tree.iter()} <= known
    attributes = {name for element in tree.iter() for name in element.attrib}
    assert not [name for name in attributes if name.startswith(("on", "href", "style"))]


@pytest.mark.parametrize("source", ["{", r"\left(", "^", "}", "{" * 2000 + "x"])
def test_what_is_no_latex_is_shown_as_it_is(source: str) -> None:
    tree = xml.etree.ElementTree.fromstring(expression(source))
    assert "".join(tree.itertext()) in (source, "")
