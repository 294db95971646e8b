"""Checks of a function of the equation language."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.errors import one_line
from gatekit.cell.language.expression import Call, Expr, Name, names
from gatekit.cell.language.ops import FUNCTIONS
from gatekit.cell.row_wise import place_in, reason
from gatekit.recurrence import tensor_ops

from .outcome import CheckError
from .row_checks import note_stopped, stopped
from .subject import UNITS, Subject

assert tensor_ops.TABLE  # importing it lets functions compute on tensors

ROWS = 4
Argument = np.ndarray | int
"""Numbers by row and unit, or a size."""


def function_documented(subject: Subject) -> str | None:
    """The function has a summary of one line, and a LaTeX template with every argument."""
    function = subject.implementation
    if not function.summary.strip():
        raise CheckError("it has no summary")
    missing = [f"{{{i}}}" for i in range(function.arity) if f"{{{i}}}" not in function.latex]
    if missing:
        raise CheckError(f"latex={function.latex!r} lacks {', '.join(missing)}")
    try:
        function.latex.format(*"abcdefgh"[: function.arity])
    except (ValueError, LookupError) as error:
        why = f"latex={function.latex!r} is not a template: {error}"
        raise CheckError(why) from None
    return None


def equations_take_it(subject: Subject) -> str | None:
    """Applied to expressions, the function returns an expression that equations may contain."""
    function = subject.implementation
    arguments = [Name(f"argument_{i}") for i in range(function.arity)]
    if function.static:
        return "takes sizes, so it is only checked on numbers"
    try:
        expression = function.compose(*arguments)
    except TypeError as error:  # of NumPy's functions
        place = place_in(function.compose, error)
        raise CheckError(f"{reason(error)} ({place})") from None
    if not isinstance(expression, Expr):
        raise CheckError(f"for expressions, compose returns {type(expression).__name__}")
    unused = {a.name for a in arguments} - set(names(expression))
    if unused:
        raise CheckError(f"{len(unused)} argument(s) are not used")
    return str(expression)


def backends_agree(subject: Subject) -> str | None:
    """NumPy and TensorFlow give the same numbers, in float64."""
    given = _arguments(subject)
    function = subject.implementation
    array = np.asarray(function(*given))
    tensor = np.asarray(function(*(_tensor(v, tf.float64) for v in given)))
    if array.shape != tensor.shape or not np.allclose(array, tensor, rtol=1e-12, atol=1e-12):
        raise CheckError("NumPy and TensorFlow give different numbers")
    if not np.all(np.isfinite(tensor)):
        raise CheckError("for numbers around 0.5 it returns NaN or infinity")
    return None


def function_dtype_kept(subject: Subject) -> str | None:
    """The result has the type of the arguments: float16, bfloat16, float32 or float64."""
    for dtype in (tf.float16, tf.bfloat16, tf.float32, tf.float64):
        try:
            value = subject.implementation(*(_tensor(v, dtype) for v in _arguments(subject)))
        except (TypeError, tf.errors.OpError) as error:
            message = one_line(error)[:120]
            raise CheckError(f"in {dtype.name} it raises: {message}") from error
        if value.dtype != dtype:
            raise CheckError(f"for {dtype.name} it returns {value.dtype.name}")
    return None


def function_rows_apart(subject: Subject) -> str | None:
    """Rows do not influence each other."""
    given = _arguments(subject)
    other = [_changed(v, np.arange(ROWS)[:, None] == 0) for v in given]
    one, two = (np.asarray(subject.implementation(*v)) for v in (given, other))
    if not np.array_equal(one[1:], two[1:]):
        raise CheckError("rows of the batch mix")
    return None


def kind_true(subject: Subject) -> str | None:
    """A function of kind ``elementwise`` keeps the shape and does not mix units."""
    function = subject.implementation
    if function.kind != "elementwise":
        return f"of kind {function.kind}, as declared"
    given = _arguments(subject)
    one = np.asarray(function(*given))
    two = np.asarray(function(*(_changed(v, np.arange(UNITS) == 0) for v in given)))
    if one.shape != (ROWS, UNITS) or not np.array_equal(one[:, 1:], two[:, 1:]):
        raise CheckError("kind is elementwise, but it mixes units")
    return None


def function_gradient(subject: Subject) -> str | None:
    """The gradient agrees with finite differences, and is not zero if the value changes."""
    given = [_tensor(v, tf.float64) for v in _arguments(subject)]
    function = subject.implementation
    called = Call(function.name, tuple(Name(f"argument {k + 1}") for k in range(function.arity)))
    inside = stopped(called, {**FUNCTIONS, function.name: function})
    for position, value in enumerate(given):
        if not tf.is_tensor(value) or f"argument {position + 1}" in inside:
            continue
        direction = tf.constant(np.random.default_rng(position).normal(size=value.shape))

        def at(size: float, place: int = position, way: Tensor = direction) -> Tensor:
            moved = [*given[:place], given[place] + size * way, *given[place + 1 :]]
            return tf.reduce_sum(subject.implementation(*moved) ** 2)

        with tf.GradientTape() as tape:
            tape.watch(value)
            result = function(*given)
            if not tf.is_tensor(result):
                raise CheckError("for tensors it returns numbers without a gradient")
            total = tf.reduce_sum(result**2)
        slope = tape.gradient(total, value, unconnected_gradients="zero")
        came = float(tf.reduce_sum(slope * direction))
        expected = float((at(1e-6) - at(-1e-6)) / 2e-6)
        flat = came == 0.0 and float(at(1.0) - at(0.0)) != 0.0
        if flat or not abs(came - expected) <= 1e-5 * (1 + abs(expected)):
            raise CheckError(
                f"the gradient in argument {position + 1} is {came:.6g}, but finite differences "
                f"give {expected:.6g}"
            )
    return note_stopped(inside)


def _arguments(subject: Subject) -> list[Argument]:
    rng = np.random.default_rng(0)
    given: list[Argument] = [
        rng.uniform(0.1, 0.9, (ROWS, UNITS)) for _ in range(subject.implementation.arity)
    ]
    for position in subject.implementation.static:
        given[position] = 2
    return given


def _tensor(value: Argument, dtype: tf.DType) -> Tensor:
    return tf.cast(tf.constant(value), dtype) if isinstance(value, np.ndarray) else value


def _changed(value: Argument, where: np.ndarray) -> Argument:
    return np.where(where, value + 0.05, value) if isinstance(value, np.ndarray) else value
