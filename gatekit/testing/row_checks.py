"""Checks of a row-wise function alone: shapes, types, rows, steps, units, gradients."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Mapping
from typing import NoReturn

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike
from tensorflow import Tensor

from gatekit.cell.errors import one_line
from gatekit.cell.language.expression import Call, Expr, Name, evaluate, lift, names, walk
from gatekit.cell.language.ops import Function

from .outcome import CheckError, compare
from .subject import GATE, Subject
from .tensors import ROWS, Values, arguments, call, changed, floating, rows_of, with_steps

SATURATED = 50.0
FIRST = np.arange(ROWS)[:, None] == 0


def shape_kept(subject: Subject) -> str | None:
    """The value and each new state are ``batch x units`` for every number of rows."""
    values = arguments(subject)
    for rows in (ROWS, 3):
        returned = call(subject, rows_of(values, list(range(rows))))
        for name, value in returned.items():
            if len(value.shape) >= 2 and value.shape[0] not in (rows, 1):
                raise CheckError(f"for {rows} rows, its {name} has {value.shape[0]}")
    return None


def dtype_kept(subject: Subject) -> str | None:
    """The result has the type of the arguments: float16, bfloat16, float32 or float64."""
    call(subject, arguments(subject))  # raises errors that do not depend on the type
    for dtype in (tf.float16, tf.bfloat16, tf.float32, tf.float64):
        try:
            returned = call(subject, arguments(subject, dtype))
        except (TypeError, ValueError, tf.errors.OpError) as error:
            if isinstance(error, CheckError):
                raise
            message = one_line(error)[:120]
            raise CheckError(f"in {dtype.name} it raises: {message}") from error
        for name, value in returned.items():
            if value.dtype != dtype:
                raise CheckError(f"for {dtype.name}, its {name} is {value.dtype.name}")
    return None


def rows_apart(subject: Subject) -> str | None:
    """Rows of the batch do not influence each other."""
    values = arguments(subject)
    other = changed(values, arguments(subject, seed=1), FIRST)
    _same(call(subject, values), call(subject, other), slice(1, None), "rows of the batch mix")
    return None


def steps_apart(subject: Subject) -> str | None:
    """Steps do not mix if all are passed in one call, as for gates that read no state."""
    values = arguments(subject)
    other = changed(values, arguments(subject, seed=1), np.arange(ROWS)[:, None] < ROWS // 3)
    one, two = (call(subject, with_steps(v)) for v in (values, other))
    _same(one, two, slice(1, None), "steps of a sequence mix")
    flat = call(subject, values)
    for name, value in flat.items():
        if len(value.shape) == 2 and value.shape[0] == ROWS:
            _close(
                name,
                tf.reshape(one[name], value.shape),
                value,
                "all steps together give other values",
            )
    return None


def units_apart(subject: Subject) -> str | None:
    """Units do not influence each other, unless ``mixes_units = True`` is declared."""
    if type(subject.instance).mixes_units:
        return "mixes units, as declared"
    values, other = arguments(subject), arguments(subject, seed=1)
    width = subject.cell.node(GATE).width if subject.kind == "gates" else subject.cell.output.width
    mixed: Values = {}
    for name, value in values.items():
        mixed[name] = value
        if tf.is_tensor(value) and len(value.shape) and value.shape[-1] == width:
            mixed[name] = tf.where(np.arange(width) == 0, other[name], value)
    one, two = call(subject, values), call(subject, mixed)
    for name, value in one.items():
        if len(value.shape) and value.shape[-1] == width:
            _close(name, two[name][..., 1:], value[..., 1:], "units mix")
    return None


def batch_of_one(subject: Subject) -> str | None:
    """A row gives the same values alone and in a batch."""
    values = arguments(subject)
    whole, single = call(subject, values), call(subject, rows_of(values, [0]))
    for name, value in whole.items():
        if len(value.shape) >= 2 and value.shape[0] == ROWS:
            _close(name, single[name][:1], value[:1], "a batch of one gives other values")
    return None


def makes_nothing(subject: Subject) -> str | None:
    """A call creates no weight, and does not change the object, its class or its module."""
    instance = subject.instance
    kind = type(instance)
    values = arguments(subject)
    before = _traces(subject)
    with tf.variable_creator_scope(_refuse_variable):
        call(subject, values)
    if before != _traces(subject):
        raise CheckError(
            f"{instance.definition()} changes {kind.__name__}, its instance or its module"
        )
    return None


def deterministic(subject: Subject) -> str | None:
    """Equal arguments give equal values, as does the gate's expression; nothing is drawn."""
    values = arguments(subject)
    with _generators_untouched(subject):
        runs = [call(subject, values), call(subject, values), _traced(subject, values)]
    for again in runs[1:2]:
        for name, value in runs[0].items():
            if not np.array_equal(value, again[name], equal_nan=True):
                raise CheckError(f"its {name} differs when it is called again")
    for name, value in runs[0].items():
        _close(name, runs[2][name], value, "tf.function changes its values")
    for name, value in _by_expression(subject, values).items():
        _close(
            name,
            value,
            runs[0][name],
            "for numbers it computes something else than for signals",
        )
    return None


