"""The equation language: what is refused, how fast, and that its text is one program."""

import re

import numpy as np
import pytest
from bounded import bounded
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekit.cell.errors import ExpressionError
from gatekit.cell.language.expression import (
    Binary,
    Call,
    Expr,
    Name,
    Neg,
    Number,
    evaluate,
    render,
    replaced,
)
from gatekit.cell.language.ops import FUNCTIONS
from gatekit.cell.language.parse import MAX_CHARACTERS, MAX_DEPTH, MAX_NODES, parse
from gatekit.faults import known_as
from gatekit.registry import catalogue

REFUSED = {
    "27-class": ("x.__class__", "an attribute"),
    "27-mro": ("().__class__.__mro__", "an attribute"),
    "27-import": ("__import__('os')", "no function '__import__'"),
    "27-getattr": ("getattr(x, 'y')", "no function 'getattr'"),
    "27-call-of-attribute": ("x.sum()", "only functions of the equation language"),
    "27-call-of-call": ("tanh(x)(x)", "only functions of the equation language"),
    "27-subscript": ("x[0]", "a subscript"),
    "27-module-chain": ("np.os.system(x)", "only functions of the equation language"),
    "27-eval": ("eval(x)", "no function 'eval'"),
    "28-f-string": ("f'{x}'", "an f-string"),
    "28-format": ("'{0.__class__}'.format(x)", "only functions of the equation language"),
    "28-lambda": ("lambda x: x", "a lambda"),
    "28-list": ("[x for x in y]", "a comprehension"),
    "28-set": ("{x for x in y}", "a comprehension"),
    "28-dict": ("{x: x for x in y}", "a comprehension"),
    "28-generator": ("sum(x for x in y)", "a comprehension"),
    "28-walrus": ("(x := 1)", "an assignment"),
    "28-await": ("await x", "await"),
    "28-yield": ("(yield x)", "yield"),
    "28-starred": ("tanh(*x)", "a starred argument"),
    "28-double-starred": ("tanh(**x)", "by position"),
    "28-keyword": ("tanh(x=1)", "by position"),
    "28-conditional": ("x if y else z", "a conditional"),
    "28-comparison": ("x < y", r"`<` is not .*\n.*\n.*\nWrite where\(x, a, b\)"),
    "28-and": ("x and y", r"`and` is not .*\n.*\n.*\nWrite where\(x, a, b\)"),
    "28-not": ("not x", "`not` is not an operator of equations"),
    "28-plus": ("+x", r"`\+` is not an operator of equations"),
    "28-invert": ("~x", "`~` is not an operator of equations"),
    "28-matmul": ("x @ y", r"(?s)`@` is not .* learned matrices are in the reads"),
    "28-modulo": ("x % y", "`%` is not an operator of equations"),
    "28-floor": ("x // y", "`//` is not an operator of equations"),
    "28-bits": ("x | y", r"`\|` is not an operator"),
    "28-tuple": ("x, y", "a tuple"),
    "28-statement": ("import os", "no operator between two names"),
    "28-two": ("x; y", "one expression; write each part as NAME: EXPRESSION"),
    "28-assignment": ("x = 1", r"(?s)its right-hand side: NAME: EXPRESSION.*Write \'1\'"),
    "28-comment-only": ("# x", "invalid syntax"),
    "29-mathematical-letters": ("𝐭𝐚𝐧𝐡(x)", r"U\+1D42D at position 0.*ASCII"),
    "29-long-s": ("ſigmoid(x)", r"U\+017F at position 0"),
    "29-micro": ("µ + x", r"U\+00B5 at position 0"),
    "29-zero-width": ("ta\u200bnh(x)", r"U\+200B at position 2"),
    "29-bidi": ("x \u202e+ y", r"U\+202E at position 2"),
    "29-full-width": ("x ＋ y", r"U\+FF0B at position 2"),
    "30-NUL": ("x\0", r"U\+0000 at position 1"),
    "30-surrogate": ("x\ud800", r"U\+D800 at position 1"),
    "30-newline": ("x\n+ y", r"U\+000A at position 1"),
    "30-return": ("x\r", r"U\+000D at position 1"),
    "30-tab": ("\tx", r"U\+0009 at position 0"),
    "30-BOM": ("\ufeffx", r"U\+FEFF at position 0"),
    "30-blank": ("   ", "is empty"),
    "30-nothing": ("", "is empty"),
    "31-calls": ("tanh(" * 1000 + "x" + ")" * 1000, "at most 2000 are allowed"),
    "31-calls-short": ("abs(" * 200 + "x" + ")" * 200, "nested|too many"),
    "31-sums": ("x" + "+x" * 100_000, "at most 2000"),
    "31-sums-short": ("x" + "+x" * 900, "nested deeper"),
    "31-minuses": ("-" * 100_000 + "x", "at most 2000"),
    "31-minuses-short": ("-" * 1900 + "x", "nested"),
    "31-parentheses": ("(" * 900 + "x" + ")" * 900, "parenthes|nested"),
    "31-open": ("(" * 1900, "parenthes|nested|never closed"),
    "31-powers": ("x" + "**2" * 600, "exponent|nested"),
    "32-tower": ("9**9**9", "the exponent must be a constant"),
    "32-exponent": ("x**17", "between -16 and 16"),
    "32-negative-exponent": ("x**-17", "between -16 and 16"),
    "32-exponent-name": ("x**y", "the exponent must be a constant"),
    "32-long-number": ("9" * 1900, "at most 15 digits"),
    "32-hexadecimal": ("0x" + "f" * 1900, "at most 15 digits"),
    "32-infinite": ("1e400", "not finite"),
    "34-true": ("True", "is not a number"),
    "34-none": ("None", r"(?s)'None' is a Python keyword and cannot be a name.*Write None_"),
    "34-ellipsis": ("...", "is not a number"),
    "34-text": ("'a' * 10**9", "is not a number"),
    "34-bytes": ("b'a'", "is not a number"),
    "34-complex": ("1j", "is not a number"),
    "35-too-few": ("tanh()", r"tanh takes 1 argument, not 0; write tanh\(x\)"),
    "35-too-many": ("tanh(x, y)", "tanh takes 1 argument, not 2"),
    "35-two": ("minimum(x)", r"minimum takes 2 arguments, not 1; write minimum\(a, b\)"),
    "named": ("clip(x, low=0, high=1)", r"by position, .*; write clip\(x, low, high\)"),
    "latex": (
        "f \\odot \\tanh{c_{t-1}}",
        r"(?s)LaTeX is not supported.*Write f  \*  tanh\(c_prev\)",
    ),
    "power": ("x^2 * y", r"(?s)`\^` is not .*Write x\*\*2 \* y"),
    "power-of-a-sum": ("x + y^2", r"Write x \+ y\*\*2\."),
    "power-of-a-product": ("2 * x^2", r"Write '2 \* x\*\*2'"),
    "power-of-minus": ("-x^2", r"Write '-x\*\*2'"),
    "function-and-name": ("x * tanh y", r"(?s)no operator between two names.*Write x \* tanh\(y\)"),
    "three-of-two": ("max(x, y, 0)", r"Write maximum\(a, b\), which is max"),
    "slope": ("leaky_relu(x, 0.2)", r"Write maximum\(a, 0\.01 \* a\), which is leaky_relu"),
    "too-many-of-others": ("add(x, y, z)", r"Write a \+ b, which is add"),
    "sigma": ("sigma(x)", r"Write sigmoid\(x\)"),
    "running-maximum": ("cummax(x)", "Equations cannot compute it"),
    "power-of-a-signal": ("2**x", r"(?s)must be a constant.*exp\(b \* log\(a\)\)"),
    "question-mark": ("x > 0 ? a : b", r"(?s)`\?` is not .*where\(x, a, b\)"),
    "two-signs": ("x && !y", "`&&` is not an operator"),
    "bars": ("|x| * y", r"`\|` is not an operator"),
    "no-sign": ("2x(1 - y)", "no operator between two names or numbers"),
    "decimal-comma": ("0,5 * x", r"(?s)a tuple .*0\.5 for 0,5"),
    "keyword": ("a + (1 - lambda) * b", r"(?s)'lambda' is a Python keyword.*\(1 - lambda_\)"),
    "keyword-first": ("in * x", r"(?s)'in' is a Python keyword .*Write in_ \* x"),
    "last-step": ("h[t-1] * x", r"(?s)a subscript .*Write h_prev \* x"),
    "element": ("x[:, :4]", "write a separate gate for each part"),
    "axis": ("mean(x, axis=-1)", r"mean works over the units .*; write mean\(x\)"),
    "other-library": ("np.power(x, 2)", r"(?s)only by name.*Write x\*\*2"),
    "function-of-others": ("hadamard(x, y)", r"(?s)no function 'hadamard'.*Write x \* y"),
    "concatenation": ("concat(x, y)", "A gate sums the linear maps of all its reads"),
    "a-signal-called": ("update(x)", r"no function 'update'"),
    "body": ("lambda u: u * x", "a lambda is not part"),
    "unknown-function": ("tahn(x)", "no function 'tahn'; did you mean 'tanh'"),
    "unfinished": ("x +", r"(?s)ends with an operator.*Write x\."),
    "open-call": ("tanh(x", r"(?s)never closed.*Write tanh\(x\)"),
    "two-names": ("x y", r"(?s)no operator between two names.*Write x \* y"),
    "dollar": ("${task.length}", r"`\$` is not an operator"),
}


