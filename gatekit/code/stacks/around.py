"""What a model has around its layers: an embedding or a map of the input, a head, its task."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gatekit.cell.block.built import BuiltBlock
from gatekit.code.cell_text import Access
from gatekit.code.draws import fill
from gatekit.code.identifiers import WIDTH, wrapped
from gatekit.code.layout import StackedWeight
from gatekit.code.notations import FRAMEWORKS

from .built import Around, Stack, cell_of, output_width

LOSSES = {"mse": "squared_error", "categorical": "cross_entropy", "bits": "binary_cross_entropy"}
_ACCURACY = {"categorical": "accuracy", "bits": "bit_accuracy"}
_EMBEDDED = {"torch": "F.embedding(x, {0})", "keras": "ops.take({0}, x, axis=0)"}
_ALL_STEPS = {"torch": "x.flatten(1)", "keras": "ops.reshape(x, (-1, {0}))"}
_OF_FUNCTIONS = [
    "def load(name: str = {file}) -> dict:",
    '    """Return the weights in a file beside this one, as init returns them."""',
    '    params: dict = {{"layers": [{{}} for _ in range({count})]}}',
    "    for key, weight in {read}.items():",
    '        *layer, own = key.split(".")',
    '        owner = params["layers"][int(layer[1])] if layer else params',
    "        owner[own] = weight",
    "    return params",
]
_LOAD = {
    "torch": [
        "def load(name: str = {file}) -> Model:",
        '    """Return the model with the weights in a file beside this one."""',
        "    weights = {read}",
        '    model = Model().to(weights["head_bias"].dtype)',
        "    model.load_state_dict(weights)",
        "    return model",
    ],
    "keras": [
        "def load(name={file}):",
        '    """Return the model with the weights in a file beside this one."""',
        "    weights = {read}",
        '    model = Model(dtype=str(weights["head_bias"].dtype))',
        "    model.build({shape})",
        "    for key, weight in model.named_weights().items():",
        "        weight.assign(weights[key])",
        "    return model",
    ],
    "jax": _OF_FUNCTIONS,
    "numpy": _OF_FUNCTIONS,
}
WEIGHTS = {
    "embedding": "embedding/embeddings",
    "input_weight": "input/kernel",
    "input_bias": "input/bias",
    "head_weight": "head/kernel",
    "head_bias": "head/bias",
}
"""The weights around the layers: their names in a file, and in a run."""


def weights_file(to: str) -> str:
    """Return the name of the file of weights beside the file of a model."""
    return "model.npz" if to == "numpy" else "model.safetensors"


@dataclass(frozen=True)
class AroundText:
    """The texts of what a model has around its layers.

    Attributes:
        first: the lines that create the weights.
        before: the lines before the layers; they change x.
        after: the lines after the layers.
        value: the text of the output.
        functions: the loss of a batch, the metric of each target, and what loads the weights.
        weights: the weights.
        helpers: helper functions: source by name.
        about: what comes before the layers, what comes after them, and the task, for a docstring.
        tokens: whether the input is tokens.
        every: whether every step has an output.
    """

    first: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    value: str = "x"
    functions: list[str] = field(default_factory=list)
    weights: tuple[StackedWeight, ...] = ()
    helpers: Mapping[str, str] = field(default_factory=dict)
    about: tuple[str, str, str] = ("", "", "")
    tokens: bool = False
    every: bool = True


NOTHING_AROUND = AroundText()


def around_text(stack: Stack, around: Around, to: str, access: Access) -> AroundText:
    """Return the texts of what a model has around a stack.

    Args:
        stack: the stack.
        around: what is around it.
        to: the framework.
        access: how code in the frame refers to weights.
    """
    lowest, draws = stack.layers[0], access.draws
    width = lowest.width if isinstance(lowest, BuiltBlock) else cell_of(lowest).features
    emitted = sum(map(output_width, stack.layers[-stack.directions :])) * around.steps
    first: list[str] = []
    names: list[str] = []

    def weight(name: str, template: str, *shape: int, **values: object) -> str:
        names.append(name)
        before, after = access.assign(name, True)
        text = fill(template, [str(size) for size in shape], **values)
        first.extend(wrapped(f"{before}{text}{after}", WIDTH - access.indent))
        return access.weight(name)

    before, about = [], f"{_count(around.features, 'number')} at every step"
    if around.tokens is not None:
        table = weight("embedding", draws.uniform, around.tokens, width, low="-0.05", high="0.05")
        before = [f"x = {_EMBEDDED.get(to, '{0}[x]').format(table)}"]
        about = f"{around.tokens} tokens, embedded in {width} numbers"
    elif isinstance(lowest, BuiltBlock):
        assert around.features is not None
        matrix = weight("input_weight", draws.glorot, around.features, width)
        before = [f"x = x @ {matrix} + {weight('input_bias', draws.zeros, width)}"]
        about += f", mapped to {width}"
    matrix = weight("head_weight", draws.glorot, emitted, around.outputs)
    value = f"x @ {matrix} + {weight('head_bias', draws.zeros, around.outputs)}"
    everything = _ALL_STEPS.get(to, "x.reshape(len(x), -1)").format(emitted)
    read = {
        "every": "x",
        "last": "ends(x)" if stack.directions > 1 else "x[:, -1]",
        "mean": "mean_valid(x, mask)",
        "all": everything,
    }[around.reads]
    functions = _functions(around, to)
    beside = "Path(__file__).parent / name"
    load = "\n".join(_LOAD[to]).format(
        file=f'"{weights_file(to)}"',
        read=f"np.load({beside})" if to == "numpy" else f"load_file({beside})",
        count=len(stack.layers),
        shape=f"(None, None{'' if around.tokens else f', {around.features}'})",
    )
    functions += ["", "", *load.split("\n")]
    code = "\n".join([*first, *before, read, *functions])
    helpers = FRAMEWORKS[to].helpers
    used = {name for name in helpers if re.search(rf"(?<![\w.]){name}\(", code)}
    used |= {"keys_from"} if "next(keys)" in code else set()
    where = {"every": "at every step", "last": "from the last step", "mean": "from their mean"}
    return AroundText(
        first=first,
        before=before,
        after=[] if read == "x" else [f"x = {read}"],
        value=value,
        functions=functions,
        weights=tuple(StackedWeight(name, (WEIGHTS[name],)) for name in names),
        helpers={name: helpers[name] for name in sorted(used)},
        about=(
            about,
            f"a linear head with {_count(around.outputs, 'output')}, "
            f"{where.get(around.reads, 'from all steps side by side')}",
            f"A model for the task {around.task!r}.",
        ),
        tokens=around.tokens is not None,
        every=around.reads == "every",
    )


def _count(number: int | None, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _functions(around: Around, to: str) -> list[str]:
    typed, loss = FRAMEWORKS[to].typed, LOSSES[around.loss]
    metric = _ACCURACY[around.loss] if around.metric == "accuracy" else loss
    bits = " / math.log(2)" if around.metric == "bits" else ""
    each = "step" if around.reads == "every" else "sequence"
    # A perplexity is the exponential of the mean over all steps.
    means = "nll" if around.metric == "perplexity" else around.metric
    whole = [
        "",
        "",
        "def loss(logits: A, y: A, weights: A) -> A:",
        f'    """Return the loss of a batch; weights are those of each {each}."""',
        f"    return weighted_mean({loss}(logits, y), weights)",
        "",
        "",
        "def metric(logits: A, y: A) -> A:",
        f'    """Return the metric of each {each}: {means}."""',
        f"    return {metric}(logits, y){bits}",
    ]
    return [typed(line) if line.startswith("def") else line for line in whole]