def gradient(subject: Subject) -> str | None:
    """The gradient agrees with finite differences, in float64."""
    values = arguments(subject)
    compared, note = _differentiated(subject, values)
    with tf.GradientTape() as tape:
        tape.watch([values[n] for n in compared])
        total = _total(call(subject, values))
    slopes = tape.gradient(total, [values[n] for n in compared], unconnected_gradients="zero")
    rng = np.random.default_rng(3)
    step = 1e-6
    for name, slope in zip(compared, slopes, strict=True):
        direction = tf.constant(rng.normal(size=values[name].shape))
        ends = [
            _total(call(subject, {**values, name: values[name] + sign * step * direction}))
            for sign in (1.0, -1.0)
        ]
        expected = float((ends[0] - ends[1]) / (2 * step))
        came = float(tf.reduce_sum(slope * direction))
        compare(
            f"the gradient along {name} is {came:.6g}, but finite differences give {expected:.6g}",
            came,
            expected,
            1e-5,
        )
    return note


def differentiable(subject: Subject) -> str | None:
    """If the value depends on an argument, its gradient there is not zero everywhere."""
    values, other = arguments(subject), arguments(subject, seed=1)
    compared, note = _differentiated(subject, values)
    for name in compared:
        with tf.GradientTape() as tape:
            tape.watch(values[name])
            total = _total(call(subject, values))
        slope = tape.gradient(total, values[name], unconnected_gradients="zero")
        moved = _total(call(subject, {**values, name: other[name] + 0.5}))
        if float(moved - total) != 0.0 and not np.any(slope):
            raise CheckError(
                f"the value depends on {name}, but its gradient there is zero everywhere"
            )
    return note


def finite_when_saturated(subject: Subject) -> str | None:
    """For pre-activations of +50 and -50, values and gradients are finite in float32."""
    values = arguments(subject, tf.float32)
    if "pre" not in values:
        return "takes no pre-activation"
    for size in (SATURATED, -SATURATED):
        pre = tf.fill(values["pre"].shape, tf.constant(size, tf.float32))
        with tf.GradientTape() as tape:
            tape.watch(pre)
            returned = call(subject, {**values, "pre": pre})
            total = _total(returned)
        slope = tape.gradient(total, pre, unconnected_gradients="zero")
        for name, value in {**returned, "gradient": slope}.items():
            if not np.all(np.isfinite(value)):
                raise CheckError(
                    f"with pre = {size:+.0f} its {name} is {np.asarray(value).ravel()[0]}"
                )
    return None


