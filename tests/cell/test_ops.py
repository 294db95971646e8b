"""The functions of the language on expressions and on arrays."""

import math

import numpy
import pytest
from seams import FUNCTIONS, evaluate
from seams import CallNode as Call
from seams import NameNode as Name
from seams import NumberNode as Number
from seams import language_ops as ops

from gatekit import Function

X = numpy.array([[-2.0, -0.5, 0.0, 1.5], [3.0, 0.25, -1.0, 0.1]])
EXPECTED = {
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
    "tanh": math.tanh,
    "relu": lambda v: max(v, 0.0),
    "softplus": lambda v: math.log(1 + math.exp(v)),
    "exp": math.exp,
    "abs": math.fabs,
    "square": lambda v: v * v,
    "sin": math.sin,
    "cos": math.cos,
    "hard_sigmoid": lambda v: min(max(v / 6 + 0.5, 0.0), 1.0),
    "silu": lambda v: v / (1 + math.exp(-v)),
    "expm1": math.expm1,
    "sign": lambda v: float((v > 0) - (v < 0)),
    "log_sigmoid": lambda v: -math.log(1 + math.exp(-v)),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_elementwise_functions(name):
    expected = [[EXPECTED[name](v) for v in row] for row in X.tolist()]
    numpy.testing.assert_allclose(FUNCTIONS[name](X), expected, rtol=1e-14, atol=1e-15)


def test_positive_arguments():
    numpy.testing.assert_allclose(ops.log(ops.exp(X)), X, atol=1e-15)
    numpy.testing.assert_allclose(ops.sqrt(X * X), numpy.abs(X))


def test_functions_over_units():
    row = [math.exp(v) for v in X[0]]
    share = numpy.array([v / math.fsum(row) for v in row])
    numpy.testing.assert_allclose(ops.softmax(X)[0], share)
    numpy.testing.assert_allclose(ops.cumax(X)[0, -1], 1.0)
    numpy.testing.assert_allclose(ops.cumax(X)[0, 1], share[0] + share[1])
    numpy.testing.assert_allclose(ops.cumsum(X)[0], [-2.0, -2.5, -2.5, -1.0])
    numpy.testing.assert_allclose(ops.sum(X), [[-1.0], [2.35]])
    numpy.testing.assert_allclose(ops.mean(X)[0], [-0.25])
    numpy.testing.assert_allclose(ops.repeat(X[:, :2], 2)[0], [-2.0, -2.0, -0.5, -0.5])


def test_tensor_functions():
    outer = ops.outer(X, X[:, :3])
    assert outer.shape == (2, 4, 3)
    assert outer[1, 0, 2] == -3.0
    numpy.testing.assert_allclose(ops.matvec(outer, X[:, :3])[0], X[0] * (X[0, :3] ** 2).sum())
    numpy.testing.assert_allclose(ops.vecmat(X, outer)[0], X[0, :3] * (X[0] ** 2).sum())
    numpy.testing.assert_allclose(ops.dot(X, X)[1], [(X[1] ** 2).sum()])
    numpy.testing.assert_allclose(ops.minimum(X, 0.0), -ops.maximum(-X, 0.0))


@pytest.mark.parametrize("value", [-1000.0, 1000.0])
def test_large_arguments_stay_finite(value):
    at = numpy.array([[value]])
    for name in ("sigmoid", "softplus", "log_sigmoid", "silu", "softmax", "hard_sigmoid", "tanh"):
        with numpy.errstate(over="ignore"):
            assert numpy.isfinite(FUNCTIONS[name](at)).all(), name


def test_an_expression_gives_an_expression():
    x = Name("x")
    assert ops.sigmoid(x) == Call("sigmoid", (x,))
    assert ops.minimum(0.5, x) == Call("minimum", (Number(0.5), x))
    assert str(2 * ops.tanh(x) ** -1 - 1) == "2*tanh(x)**-1-1"


def test_a_wrong_number_of_arguments_and_an_unknown_type_are_refused():
    with pytest.raises(TypeError, match="tanh takes 1 argument, not 2"):
        ops.tanh(X, X)
    with pytest.raises(TypeError, match="does not support str"):
        ops.tanh("x")


def test_a_backend_has_every_function():
    with pytest.raises(ValueError, match="lacks"):
        ops.add_backend(lambda value: False, {"tanh": math.tanh})


def test_a_composed_function_needs_no_backend():
    twice = Function("twice", 1, compose=lambda x: x + x)
    assert twice(2.5) == 5.0
    assert twice(Name("x")) == Call("twice", (Name("x"),))


def test_a_gate_may_neither_branch_nor_loop_on_expressions():
    with pytest.raises(TypeError, match="may not branch"):
        bool(Name("x"))
    with pytest.raises(TypeError, match="may not loop"):
        list(Name("x"))


def test_what_an_array_library_has():
    numpy.testing.assert_array_equal(ops.clip(X, -1.0, 1.0), numpy.clip(X, -1.0, 1.0))
    numpy.testing.assert_array_equal(ops.clip(X, X - 1, 0.5), numpy.clip(X, X - 1, 0.5))
    numpy.testing.assert_array_equal(ops.where(X, 2.0, -X), numpy.where(X > 0, 2.0, -X))
    numpy.testing.assert_allclose(ops.log1p(ops.expm1(X)), X, atol=1e-15)
    numpy.testing.assert_allclose(ops.var(X), X.var(-1, keepdims=True))
    # numbers stay numbers, so that they take the type of the other operand
    assert (ops.where(0, 1, 2), ops.clip(5, 0, 1), ops.sign(-3.0)) == (2, 1, -1.0)
    made = ops.clip(Name("x"), -1, ops.where(Name("x"), 1, 2))
    assert str(made) == "clip(x,-1,where(x,1,2))"


@pytest.mark.parametrize("name", ["clipp", "max", "clamp", "fourier", "ceil"])
def test_an_unknown_function_is_no_attribute(name):
    with pytest.raises(AttributeError, match=f"'{name}'"):
        getattr(ops, name)


def test_modules_may_look_for_what_is_not_there():
    assert not hasattr(ops, "__wrapped__")
    assert set(FUNCTIONS) < set(dir(ops))


ARGUMENTS = ("x", "y", "z")
ENV = {"x": X, "y": X[::-1] * 0.7, "z": X * 0 + 0.3}


def evaluated(expr):
    return evaluate(expr, ENV, FUNCTIONS)


@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if f.range])
def test_the_range_contains_the_values(name):
    function = FUNCTIONS[name]
    low, high = function.range
    with numpy.errstate(invalid="ignore"):
        found = function(numpy.abs(X) * 9 if name in ("sqrt", "log") else X * 9)
    assert low <= found.min() <= found.max() <= high


