"""Writes a language model for transformers: a package with a configuration and a modelling file.

Such a package is also what flame trains and lm-eval evaluates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gatekit._version import __version__
from gatekit.cell.block.stack import Stack, cell_of, output_width
from gatekit.cell.errors import ConfigError
from gatekit.cell.graph import Cell

from .frames import torch
from .frames.shared import Lines, call_lines, indented
from .identifiers import WIDTH, class_name, docstring, slug, wrapped
from .layout import StackedWeight, WeightLayout
from .stacks.frames import layer_loop, torch_bodies, whole_file
from .stacks.kinds import StackText

_IMPORTS = {
    **torch.IMPORTS,
    "from collections.abc import Callable": r"\bCallable\b",
    "from dataclasses import dataclass": r"@dataclass",
    "from torch.distributed.tensor import DTensor, distribute_tensor": r"\bDTensor\b",
    "from transformers import GenerationMixin, PreTrainedModel": r"\bPreTrainedModel\b",
    "from transformers.utils import ModelOutput": r"\bModelOutput\b",
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

    # --- small files --------------------------------------------------------

    def package(self) -> str:
        title, name = self.title, self.name
        config, model = f"{title}Config", f"{title}Model"
        causal = f"{title}ForCausalLM"
        kinds = (
            ("AutoConfig", [f"{config}.model_type", config]),
            ("AutoModel", [config, model]),
            ("AutoModelForCausalLM", [config, causal]),
        )
        exported = [f'"{each}"' for each in (config, causal, model)]
        modeling = f"from .modeling_{name} import "
        one = f"{modeling}{causal}, {model}"
        lines = [
            *docstring(
                [
                    f"Registers {causal} with transformers.",
                    f"Written by gatekit {__version__}. License of this file: MIT.",
                ]
            ),
            "",
            "from transformers import AutoConfig, AutoModel, AutoModelForCausalLM",
            "",
            f"from .configuration_{name} import {config}",
            *([one] if len(one) <= WIDTH else call_lines(f"{modeling}(", [causal, model], ")", 0)),
            "",
        ]
        for kind, given in kinds:
            lines += call_lines(f"{kind}.register(", [*given, "exist_ok=True"], ")")
        lines += ["", *call_lines("__all__ = [", exported, "]")]
        return "\n".join(lines) + "\n"

    def configuration(self) -> str:
        defaults = self.defaults()
        about = {
            "vocab_size": "tokens of the vocabulary.",
            "hidden_size": "the width of the model.",
            "units": "the units of each recurrent cell.",
            "num_hidden_layers": "layers.",
        }
        given = [f"        {name}: int = {value}," for name, value in defaults.items()]
        lines = [
            *docstring(
                [
                    f"The configuration of {self.title}ForCausalLM; its defaults are the sizes "
                    "that it was written with.",
                    f"Written by gatekit {__version__}. License of this file: MIT.",
                ]
            ),
            "",
            "from transformers import PretrainedConfig",
            "",
            "",
            f"class {self.title}Config(PretrainedConfig):",
            '    """The sizes of a model.',
            "",
            *(f"    {name}: {about[name]}" for name in defaults),
            "",
            "    Other sizes, such as the number of heads, are numbers in the modelling file.",
            '    """',
            "",
            f'    model_type = "gatekit_{self.name}"',
            "",
            "    def __init__(",
            "        self,",
            *given,
            "        tie_word_embeddings: bool = False,",
            "        **options,",
            "    ) -> None:",
            *(f"        self.{name} = {name}" for name in defaults),
            "        super().__init__(tie_word_embeddings=tie_word_embeddings, **options)",
        ]
        return "\n".join(lines) + "\n"

    # --- the modelling file -------------------------------------------------

    def modeling(self) -> str:
        """Return the modelling file."""
        bodies = [*torch_bodies(self.stack), self.model()]
        configuration = f"from .configuration_{self.name} import {self.title}Config"
        constants = ["", configuration, *torch.CONSTANTS]
        return whole_file(replace(self.stack, about=self.about()), _IMPORTS, constants, bodies)

    def about(self) -> list[str]:
        """Return the docstring of the file, as paragraphs."""
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

    def new_layer(self) -> Lines:
        """Return the function that creates a layer."""
        count = 1 if self.one else len(self.built.layers)
        texts: dict[str, list[int]] = {}
        for index in range(count):
            texts.setdefault(self.created(index), []).append(index)
        *others, (rest, _) = texts.items()
        lines = []
        for text, places in others:
            where = f"== {places[0]}" if len(places) == 1 else f"in {tuple(places)}"
            lines += [f"    if index {where}:", f"        return {text}"]
        lines += [f"    return {rest}"]
        return [
            "",
            "",
            f"def new_layer(config: {self.title}Config, index: int) -> nn.Module:",
            '    """Return a layer of a model."""',
            *(piece for line in lines for piece in _wrapped(line)),
        ]

    def checked(self) -> Lines:
        """Return the lines that refuse sizes that the file has other numbers for."""
        lines: Lines = []
        for name in self.fixed():
            value = self.defaults()[name]
            lines += [
                f"if config.{name} != {value}:",
                f'    raise ValueError("this file was written for {name}={value}")',
            ]
        return lines

    def model(self) -> Lines:
        """Return the functions and classes of the model."""
        title = self.title
        loop = layer_loop(self.stack, "{y}, {new} = {layer}({x}, {own}, {mask})")
        hidden = "config.hidden_size" if self.emitted == self.width else str(self.emitted)
        titles = [kind.title for kind in self.stack.kinds]
        classes = f"({', '.join(titles)})" if len(titles) > 1 else titles[0]
        text = _MODEL
        for key, value in (
            ("TITLE", title),
            ("KINDS", classes),
            ("HIDDEN", hidden),
            (
                "NO_SPLIT",
                ", ".join(f'"{each}"' for each in titles) + ("," if len(titles) == 1 else ""),
            ),
        ):
            text = re.sub(rf"\b{key}", lambda _, value=value: value, text)  # type: ignore[misc]
        lines = text.split("\n")
        for mark, own in (("# LOOP", loop), ("# CHECKED", self.checked())):
            place = next(i for i, line in enumerate(lines) if line.strip() == mark)
            by = len(lines[place]) - len(lines[place].lstrip())
            lines[place : place + 1] = indented(own, by)
        return [*self.new_layer(), *lines]


