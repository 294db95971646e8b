"""What a model has around its layers: an embedding or a map of the input, a head, its task."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gatekit.cell.block.sequence import SequenceProgram
from gatekit.cell.language.expression import Name, substitute
from gatekit.cell.language.ops import FUNCTIONS
from gatekit.code.blocks.emit import created
from gatekit.code.blocks.operations import with_parts
from gatekit.code.cell_text import Access
from gatekit.code.identifiers import WIDTH
from gatekit.code.layout import StackedWeight
from gatekit.code.notations import FRAMEWORKS
from gatekit.code.printing import Printer

from .built import Around, Stack

LOSSES = {
    "mse": "squared_error",
    "categorical": "cross_entropy",
    "bits": "binary_cross_entropy",
    "squared": "logistic_squared_error",
}
_ACCURACY = {"categorical": "accuracy", "bits": "bit_accuracy", "squared": "bit_accuracy"}
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
    "jax": _OF_FUNCTIONS,
    "numpy": _OF_FUNCTIONS,
}


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
    first: list[str] = []
    weights: list[StackedWeight] = []
    env = {"x": "x"}
    printer = Printer(with_parts(to), FUNCTIONS, {}, str, env, {})

    def written(program: SequenceProgram) -> str:
        [op] = program.ops
        names = {}
        for weight in op.weights:
            attribute = "_".join(filter(None, (op.name, weight.written)))
            first.extend(created(attribute, weight, access, str, WIDTH - access.indent))
            weights.append(StackedWeight(attribute, (f"{op.name}/{weight.name}",)))
            names[weight.name] = Name(f"@{attribute}")
            env[f"@{attribute}"] = access.weight(attribute)
        return printer.show(substitute(op.equation, names))

    *inner, head = stack.ends
    before, about = [], f"{_count(around.features, 'number')} at every step"
    for program in inner:
        before = [f"x = {written(program)}"]
        about += f", mapped to {program.width}"
        if around.tokens is not None:
            about = f"{around.tokens} tokens, embedded in {program.width} numbers"
    value = written(head)
    everything = _ALL_STEPS.get(to, "x.reshape(len(x), -1)").format(head.ops[0].fed)
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
        weights=tuple(weights),
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
