"""A cell as text, which the frame of each framework puts into a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from gatekit._version import __version__
from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import Expr
from gatekit.cell.program import Program, lower
from gatekit.cell.program.equations import texts
from gatekit.cell.show.works import Work, provenance

from .access import Access
from .all_steps import AllSteps, AllStepsText, all_steps
from .emit import Emitter, Project
from .identifiers import TAKEN as RESERVED
from .identifiers import Identifiers, class_name, slug
from .initial_values import FirstValues
from .layout import WeightLayout, lay_out
from .notations import Framework
from .printing import SIZES, Printer
from .sizes import Dim, bound_text, size_text

# Attributes of torch's modules, of Keras' layers and of generated classes.
TAKEN = frozenset(
    word
    for line in (
        "features units forward project step initial_state training apply buffers",
        "bfloat16 children compile cpu cuda double eval extra_repr float half ipu modules mtia",
        "named_buffers named_children named_modules named_parameters parameters register_buffer",
        "register_forward_hook register_module register_parameter requires_grad_ share_memory",
        "state_dict load_state_dict to to_empty train type xpu zero_grad dump_patches",
        "call_super_init get_buffer get_parameter get_submodule set_submodule add_module",
        "build built call losses metrics weights variables trainable trainable_weights dtype",
        "name compute_dtype variable_dtype dtype_policy input output input_spec",
        "supports_masking path quantize rematerialized_call stateless_call symbolic_call",
        "state_size output_size autocast get_config from_config get_weights set_weights",
        "count_params add_weight add_loss get_initial_state non_trainable_weights",
        "non_trainable_variables trainable_variables metrics_variables compute_mask",
        "compute_output_shape compute_output_spec load_own_variables save_own_variables",
        "build_from_config get_build_config quantization_mode supports_jit",
    )
    for word in line.split()
)
# Names that a step uses, and names that the functions around it use.
LOCAL = frozenset(
    [
        "state",
        "drops",
        "drawn",
        "features",
        "units",
        "params",
        "self",
        "jax",
        "jnp",
        "keras",
        "ops",
        "loss",
        "metric",
        "load",
    ]
)
AROUND = frozenset(
    word
    for line in (
        "mask outputs new_y new_state rng keys key batch training value pieces hold init",
        "forward apply project step initial_state arrays now projected dtype",
    )
    for word in line.split()
)


@dataclass(frozen=True)
class StateText:
    """A state in a file: its name, the texts of its shape, initial value, and learned weight."""

    name: str
    shape: tuple[str, ...]
    initial: float
    learned: str | None
    vector: bool


@dataclass(frozen=True)
class CellText:
    """The texts of a cell that a frame puts together.

    Attributes:
        title: the name of the class.
        about: the docstring of the file, as paragraphs.
        sized: whether units and features are arguments.
        inputs: the names of the inputs besides x, with the texts of their widths.
        states: the states, in order.
        first: the lines that create the weights.
        step: the lines of the step.
        emitted: the text of a step's output.
        new: the texts of the new states.
        width: the text of the output's width.
        helpers: helper functions: source by name.
        layout: how weights are arranged.
        dropout: the rate of the input's dropout, and the width of the input.
        drops: the widths of the masks of recurrent dropout.
        recurrent_dropout: the rate of recurrent dropout.
        zoneout: for each state with zoneout: rate, width, and whether it is a matrix.
        noises: the distribution and the width of each noise that a gate declares.
        parallel: the code that computes all steps together, if the analysis finds a form for it.
        project: the products that are computed before the loop; ``step`` has the other lines.
        sizes_from: how functions compute the sizes that they read from the weights, by name; None
            for a class.
        constants: the constants that are arguments, as units and features are, with their values.
    """

    title: str
    about: list[str]
    sized: bool
    units: int
    features: int
    inputs: Mapping[str, str]
    states: tuple[StateText, ...]
    first: list[str]
    step: list[str]
    emitted: str
    new: list[str]
    width: str
    helpers: Mapping[str, str]
    layout: WeightLayout
    dropout: tuple[float, str] | None
    drops: list[str]
    recurrent_dropout: float
    zoneout: list[tuple[float, str, bool]]
    noises: list[tuple[str, str]] = field(default_factory=list)
    parallel: AllStepsText | None = None
    project: Project | None = None
    sizes_from: Mapping[str, str] | None = None
    constants: Mapping[str, int] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[str, int]:
        """The arguments for sizes, with their values; empty if sizes are fixed."""
        sizes = {"features": self.features, "units": self.units, **self.constants}
        return sizes if self.sized else {}

    @property
    def all_helpers(self) -> dict[str, str]:
        """The helper functions of a step and of all steps."""
        of_all_steps = self.parallel.helpers if self.parallel is not None else {}
        return {**self.helpers, **of_all_steps}

    @property
    def draws_each_step(self) -> bool:
        """Whether each step draws anew."""
        return bool(self.zoneout or self.noises)

    @property
    def draws_noise(self) -> bool:
        """Whether the file draws masks of dropout or zoneout, or noises."""
        return bool(self.dropout or self.drops or self.draws_each_step)

    @property
    def unknown_sizes(self) -> bool:
        """Whether functions need a size that does not follow from the shapes of weights."""
        read = self.sizes_in(self.lines) - self.constants.keys()
        return self.sizes_from is not None and not read <= self.sizes_from.keys()

    @property
    def given(self) -> list[str]:
        """The constants that functions get as arguments: they follow from no shape of a weight."""
        read = self.sizes_in(self.lines)
        return [n for n in self.constants if n in read and n not in (self.sizes_from or ())]

    @property
    def lines(self) -> list[str]:
        """The code of a step and of all steps, and the sizes that functions around them read."""
        lines = [*self.step, self.emitted, *self.new, self.width, *self.drops]
        lines += [size for state in self.states for size in state.shape]
        lines += [self.dropout[1]] if self.dropout else []
        lines += self.project.lines if self.project else []
        return lines + (self.parallel.lines if self.parallel else [])

    def sizes_in(self, lines: Iterable[str]) -> set[str]:
        """Return which sizes are variables of these lines."""
        code = "\n".join(line.partition("  #")[0] for line in lines)
        names = "|".join(["units", "features", *self.constants])
        return set(re.findall(rf"(?<![\w.])({names})\b", code))

    @property
    def vectors(self) -> bool:
        """Whether all states are vectors."""
        return all(state.vector for state in self.states)


def arguments(names: Iterable[str], framework: Framework) -> list[str]:
    """Return the names that a file's functions or class can have as arguments."""
    reserved = framework.modules | set(framework.helpers) | LOCAL | AROUND | TAKEN | RESERVED
    return [name for name in names if name not in reserved and slug(name) == name]


