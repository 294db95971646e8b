"""The body of a step: a line for each signal of a program, in the notation of a framework."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from gatekit.cell.errors import ConfigError
from gatekit.cell.gate import OutputUnit
from gatekit.cell.language.expression import (
    Binary,
    Call,
    Expr,
    Name,
    Number,
    children,
    names,
    replaced,
    substitute,
    total,
    walk,
    with_children,
)
from gatekit.cell.program import Apply, Drop, Linear, Norm, Op, Opaque, Program, Sum, Window, outs

from .identifiers import Identifiers, slug
from .layout import Columns, WeightLayout
from .lines import Lines, names_in, without_unused
from .notations import Framework
from .printing import Printer
from .traced import apply_map, is_plain, matrix_of

_LONGEST_CUT = 72
_PRODUCTS = ("matmul", "block_product")


@dataclass(frozen=True)
class Project:
    """The products of inputs with weights, which are computed before the loop over steps.

    Attributes:
        inputs: the inputs that they read.
        lines: the lines that compute them.
        values: their names.
        passed: the inputs that the rest of the step reads, too.
    """

    inputs: list[str]
    lines: list[str]
    values: list[str]
    passed: list[str]


class Emitter(Lines):
    """Writes the step of a program.

    A signal has a line of its own. Other values are written where they are read; a line is added
    for a product that several gates share, for a norm, and for what is long or read twice.

    Args:
        program: the program of a cell.
        layout: how its weights are arranged.
        framework, printer, local, size, indent: as in `Lines`.
        drops: the texts of the reads that recurrent dropout applies to, in the order of the masks.
        projects: whether products of inputs have lines of their own, for `project`.
    """

    row = "0.0 * x[..., :1]"
    """The code of a column of zeros, one for each sequence."""
    named: Sequence[str] = ()
    """The signals whose pre-activations have lines of their own."""

    def __init__(
        self,
        program: Program,
        layout: WeightLayout,
        framework: Framework,
        printer: Printer,
        local: Identifiers,
        size: Callable[[int], str],
        indent: int,
        drops: Sequence[str] = (),
        projects: bool = False,
    ) -> None:
        super().__init__(framework, printer, local, size, indent)
        self.program, self.layout, self.drops, self.projects = program, layout, drops, projects
        self.project: Project | None = None
        self.changed = frozenset(hold.new for hold in program.holds if hold.rate)
        self.batched = {*program.inputs, "t", "no signal"}
        """The keys of values that differ between sequences; each has an axis for the batch."""
        self._later: set[str] = set()
        """The keys of values that depend on a state or on the draws of a step."""
        self._projected: list[str] = []
        self.columns = {
            op.out: (columns, place)
            for columns in layout.products
            for term in columns.terms
            for place, op in enumerate(term)
        }
        weights = program.weights
        self._learned = {Name(w.name) for w in weights if w.kind in ("bias", "norm")}
        stacked = [columns.bias for columns in layout.products if columns.bias]
        self._biased = {name for bias in stacked for name in bias.weights}
        self._values: dict[str, Expr] = {}
        self._wholes: dict[int, Name] = {}
        self._pieces: dict[int, list[Expr]] = {}

    def write(self) -> tuple[str, list[str]]:
        """Write the step; return the texts of its output and of the new states.

        Raises:
            ConfigError: a part of the cell cannot be written as code.
        """
        program, framework = self.program, self.framework
        windows = [op for op in program.after if isinstance(op, Window)]
        keys = [(previous, previous) for previous in program.carried]
        keys += [("t_prev", "t_prev")] if program.counts else []
        keys += [(f"{op.out}:earlier", op.out) for op in windows]
        if keys:
            self.unpack(keys, "state")
            self.batched.update(key for key, _ in keys)
        drawn = self._drawn()
        if drawn:
            self.unpack(drawn, framework.drawn)
        self._later.update(key for key, _ in [*keys, *drawn])
        self.batched.update(program.noises)
        if framework.noise:
            self._draw_noises()
        matrices = self._matrices(windows) if framework.reshape else {}
        for key, shape in matrices.items():
            name = self.env[key]
            text = framework.reshape.format(value=name, shape=", ".join(map(self.size, shape)))
            self.lines.append(f"{name} = {text}")
        if program.counts:
            self.assign("t", Name("t_prev") + 1, comment="the number of the step, from 1")
        self.map_parameters()
        for signal, ops in self.signals.items():
            self.signal(signal, ops)
        self._hold()
        for op in windows:
            self._window(op)
        emitted = self.emitted()
        after = [self.env[now] for now in program.carried.values()]
        after += ["t"] if program.counts else []
        after += [f"{self.env[op.out]}[:, 1:]" for op in windows]
        self._split([emitted, *after])
        flat = [math.prod(matrices[key]) if key in matrices else 0 for key, _ in keys]
        return emitted, [
            framework.reshape.format(value=text, shape=self.size(width)) if width else text
            for text, width in zip(after, flat, strict=True)
        ]

    def _split(self, used: list[str]) -> None:
        """Drop lines that nothing reads, and split off those of products of inputs."""
        rest = without_unused(self.lines, used, self._projected)
        read = names_in("\n".join([*rest, *used]))
        # Some files take the width of the input from its shape.
        read |= {"x"} if "features" in read else set()
        if values := [name for name in self._projected if name in read]:
            lines = without_unused(self.lines, values)
            inputs = [self.env[name] for name in self.program.inputs]
            of_inputs = names_in("\n".join(lines))
            self.project = Project(
                [name for name in inputs if name in of_inputs],
                lines,
                values,
                [name for name in inputs if name in read],
            )
        self.lines = rest

    def _drawn(self) -> list[tuple[str, str]]:
        """Return the keys and names of the masks that are drawn before the step."""
        masks = [(f"drop:{text}", f"drop_{slug(text)}") for text in self.drops]
        if "{hold}" in self.framework.held:
            zoned = [hold.new for hold in self.program.holds if hold.rate]
            masks += [(f"hold:{name}", f"hold_{name}") for name in zoned]
            masks += [(name, slug(name)) for name in self.program.noises]
        return masks

    def _matrices(self, windows: Sequence[Window]) -> dict[str, tuple[int, ...]]:
        """Return, by key, the shapes of states, their masks and windows that are not vectors."""
        shapes = {hold.old: self.program.shapes[hold.new] for hold in self.program.holds}
        for hold in self.program.holds:
            if f"hold:{hold.new}" in self.env:
                shapes[f"hold:{hold.new}"] = shapes[hold.old]
        for op in windows:
            shapes[f"{op.out}:earlier"] = (op.length - 1, *self.program.shapes[op.of])
        return {key: shape for key, shape in shapes.items() if len(shape) > 1}

    def map_parameters(self) -> None:
        """Write the mapped values of parameters that have a map."""
        for op in self.program.setup:
            self.env[f"raw:{op.out}"] = self.env[op.out]
            self.assign(op.out, op.expr)

    def _draw_noises(self) -> None:
        """Write the noises that gates declare."""
        for place, (name, kind) in enumerate(self.program.noises.items()):
            self.printer.need(["draw_noise"])
            self.env[name], width = (
                self.local.new(slug(name)),
                self.size(*self.program.shapes[name]),
            )
            drawn = self.framework.noise.format(
                like=self.env["x"], width=width, kind=kind, place=1000 + place
            )
            self.lines.append(f"{self.env[name]} = {drawn}")
            self._later.add(name)

    def _hold(self) -> None:
        """Write zoneout; from here on, a state is what the step returns."""
        for hold in self.program.holds:
            new, old = self.env[hold.new], self.env[hold.old]
            self.alias(hold.out, hold.new)
            if hold.rate:
                self.printer.need(["zoneout"])
                mask = self.env.get(f"hold:{hold.new}")
                held = self.framework.held.format(
                    new=new, old=old, rate=hold.rate, place=hold.place, hold=mask
                )
                self.lines.append(f"{new} = {held}")

    def alias(self, key: str, known: str) -> None:
        """Give a value another key."""
        self.env[key] = self.env[known]
        for keys in (self._variables, self.batched, self._later):
            if known in keys:
                keys.add(key)

    def _window(self, op: Window) -> None:
        name = self.local.new(f"{op.out.removesuffix('_history')}_window")
        earlier, now = self.env[f"{op.out}:earlier"], self.env[op.of]
        append = self.framework.append.format(earlier=earlier, now=now)
        self.lines.append(f"{name} = {append}")
        self.env[op.out] = name
        self.batched.add(op.out)

    def emitted(self) -> str:
        """Write the output unit; return the text of the output."""
        for signal, ops in self.signals_of(self.program.after).items():
            self.signal(signal, ops)
        return self.env[self.program.result]

    # --- signals ------------------------------------------------------------

    def signals_of(self, ops: Iterable[Op]) -> dict[str, list[Op]]:
        """Return the operations of each signal: those of a gate's own states, and its value."""
        known = {*self.program.signals, self.program.result}
        own = {state.name for state in self.program.states}

        def signal(op: Op) -> str:
            name = outs(op)[0]
            return name.rpartition(".")[0] or name if name in own else name

        ops = (op for op in ops if outs(op)[0] in known)
        return {name: list(group) for name, group in groupby(ops, signal)}

    @cached_property
    def signals(self) -> dict[str, list[Op]]:
        """The operations of each signal of a step."""
        return self.signals_of(self.program.step)

    @cached_property
    def _rowed(self) -> frozenset[str]:
        """The values that need an axis for the batch: states, and what the output reads."""
        states = [hold.new for hold in self.program.holds]
        held = {hold.out: hold.new for hold in self.program.holds}
        read = [held.get(name, name) for op in self.program.after for name in op.reads]
        return frozenset([*states, *read, self.program.result])

    def signal(self, signal: str, ops: Sequence[Op]) -> None:
        """Write the lines of a signal, given its operations."""
        like = "y" if signal == self.program.result else signal
        written = [self._written(op) for op in ops]
        for pre in dict.fromkeys(name for op in written for name in op.reads):
            if isinstance(self.program.source.get(pre), Sum) and pre not in self.env:
                self._pre_activation(pre, signal, like, written)
        exprs = [self.inlined(op.expr) for op in written]
        while (repeated := _repeated(exprs)) is not None:
            part = self.part(slug(like), repeated)
            exprs = [replaced(expr, repeated, part) for expr in exprs]
        for op, expr in zip(written, exprs, strict=True):
            self.line(op.out, expr, like if op.out == signal else op.out)

    def line(self, key: str, expr: Expr, like: str = "") -> None:
        """Write the line of a signal, with zeros added if it needs an axis for the batch."""
        if (key in self._rowed or self.printer.is_number(expr)) and not self.is_batched(expr):
            self.env["no signal"] = self.row
            expr = Name("no signal") + expr
        shape = self.program.shapes[key]
        self.assign(key, expr, like, self.shape_text(shape) if len(shape) > 1 else "")

    def is_batched(self, expr: Expr) -> bool:
        """Return whether a value differs between sequences."""
        return not self.batched.isdisjoint(names(expr))

    def assign(self, key: str, expr: Expr, like: str = "", comment: str = "") -> Name:
        """Write ``key = expr`` in lines that are not too long, and return the key as a name."""
        if self.is_batched(expr):
            self.batched.add(key)
        if self._is_later(expr):
            self._later.add(key)
            if self.projects:
                expr = self._with_projected(expr, like or key)
            return super().assign(key, expr, like, comment)
        name = super().assign(key, expr, like, comment)
        if self.projects and key not in self.changed and self._is_product(expr):
            self._projected.append(self.env[key])
        return name

    def _is_later(self, expr: Expr) -> bool:
        return not self._later.isdisjoint(names(expr))

    def _is_product(self, expr: Expr) -> bool:
        """Return whether an expression multiplies a value of a sequence by a matrix."""
        products = (p for p in walk(expr) if isinstance(p, Call) and p.function in _PRODUCTS)
        return any(map(self.is_batched, products))

    def _with_projected(self, expr: Expr, like: str) -> Expr:
        """Return an expression in which products of inputs are variables."""
        if self._is_later(expr):
            return with_children(
                expr, tuple(self._with_projected(part, like) for part in children(expr))
            )
        if not self._is_product(expr):
            return expr
        self._part_count += 1
        return self.assign(f"part {self._part_count}", expr, f"{like}_x")

    def _written(self, op: Op) -> Apply:
        if isinstance(op, Apply):
            return op
        assert isinstance(op, Opaque)
        if isinstance(op.unit, OutputUnit):
            raise ConfigError(
                f"the output unit {op.kind!r} cannot be written as code: its emit is more than an "
                "expression of gatekit.ops. Type output_unit=hidden."
            )
        name = op.outs[0]
        raise ConfigError(
            f"the gate {op.kind!r} of {name} cannot be written as code: its activate is more "
            "than an expression of gatekit.ops. Swap it, for example "
            f"swap.{name}=sigmoid, or write it with gatekit.ops and operators."
        )

    def _pre_activation(self, pre: str, signal: str, like: str, ops: Sequence[Apply]) -> None:
        """Write a line for a pre-activation if it is read twice, or too long to be in place."""
        expr, own = self.value(pre), {op.out: op.expr for op in ops[:-1]}
        if isinstance(expr, Name):
            self.alias(pre, expr.name)
            return
        uses = sum(part == Name(pre) for op in ops for part in walk(op.expr))
        whole = substitute(ops[-1].expr, own)
        long = whole != Name(pre) and not self.fits(like, self.inlined(whole))
        if uses > 1 or long or signal in self.named:
            self.assign(pre, expr, f"{pre.partition(':')[0]}_pre")

    # --- values -------------------------------------------------------------

    def inlined(self, expr: Expr) -> Expr:
        """Return an expression with the values in place that have no line."""
        values = {name: self.value(name) for name in names(expr) if name not in self.env}
        return self._with_affine_norms(substitute(expr, values))

    def value(self, name: str) -> Expr:
        """Return a value: its name if it has a line, and else its expression."""
        has_line = name in self.env or name in self.program.signals
        if has_line or name not in self.program.source:
            return Name(name)
        if name not in self._values:
            self._values[name] = self._value(self.program.source[name], name)
        return self._values[name]

    def _value(self, op: Op, name: str) -> Expr:
        if isinstance(op, Linear):
            return self._linear(op)
        if isinstance(op, Norm):
            return self._normed(op, name)
        if isinstance(op, Sum):
            parts = [self.value(part) for part in op.parts if part not in self._biased]
            # A product of several values is one part of the sum.
            return self._with_affine_norms(_sum(list(dict.fromkeys(parts))))
        if isinstance(op, Drop):
            mask = f"drop:{op.text}"
            return self.value(op.of) * Name(mask) if mask in self.env else self.value(op.of)
        assert isinstance(op, Apply), name
        expr = op.expr
        if isinstance(expr, Binary) and isinstance(self.program.source.get(op.reads[-1]), Norm):
            expr = with_children(expr, (expr.right, expr.left))
        return self.inlined(expr)

    def _with_affine_norms(self, expr: Expr) -> Expr:
        """Return an expression in which norms take their scale and offset, if they can."""
        if "affine_norm" not in self.framework.functions:
            return expr
        inner = tuple(self._with_affine_norms(child) for child in children(expr))
        expr = with_children(expr, inner) if inner else expr
        if isinstance(expr, Binary) and isinstance(expr.left, Call) and expr.right in self._learned:
            of_norm = {("*", "layer_norm"): "scaled_norm", ("+", "scaled_norm"): "affine_norm"}
            function = of_norm.get((expr.op, expr.left.function))
            if function:
                return Call(function, (*expr.left.args, expr.right))
        return expr

    def _linear(self, op: Linear) -> Expr:
        if is_plain(op):
            columns, place = self.columns[op.out]
            return self._piece(columns, place)
        u = self.value(op.of)
        if not op.map.has_matrix():
            return apply_map(op, u)
        matrix = self._matrix_lines(f"{op.out}:matrix", matrix_of(op), f"{op.owner}_matrix")
        return Call("matmul", (u, matrix))

    def _matrix_lines(self, key: str, matrix: Expr, like: str) -> Name:
        """Write a matrix, with a line for each part that is used more than once."""
        uses: Counter[int] = Counter()
        seen: dict[int, Expr] = {}
        stack = [matrix]
        while stack:
            part = stack.pop()
            for child in children(part):
                uses[id(child)] += 1
                if id(child) not in seen:
                    seen[id(child)] = child
                    stack.append(child)
        done: dict[int, Expr] = {}

        def rebuilt(part: Expr) -> Expr:
            if id(part) not in done:
                inner = tuple(rebuilt(child) for child in children(part))
                simpler = _without_zeros(with_children(part, inner))
                if uses[id(part)] > 1 and inner:
                    simpler = self.assign(f"part {len(self.lines)} {key}", simpler, f"{like}_part")
                done[id(part)] = simpler
            return done[id(part)]

        return self.assign(key, rebuilt(matrix), like)

    def _piece(self, columns: Columns, place: int) -> Expr:
        """Return a column of a product; a product of several is written at its first use."""
        if len(columns.outs) == 1:
            return self._product(columns)
        number = self.layout.products.index(columns)
        if number not in self._pieces:
            prefix = self._prefix(columns)
            whole = self._whole(columns, "z" if prefix == "z" else f"z_{prefix}")
            self._pieces[number] = self._cut(whole, columns.outs, columns.owners, prefix)
        return self._pieces[number][place]

    def _product(self, columns: Columns) -> Expr:
        terms: list[Expr] = [
            Call("matmul", (self.value(term[0].of), Name(f"@{matrix.attribute}")))
            for term, matrix in zip(columns.terms, columns.matrices, strict=True)
        ]
        bias = [Name(f"@{columns.bias.attribute}")] if columns.bias else []
        later = [term for term in terms if self._is_later(term)] if self.projects else []
        if len(later) < len(terms):
            # The bias is added to the products of inputs.
            terms = [term for term in terms if term not in later]
            return _sum([*terms, *bias, *later])
        return _sum([*terms, *bias])

    def _prefix(self, columns: Columns) -> str:
        text = slug(columns.terms[0][0].text.replace("_prev", ""))
        others = (other for other in self.layout.products if other is not columns)
        several = any({*columns.owners} & {*other.owners} for other in others)
        return (text if len(text) <= 8 else "read") if several else "z"

    def _whole(self, columns: Columns, like: str = "z") -> Name:
        number = self.layout.products.index(columns)
        if number not in self._wholes:
            width = sum(self.program.shapes[out][-1] for out in columns.outs)
            product, shape = self._product(columns), self.shape_text([width])
            self._wholes[number] = self.assign(f"z {number}", product, like, shape)
        return self._wholes[number]

    def _cut(
        self, whole: Name, outs: Sequence[str], owners: Sequence[str], prefix: str
    ) -> list[Expr]:
        """Write a line that splits a value, and return its parts."""
        keys = [(f"{whole.name} {owner}", f"{prefix}_{owner}") for owner in owners]
        widths = [self.program.shapes[out][-1] for out in outs]
        text = self.env[whole.name]
        places: list[str] = []
        if len(set(widths)) == 1:
            value = self.framework.chunk.format(z=text, count=len(widths))
        else:
            if self.framework.cuts_at_ends:
                places = [self.size(sum(widths[: k + 1])) for k in range(len(widths) - 1)]
            else:
                places = [self.size(width) for width in widths]
            value = self.framework.cut.format(z=text, sizes=", ".join(places))
        if len(value) > _LONGEST_CUT:
            name = self.local.new("ends" if self.framework.cuts_at_ends else "sizes")
            self.lines.append(f"{name} = [{', '.join(places)}]")
            value = value.replace(f"[{', '.join(places)}]", name)
        self.unpack(keys, value)
        for known in (self.batched, self._later):
            if whole.name in known:
                known.update(key for key, _ in keys)
        return [Name(key) for key, _ in keys]

    def _normed(self, op: Norm, name: str) -> Expr:
        if len(op.outs) == 1:
            return _normal(self.value(op.of[0]), op.epsilon)
        # A product of exactly these values, with all their parts, is normalised as a whole.
        columns = next((c for c in self.layout.products if c.outs == op.of), None)
        if columns and columns.bias is None and all(self._is_whole(columns, of) for of in op.of):
            whole: Expr = self._whole(columns)
        else:
            whole = Call("concat", tuple(self.value(of) for of in op.of))
        normed = self.assign(f"norm {op.outs[0]}", _normal(whole, op.epsilon), "normed")
        owners = [out.partition(":")[0] for out in op.outs]
        parts = self._cut(normed, op.outs, owners, "normed")
        self._values.update(zip(op.outs, parts, strict=True))
        return self._values[name]

    def _is_whole(self, columns: Columns, of: str) -> bool:
        """Return whether a product has every part of a value."""
        op = self.program.source[of]
        parts = op.parts if isinstance(op, Sum) else (of,)
        return all(part in self.columns and self.columns[part][0] is columns for part in parts)


