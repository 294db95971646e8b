"""Checks of a gate or output unit inside a recurrent layer: executors, XLA, saving, speed."""

from __future__ import annotations

import functools
import json
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike
from tensorflow import Tensor

from gatekit.cell.errors import GatekitError, one_line
from gatekit.recurrence.executors.choose import EXECUTORS
from gatekit.recurrence.layers.rnn import RNN
from gatekit.registry.loading import using

from .outcome import CheckError
from .subject import GATE, InCell
from .subject import subject as registered

BATCH, TIME = 4, 5
DESCENTS = 4
Fed = dict[str, Tensor]
ALWAYS = ("reference", "stacked")
"""The executors that run every cell; the others refuse some cells."""

LIMIT = 10.0
"""The largest time of a training step, relative to that with a sigmoid gate."""

TOLERANCES = {"mixed_float16": 2e-2, "mixed_bfloat16": 8e-2}


def everything_learns(subject: InCell) -> str | None:
    """Every weight of the subject gets a gradient, at once or after a few steps of descent."""
    layer = make_layer(subject)
    x = inputs(subject, rows=16, steps=8)
    own = {"gates": f"{GATE}.", "output_units": "output_unit."}.get(subject.kind, "")
    variables: Fed = {}
    still: set[str] = set()
    # A weight that is multiplied by a weight of zero gets a gradient once that weight has moved.
    for step in range(DESCENTS):
        _, slopes = run(layer, x)
        variables = {n: v for n, v in layer.named_weights.items() if v.trainable}
        idle = {n for n in variables if n.startswith(own) and not np.any(slopes[n])}
        still = idle if step == 0 else still & idle
        if not still:
            break
        for name, variable in variables.items():
            variable.assign_sub(0.1 * np.clip(slopes[name], -1, 1))
    for name in sorted(still):
        raise CheckError(
            f"the weight {name} has a zero gradient",
            "use it in a differentiable function, give it another initial value, or do not "
            "declare it",
        )
    return None if any(n.startswith(own) for n in variables) else "has no own weights"


def masked_nan(subject: InCell) -> str | None:
    """NaN in masked steps changes neither values nor gradients."""
    layer = make_layer(subject)
    x, mask = inputs(subject), _mask()
    expected, result = (
        run(
            layer,
            {n: tf.where(mask[:, :, None], v, tf.constant(fill, v.dtype)) for n, v in x.items()},
            mask=mask,
        )
        for fill in (0.0, np.nan)
    )
    for name, value in {**expected[0], **expected[1]}.items():
        if not np.all(np.isfinite(value)):
            what = "output" if name == "output" else f"gradient of {name}"
            raise CheckError(
                f"with masked steps, the {what} is not finite",
                "compute each step by itself, from the arguments of activate",
            )
    _agree(
        result,
        expected,
        0.0,
        "NaN in masked steps reaches",
        "do not use an input directly: put it into reads",
    )
    return None


def executors_agree(subject: InCell) -> str | None:
    """Every executor that runs the cell agrees with ``reference``, with a mask and without.

    Values and gradients are compared in float64.
    """
    x = inputs(subject)
    masks: tuple[Fed, ...] = ({}, {"mask": _mask()})
    slow = make_layer(subject, executor="reference")
    expected = [run(slow, x, **mask) for mask in masks]
    ran = ["reference"]
    for executor in EXECUTORS:
        if executor in ("auto", "reference"):
            continue
        try:
            layer = make_layer(subject, executor=executor)
            results = [run(layer, x, **mask) for mask in masks]
        except GatekitError:
            if executor in ALWAYS:
                raise
            continue
        ran.append(executor)
        for one, two, masked in zip(results, expected, ("", ", masked,"), strict=True):
            _agree(
                one,
                two,
                1e-10,
                f"executor={executor}{masked} disagrees with reference in",
                "compute each row separately, only from arguments and with gatekit.ops",
            )
    return ", ".join(ran)