def stopped(expr: Expr, functions: Mapping[str, Function]) -> set[str]:
    """Return the names that an expression reads within ``stop``, also in functions of plugins."""
    found = set[str]()
    for part in walk(expr):
        if isinstance(part, Call) and part.function == "stop":
            found.update(names(part))
        elif isinstance(part, Call):
            # A function that cannot be written as an expression is taken to stop nothing.
            composed = functions[part.function].composed(part.args)
            found |= set() if composed is None else stopped(composed, functions)
    return found


def note_stopped(inside: set[str]) -> str | None:
    """Return the note for gradients that are not compared because they pass ``stop``."""
    return f"not compared: {', '.join(sorted(inside))} within stop(...)" if inside else None


def _differentiated(subject: Subject, values: Values) -> tuple[list[str], str | None]:
    """Return the arguments whose gradients are compared, and a note on those within ``stop``."""
    inside = set[str]()
    with contextlib.suppress(Exception):  # a gate of TensorFlow is not an expression
        result = subject.instance.compute({name: Name(name) for name in values})
        value, new = result if isinstance(result, tuple) else (result, {})
        for expr in (value, *new.values()):
            inside |= stopped(lift(expr), subject.cell.spec.functions)
    return [name for name in floating(values) if name not in inside], note_stopped(inside)


def _total(values: Values) -> Tensor:
    """Return a sum of all numbers, each weighted differently."""
    total: Tensor = 0.0
    for index, value in enumerate(values.values()):
        weights = np.random.default_rng(index).normal(size=value.shape)
        total = total + tf.reduce_sum(tf.cast(weights, value.dtype) * value)
    return total


def _same(one: Values, two: Values, where: slice, what: str) -> None:
    for name, value in one.items():
        if len(value.shape) >= 2 and value.shape[0] > 1:
            _close(name, two[name][where], value[where], what)


def _close(name: str, value: ArrayLike, expected: ArrayLike, what: str) -> None:
    compare(f"{what}: its {name} differs", value, expected, 1e-10)


def _refuse_variable(_: object, **options: object) -> NoReturn:
    raise CheckError("a weight is created inside the function")


def _traces(subject: Subject) -> dict[str, tuple[int, str]]:
    """Return the identities of all values that a call could change, and containers' contents."""
    kind = type(subject.instance)
    function = getattr(kind, kind.method)
    places = {
        "instance": vars(subject.instance),
        "class": vars(kind),
        "module": function.__globals__,
    }
    return {
        f"{place} {name}": (id(value), repr(value) if isinstance(value, (list, dict, set)) else "")
        for place, names in places.items()
        for name, value in names.items()
        if name not in ("__builtins__", "__warningregistry__")
    }


def _traced(subject: Subject, values: Values) -> Values:
    names = floating(values)
    plain = {n: v for n, v in values.items() if n not in names}

    @tf.function(autograph=False)
    def run(*tensors: Tensor) -> Values:
        return call(subject, {**plain, **dict(zip(names, tensors, strict=True))})

    found: Values = run(*(values[n] for n in names))
    return found


def _by_expression(subject: Subject, values: Values) -> Values:
    """Return what the gate's expressions give, which executors use instead of its function."""
    expressions = subject.cell.gate_expressions[GATE] if subject.kind == "gates" else None
    if expressions is None:
        return {}
    value, states = expressions
    bound = subject.cell.node(GATE).arguments
    env = {**subject.cell.constants}
    env |= {"pre" if key.startswith("pre:") else key: values[name] for name, key in bound}
    functions = subject.spec.functions
    return {n: evaluate(e, env, functions) for n, e in {"value": value, **states}.items()}


@contextlib.contextmanager
def _generators_untouched(subject: Subject) -> Iterator[None]:
    before = (random.getstate(), repr(np.random.get_state()))
    yield
    if before != (random.getstate(), repr(np.random.get_state())):
        raise CheckError(f"{subject.instance.definition()} draws from a global generator")