def _wrapped(line: str) -> Lines:
    by = len(line) - len(line.lstrip())
    return indented(wrapped(line.strip(), WIDTH - by), by)


_MODEL = '''

def assign(own: Tensor, first: Tensor) -> None:
    """Set a weight to its first value, unless it was loaded; it may be sharded."""
    if getattr(own, "_is_hf_initialized", False):
        return
    if isinstance(own, DTensor):
        first = distribute_tensor(first.to(own.device), own.device_mesh, own.placements)
    own.copy_(first)


class TITLEPreTrainedModel(PreTrainedModel):
    """What loads and saves weights, and draws their first values."""

    config_class = TITLEConfig
    base_model_prefix = "model"
    _no_split_modules = (NO_SPLIT)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Embedding):
            first = torch.empty(module.weight.shape).uniform_(-0.05, 0.05)
            assign(module.weight, first)
        elif isinstance(module, nn.Linear):
            first = nn.init.xavier_uniform_(torch.empty(module.weight.shape))
            assign(module.weight, first)
            assign(module.bias, torch.zeros(module.bias.shape))
        elif isinstance(module, KINDS):
            first = new_layer(self.config, module.index).state_dict()
            for name, weight in module.state_dict(keep_vars=True).items():
                assign(weight, first[name])


@dataclass
class TITLEStates(ModelOutput):
    """The hidden states of all steps, and the last states of each layer."""

    last_hidden_state: Tensor | None = None
    state: tuple[State, ...] | None = None


@dataclass
class TITLEOutput(ModelOutput):
    """The loss, the logits of all steps, and the last states of each layer."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    state: tuple[State, ...] | None = None


class TITLEModel(TITLEPreTrainedModel):
    """The embedding and the layers; each layer has states of its own."""

    def __init__(self, config: TITLEConfig) -> None:
        super().__init__(config)
        # CHECKED
        self.embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        layers = [new_layer(config, index) for index in range(config.num_hidden_layers)]
        self.layers = nn.ModuleList(layers)
        for index, layer in enumerate(self.layers):
            layer.index = index
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.embeddings = value

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        state: tuple[State, ...] | None = None,
        cu_seqlens: Tensor | None = None,
        return_dict: bool | None = None,
        **kwargs,
    ) -> TITLEStates | tuple:
        """Return the hidden states of all steps, and the last states of each layer.

        input_ids and attention_mask are batch x time; a masked step changes no state.
        """
        if cu_seqlens is not None:
            raise ValueError("cu_seqlens: rows of one sequence are expected")
        x = self.embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        mask = None
        if attention_mask is not None:
            mask = attention_mask[:, -x.shape[1] :].bool()
        states = [None] * len(self.layers) if state is None else list(state)
        last = []
        # LOOP
        outputs = TITLEStates(x, tuple(last))
        return outputs.to_tuple() if return_dict is False else outputs


class TITLEForCausalLM(TITLEPreTrainedModel, GenerationMixin):
    """A language model: the logits of the next token at every step."""

    _is_stateful = True

    def __init__(self, config: TITLEConfig) -> None:
        super().__init__(config)
        self.model = TITLEModel(config)
        self.lm_head = nn.Linear(HIDDEN, config.vocab_size)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.model.embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.model.embeddings = value

    def get_output_embeddings(self) -> nn.Module:
        return self.lm_head

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.lm_head = new_embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        state: tuple[State, ...] | None = None,
        labels: Tensor | None = None,
        logits_to_keep: int = 0,
        return_dict: bool | None = None,
        **kwargs,
    ) -> TITLEOutput | tuple:
        """Return the logits of the last steps, or of all if logits_to_keep is 0.

        labels are the input_ids, or -100 where they do not count in the loss.
        """
        outputs = self.model(input_ids, attention_mask, inputs_embeds, state, **kwargs)
        logits = self.lm_head(outputs.last_hidden_state[:, -logits_to_keep:])
        loss = None
        if labels is not None:
            now, following = logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()
            loss = F.cross_entropy(now.float(), following.to(now.device))
        output = TITLEOutput(loss, logits, outputs.state)
        return output.to_tuple() if return_dict is False else output

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False

    def generate(self, *args, **kwargs):
        """Generate text; a search over several beams reads the whole text for each token."""
        config = kwargs.get("generation_config") or self.generation_config
        if (kwargs.get("num_beams") or config.num_beams or 1) > 1:
            kwargs["use_cache"] = False
        return super().generate(*args, **kwargs)

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        state: tuple[State, ...] | None = None,
        use_cache: bool | None = None,
        **kwargs,
    ) -> dict:
        tokens = input_ids if state is None else input_ids[:, -1:]
        return {"input_ids": tokens, "attention_mask": attention_mask, "state": state}

    def _update_model_kwargs_for_generation(self, outputs, given, *args, **kwargs):
        if given.get("use_cache"):
            given["state"] = outputs.state
        update = super()._update_model_kwargs_for_generation
        return update(outputs, given, *args, **kwargs)'''