def compiles_with_xla(subject: InCell) -> str | None:
    """A training step gives the same results if it is compiled by XLA."""
    layer = make_layer(subject, dtype="float32")
    x = inputs(subject, dtype=tf.float32)
    expected = run(layer, x)
    compiled = tf.function(functools.partial(run, layer), jit_compile=True, autograph=False)
    try:
        result = compiled(x)
    except tf.errors.OpError as error:
        raise CheckError(
            f"XLA cannot compile it: {one_line(error)[:200]}",
            "use gatekit.ops; no strings, no py_function, no shapes that depend on values",
        ) from error
    _agree(result, expected, 1e-4, "XLA changes", "use gatekit.ops and operators only")
    return None


def mixed_precision(subject: InCell) -> str | None:
    """In mixed precision, outputs are close to those in float32, and gradients are finite."""
    x = inputs(subject, dtype=tf.float32)
    expected = np.asarray(make_layer(subject, dtype="float32")(fed(x)), np.float64)
    for policy, tolerance in TOLERANCES.items():
        layer = make_layer(subject, dtype=policy)
        values, slopes = run(layer, x)
        output = np.asarray(tf.cast(values["output"], tf.float64))
        error = np.max(np.abs(output - expected)) / (1 + np.max(np.abs(expected)))
        finite = all(np.all(np.isfinite(np.asarray(s, np.float64))) for s in slopes.values())
        if not (error <= tolerance and finite):
            raise CheckError(
                f"under {policy} outputs are off by {error:.2g} (at most {tolerance}), gradients "
                f"are {'finite' if finite else 'not finite'}",
                "avoid differences of large numbers and divisions by small ones",
            )
    return None


def one_trace(subject: InCell) -> str | None:
    """``tf.function`` traces the layer only once for all batch sizes and lengths."""
    layer = make_layer(subject)
    layer(fed(inputs(subject)))
    shapes = {
        name: tf.TensorSpec([None, None, width], tf.float64)
        for name, width in subject.cell.inputs.items()
    }
    traced = tf.function(layer.call, input_signature=[fed(shapes)], autograph=False)
    remedy = "take sizes only from the argument units, and let operators broadcast"
    try:
        outputs = [
            np.asarray(traced(fed(inputs(subject, rows, steps))))
            for rows, steps in ((4, 5), (3, 7))
        ]
    except (TypeError, ValueError, tf.errors.OpError) as error:
        message = one_line(error)[:160]
        raise CheckError(
            f"traced for any batch size and length it raises: {message}", remedy
        ) from error
    if traced.experimental_get_tracing_count() != 1:
        raise CheckError("it is traced again for another batch size or length", remedy)
    for value, (rows, steps) in zip(outputs, ((4, 5), (3, 7)), strict=True):
        near(
            value,
            np.asarray(layer(fed(inputs(subject, rows, steps)))),
            1e-12,
            "tracing changes the output",
            remedy,
        )
    return None