NUMPY = (
    "subtract divide mod ones_like zeros_like std reciprocal sinh cosh tan ceil rint trunc "
    "log2 log10 exp2 hypot inner logaddexp arctanh arcsinh"
)


@pytest.mark.parametrize("name", NUMPY.split())
def test_what_is_written_for_a_function_of_numpy_is_its_value(name):
    template, functions = known_as("function", name), catalogue().functions
    signals = {"a": np.array([[0.2, 0.9, 0.6]]), "b": np.array([[0.7, 0.4, 0.3]])}
    expected = getattr(np, name)(
        *[v for n, v in signals.items() if re.search(rf"\b{n}\b", template)]
    )
    actual = evaluate(parse(template, functions), signals, functions)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    text, says = REFUSED[case]
    with bounded(), pytest.raises(ExpressionError, match=says) as caught:
        parse(text, FUNCTIONS)
    assert len(str(caught.value)) < 1500


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("c + x.__class__ * 2", "x.__class__"),
        ("1 + getattr(x)", "getattr"),
        ("tanh(x, y) + 1", "tanh(x, y)"),
        ("a * (lambda: 0)", "lambda: 0"),
        ("x + 'text'", "'text'"),
        ("x" * 80 + " + x[0] + " + "y" * 80, "x[0]"),
        ("x + (y + 1)^2 * z", "^"),
        ("where(x >= 1, a, b)", ">="),
        ("x and (y)", "and"),
        ("x * (1 - ~y)", "~"),
        ("x + class * 2", "class"),
    ],
)
def test_the_place_is_marked(text, marked):
    with pytest.raises(ExpressionError) as caught:
        parse(text, FUNCTIONS)
    _, shown, mark, *_ = str(caught.value).split("\n")
    assert "".join(c for c, m in zip(shown, mark, strict=False) if m == "^") == marked