def cell_text(
    cell: Cell,
    framework: Framework,
    access: Access,
    known: Mapping[str, Work],
) -> CellText:
    """Return a cell as text.

    Args:
        cell: the built cell; sizes and constants that have names are arguments.
        framework: the notation.
        access: how code in the frame refers to weights and sizes.
        known: works by key, as in `gatekit.registry.bibliography`.

    Raises:
        ConfigError: a part of the cell cannot be written as code.
    """
    constants = {n: int(v) for n, v in cell.spec.constants if isinstance(v, Dim)}
    reserved = framework.modules | set(framework.helpers) | LOCAL | set(constants)
    helpers: dict[str, str] = {}
    program = lower(cell)
    layout = lay_out(program, Identifiers(reserved | TAKEN))
    own_functions = {n for f in cell.spec.functions for n in (f, f"{f}_function")}
    local = Identifiers(reserved | own_functions)
    trainable = {weight.name: weight.trainable for weight in cell.weights}
    learned = {s.attribute: trainable[s.weights[0]] for s in layout.stacks}
    env = layout.texts(lambda name: (access.weight if learned[name] else access.fixed)(name))

    steps = {name: access.size(name) for name in (*SIZES, *constants)}
    # Where weights are created, sizes are arguments.
    firsts = {name: name for name in steps}

    def within(size: int) -> str:
        return size_text(size, steps)

    def first_size(value: float) -> str:
        if isinstance(value, int):
            return size_text(value, firsts)
        return bound_text(value, cell.units, cell.features, firsts)

    def named(texts: Mapping[str, str]) -> Callable[[str], str]:
        return lambda name: size_text(cell.constants[name], texts)

    inputs = {}
    for name, width in cell.inputs.items():
        env[name] = local.new(f"{name}_input" if name in AROUND else name)
        if name != "x":
            inputs[env[name]] = within(width)

    def printer(env: dict[str, str], helpers: dict[str, str]) -> Printer:
        given = framework, cell.spec.functions, cell.constants, named(steps), env, helpers
        new = Printer(*given, sizes=tuple(steps))
        new.reserved = frozenset(reserved)
        return new

    parallel = None
    if framework.all_steps:
        names = Identifiers(reserved | own_functions | {"mask", *env.values()})
        written = program, layout, framework, printer(dict(env), {}), names, within, access.indent
        parallel = all_steps(cell, AllSteps(*written))
    dropped = cell.spec.recurrent_dropout
    drops = cell.recurrent_reads() if dropped else {}
    written = program, layout, framework, printer(env, helpers), local, within, access.indent
    step = Emitter(
        *written,
        drops=tuple(drops),
        projects=framework.projects and not (parallel and parallel.wins),
    )
    emitted, new = step.write()

    def show(expr: Expr, texts: Mapping[str, str]) -> str:
        printer_of_first = Printer(
            framework,
            cell.spec.functions,
            {},
            named(firsts),
            dict(texts),
            helpers,
        )
        return printer_of_first.show(expr)

    first = FirstValues(cell, access.draws, show, first_size)
    lines = first.lines(layout, lambda name: access.assign(name, learned[name]))
    text = "\n".join(lines)
    used = [name for name in framework.helpers if re.search(rf"(?<![\w.]){name}\(", text)]
    used += ["dropout"] if framework.name == "jax" and (cell.spec.dropout or dropped) else []
    step.printer.need([*used, *(["keys_from"] if "next(keys)" in text else [])])
    return CellText(
        title=class_name(cell.spec.name or "cell"),
        about=about(cell, program, known),
        sized=isinstance(cell.units, Dim),
        units=cell.units,
        features=cell.features,
        inputs=inputs,
        states=tuple(_states(cell, layout, within, flat=bool(framework.reshape))),
        first=lines,
        step=step.lines,
        emitted=emitted,
        new=new,
        width=within(cell.output.width),
        helpers=helpers,
        layout=layout,
        dropout=(cell.spec.dropout, within(cell.features)) if cell.spec.dropout else None,
        drops=[within(width) for width in drops.values()],
        recurrent_dropout=dropped,
        zoneout=[
            (state.zoneout, within(state.width), len(state.shape) > 1)
            for state in cell.states
            if state.zoneout
        ],
        noises=[(kind, within(cell.widths[name])) for name, kind in cell.noises.items()],
        parallel=parallel,
        project=step.project,
        sizes_from=_sizes_from(cell, layout, access, firsts) if access.size is str else None,
        constants=constants,
    )


