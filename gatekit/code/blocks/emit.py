"""Writes a line for each operation of a block."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from gatekit.cell.block.built_block import BuiltBlock
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
from gatekit.code.access import Access
from gatekit.code.cell_text import AROUND, LOCAL, TAKEN, CellText
from gatekit.code.distributions import fill
from gatekit.code.identifiers import Identifiers, class_name, number
from gatekit.code.layout import StackedWeight, WeightLayout
from gatekit.code.lines import Lines
from gatekit.code.notations import Framework
from gatekit.code.printing import Printer
from gatekit.code.sizes import Dim, size_text

from .operations import ANY, BACKWARD, CALLS, FLIPPED, LOOPS, NOISE, ZEROS

_CELL = "rnn"
_BACKWARD = "backward_"
_LOCAL = {"cell_state", "cell_apply", "cell_init", "last", "ends", "back", "mask_back", "rng_back"}
# Smaller numbers are for the draws of the cell.
_FIRST_DRAW = 100


@dataclass(frozen=True)
class CarriedInputs:
    """The last inputs of a convolution: its name, their number, and the text of their width.

    ``kernel`` is the name of the weight that they are multiplied with.
    """

    name: str
    steps: int
    width: str
    kernel: str


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
        draws_noise: whether the block has dropout.
        directions: 2 if the method mix also reads time backwards.
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
    directions: int = 1

    @property
    def sizes(self) -> dict[str, int]:
        """The arguments for sizes, with their values; empty if sizes are fixed."""
        sizes = {"width": self.width} if self.tied else {"width": self.width, "units": self.units}
        return sizes if self.sized else {}


def rate(built: BuiltBlock) -> float:
    """Return the rate of a block's dropout, or 0."""
    ops = (op for program in built.programs for op in program.ops)
    return next((op.rate for op in ops if isinstance(op, Drop)), 0.0)