def saves_and_loads(subject: InCell) -> str | None:
    """A layer that is loaded from a ``.keras`` file has bitwise the same outputs."""
    layer = make_layer(subject)
    x = inputs(subject)
    expected = np.asarray(layer(fed(x)))
    config = layer.get_config()
    remedy = "keep all settings in options, parameters and states"
    try:
        json.dumps(config)
    except TypeError as error:
        raise CheckError(f"its configuration is not plain data: {error}", remedy) from None

    given = {
        name: keras.Input((None, width), dtype="float64", name=name)
        for name, width in subject.cell.inputs.items()
    }
    model = keras.Model(fed(given), layer(fed(given)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer.keras"
        model.save(path)
        try:
            with using(subject.plugins):
                again = keras.models.load_model(path)
        except (TypeError, ValueError) as error:
            message = one_line(error)
            raise CheckError(
                f"the saved file cannot be loaded: {message[-200:]}", remedy
            ) from error
    output = np.asarray(again(fed(x)))
    if not np.array_equal(output, expected):
        raise CheckError("loaded from a file, it has other outputs", remedy)
    return None


def speed(subject: InCell) -> str | None:
    """A training step takes at most ten times as long as with a sigmoid gate."""
    times = _step_time(subject) / _sigmoid_time()
    ratio = f"{times:.1f} times as long as with a sigmoid gate"
    if times > LIMIT:
        raise CheckError(
            f"a training step takes {ratio}; the limit is {LIMIT:.0f}",
            "compute on whole tensors, without loops",
        )
    return ratio


@functools.lru_cache(maxsize=1)
def _sigmoid_time() -> float:
    return _step_time(registered("gates", "sigmoid"))


def _step_time(subject: InCell) -> float:
    """Return the least processor time, in seconds, of a training step of a small layer."""
    layer = make_layer(subject, dtype="float32")
    x = inputs(subject, rows=32, steps=20, dtype=tf.float32)
    layer(x)
    step = tf.function(functools.partial(run, layer), autograph=False)
    step(x)
    least = math.inf
    for _ in range(7):
        # Processor time of this process only, because other processes may keep the machine busy.
        start = time.process_time()
        step(x)
        least = min(least, time.process_time() - start)
    return least


def _mask() -> Tensor:
    """Return a mask ``batch x time`` with gaps, and without any valid step in the first row."""
    valid = np.random.default_rng(1).random((BATCH, TIME)) < 0.6
    valid[0] = False
    return tf.constant(valid)


def make_layer(subject: InCell, dtype: str = "float64", **options: Any) -> RNN:
    return RNN(
        subject.spec,
        subject.units,
        output_unit=subject.unit.canonical(),
        return_sequences=True,
        seed=1,
        dtype=dtype,
        plugins=subject.plugins,
        **options,
    )


def inputs(
    subject: InCell, rows: int = BATCH, steps: int = TIME, dtype: tf.DType = tf.float64
) -> Fed:
    """Return random inputs by name; inputs other than x are positive, as they may be times."""
    rng = np.random.default_rng(rows * 100 + steps)
    values: Fed = {}
    for name, width in subject.cell.inputs.items():
        shape = (rows, steps, width)
        value = rng.normal(size=shape) if name == "x" else rng.uniform(0.5, 1.5, shape)
        values[name] = tf.constant(value, dtype)
    return values


def fed(x: Fed) -> Fed | Tensor:
    """Return the inputs as the layer takes them: x alone if there are no others."""
    return x["x"] if len(x) == 1 else x


def run(layer: RNN, x: Fed, **options: Any) -> tuple[Fed, Fed]:
    """Return the output, and the gradients of a weighted sum of it by weight and input."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = layer(fed(x), **options)
        weights = np.random.default_rng(5).normal(size=output.shape)
        total = tf.reduce_sum(tf.cast(weights, output.dtype) * output)
    wanted = {n: v.value for n, v in layer.named_weights.items() if v.trainable}
    wanted.update({f"input {name}": value for name, value in x.items()})
    return {"output": output}, tape.gradient(total, wanted, unconnected_gradients="zero")


def _agree(
    result: tuple[Fed, Fed],
    expected: tuple[Fed, Fed],
    tolerance: float,
    what: str,
    remedy: str,
) -> None:
    for part, names in zip(("", "gradient of "), (result[0], result[1]), strict=True):
        other = expected[1] if part else expected[0]
        for name, value in names.items():
            near(value, other[name], tolerance, f"{what} the {part}{name}", remedy)


def near(value: ArrayLike, expected: ArrayLike, tolerance: float, what: str, remedy: str) -> None:
    a, b = np.asarray(value, np.float64), np.asarray(expected, np.float64)
    error = float(np.max(np.abs(a - b), initial=0.0) / (1 + np.max(np.abs(b), initial=0.0)))
    if not error <= tolerance:
        raise CheckError(f"{what} (off by {error:.2g})", remedy)
