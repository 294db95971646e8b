"""Checks of a block around a small LSTM; see also `layer_checks`."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from .layer_checks import WIDTH, fed, inputs, make_layer
from .outcome import CheckError, compare
from .subject import Subject


def parts_fit(subject: Subject) -> str | None:
    """The parts fit together, and their Keras layers can be built, in one and two directions."""
    x = fed(inputs(subject, dtype=tf.float32))
    one, two = (make_layer(subject, "float32", bidirectional=both) for both in (False, True))
    for layer in (one, two):
        layer(x)
    built = one.built_block
    return f"{built.count():,} parameters, {built.state_size()} numbers of state at width {WIDTH}"


def masked_steps_skipped(subject: Subject) -> str | None:
    """Masked steps, even NaN, are skipped: the result is that of the valid steps alone."""
    layer = make_layer(subject)
    mask = np.array([[1, 1, 0, 1, 0, 1], [0, 0, 1, 1, 1, 0], [1] * 6], bool)
    x = np.asarray(fed(inputs(subject, *mask.shape)))
    with tf.GradientTape() as tape:
        output = layer(np.where(mask[:, :, None], x, np.nan), mask=mask)
        total = tf.reduce_sum(output)
    slopes = tape.gradient(total, [w.value for w in layer.trainable_weights])
    if not all(np.all(np.isfinite(np.asarray(slope))) for slope in slopes):
        raise CheckError("NaN in a masked step reaches a gradient")
    for row, valid in enumerate(mask):
        alone = np.asarray(layer(x[row : row + 1, valid]))[0]
        compare("masked steps change the output", np.asarray(output)[row, valid], alone, 1e-12)
    return None
