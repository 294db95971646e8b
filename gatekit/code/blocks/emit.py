"""Writes a line for each part of a block."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from gatekit.cell.block.built import BuiltBlock
from gatekit.cell.block.show import equations, reference
from gatekit.cell.block.sketch import Part, Sketch
from gatekit.cell.language.expression import Call, Expr, Name, Number, lift, replaced, substitute
from gatekit.code.cell_text import AROUND, LOCAL, TAKEN, Access, CellText
from gatekit.code.draws import fill
from gatekit.code.identifiers import WIDTH, Identifiers, class_name, number, wrapped
from gatekit.code.layout import StackedWeight, WeightLayout
from gatekit.code.lines import Lines
from gatekit.code.notations import Framework
from gatekit.code.printing import Printer
from gatekit.code.sizes import SizeTexts

from .operations import CALLS, LOOPS, NOISE

_EPSILON = 1e-6
_CELL = "rnn"
# Smaller numbers are for the draws of the cell.
_FIRST_DRAW = 100


@dataclass(frozen=True)
class CarriedInputs:
    """The last inputs of a convolution: its name, their number, and the text of their width."""

    name: str
    steps: int
    width: str


@dataclass(frozen=True)
class BlockText:
    """The texts of a block that a frame puts around a cell.

    Attributes:
        title: the name of the class.
        about: the docstring of the file, as paragraphs.
        sized: whether sizes are arguments.
        tied: whether the cell's units equal the model's width, so that one argument sets both.
        width, units: the model's width and the cell's units.
        fed: the text of the width of the cell's input, where the cell is created.
        given_units: the text of the cell's units, where the cell is created.
        first: the lines that create the weights.
        last: the lines that create the weights that only the last block of a stack has.
        lines: the lines of the block.
        value: the text of its output.
        finish: the lines that change the output of the last block.
        carried: the last inputs of convolutions.
        helpers: helper functions: source by name.
        layout: how weights are arranged, including those of the cell.
        rate: the rate of the block's dropout.
        draws_noise: whether the block has dropout and the file draws it.
    """

    title: str
    about: list[str]
    sized: bool
    tied: bool
    width: int
    units: int
    fed: str
    given_units: str
    first: list[str]
    last: list[str]
    lines: list[str]
    value: str
    finish: list[str]
    carried: tuple[CarriedInputs, ...]
    helpers: dict[str, str]
    layout: WeightLayout
    rate: float
    draws_noise: bool


def rate(built: BuiltBlock) -> float:
    """Return the rate of a block's dropout, or 0."""
    rates = [p.options["rate"] for p in built.combine.parts if p.kind == "dropout"]
    rates += [p.options["rate"] for p in built.mix.parts if p.kind == "dropout"]
    return float(rates[0]) if rates else 0.0


def _renamed(lines: list[str], value: str, target: str) -> list[str]:
    """Return the lines, such that they assign the value to the target."""
    if lines and lines[-1].startswith(f"{value} = "):
        return [*lines[:-1], f"{target}{lines[-1].removeprefix(value)}"]
    return lines if value == target else [*lines, f"{target} = {value}"]


def _carries(part: Part) -> bool:
    return part.kind == "convolution" and part.options["kernel"] > 1