def test_more_parts_than_allowed():
    inner = "+".join(["x"] * 40)
    wide = "+".join(f"({inner})" for _ in range(8))
    assert len(wide) < MAX_CHARACTERS
    with pytest.raises(ExpressionError, match=f"more than {MAX_NODES} parts"):
        parse(wide, FUNCTIONS)


def test_up_to_the_bounds_is_accepted():
    assert str(parse("-" * (MAX_DEPTH - 1) + "x", FUNCTIONS)) == "-" * (MAX_DEPTH - 1) + "x"
    with pytest.raises(ExpressionError, match="nested deeper"):
        parse("-" * MAX_DEPTH + "x", FUNCTIONS)
    assert parse("x" * MAX_CHARACTERS, FUNCTIONS) == Name("x" * MAX_CHARACTERS)
    assert str(parse("x**16 + x**-16", FUNCTIONS)) == "x**16+x**-16"


@pytest.mark.parametrize("text", ["x/0", "log(-1)", "sqrt(h)", "0**-1", "exp(exp(1000))"])
def test_what_only_fails_in_numbers_is_accepted(text):
    assert isinstance(parse(text, FUNCTIONS), Expr)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("forget*c_prev", "  forget  *  c_prev "),
        ("a+b*c", "(a + ((b) * c))"),
        ("-x**2", "-(x ** 2)"),
        ("1", "1.0"),
        ("1000", "1e3"),
        ("tanh(x)", "tanh( x, )"),
        ("a-b-c", "(a-b)-c"),
    ],
)
def test_two_spellings_are_one_program(one, other):
    assert str(parse(one, FUNCTIONS)) == str(parse(other, FUNCTIONS)) == one
    assert parse(one, FUNCTIONS) == parse(other, FUNCTIONS)


