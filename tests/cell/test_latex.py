"""LaTeX of expressions: precedence, products, fractions, names, templates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seams import FUNCTIONS, Expr, Neg, Notation, PluginError, latex, parse, signal, symbol
from seams import CallNode as Call
from seams import NameNode as Name
from seams import NumberNode as Number

from gatekit import Function


def written(text: str, notation: Notation | None = None) -> str:
    """Return an equation in LaTeX."""
    return latex(parse(text, FUNCTIONS), notation)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("h", "h_t"),
        ("h_prev", "h_{t-1}"),
        ("forget", r"\mathrm{forget}_t"),
        ("master_forget_prev", r"\mathrm{master\_forget}_{t-1}"),
        ("beta", r"\beta_t"),
        ("a * b", r"a_t \odot b_t"),
        ("2 * h", r"2\,h_t"),
        ("h * 2", r"h_t \cdot 2"),
        ("a * b * c", r"a_t \odot b_t \odot c_t"),
        ("a * (b * c)", r"a_t \odot b_t \odot c_t"),
        ("a * (b + c)", r"a_t \odot \left(b_t + c_t\right)"),
        ("a * (-b)", r"a_t \odot \left(-b_t\right)"),
        ("a + (b + c)", "a_t + b_t + c_t"),
        ("a - (b + c)", r"a_t - \left(b_t + c_t\right)"),
        ("a - (b - c)", r"a_t - \left(b_t - c_t\right)"),
        ("a - b * c", r"a_t - b_t \odot c_t"),
        ("a + (-b)", r"a_t + \left(-b_t\right)"),
        ("a + (-b * c)", r"a_t + \left(-b_t \odot c_t\right)"),
        ("-(a + b)", r"-\left(a_t + b_t\right)"),
        ("-(-a)", r"-\left(-a_t\right)"),
        ("-a * b", r"-a_t \odot b_t"),
        ("output * c / n", r"\frac{\mathrm{output}_t \odot c_t}{n_t}"),
        ("a / (b + c)", r"\frac{a_t}{b_t + c_t}"),
        ("a / b * c", r"\frac{a_t}{b_t} \odot c_t"),
        ("(a / b) ** 2", r"\left(\frac{a_t}{b_t}\right)^{2}"),
        ("h ** 2", "h_t^{2}"),
        ("(a + b) ** 2", r"\left(a_t + b_t\right)^{2}"),
        ("tanh(h) ** 2", r"\left(\tanh\left(h_t\right)\right)^{2}"),
        ("sigmoid(a + b)", r"\sigma\left(a_t + b_t\right)"),
        ("sqrt(a + b)", r"\sqrt{a_t + b_t}"),
        ("maximum(a, b)", r"\max\left(a_t, b_t\right)"),
        ("sum(a) * b", r"\sum\left(a_t\right)\,b_t"),
        ("repeat(a, 3)", r"\operatorname{repeat}_{3}\left(a_t\right)"),
        ("0.001 * h", r"0.001\,h_t"),
        ("1e-30 * h", r"10^{-30}\,h_t"),
        ("2.5e-7 + h", r"2.5 \times 10^{-7} + h_t"),
    ],
)
def test_an_expression_has_the_parentheses_that_it_needs_and_no_more(
    text: str, expected: str
) -> None:
    assert written(text) == expected


def test_arguments_that_a_template_does_not_enclose_get_parentheses() -> None:
    assert written("matvec(a, b + c)") == r"a_t\,\left(b_t + c_t\right)"
    assert written("outer(a + b, c)") == r"\left(a_t + b_t\right)\,c_t^{\top}"
    assert written("dot(a + b, c)") == r"\left\langle a_t + b_t, c_t \right\rangle"
    assert written("matvec(a, b) * c") == r"\left(a_t\,b_t\right) \odot c_t"


def test_a_name_that_is_scalar_is_multiplied_by_juxtaposition() -> None:
    notation = Notation(symbols={"alpha": r"\alpha"}, shapes={"alpha": (1,), "h": (8,)})
    assert written("alpha * h", notation) == r"\alpha\,h_t"
    assert written("alpha * alpha", notation) == r"\alpha\,\alpha"


def test_a_matrix_product_is_not_torn_apart() -> None:
    notation = Notation(symbols={"z": "W x_t"}, products=frozenset({"z"}))
    assert written("z * h", notation) == r"\left(W x_t\right) \odot h_t"
    assert written("z + h", notation) == "W x_t + h_t"
    assert written("h - z", notation) == "h_t - W x_t"


def test_own_states_and_parameters_are_indexed_by_their_gate() -> None:
    assert signal("forget.k_prev") == r"k_{\mathrm{forget},t-1}"
    assert signal("forget.k") == r"k_{\mathrm{forget},t}"
    assert symbol("exp_input") == r"\mathrm{exp\_input}"


def test_a_function_without_a_template_is_written_with_its_name() -> None:
    functions = {"soft_step": Function("soft_step", 2)}
    expr = Call("soft_step", (Name("a"), Name("b") + 1))
    expected = r"\operatorname{soft\_step}\left(a_t, b_t + 1\right)"
    assert latex(expr, Notation(functions=functions)) == expected


@pytest.mark.parametrize("template", [r"\operatorname{bad}\left({0}\right)", "{1}", "{", "{name}"])
def test_a_wrong_template_is_an_error_that_shows_a_right_one(template: str) -> None:
    functions = {"bad": Function("bad", 1, latex=template)}
    with pytest.raises(PluginError, match=r"'bad'.*operatorname"):
        latex(Call("bad", (Name("a"),)), Notation(functions=functions))


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_every_function_has_a_template(function: str) -> None:
    arguments = tuple(Name(letter) for letter in "abc"[: FUNCTIONS[function].arity])
    text = latex(Call(function, arguments))
    assert all(str(argument) + "_t" in text for argument in arguments)
    assert text.count("{") == text.count("}")


def test_negative_numbers_are_written_with_parentheses_as_factors() -> None:
    # A constant that a gate asks for arrives as a number with its sign.
    assert latex(Name("h") * Number(-2)) == r"h_t\,\left(-2\right)"
    assert latex(Number(-2) ** Name("h")) == r"\left(-2\right)^{h_t}"


_LEAVES = st.one_of(
    st.sampled_from([Name("a"), Name("b"), Name("c_prev")]),
    st.integers(1, 9).map(Number),
)


def _larger(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda p: p[0] + p[1]),
        pairs.map(lambda p: p[0] - p[1]),
        pairs.map(lambda p: p[0] * p[1]),
        pairs.map(lambda p: p[0] / p[1]),
        inner.map(Neg),
        inner.map(lambda e: Call("tanh", (e,))),
        inner.map(lambda e: e**2),
    )


@given(st.recursive(_LEAVES, _larger, max_leaves=12))
def test_braces_and_parentheses_of_any_expression_match(expr: Expr) -> None:
    text = latex(expr)
    assert text.count("{") == text.count("}")
    assert text.count(r"\left") == text.count(r"\right")
    # No operator is followed by a sign that would need parentheses of its own.
    for operator in ("+ -", "- -", r"\odot -", r"\cdot -", "--", r"\,-"):
        assert operator not in text
