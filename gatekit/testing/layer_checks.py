"""Checks of a layer: around a gate or output unit, of a cell, or of a block."""

from __future__ import annotations

import functools
import json
import math
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.errors import GatekitError, one_line
from gatekit.recurrence.blocks.layer import BlockLayer
from gatekit.recurrence.executors.choose import EXECUTORS
from gatekit.recurrence.layers.rnn import RNN
from gatekit.registry.loading import using

from .outcome import CheckError, compare
from .subject import GATE, InCell, Subject
from .subject import subject as registered

BATCH, TIME = 4, 5
WIDTH, MIXER = 8, "lstm"
"""The width of a block, and the cell of its recurrent layer."""
DESCENTS = 4
Fed = dict[str, Tensor]
Checked = InCell | Subject
ALWAYS = ("reference", "stacked")
"""The executors that run every cell; the others refuse some cells."""

LIMIT = 10.0
"""The largest time of a training step, relative to that with a sigmoid gate."""

TOLERANCES = {"mixed_float16": 2e-2, "mixed_bfloat16": 8e-2}


def everything_learns(subject: Checked) -> str | None:
    """Every weight of the subject gets a finite gradient that is not zero, after a few steps."""
    layer = make_layer(subject)
    x = inputs(subject, rows=16, steps=8)
    own = {"gates": f"{GATE}.", "output_units": "output_unit."}.get(subject.kind, "")
    variables: Fed = {}
    still: set[str] = set()
    # A weight that is multiplied by a weight of zero gets a gradient once that weight has moved.
    for step in range(DESCENTS):
        _, slopes = run(layer, x)
        variables = trained(layer)
        for name in variables:
            if not np.all(np.isfinite(slopes[name])):
                raise CheckError(f"the gradient of {name} is not finite")
        idle = {n for n in variables if n.startswith(own) and not np.any(slopes[n])}
        still = idle if step == 0 else still & idle
        if not still:
            break
        for name, variable in variables.items():
            variable.assign_sub(0.1 * np.clip(slopes[name], -1, 1))
    for name in sorted(still):
        raise CheckError(f"the weight {name} has a zero gradient")
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
            raise CheckError(f"with masked steps, the {what} is not finite")
    _agree(
        result,
        expected,
        0.0,
        "NaN in masked steps reaches",
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
            )
    return ", ".join(ran)


def compiles_with_xla(subject: Checked) -> str | None:
    """A training step gives the same results if it is compiled by XLA."""
    layer = make_layer(subject, dtype="float32")
    x = inputs(subject, dtype=tf.float32)
    expected = run(layer, x)
    compiled = tf.function(functools.partial(run, layer), jit_compile=True, autograph=False)
    try:
        result = compiled(x)
    except tf.errors.OpError as error:
        raise CheckError(f"XLA cannot compile it: {one_line(error)[:200]}") from error
    _agree(result, expected, 1e-4, "XLA changes")
    return None


def mixed_precision(subject: Checked) -> str | None:
    """In mixed precision, outputs are close to those in float32, and gradients are finite."""
    x = inputs(subject, dtype=tf.float32)
    expected = make_layer(subject, dtype="float32")(fed(x))
    for policy, tolerance in TOLERANCES.items():
        values, slopes = run(make_layer(subject, dtype=policy), x)
        output = tf.cast(values["output"], tf.float64)
        compare(f"{policy} changes the output", output, expected, tolerance)
        if not all(np.all(np.isfinite(np.asarray(s, np.float64))) for s in slopes.values()):
            raise CheckError(f"under {policy} gradients are not finite")
    return None


def chunks_are_whole(subject: Checked) -> str | None:
    """A sequence in two parts, with carried states, gives the outputs and states of the whole."""
    layer = make_layer(subject, return_state=True)
    x = inputs(subject, steps=8)
    whole, *last = layer(fed(x))
    first, *states = layer(fed({n: v[:, :3] for n, v in x.items()}))
    second, *end = layer(fed({n: v[:, 3:] for n, v in x.items()}), initial_state=states)
    compare("in two parts, the outputs differ", tf.concat([first, second], 1), whole, 1e-12)
    for name, one, two in zip(layer.state_names, end, last, strict=True):
        compare(f"in two parts, the state {name} differs", one, two, 1e-12)
    return None


def causal(subject: Checked) -> str | None:
    """Later steps do not influence earlier outputs, and rows do not influence each other."""
    layer = make_layer(subject)
    x, other = (inputs(subject, rows=1, seed=seed) for seed in (0, 1))
    # Row t has other inputs from step t on; the first row has them nowhere.
    steps = np.arange(TIME)
    moved = (steps >= steps[:, None]) & (steps > 0)[:, None]

    def output(where: np.ndarray) -> np.ndarray:
        mixed = {n: tf.where(where[:, :, None], other[n], value) for n, value in x.items()}
        return np.asarray(layer(fed(mixed)))

    outputs = output(moved)
    for step in range(1, TIME):
        compare(
            f"the steps from {step} on change earlier outputs",
            outputs[step, :step],
            outputs[0, :step],
            1e-12,
        )
    moved[1:] = True
    compare("rows of the batch mix", output(moved)[0], outputs[0], 1e-12)
    return None