@pytest.mark.parametrize(
    ("one", "other"),
    [("x", "x+0"), ("a-(b-c)", "a-b-c"), ("(-x)**2", "-x**2"), ("a*b", "b*a"), ("2*x", "2.5*x")],
)
def test_two_programs_have_two_texts(one, other):
    assert str(parse(one, FUNCTIONS)) != str(parse(other, FUNCTIONS))


@pytest.mark.parametrize("value", [1, 0.5, 1e-3, 0])
def test_a_number_of_yaml_is_an_equation(value):
    assert parse(value, FUNCTIONS) == Number(value)


@pytest.mark.parametrize(
    "value",
    [None, True, ["x"], {"x": 1}, b"x", float("nan"), float("inf"), 10**5000],
    ids=["null", "true", "list", "mapping", "bytes", "nan", "inf", "5000-digits"],
)
def test_what_is_no_text_is_refused(value):
    with pytest.raises(ExpressionError):
        parse(value, FUNCTIONS)


def test_sizes_may_be_divided():
    assert str(parse("units // chunk", {}, sizes=True)) == "units//chunk"
    with pytest.raises(ExpressionError, match="no function"):
        parse("tanh(units)", {}, sizes=True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3 * 4", 14.0),
        ("(2 + 3) * 4", 20.0),
        ("2 - 3 - 4", -5.0),
        ("2 / 4 / 2", 0.25),
        ("-2 ** 2", -4.0),
        ("(-2) ** 2", 4.0),
        ("2 ** -1", 0.5),
        ("2 * -3", -6.0),
        ("--2", 2.0),
        ("maximum(1, tanh(0)) * 3", 3.0),
    ],
)
def test_the_meaning_is_that_of_arithmetic(text, value):
    assert evaluate(parse(text, FUNCTIONS), {}, FUNCTIONS) == value


NUMBERS = st.one_of(
    st.integers(0, 10**15),
    st.floats(0, 1e300, allow_nan=False, allow_infinity=False),
).map(Number)
LEAVES = st.one_of(NUMBERS, st.sampled_from(["x", "h_prev", "c", "units"]).map(Name))
EXPONENTS = st.one_of(st.integers(0, 16), st.floats(0, 16)).map(Number)


def larger(inner):
    """Return the expressions one level above."""
    one = [name for name, f in FUNCTIONS.items() if f.arity == 1]
    two = [name for name, f in FUNCTIONS.items() if f.arity == 2]
    return st.one_of(
        inner.map(Neg),
        st.builds(Binary, st.sampled_from("+-*/"), inner, inner),
        st.builds(Binary, st.just("**"), inner, st.one_of(EXPONENTS, EXPONENTS.map(Neg))),
        st.builds(Call, st.sampled_from(one), st.tuples(inner)),
        st.builds(Call, st.sampled_from(two), st.tuples(inner, inner)),
    )


EXPRESSIONS = st.recursive(LEAVES, larger, max_leaves=24)


@given(EXPRESSIONS)
@settings(max_examples=300, deadline=None)
def test_text_and_tree_are_one(expr):
    assert parse(str(expr), FUNCTIONS) == expr
    assert str(parse(str(expr), FUNCTIONS)) == str(expr)
    # What people read leaves out the rounding error of a float; it is read as itself.
    assert render(parse(render(expr, " "), FUNCTIONS), " ") == render(expr, " ")


@given(st.text(max_size=60) | st.text("x+-*/().,' 1e[]{}:=@_tanh", max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_text_is_an_expression_or_refused(text):
    try:
        expr = parse(text, FUNCTIONS)
    except ExpressionError:
        return
    assert parse(str(expr), FUNCTIONS) == expr


def test_people_read_a_number_without_its_rounding_error():
    number = Number((1 - 0.9) * 4)
    assert render(Name("pre") * number, " ") == "pre * 0.4"
    assert render(Number(0.123456789012345), " ") == "0.123456789012345"
    assert render(number) == "0.3999999999999999", "the canonical form is exact"


def test_a_replacement_shares_the_unchanged_parts():
    whole = parse("tanh(a * b) + sigmoid(c) * (d - c)", FUNCTIONS)
    changed = replaced(whole, Name("d"), Name("e"))
    assert str(changed) == "tanh(a*b)+sigmoid(c)*(e-c)"
    assert changed.left is whole.left
    assert changed.right.left is whole.right.left
    assert replaced(whole, Name("z"), Name("e")) is whole