def _sizes_from(
    cell: Cell,
    layout: WeightLayout,
    access: Access,
    names: Mapping[str, str],
) -> dict[str, str]:
    """Return the code of the sizes that follow from the shapes of weights, by name."""
    shapes = {weight.name: weight.shape for weight in cell.weights}
    found: dict[str, str] = {}
    for stack in layout.stacks:
        *axes, _ = shapes[stack.weights[0]]
        axes.append(sum(shapes[name][-1] for name in stack.weights))
        for axis, size in enumerate(axes):
            text = size_text(size, names)
            # The other terms are numbers and constants.
            other = "|".join(["[ *+0-9]", *(name for name in names if name not in SIZES)])
            pattern = rf"(?:(\d+) \* )?({'|'.join(names)})(?: \+ ((?:{other})+))?"
            if match := re.fullmatch(pattern, text):
                times, name, more = match.groups()
                code = f"{access.weight(stack.attribute)}.shape[{axis}]"
                if more:
                    code += f" - ({more})" if "+" in more else f" - {more}"
                code = (f"({code})" if more else code) + f" // {times}" if times else code
                found[name] = min(found.get(name, code), code, key=_cost)
    return found


def _cost(code: str) -> tuple[bool, int]:
    """Return the rank of the code of a size: shapes alone come first, then few divisions."""
    return re.search(r" - \D", code) is not None, code.count("/")


def _states(
    cell: Cell, layout: WeightLayout, size: Callable[[int], str], flat: bool
) -> list[StateText]:
    attributes = layout.attributes()
    states = []
    for state in cell.states:
        shape = tuple(size(n) for n in ((state.width,) if flat else state.shape))
        learned = attributes[state.learned] if state.learned else None
        states.append(StateText(state.name, shape, state.initial, learned, len(shape) == 1))
    for name in cell.shifted:
        states.append(StateText(f"last {name}", (size(cell.inputs[name]),), 0.0, None, True))
    if cell.uses_t:
        states.append(StateText("steps so far", ("1",), 0.0, None, True))
    for name, length in cell.output.histories:
        shape = (str(length - 1), size(cell.widths[name]))
        if flat:
            shape = (size((length - 1) * cell.widths[name]),)
        states.append(StateText(f"earlier {name}", shape, 0.0, None, flat))
    return states


def about(cell: Cell, program: Program, known: Mapping[str, Work]) -> list[str]:
    """Return the docstring of the file, as paragraphs."""
    equations = texts(program)
    facts = provenance(dict(cell.spec.about), known)
    name = cell.spec.name or "cell"
    paragraphs = [
        f"{class_name(name)}: the recurrent cell {name!r}.",
        "A step, where each dense(...) and each bias is a weight of its own:",
        "\n".join(f"    {line}" for line in equations),
    ]
    if cell.spec.constants:
        constants = (f"{name} = {value}" for name, value in cell.spec.constants)
        paragraphs.append(f"Constants: {', '.join(constants)}.")
    if facts["notes"]:
        paragraphs.append(str(facts["notes"]))
    if facts["reference"]:
        paragraphs.append(f"Reference: {facts['reference']}")
    paragraphs.append(f"Written by gatekit {__version__}. License of this file: MIT.")
    return paragraphs
