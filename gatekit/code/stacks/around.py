"""What a model has around its layers: an embedding or a map of the input, a head, its task."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gatekit.cell.block.stack import Around, Stack
from gatekit.code.notations import FRAMEWORKS

from .spelling import Spelling

LOSSES = {
    "mse": "squared_error",
    "categorical": "cross_entropy",
    "bits": "binary_cross_entropy",
    "squared": "logistic_squared_error",
}
_ACCURACY = {"categorical": "accuracy", "bits": "bit_accuracy", "squared": "bit_accuracy"}
_LOAD = {
    "torch": [
        "def load(name: str = {file}) -> Model:",
        '    """Return the model with the weights in a file beside this one."""',
        "    weights = {read}",
        '    model = Model().to(weights["head_weight"].dtype)',
        "    model.load_state_dict(weights)",
        "    return model",
    ],
    "keras": [
        "def load(name={file}):",
        '    """Return the model with the weights in a file beside this one."""',
        "    weights = {read}",
        '    model = Model(dtype=str(weights["head_weight"].dtype))',
        "    model.build({shape})",
        "    for key, weight in model.named_weights().items():",
        "        weight.assign(weights[key])",
        "    return model",
    ],
    "jax": [
        "def load(name: str = {file}) -> dict:",
        '    """Return the weights in a file beside this one, as init returns them."""',
        '    params: dict = {{"layers": [{{}} for _ in range({count})]}}',
        "    for key, weight in {read}.items():",
        '        *layer, own = key.split(".")',
        '        owner = params["layers"][int(layer[1])] if layer else params',
        "        owner[own] = weight",
        "    return params",
    ],
}


WEIGHTS = "model.safetensors"
"""The name of the file of weights beside the file of a model."""


@dataclass(frozen=True)
class AroundText:
    """The texts of what a model has around its layers.

    Attributes:
        before: the lines before the layers; they change x.
        after: the lines after the layers.
        value: the text of the output.
        functions: the loss of a batch, the metric of each target, and what loads the weights.
        helpers: helper functions: source by name.
        about: what comes before the layers, what comes after them, and the task, for a docstring.
    """

    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    value: str = "x"
    functions: list[str] = field(default_factory=list)
    helpers: Mapping[str, str] = field(default_factory=dict)
    about: tuple[str, str, str] = ("", "", "")


NOTHING_AROUND = AroundText()


def around_text(stack: Stack, around: Around, to: str, spelling: Spelling) -> AroundText:
    """Return the texts of what a model has around a stack.

    Args:
        stack: the stack.
        around: what is around it.
        to: the framework.
        spelling: writes the operations.
    """
    before = [f"x = {spelling.value(op)}" for op in stack.before]
    *after, value = map(spelling.value, stack.after)
    about = f"{_count(around.features, 'number')} at every step"
    for op in stack.before:
        about += f", mapped to {op.width}"
        if around.tokens is not None:
            about = f"{around.tokens} tokens, embedded in {op.width} numbers"
    functions = _functions(around, to)
    load = "\n".join(_LOAD[to]).format(
        file=f'"{WEIGHTS}"',
        read="load_file(Path(__file__).parent / name)",
        count=len(stack.layers),
        shape=f"(None, None{'' if around.tokens else f', {around.features}'})",
    )
    functions += ["", "", *load.split("\n")]
    code = "\n".join([*spelling.first, *before, *after, *functions])
    helpers = FRAMEWORKS[to].helpers
    used = {name for name in helpers if re.search(rf"(?<![\w.]){name}\(", code)}
    used |= {"keys_from"} if "next(keys)" in code else set()
    where = {"every": "at every step", "last": "from the last step", "mean": "from their mean"}
    return AroundText(
        before=before,
        after=[f"x = {text}" for text in after],
        value=value,
        functions=functions,
        helpers={name: helpers[name] for name in sorted(used)},
        about=(
            about,
            f"a linear head with {_count(around.outputs, 'output')}, "
            f"{where.get(around.reads, 'from all steps side by side')}",
            f"A model for the task {around.task!r}.",
        ),
    )


def _count(number: int | None, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _functions(around: Around, to: str) -> list[str]:
    typed, loss = FRAMEWORKS[to].typed, LOSSES[around.loss]
    metric = {"accuracy": _ACCURACY.get(around.loss), "most_active": "most_active"}.get(
        around.metric, loss
    )
    pooled = "sequence_mean" if around.per_sequence else "weighted_mean"
    bits = " / math.log(2)" if around.metric == "bits" else ""
    each = "step" if around.reads == "every" else "sequence"
    # What is reported is a function of the mean over all steps.
    means = {"perplexity": "nll", "rmse": "mse"}.get(around.metric, around.metric)
    whole = [
        "",
        "",
        "def loss(logits: A, y: A, weights: A) -> A:",
        f'    """Return the loss of a batch; weights are those of each {each}."""',
        f"    return {pooled}({loss}(logits, y), weights)",
        "",
        "",
        "def metric(logits: A, y: A) -> A:",
        f'    """Return the metric of each {each}: {means}."""',
        f"    return {metric}(logits, y){bits}",
    ]
    return [typed(line) if line.startswith("def") else line for line in whole]