class Emitter:
    """Writes a block at its sizes."""

    def __init__(
        self,
        built: BuiltBlock,
        cell_text: CellText,
        framework: Framework,
        access: Access,
        sizes: SizeTexts,
        tied: bool,
        prefix: str,
    ) -> None:
        self.built, self.cell_text, self.framework, self.access = (
            built,
            cell_text,
            framework,
            access,
        )
        self.sizes, self.tied, self.prefix = sizes, tied, prefix
        reserved = framework.modules | set(framework.helpers) | LOCAL | AROUND
        of_cell = {stack.attribute for stack in cell_text.layout.stacks}
        self.attributes = Identifiers(
            frozenset(reserved | TAKEN | of_cell | {_CELL, "width", "last"})
        )
        local = Identifiers(frozenset(reserved | {"cell_state", "cell_apply", "cell_init", "last"}))
        local.new("x")
        self.local = local
        self.helpers: dict[str, str] = {}
        self.env = {"x": "x"}
        functions = built.cell.spec.functions
        printer = Printer(framework, functions, {}, str, self.env, self.helpers)
        within = self._sizes(access.units, access.features)
        lines = Lines(framework, printer, local, within, access.indent)
        self.printer, self.writer, self.within = printer, lines, within
        self.first_size = self._sizes(access.first_units, access.first_features)
        self.values: dict[str, Expr] = {"x": Name("x")}
        self.first: list[str] = []
        self.stacks: list[StackedWeight] = []
        self.carried: list[CarriedInputs] = []
        self.draws = 0
        self.room = WIDTH - access.indent

    def _sizes(self, units: str, features: str) -> Callable[[int], str]:
        width = features.replace("features", "width").replace("FEATURES", "WIDTH")
        return lambda n: self.sizes.text(n, width if self.tied else units, width)

    def write(self) -> BlockText:
        """Return the block as text."""
        built, writer = self.built, self.writer
        mixed = self._sketch(built.mix, "mixed")
        self.values = {"x": Name("x"), "mixed": mixed}
        value = self._sketch(built.combine, "y")
        value = self._line(value, "y")
        value_text = self.env[value.name]
        lines, writer.lines = writer.lines, []
        first, self.first = self.first, []
        # The lines that only the last block has are in an `if`, so they have less room.
        self.room -= 4
        writer.room -= 4
        finished = ""
        if built.finish is not None:
            self.values = {"x": value}
            finished = self.printer.show(self._sketch(built.finish, "y"))
        fed = next(part.fed for part in built.mix.parts if part.kind == "mixer")
        text = "\n".join([*first, *self.first])
        used = [n for n in self.framework.helpers if re.search(rf"(?<![\w.]){n}\(", text)]
        self.printer.need([*used, "repeat_valid", *(["keys_from"] if "next(keys)" in text else [])])
        stacks = [
            StackedWeight(
                f"{_CELL}.{stack.attribute}" if self.framework.name == "torch" else stack.attribute,
                tuple(f"{_CELL}/{name}" for name in stack.weights),
            )
            for stack in self.cell_text.layout.stacks
        ]
        title = f"{class_name(built.cell.spec.name or 'cell')}Block"
        return BlockText(
            title=title,
            about=self._about(title),
            sized=False,
            tied=False,
            width=built.width,
            units=built.cell.units,
            fed=self.first_size(fed),
            given_units=self.first_size(built.cell.units),
            first=first,
            last=self.first,
            lines=lines,
            value=value_text,
            finish=_renamed(writer.lines, finished, value_text) if finished else [],
            carried=tuple(self.carried),
            helpers=self.helpers,
            layout=WeightLayout((*self.stacks, *stacks)),
            rate=rate(built),
            draws_noise=self.draws > 0 and self.framework.draws_noise,
        )

    def _about(self, title: str) -> list[str]:
        built = self.built
        paragraphs = [
            f"{title}: the block {built.spec.kind!r} around the recurrent cell "
            f"{built.cell.spec.name!r}.",
            f"At a width of {built.width} and {built.cell.units} units:",
            "\n".join(f"    {line}" for line in equations(built)),
        ]
        if where := reference(built):
            paragraphs.append(f"Reference of the block: {where}")
        if rate(built) and not self.framework.draws_noise:
            paragraphs.append(
                "For inference: in training, gatekit draws masks for this block's dropout, and "
                "this file does not."
            )
        return [*paragraphs, *self.cell_text.about]

    # --- parts --------------------------------------------------------------

    def _sketch(self, sketch: Sketch, name: str) -> Expr:
        """Write the parts of a method, and return its result."""
        self.shared: list[tuple[Expr, Expr]] = []
        for part in sketch.parts:
            self._part(part)
        result = self._expr(sketch.value)
        if name == "mixed" and not isinstance(result, Name):
            result = self.writer.assign("mixed", result)
        return result

    def _expr(self, expr: Expr) -> Expr:
        """Return an expression of parts in terms of variables."""
        expr = substitute(expr, self.values)
        for known, name in self.shared:
            expr = replaced(expr, known, name)
        return expr

    def _as_name(self, expr: Expr, like: str) -> str:
        return self.env[self._line(expr, like).name]

    def _line(self, expr: Expr, like: str) -> Name:
        """Return a value as a name; write a line for it if it has none."""
        if isinstance(expr, Name):
            return expr
        name = self.writer.assign(f"{like}:{len(self.writer.lines)}", expr, like)
        self.shared.append((expr, name))
        return name

    def _part(self, part: Part) -> None:
        self.values[part.name] = getattr(self, f"_{part.kind}")(part, self._expr(part.of))

    def _norm(self, part: Part, value: Expr) -> Expr:
        value = self._line(value, "residual")
        groups, layer = part.options["groups"], part.options["norm"] == "layer"
        if groups > 1:
            value = self._line(Call("split", (value, Number(groups))), f"{part.name}_heads")
        result: Expr = Call("layer_norm" if layer else "rms_norm", (value, Number(_EPSILON)))
        width = (part.width // groups,)
        ones, zeros = self.access.draws.ones, self.access.draws.zeros
        result = result * self._weight(part, "scale", "gamma" if layer else "scale", ones, width)
        if layer:
            result = result + self._weight(part, "offset", "beta", zeros, width)
        return self.writer.assign(part.name, Call("flat", (result,)) if groups > 1 else result)

    def _dense(self, part: Part, value: Expr) -> Expr:
        shape = (part.fed, part.width)
        matrix = self._weight(part, "weight", "kernel", self.access.draws.glorot, shape)
        result: Expr = Call("matmul", (value, matrix))
        if part.options["bias"]:
            result = result + self._bias(part)
        return self.writer.assign(part.name, result)

    def _convolution(self, part: Part, value: Expr) -> Expr:
        kernel, full = part.options["kernel"], part.options["full"]
        sizes = [str(kernel), self.first_size(part.fed)]
        limit = f"{kernel} * {sizes[1]}" if full else str(kernel)
        text = f"1 / math.sqrt({limit})"
        if not full and (root := kernel**0.5).is_integer():
            text = number(1 / root)
        sizes += [self.first_size(part.width)] if full else []
        first = fill(self.access.draws.uniform, sizes, low=f"-{text}", high=text)
        weights = self._created(part, "kernel", "kernel", first)
        if kernel == 1:
            self.env["only"] = f"{self.env[weights.name]}[0]"
            product: Expr = Call("matmul", (value, Name("only"))) if full else value * Name("only")
            name: Expr = self.writer.assign(part.name, product)
        else:
            self.printer.need(["convolve"])
            inputs = self.local.new(f"{part.name}_inputs")
            self.carried.append(CarriedInputs(inputs, kernel - 1, self.within(part.fed)))
            given = self._as_name(value, f"{part.name}_read")
            target = self.writer.variable(part.name, part.name)
            arguments = f"{given}, {self.env[weights.name]}, {inputs}, mask"
            line = f"{target}, {inputs} = convolve({arguments})"
            self.writer.lines += wrapped(line, self.writer.room)
            name = Name(part.name)
        return name + self._bias(part) if part.options["bias"] else name

    def _mixer(self, part: Part, value: Expr) -> Expr:
        to, cell_text = self.framework.name, self.cell_text
        at_once = ".parallel" if to == "torch" else "parallel"
        call = CALLS[to].format(
            target=self.writer.variable(part.name, part.name),
            cell=self.prefix,
            function=LOOPS[to] if cell_text.parallel is None else at_once,
            value=self._as_name(value, f"{part.name}_read"),
            state="cell_state" if any(map(_carries, self.built.mix.parts)) else "state",
            noise=NOISE.get(to, "") if cell_text.draws_noise else "",
        )
        self.writer.lines += wrapped(call, self.writer.room)
        return Name(part.name)

    def _dropout(self, part: Part, value: Expr) -> Expr:
        if not self.framework.draws_noise:
            return value
        self.draws += 1
        arguments = (value, lift(part.options["rate"]), Number(_FIRST_DRAW + self.draws))
        return Call("dropout", arguments)

    # --- weights ------------------------------------------------------------

    def _bias(self, part: Part) -> Name:
        return self._weight(part, "bias", "bias", self.access.draws.zeros, (part.width,))

    def _weight(
        self, part: Part, name: str, source: str, template: str, shape: tuple[int, ...]
    ) -> Name:
        text = fill(template, [self.first_size(n) for n in shape])
        return self._created(part, name, source, text)

    def _created(self, part: Part, name: str, source: str, first: str) -> Name:
        """Write the initial value of a weight, and return its key."""
        attribute = self.attributes.new(f"{part.name}_{name}")
        before, after = self.access.assign(attribute, True)
        line = f"{before}{first}{after}"
        self.first += wrapped(line, self.room)
        self.stacks.append(StackedWeight(attribute, (f"{part.name}/{source}",)))
        key = f"@{attribute}"
        self.env[key] = self.access.weight(attribute)
        return Name(key)
