"""Writes a line for each operation of a block."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from gatekit.cell.block.built import BuiltBlock
from gatekit.cell.block.sequence import (
    Convolve,
    Drop,
    Normal,
    Operation,
    PartWeight,
    Recur,
    SequenceProgram,
)
from gatekit.cell.block.show import equations, reference
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
    ops = (op for program in built.programs for op in program.ops)
    return next((op.rate for op in ops if isinstance(op, Drop)), 0.0)


def created(
    attribute: str, weight: PartWeight, access: Access, size: Callable[[int], str], room: int
) -> list[str]:
    """Return the lines that create a weight.

    Args:
        attribute: its name in the file.
        weight: the weight.
        access: how code in the frame refers to weights.
        size: returns the text of a size.
        room: the length of a line.
    """
    sizes, bound = [size(n) for n in weight.shape], ""
    if len(weight.fan) == 1 and (root := weight.fan[0] ** 0.5).is_integer():
        bound = number(1 / root)
    elif weight.fan:
        bound = f"1 / math.sqrt({' * '.join(size(n) for n in weight.fan)})"
    first = fill(getattr(access.draws, weight.first), sizes, low=f"-{bound}", high=bound)
    before, after = access.assign(attribute, True)
    return wrapped(f"{before}{first}{after}", room)


def _renamed(lines: list[str], value: str, target: str) -> list[str]:
    """Return the lines, such that they assign the value to the target."""
    if lines and lines[-1].startswith(f"{value} = "):
        return [*lines[:-1], f"{target}{lines[-1].removeprefix(value)}"]
    return lines if value == target else [*lines, f"{target} = {value}"]


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
        self.built, self.cell_text = built, cell_text
        self.framework, self.access = framework, access
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
        mixed = self._program(built.mix, "mixed")
        self.values = {"x": Name("x"), "mixed": mixed}
        value = self._program(built.combine, "y")
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
            finished = self.printer.show(self._program(built.finish, "y"))
        fed = next(op.fed for op in built.mix.ops if isinstance(op, Recur))
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

    # --- operations -----------------------------------------------------------

    def _program(self, program: SequenceProgram, name: str) -> Expr:
        """Write the operations of a method, and return its result."""
        self.shared: list[tuple[Expr, Expr]] = []
        for op in program.ops:
            self.values[op.name] = self._operation(op, self._expr(op.of))
        result = self._expr(program.value)
        if name == "mixed" and not isinstance(result, Name):
            result = self.writer.assign("mixed", result)
        return result

    def _expr(self, expr: Expr) -> Expr:
        """Return an expression of operations in terms of variables."""
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

    def _operation(self, op: Operation, x: Expr) -> Expr:
        """Write the lines of an operation, given its input, and return its value."""
        if isinstance(op, Recur):
            return self._recur(op, x)
        if isinstance(op, Drop):
            return self._drop(op, x)
        apart = isinstance(op, Normal) and op.groups > 1
        if isinstance(op, Normal):
            x = self._line(x, "residual")
            if apart:
                x = self._line(Call("split", (x, Number(op.groups))), f"{op.name}_heads")
        weights = {weight.name: self._weight(op, weight) for weight in op.weights}
        if isinstance(op, Convolve):
            return self._convolve(op, x, *weights.values())
        value = substitute(op.equation, {"x": x, **weights})
        return self.writer.assign(op.name, Call("flat", (value,)) if apart else value)

    def _convolve(self, op: Convolve, x: Expr, kernel: Name, *bias: Name) -> Expr:
        if not op.carried:
            self.env["only"] = f"{self.env[kernel.name]}[0]"
            product: Expr = Call("matmul", (x, Name("only"))) if op.full else x * Name("only")
            value: Expr = self.writer.assign(op.name, product)
        else:
            self.printer.need(["convolve"])
            inputs = self.local.new(f"{op.name}_inputs")
            self.carried.append(CarriedInputs(inputs, op.kernel - 1, self.within(op.fed)))
            given = self._as_name(x, f"{op.name}_read")
            target = self.writer.variable(op.name, op.name)
            arguments = f"{given}, {self.env[kernel.name]}, {inputs}, mask"
            line = f"{target}, {inputs} = convolve({arguments})"
            self.writer.lines += wrapped(line, self.writer.room)
            value = Name(op.name)
        return sum(bias, value)

    def _recur(self, op: Recur, x: Expr) -> Expr:
        to, cell_text = self.framework.name, self.cell_text
        at_once = ".parallel" if to == "torch" else "parallel"
        carries = any(isinstance(op, Convolve) and op.carried for op in self.built.mix.ops)
        call = CALLS[to].format(
            target=self.writer.variable(op.name, op.name),
            cell=self.prefix,
            function=LOOPS[to] if cell_text.parallel is None else at_once,
            value=self._as_name(x, f"{op.name}_read"),
            state="cell_state" if carries else "state",
            noise=NOISE.get(to, "") if cell_text.draws_noise else "",
        )
        self.writer.lines += wrapped(call, self.writer.room)
        return Name(op.name)

    def _drop(self, op: Drop, x: Expr) -> Expr:
        if not self.framework.draws_noise:
            return x
        self.draws += 1
        return Call("dropout", (x, lift(op.rate), Number(_FIRST_DRAW + self.draws)))

    # --- weights ------------------------------------------------------------

    def _weight(self, op: Operation, weight: PartWeight) -> Name:
        """Write the initial value of a weight, and return its key."""
        attribute = self.attributes.new(f"{op.name}_{weight.written}")
        self.first += created(attribute, weight, self.access, self.first_size, self.room)
        self.stacks.append(StackedWeight(attribute, (f"{op.name}/{weight.name}",)))
        key = f"@{attribute}"
        self.env[key] = self.access.weight(attribute)
        return Name(key)
