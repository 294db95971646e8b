"""Checks of a block: its parts, and its computations around a small LSTM."""

from __future__ import annotations

import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gatekit.cell.errors import one_line
from gatekit.recurrence.blocks.layer import BlockLayer
from gatekit.registry.loading import using

from .layer_checks import TOLERANCES, near
from .outcome import CheckError
from .subject import Subject

WIDTH, BATCH, TIME = 8, 3, 6
CELL = "lstm"


def parts_fit(subject: Subject) -> str | None:
    """The parts fit together, and their Keras layers can be built, in one and two directions."""
    one, two = (_layer(subject, bidirectional=both) for both in (False, True))
    for layer in (one, two):
        layer(_inputs())
    built = one.built_block
    return f"{built.count():,} parameters, {built.state_size()} numbers of state at width {WIDTH}"


def everything_learns(subject: Subject) -> str | None:
    """Every weight gets a gradient that is not zero, NaN or infinite."""
    layer = _layer(subject, dtype="float64")
    x = tf.constant(_inputs(), tf.float64)
    with tf.GradientTape() as tape:
        output = layer(x)
        total = tf.reduce_sum(
            output * tf.constant(np.random.default_rng(5).normal(size=output.shape))
        )
    for weight, slope in zip(
        layer.trainable_weights,
        tape.gradient(total, [w.value for w in layer.trainable_weights]),
        strict=True,
    ):
        gradient = None if slope is None else np.asarray(slope)
        if gradient is None or not np.any(gradient):
            raise CheckError(
                f"the weight {weight.path} has a zero gradient",
                "use the part, or do not declare it",
            )
        if not np.all(np.isfinite(gradient)):
            raise CheckError(
                f"the gradient of {weight.path} is not finite", "bound divisions and logarithms"
            )
    return None


def causal(subject: Subject) -> str | None:
    """Later steps do not influence earlier outputs, and rows do not influence each other."""
    layer, x = _layer(subject, dtype="float64"), _inputs()[:1]
    # Do not add the same number to all channels: a norm would remove it.
    other = np.random.default_rng(3).normal(size=x.shape[1:])
    # One call for all steps: row t has other inputs from step t on; the first row is x itself.
    rows = np.tile(x, (TIME, 1, 1)).astype("float64")
    for step in range(1, TIME):
        rows[step, step:] += other[step:]
    outputs = np.asarray(layer(rows))
    for step in range(1, TIME):
        near(
            outputs[step, :step],
            outputs[0, :step],
            1e-14,
            f"the steps from {step} on change earlier outputs",
            "access other steps only through parts.convolution and parts.mixer",
        )
    rows[1:] += other
    near(
        np.asarray(layer(rows))[0],
        outputs[0],
        1e-14,
        "rows of the batch mix",
        "use parts that compute each row separately",
    )
    return None


def masked_steps_skipped(subject: Subject) -> str | None:
    """Masked steps, even NaN, are skipped: the result is that of the valid steps alone."""
    layer, x = _layer(subject, dtype="float64"), _inputs().astype("float64")
    mask = np.array([[1, 1, 0, 1, 0, 1], [0, 0, 1, 1, 1, 0], [1] * TIME], bool)
    with tf.GradientTape() as tape:
        output = layer(np.where(mask[:, :, None], x, np.nan), mask=mask)
        total = tf.reduce_sum(output)
    slopes = tape.gradient(total, [w.value for w in layer.trainable_weights])
    remedy = "access other steps only through parts.convolution and parts.mixer"
    if not all(np.all(np.isfinite(np.asarray(slope))) for slope in slopes):
        raise CheckError("NaN in a masked step reaches a gradient", remedy)
    for row, valid in enumerate(mask):
        alone = np.asarray(layer(x[row : row + 1, valid]))[0]
        near(np.asarray(output)[row, valid], alone, 1e-12, "masked steps change the output", remedy)
    return None


def chunks_are_whole(subject: Subject) -> str | None:
    """A sequence in two parts, with carried states, gives the outputs and states of the whole."""
    layer = _layer(subject, dtype="float64", return_state=True)
    x = _inputs().astype("float64")
    whole, *last = layer(x)
    remedy = "access other steps only through parts.convolution and parts.mixer"
    first, *states = layer(x[:, :2])
    second, *end = layer(x[:, 2:], initial_state=states)
    joined = np.concatenate([first, second], 1)
    near(joined, whole, 1e-12, "in two parts, the outputs differ", remedy)
    for name, one, two in zip(layer.state_names, end, last, strict=True):
        near(one, two, 1e-12, f"in two parts, the state {name} differs", remedy)
    return None


def compiles_with_xla(subject: Subject) -> str | None:
    """The block gives the same results if it is compiled by XLA."""
    layer, x = _layer(subject), tf.constant(_inputs())
    expected = layer(x)
    compiled = tf.function(layer, jit_compile=True, autograph=False)
    try:
        output = compiled(x)
    except tf.errors.OpError as error:
        raise CheckError(
            f"XLA cannot compile it: {one_line(error)[:200]}", "use Keras' layers"
        ) from error
    near(output, expected, 1e-4, "XLA changes the output", "use gatekit.ops and operators")
    return None


def mixed_precision(subject: Subject) -> str | None:
    """In mixed precision, outputs are close to those in float32."""
    x = _inputs()
    expected = np.asarray(_layer(subject)(x))
    for policy, tolerance in TOLERANCES.items():
        output = np.asarray(tf.cast(_layer(subject, dtype=policy)(x), tf.float32))
        near(
            output,
            expected,
            tolerance,
            f"{policy} changes the output",
            "avoid differences of large numbers and divisions by small ones",
        )
    return None


def saves_and_loads(subject: Subject) -> str | None:
    """A block that is loaded from a ``.keras`` file has bitwise the same outputs."""
    layer, x = _layer(subject), _inputs()
    given = keras.Input((None, WIDTH))
    model = keras.Model(given, layer(given))
    expected = np.asarray(model(x))
    json.dumps(layer.get_config())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "block.keras"
        with warnings.catch_warnings():
            # Keras converts its own layers' weights in a way that NumPy deprecates.
            warnings.simplefilter("ignore", DeprecationWarning)
            model.save(path)
        with using(subject.plugins):
            output = np.asarray(keras.models.load_model(path)(x))
    if not np.array_equal(output, expected):
        raise CheckError("loaded from a file, it has other outputs", "keep all settings in options")
    return None


def _layer(subject: Subject, dtype: str = "float32", **options: Any) -> BlockLayer:
    return BlockLayer(
        {"kind": subject.name, **subject.options},
        CELL,
        finish=True,
        return_sequences=True,
        seed=1,
        dtype=dtype,
        plugins=subject.plugins,
        **options,
    )


def _inputs() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(BATCH, TIME, WIDTH)).astype("float32")