def test_logarithms_are_those_of_the_values():
    x, positive = Name("x"), numpy.abs(X) + 0.1
    for function in FUNCTIONS.values():
        if function.facts.log:
            wanted = numpy.log(function(X))
            numpy.testing.assert_allclose(evaluated(function.facts.log(x)), wanted, atol=1e-14)
        if function.facts.log_of_rest:
            wanted = numpy.log(1 - function(X))
            numpy.testing.assert_allclose(
                evaluated(function.facts.log_of_rest(x)), wanted, atol=1e-12
            )
        if function.facts.power is not None:
            wanted = numpy.log(function(positive))
            numpy.testing.assert_allclose(
                function.facts.power * numpy.log(positive), wanted, atol=1e-14
            )


@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if f.kind != "elementwise"])
def test_the_rule_of_shapes_is_that_of_the_values(name):
    function = FUNCTIONS[name]
    given = {"matvec": [(4, 6), (6,)], "vecmat": [(4,), (4, 6)]}.get(name)
    matrix = name in ("transpose", "flat")
    shapes = given or ([(4, 6)] if matrix else [(4,)] * function.arity)
    values = [numpy.ones((2, *shape)) for shape in shapes]
    count = 1
    if function.static:
        values[1] = count = 2
    result = function.facts.shape(shapes[0], shapes[-1], count)
    assert function(*values).shape == (2, *result)
