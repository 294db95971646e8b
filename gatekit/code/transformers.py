"""Writes a language model for transformers: a package with a configuration and a modelling file.

Such a package is also what flame trains and lm-eval evaluates.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gatekit._version import __version__
from gatekit.cell.block.stack import Stack, cell_of, output_width
from gatekit.cell.errors import ConfigError
from gatekit.cell.graph import Cell

from .frames import kinds_of, torch, with_hold
from .frames.file import file_text, filled, laid_out
from .frames.shared import as_tuple, doc, layer_loop
from .identifiers import class_name, slug
from .layout import StackedWeight, WeightLayout
from .stacks.kinds import StackText

_IMPORTS = {
    **torch.IMPORTS,
    "from collections.abc import Callable": r"\bCallable\b",
    "from dataclasses import dataclass": r"@dataclass",
    "from torch.distributed.tensor import DTensor, distribute_tensor": r"\bDTensor\b",
    "from transformers import GenerationMixin, PreTrainedModel": r"\bPreTrainedModel\b",
    "from transformers.utils import ModelOutput": r"\bModelOutput\b",
}


_ABOUT = {
    "vocab_size": "tokens of the vocabulary.",
    "hidden_size": "the width of the model.",
    "units": "the units of each recurrent cell.",
    "num_hidden_layers": "layers.",
}


@dataclass(frozen=True)
class LanguageModel:
    """A language model for transformers.

    Attributes:
        files: the texts of its files by name; the modelling file is first.
        layout: how its weights are arranged.
        title: the name of its class.
    """

    files: Mapping[str, str]
    layout: WeightLayout
    title: str


def language_model(built: Stack, write: Callable[[Stack], StackText]) -> LanguageModel:
    """Return a language model for transformers.

    Args:
        built: the whole model.
        write: returns the texts of its layers.

    Raises:
        ConfigError: it is not a language model, or a part cannot be written as code.
    """
    around = built.around
    reads = around is not None and around.reads == "every" and built.directions == 1
    if around is None or not reads or around.tokens is None or around.outputs != around.tokens:
        task = (
            f"the task {around.task!r} has another form"
            if around is not None
            else "name a RUN or task"
        )
        raise ConfigError(
            "--to transformers writes whole language models, which read tokens and predict the "
            f"next one from those before it; {task}. Type --to torch for other models"
        )
    stack = write(replace(built, around=None))
    names = dict.fromkeys(cell_of(layer).spec.name or "cell" for layer in built.layers)
    name = slug(next(iter(names))) if len(names) == 1 else "hybrid"
    writer = _Writer(built, stack, name)
    files = {
        f"modeling_{name}.py": writer.modeling(),
        f"configuration_{name}.py": writer.configuration(),
        "__init__.py": writer.package(),
        "config.json": json.dumps(writer.config, indent=2) + "\n",
    }
    weights = [
        StackedWeight("model.embeddings.weight", ("embedding/embeddings",)),
        *(StackedWeight(f"model.{each.attribute}", each.weights) for each in stack.layout.stacks),
        StackedWeight("lm_head.weight", ("head/kernel",), turned=True),
        StackedWeight("lm_head.bias", ("head/bias",)),
    ]
    return LanguageModel(files, WeightLayout(tuple(weights)), f"{writer.title}ForCausalLM")


class _Writer:
    """Writes the files of a language model."""

    def __init__(self, built: Stack, stack: StackText, name: str) -> None:
        assert built.around is not None
        self.built, self.stack, self.name, self.around = built, stack, name, built.around
        self.title = class_name(name)
        taken = {text for kind in stack.kinds for text in (kind.title, kind.cell.title)}
        while {f"{self.title}{end}" for end in ("Model", "Config", "ForCausalLM")} & taken:
            self.title += "Language"
        first = built.layers[0]
        self.width = cell_of(first).features if isinstance(first, Cell) else first.width
        self.emitted = output_width(built.layers[-1])
        self.one = len(stack.kinds) == 1 and stack.kinds[0].block is not None
        self.sizes = dict(stack.sizes) if stack.kinds[0].block is not None else {}

    @property
    def config(self) -> dict[str, Any]:
        files = {
            "AutoConfig": f"configuration_{self.name}.{self.title}Config",
            "AutoModel": f"modeling_{self.name}.{self.title}Model",
            "AutoModelForCausalLM": f"modeling_{self.name}.{self.title}ForCausalLM",
        }
        return {
            "architectures": [f"{self.title}ForCausalLM"],
            "auto_map": files,
            "model_type": f"gatekit_{self.name}",
            **self.defaults(),
            "tie_word_embeddings": False,
        }

    def defaults(self) -> dict[str, int]:
        """Return the arguments of the configuration with their values."""
        units = self.sizes.get("units")
        return {
            "vocab_size": self.around.outputs,
            "hidden_size": self.width,
            **({} if units is None else {"units": units}),
            "num_hidden_layers": len(self.built.layers),
        }

    def fixed(self) -> list[str]:
        """Return the arguments that the modelling file has numbers for."""
        return [
            *([] if self.sizes else ["hidden_size"]),
            *([] if self.one else ["num_hidden_layers"]),
        ]

    # --- files ----------------------------------------------------------------

    def package(self) -> str:
        """Return the file that registers the model."""
        return laid_out(filled("transformers", "package", self.view()).lstrip())

    def configuration(self) -> str:
        """Return the file of the configuration."""
        return laid_out(filled("transformers", "configuration", self.view()).lstrip())

    def modeling(self) -> str:
        """Return the modelling file."""
        body = f"{kinds_of(self.stack, 'torch')}\n\n{filled('transformers', 'model', self.view())}"
        configuration = f"from .configuration_{self.name} import {self.title}Config"
        constants = [configuration, "", *torch.constants("")]
        return file_text(
            self.about(), with_hold(self.stack.helpers, "torch"), _IMPORTS, constants, body
        )

    def view(self) -> dict[str, Any]:
        """Return what the template needs."""
        written = f"Written by gatekit {__version__}. License of this file: MIT."
        causal = f"{self.title}ForCausalLM"
        titles = [kind.title for kind in self.stack.kinds]
        defaults = self.defaults()
        *others, rest = self.created_at().items()
        return {
            "name": self.name,
            "title": self.title,
            "defaults": defaults,
            "about": _ABOUT,
            "package_doc": doc([f"Registers {causal} with transformers.", written], 0),
            "configuration_doc": doc(
                [
                    f"The configuration of {causal}; its defaults are the sizes that it was "
                    "written with.",
                    written,
                ],
                0,
            ),
            "classes": as_tuple(titles) if len(titles) > 1 else titles[0],
            "no_split": as_tuple([f'"{each}"' for each in titles]),
            "hidden": "config.hidden_size" if self.emitted == self.width else self.emitted,
            "fixed": {name: defaults[name] for name in self.fixed()},
            "lines": layer_loop(self.stack, "{y}, {new} = {layer}({x}, {own}, {mask})"),
            "new_layers": [
                (f"== {at[0]}" if len(at) == 1 else f"in {tuple(at)}", text) for text, at in others
            ],
            "rest": rest[0],
        }

    def about(self) -> list[str]:
        """Return the docstring of the modelling file, as paragraphs."""
        _, *others = self.stack.about
        width, tokens = self.width, self.around.tokens
        first = (
            f"{self.title}ForCausalLM: {tokens} tokens, embedded in {width} numbers; "
            f"{len(self.built.layers)} layers; a linear head. A language model for the task "
            f"{self.around.task!r}, as transformers loads it."
        )
        return [first, *others]

    def created(self, index: int) -> str:
        """Return the code that creates a layer."""
        layer = self.stack.layers[index]
        kind, block = layer.kind, layer.kind.block
        if block is None:
            sizes = [str(cell_of(self.built.layers[index]).features), str(kind.cell.units)]
            return f"{kind.title}({', '.join(sizes if kind.sized else [])})"
        names = {"width": "config.hidden_size", "units": "config.units"}
        sizes = [names[name] for name in self.sizes] or [*map(str, block.sizes.values())]
        if block.last and self.one:
            sizes.append("last=index + 1 == config.num_hidden_layers")
        elif block.last and not layer.last:
            sizes.append("last=False")
        return f"{kind.title}({', '.join(sizes)})"

    def created_at(self) -> dict[str, list[int]]:
        """Return where each code that creates a layer is."""
        texts: dict[str, list[int]] = {}
        for index in range(1 if self.one else len(self.built.layers)):
            texts.setdefault(self.created(index), []).append(index)
        return texts