def one_trace(subject: InCell) -> str | None:
    """``tf.function`` traces the layer only once for all batch sizes and lengths."""
    layer = make_layer(subject)
    layer(fed(inputs(subject)))
    shapes = {
        name: tf.TensorSpec([None, None, width], tf.float64)
        for name, width in widths(subject).items()
    }
    traced = tf.function(layer.call, input_signature=[fed(shapes)], autograph=False)
    try:
        outputs = [
            np.asarray(traced(fed(inputs(subject, rows, steps))))
            for rows, steps in ((4, 5), (3, 7))
        ]
    except (TypeError, ValueError, tf.errors.OpError) as error:
        message = one_line(error)[:160]
        raise CheckError(f"traced for any batch size and length it raises: {message}") from error
    if traced.experimental_get_tracing_count() != 1:
        raise CheckError("it is traced again for another batch size or length")
    for value, (rows, steps) in zip(outputs, ((4, 5), (3, 7)), strict=True):
        whole = layer(fed(inputs(subject, rows, steps)))
        compare("tracing changes the output", value, whole, 1e-12)
    return None


def saves_and_loads(subject: Checked) -> str | None:
    """A layer that is loaded from a ``.keras`` file has bitwise the same outputs."""
    layer = make_layer(subject)
    x = inputs(subject)
    expected = np.asarray(layer(fed(x)))
    config = layer.get_config()
    try:
        json.dumps(config)
    except TypeError as error:
        raise CheckError(f"its configuration is not plain data: {error}") from None

    given = {
        name: keras.Input((None, width), dtype="float64", name=name)
        for name, width in widths(subject).items()
    }
    model = keras.Model(fed(given), layer(fed(given)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer.keras"
        with warnings.catch_warnings():
            # Keras converts its own layers' weights in a way that NumPy deprecates.
            warnings.simplefilter("ignore", DeprecationWarning)
            model.save(path)
        try:
            with using(subject.plugins):
                again = keras.models.load_model(path)
        except (TypeError, ValueError) as error:
            message = one_line(error)
            raise CheckError(f"the saved file cannot be loaded: {message[-200:]}") from error
    output = np.asarray(again(fed(x)))
    if not np.array_equal(output, expected):
        raise CheckError("loaded from a file, it has other outputs")
    return None


def speed(subject: InCell) -> str | None:
    """A training step takes at most ten times as long as with a sigmoid gate."""
    times = _step_time(subject) / _sigmoid_time()
    ratio = f"{times:.1f} times as long as with a sigmoid gate"
    if times > LIMIT:
        raise CheckError(f"a training step takes {ratio}; the limit is {LIMIT:.0f}")
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


def widths(subject: Checked) -> dict[str, int]:
    """Return the width of each input by name."""
    return dict(subject.cell.inputs) if subject.kind != "blocks" else {"x": WIDTH}


def make_layer(subject: Checked, dtype: str = "float64", **options: Any) -> Any:
    """Return the layer around a subject, with one output for each step."""
    options |= {"return_sequences": True, "seed": 1, "dtype": dtype, "plugins": subject.plugins}
    if isinstance(subject, Subject) and subject.kind == "blocks":
        block = {"kind": subject.name, **subject.options}
        return BlockLayer(block, MIXER, finish=True, **options)
    unit = subject.unit.canonical()
    return RNN(subject.spec, subject.units, output_unit=unit, **options)


def inputs(
    subject: Checked,
    rows: int = BATCH,
    steps: int = TIME,
    dtype: tf.DType = tf.float64,
    seed: int = 0,
) -> Fed:
    """Return random inputs by name; inputs other than x are positive, as they may be times."""
    rng = np.random.default_rng(rows * 100 + steps + 10_000 * seed)
    values: Fed = {}
    for name, width in widths(subject).items():
        shape = (rows, steps, width)
        value = rng.normal(size=shape) if name == "x" else rng.uniform(0.5, 1.5, shape)
        values[name] = tf.constant(value, dtype)
    return values


def fed(x: Fed) -> Fed | Tensor:
    """Return the inputs as the layer takes them: x alone if there are no others."""
    return x["x"] if len(x) == 1 else x


def trained(layer: Any) -> dict[str, keras.Variable]:
    """Return the weights that are trained, by name; those of a block by their paths."""
    if isinstance(layer, RNN):
        return {n: v for n, v in layer.named_weights.items() if v.trainable}
    return {v.path: v for v in layer.trainable_weights}


def run(layer: Any, x: Fed, **options: Any) -> tuple[Fed, Fed]:
    """Return the output, and the gradients of a weighted sum of it by weight and input."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = layer(fed(x), **options)
        weights = np.random.default_rng(5).normal(size=output.shape)
        total = tf.reduce_sum(tf.cast(weights, output.dtype) * output)
    wanted = {n: v.value for n, v in trained(layer).items()}
    wanted.update({f"input {name}": value for name, value in x.items()})
    return {"output": output}, tape.gradient(total, wanted, unconnected_gradients="zero")


def _agree(result: tuple[Fed, Fed], expected: tuple[Fed, Fed], tolerance: float, what: str) -> None:
    for part, one, two in zip(("", "gradient of "), result, expected, strict=True):
        for name, value in one.items():
            compare(f"{what} the {part}{name}", value, two[name], tolerance)