def created(attribute: str, weight: PartWeight, access: Access, size: Callable[[int], str]) -> str:
    """Return the line that creates a weight.

    Args:
        attribute: its name in the file.
        weight: the weight.
        access: how code in the frame refers to weights.
        size: returns the text of a size.
    """
    sizes, bound = [size(n) for n in weight.shape], ""
    if weight.bound or weight.first == "normal":
        bound = number(weight.limit)
    elif len(weight.fan) == 1 and (root := weight.fan[0] ** 0.5).is_integer():
        bound = number(1 / root)
    elif weight.fan:
        bound = f"1 / math.sqrt({' * '.join(size(n) for n in weight.fan)})"
    first = fill(
        getattr(access.draws, weight.first),
        sizes,
        low=f"-{bound}",
        high=bound,
        mean=0.0,
        stddev=bound,
    )
    before, after = access.assign(attribute, True)
    return f"{before}{first}{after}"


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
        tied: bool,
        prefix: str,
    ) -> None:
        self.built, self.cell_text = built, cell_text
        self.framework, self.access = framework, access
        self.tied, self.prefix = tied, prefix
        reserved = framework.modules | set(framework.helpers) | LOCAL | AROUND
        of_cell = {stack.attribute for stack in cell_text.layout.stacks}
        of_cell |= {f"{_BACKWARD}{name}" for name in of_cell}
        self.attributes = Identifiers(
            frozenset(reserved | TAKEN | of_cell | {_CELL, "width", "last"})
        )
        local = Identifiers(frozenset(reserved | _LOCAL))
        local.new("x")
        self.local = local
        self.helpers: dict[str, str] = {}
        self.env = {"x": "x"}
        functions = built.cell.spec.functions
        # Functions know the sizes of their weights, but not by name.
        known = {} if access.size is str else {"width": built.width, "units": built.cell.units}
        given = framework, functions, known, access.size, self.env, self.helpers
        printer = Printer(*given, sizes=tuple(known))
        within = self._sizes(access.size)
        lines = Lines(framework, printer, local, within, access.indent)
        self.printer, self.writer, self.within = printer, lines, within
        self.first_size = self._sizes(str)
        self.values: dict[str, Expr] = {"x": Name("x")}
        self.first: list[str] = []
        self.stacks: list[StackedWeight] = []
        self.carried: list[CarriedInputs] = []
        self.draws = 0
        self.turn = ""
        """What the names begin with of what reads time backwards."""

    def _sizes(self, size: Callable[[str], str]) -> Callable[[int], str]:
        names = {name: size(name) for name in ("width", "units")}
        return lambda n: size_text(n, names)

    def write(self) -> BlockText:
        """Return the block as text."""
        built, writer = self.built, self.writer
        mixed = self._program(built.mix, "mixed")
        if built.directions > 1:
            mixed = self._with_backward(mixed)
        self.values = {"x": Name("x"), "mixed": mixed}
        value = self._program(built.combine, "y")
        value = self._line(value, "y")
        value_text = self.env[value.name]
        lines, writer.lines = writer.lines, []
        first, self.first = self.first, []
        # The lines that only the last block has are in an `if`, so they have less room.
        writer.room -= 4
        finished = ""
        if built.finish is not None:
            self.values = {"x": value}
            finished = self.printer.show(self._program(built.finish, "y"))
        fed = next(op.fed for op in built.mix.ops if isinstance(op, Recur))
        text = "\n".join([*first, *self.first])
        used = [n for n in self.framework.helpers if re.search(rf"(?<![\w.]){n}\(", text)]
        self.printer.need([*used, "repeat_valid", *(["keys_from"] if "next(keys)" in text else [])])
        cell = f"{_CELL}." if self.framework.name == "torch" else ""
        stacks = [
            StackedWeight(
                f"{turn}{cell}{stack.attribute}",
                tuple(f"{turn}{_CELL}/{name}" for name in stack.weights),
            )
            for turn in ("", _BACKWARD)[: built.directions]
            for stack in self.cell_text.layout.stacks
        ]
        title = f"{class_name(built.cell.spec.name or 'cell')}Block"
        return BlockText(
            title=title,
            about=self._about(title),
            sized=isinstance(built.width, Dim),
            tied=self.tied,
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
            draws_noise=self.draws > 0,
            directions=built.directions,
        )

    def _with_backward(self, mixed: Expr) -> Expr:
        """Write the method mix for time that is read backwards; return both outputs, joined."""
        to, lines = self.framework.name, self.writer.lines
        forward, flipped = self._as_name(mixed, "mixed"), FLIPPED[to].format
        back = self.writer.variable("x:back", "x_back")
        lines += [
            f"{back} = {flipped('x')}",
            f"mask_back = None if mask is None else {flipped('mask')}",
        ]
        if to == "jax":
            named = f'n.startswith("{_BACKWARD}")'
            own = f"{{n[{len(_BACKWARD)}:]: w for n, w in params.items() if {named}}}"
            lines.append(f"back = {own}")
        if to == "jax" and self.cell_text.draws_noise:
            lines.append("rng_back = None if rng is None else jax.random.fold_in(rng, 1)")
        self.turn, self.values = _BACKWARD, {"x": Name("x:back")}
        other = self._as_name(self._program(self.built.mix, "mixed"), "mixed")
        self.turn = ""
        self.printer.need(["end"])
        lines += [
            "if ends:  # the head reads the last valid step of each direction",
            f"    x, {forward} = end(x, mask), end({forward}, mask)",
            f"    {other} = end({other}, mask_back)",
            f"    mask = None if mask is None else {ANY[to]}",
            "else:",
            f"    {other} = {flipped(other)}",
        ]
        both = self.writer.variable("both", "both")
        joined = self.framework.functions["concat"].replace("{0}", f"{forward}, {other}")
        lines.append(f"{both} = {joined}")
        return Name("both")

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
        return [*paragraphs, *self.cell_text.about]

    # --- operations -----------------------------------------------------------

    def _program(self, program: SequenceProgram, name: str) -> Expr:
        """Write the operations of a method, and return its result."""
        self.shared: list[tuple[Expr, Expr]] = []
        for op in program.ops:
            self.values[op.name] = self._operation(op, self._expr(op.of))
        result = self._expr(program.value)
        if name == "mixed" and not isinstance(result, Name):
            result = self.writer.assign(f"{self.turn}mixed", result)
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
        name = f"{self.turn}{op.name}"
        return self.writer.assign(name, Call("flat", (value,)) if apart else value)

    def _convolve(self, op: Convolve, x: Expr, kernel: Name, *bias: Name) -> Expr:
        name = f"{self.turn}{op.name}"
        if not op.carried:
            self.env["only"] = f"{self.env[kernel.name]}[0]"
            product: Expr = Call("matmul", (x, Name("only"))) if op.full else x * Name("only")
            value: Expr = self.writer.assign(name, product)
        else:
            self.printer.need(["convolve"])
            given, steps, width = (
                self._as_name(x, f"{name}_read"),
                op.kernel - 1,
                self.within(op.fed),
            )
            if self.turn:
                kept, earlier = "_", ZEROS[self.framework.name].format(steps, width, given)
            else:
                kept = earlier = self.local.new(f"{name}_inputs")
                self.carried.append(CarriedInputs(kept, steps, width, kernel.name[1:]))
            mask = "mask_back" if self.turn else "mask"
            arguments = f"{given}, {self.env[kernel.name]}, {earlier}, {mask}"
            line = f"{self.writer.variable(name, name)}, {kept} = convolve({arguments})"
            self.writer.lines.append(line)
            value = Name(name)
        return sum(bias, value)

    def _recur(self, op: Recur, x: Expr) -> Expr:
        to, cell_text, name = self.framework.name, self.cell_text, f"{self.turn}{op.name}"
        at_once = ".parallel" if to == "torch" else "parallel"
        carries = any(isinstance(op, Convolve) and op.carried for op in self.built.mix.ops)
        noise = NOISE.get(to, "") if cell_text.draws_noise else ""
        call = (BACKWARD if self.turn else CALLS)[to].format(
            target=self.writer.variable(name, name),
            cell=self.prefix,
            function=LOOPS[to] if cell_text.parallel is None else at_once,
            value=self._as_name(x, f"{name}_read"),
            state="cell_state" if carries else "state",
            noise=noise.replace("rng", "rng_back") if self.turn else noise,
        )
        self.writer.lines.append(call)
        return Name(name)

    def _drop(self, op: Drop, x: Expr) -> Expr:
        self.draws += 1
        return Call("dropout", (x, lift(op.rate), Number(_FIRST_DRAW + self.draws)))

    # --- weights ------------------------------------------------------------

    def _weight(self, op: Operation, weight: PartWeight) -> Name:
        """Write the initial value of a weight, and return its key."""
        name = f"{self.turn}{op.name}"
        attribute = self.attributes.new(f"{name}_{weight.written}")
        self.first.append(created(attribute, weight, self.access, self.first_size))
        self.stacks.append(StackedWeight(attribute, (f"{name}/{weight.name}",)))
        key = f"@{attribute}"
        self.env[key] = self.access.weight(attribute)
        return Name(key)
