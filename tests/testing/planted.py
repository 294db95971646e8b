"""Gates that are wrong, one for each check: the source of their plugin."""

from __future__ import annotations

HEAD = '''"""A planted gate."""

import itertools
from typing import Any

from gatekit import Gate, Parameter, Projection, State, hookimpl, ops

SEEN = []
COUNT = itertools.count()


class Planted(Gate):
    """A planted gate: ``value = sigmoid(pre)``.

    Reference: unpublished
    """
BODY
    def activate(self, ARGUMENTS):
        VALUE


@hookimpl
def gatekit_gates():
    return {"NAME": Planted}
'''


def source(
    value: str = "return ops.sigmoid(pre)",
    body: str = "",
    arguments: str = "pre",
    name: str = "planted",
) -> str:
    """Return a plugin with one gate."""
    lines = value.replace("\n", "\n        ")
    if "import tensorflow" in value:
        body = f"{body}\n    uses_tensorflow = True" if body else "    uses_tensorflow = True"
    text = HEAD.replace("BODY", f"\n{body}\n" if body else "").replace("ARGUMENTS", arguments)
    return text.replace("VALUE", lines).replace("NAME", name)


TF = "import tensorflow as tf\n"
STEPS = (
    TF + "value = ops.sigmoid(pre)\n"
    "rank = len(getattr(pre, 'shape', ()))\n"
    "return tf.cumsum(value, 0) if rank == 3 else value"
)

# It divides by the change from step to step; masked steps are all alike.
DIFFERENCE = STEPS.replace("tf.cumsum(value, 0)", "value / (pre - tf.roll(pre, 1, 0))")

GATES: dict[str, tuple[str, str]] = {
    "loads_alone": ("print('hello')\n" + source(), "printed 'hello"),
    "name_valid": (source(name="BadName"), "at most 40 lower-case letters"),
    "documented": (source().replace("Reference: unpublished", ""), "names no reference"),
    "options_plain": (source(body="    key: Any = object()"), "which YAML cannot express"),
    "asks_for_known": (
        source("return ops.sigmoid(pre) * foget", arguments="pre, foget"),
        "did you mean 'forget'",
    ),
    "shape_kept": (source("return ops.sum(pre)"), "a width of 1"),
    "dtype_kept": (
        source(TF + "return ops.sigmoid(pre) * tf.constant(0.5, tf.float64)"),
        "in float16 it raises",
    ),
    "rows_apart": (
        source(TF + "return ops.sigmoid(pre - tf.reduce_mean(pre, 0, keepdims=True))"),
        "rows of the batch mix",
    ),
    "steps_apart": (source(STEPS), "steps of a sequence mix"),
    "units_apart": (source("return ops.sigmoid(ops.cumsum(pre))"), "units mix: its value"),
    "batch_of_one": (
        source(TF + "return ops.sigmoid(pre) * (0.5 if pre.shape[0] == 1 else 1.0)"),
        "a batch of one gives other values",
    ),
    "makes_nothing": (
        source(TF + "return ops.sigmoid(pre) * tf.Variable(0.5, dtype=pre.dtype)"),
        "a weight is created inside the function",
    ),
    "deterministic": (
        source(TF + "return ops.sigmoid(pre) * tf.random.uniform([1], dtype=pre.dtype)"),
        "differs when it is called again",
    ),
    "gradient": (
        source(TF + "return ops.sigmoid(pre) * tf.stop_gradient(ops.sigmoid(pre))"),
        "finite differences give",
    ),
    "differentiable": (
        source(TF + "return tf.round(ops.sigmoid(pre))"),
        "its gradient there is zero everywhere",
    ),
    "finite_when_saturated": (source("return ops.exp(3 * pre)"), "with pre = +50"),
    "owned_matters": (
        source(
            "return ops.sigmoid(pre) + 0 * tau",
            '    projections = {"tau": Projection({"x": "dense"})}',
            "pre, tau",
        ),
        "the projection tau does not influence its gate's value",
    ),
    "states_bounded": (
        source(
            "return ops.sigmoid(pre + ops.tanh(k_prev)), {'k': 2 * k_prev + pre}",
            '    states = {"k": 0.0}',
            "pre, k_prev",
        ),
        "the state k grows by the factor 2 per step",
    ),
    "everything_learns": (
        source(
            "return ops.sigmoid(pre) + 0 * p",
            '    parameters = {"p": Parameter("units")}',
            "pre, p",
        ),
        "the weight subject.p has a zero gradient",
    ),
    "masked_nan": (
        source(DIFFERENCE, '    reads = ("x",)'),
        "with masked steps, the gradient of",
    ),
    "executors_agree": (
        source(STEPS, '    reads = ("x",)'),
        "executor=stacked disagrees with reference",
    ),
    "compiles_with_xla": (
        source(
            TF + "text = tf.strings.as_string(pre)\n"
            "return ops.sigmoid(pre) + 0 * tf.cast(tf.strings.length(text), pre.dtype)"
        ),
        "XLA cannot compile it",
    ),
    "mixed_precision": (source("return ops.sin(1e3 * pre)"), "mixed_float16 changes the output"),
    "one_trace": (
        source(TF + "return ops.sigmoid(pre) * (2.0 / pre.shape[0])"),
        "traced for any batch size and length it raises",
    ),
    "saves_and_loads": (
        source(
            "return ops.sigmoid(pre + self.shift)",
            "    def __init__(self, **options):\n"
            "        super().__init__(**options)\n"
            "        object.__setattr__(self, 'shift', next(COUNT))",
        ),
        "loaded from a file, it has other outputs",
    ),
    "speed": (
        source(
            TF + "matrix = tf.ones([500, 500], pre.dtype) * ops.tanh(pre[0, 0])\n"
            "return ops.sigmoid(pre) + 1e-30 * tf.reduce_sum(tf.matmul(matrix, matrix))"
        ),
        "times as long as with a sigmoid gate; the limit is 10",
    ),
}