def _sum(parts: Sequence[Expr]) -> Expr:
    whole = total(parts)
    assert whole is not None
    return whole


def _normal(expr: Expr, epsilon: float) -> Expr:
    return Call("layer_norm", (expr, Number(epsilon)))


def _without_zeros(expr: Expr) -> Expr:
    """Return the expression without the zeros that come from options that are off."""
    zero = Number(0)
    if isinstance(expr, Binary):
        if expr.op == "*" and zero in (expr.left, expr.right):
            return zero
        if expr.op in ("+", "-") and expr.right == zero:
            return expr.left
    return expr


def _repeated(exprs: Sequence[Expr]) -> Expr | None:
    """Return the smallest part that occurs often enough to deserve its own line, or None."""
    counts = Counter(part for expr in exprs for part in walk(expr))
    several = {p: n for p, n in counts.items() if n > 1 and p not in exprs and _costs(p)}
    for part in sorted(several, key=_size):
        # A part that only occurs within a larger one does not need its own line.
        within = (p for p in several if p != part and part in walk(p))
        if all(several[p] * list(walk(p)).count(part) < several[part] for p in within):
            return part
    return None


def _size(expr: Expr) -> int:
    return sum(1 for _ in walk(expr))


def _costs(expr: Expr) -> bool:
    cheap = ("column", "row", "split", "flat", "transpose")
    return (isinstance(expr, Call) and expr.function not in cheap and bool(names(expr))) or (
        isinstance(expr, Binary) and _size(expr) > 4 and bool(names(expr))
    )
