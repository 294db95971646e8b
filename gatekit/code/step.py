"""The body of a step: one line for each signal, products stacked, in the notation of a framework."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from gatekit.cell.errors import ConfigError
from gatekit.cell.graph import BuiltRead, Cell, Node
from gatekit.cell.language.expression import (
    Binary,
    Call,
    Expr,
    Name,
    Neg,
    Number,
    children,
    lift,
    names,
    substitute,
    walk,
)
from gatekit.cell.parameter import MAPS
from gatekit.cell.row_wise import RowWise

from .frameworks import Framework
from .identifiers import WIDTH, Identifiers, slug, wrapped
from .printing import Printer
from .products import OUTPUT_UNIT, Layout, Product, Reader, plain, readers
from .traced import applied, matrix_of

_LONGEST_CUT = 72
_EPSILON = 1e-5


class Step:
    """Writes the step of a cell.

    Args:
        cell: the built cell.
        framework: the notation.
        printer: prints expressions; its ``env`` gets the names of signals.
        layout: the weights of the file.
        local: gives local variables their names.
        size: the text of a size within the step.
        indent: the spaces before its lines.
    """

    def __init__(
        self,
        cell: Cell,
        framework: Framework,
        printer: Printer,
        layout: Layout,
        local: Identifiers,
        size: Callable[[int], str],
        indent: int,
    ) -> None:
        self.room = WIDTH - indent
        self.cell, self.framework, self.printer, self.layout = cell, framework, printer, layout
        self.local, self.size = local, size
        self.lines: list[str] = []
        self.env = printer.env
        self._readers = {reader.name: reader for reader in readers(cell)}
        self._whole: dict[int, Name] = {}
        self._pieces: dict[tuple[int, str], Expr] = {}
        self._normed: dict[tuple[str, ...], dict[str, Expr]] = {}
        self._variables: set[str] = set()
        self._zoned = {state.name for state in cell.states if state.zoneout}
        self._batched = {*cell.inputs, "t"}

    # --- lines --------------------------------------------------------------

    def assign(self, key: str, expr: Expr, wanted: str = "", comment: str = "") -> Name:
        """Write ``key = expr`` in lines that are short enough, and return the key as a name."""
        if isinstance(expr, Name) and expr.name in self._variables and key not in self._zoned:
            # Another name for the same value.
            self.env[key] = self.env[expr.name]
            self._variables.add(key)
            return Name(key)
        self._variables.add(key)
        target = self.local.new(wanted or key)
        expr = self._shortened(target, expr)
        line = f"{target} = {self.printer.show(expr)}"
        if comment and len(line) + len(comment) + 4 <= self.room:
            line += f"  # {comment}"
        self.lines += wrapped(line, self.room)
        self.env[key] = target
        return Name(key)

    def _shortened(self, target: str, expr: Expr) -> Expr:
        """Return the expression with parts in lines of their own, until it fits one line."""
        room = self.room - len(target) - 3
        while len(self.printer.show(expr)) > room:
            parts = [part for part in list(walk(expr))[1:] if self._worth_a_line(part)]
            fitting = [p for p in parts if len(self.printer.show(p)) <= room - 3] or parts[-1:]
            if not fitting:
                return expr
            largest = max(fitting, key=lambda part: len(self.printer.show(part)))
            expr = replaced(expr, largest, self._part(target, largest))
        return expr

    def _part(self, target: str, part: Expr) -> Name:
        key = f"part {len(self.lines)} {target}"
        return self.assign(key, part, f"{target.rstrip('_')}_part")

    def _worth_a_line(self, part: Expr) -> bool:
        shown = isinstance(part, (Binary, Call)) and not self.printer.is_number(part)
        return shown and len(self.printer.show(part)) > 12

    def unpack(self, keys: Sequence[tuple[str, str]], value: str, comment: str = "") -> None:
        """Write ``a, b = value`` for keys and the names that they should have."""
        targets = []
        for key, wanted in keys:
            self.env[key] = self.local.new(wanted)
            self._variables.add(key)
            targets.append(self.env[key])
        one = f"({targets[0]},)" if len(targets) == 1 else ", ".join(targets)
        line = f"{one} = {value}"
        if len(line) > self.room:
            self.lines += ["(", *(f"    {target}," for target in targets), f") = {value}"]
        elif comment and len(line) + len(comment) + 4 <= self.room:
            self.lines.append(f"{line}  # {comment}")
        else:
            self.lines.append(line)

    def shape_text(self, shape: Iterable[int]) -> str:
        """Return a shape for a comment, such as ``batch x units``."""
        texts = [self.size(n).replace("self.", "").lower() for n in shape]
        return " x ".join(["batch", *(f"({t})" if "+" in t or "-" in t else t for t in texts)])

    # --- the whole step -----------------------------------------------------

    def write(self) -> tuple[str, list[str]]:
        """Write the step, and return what it emits and the texts of the new states."""
        cell, append = self.cell, self.framework.append
        keys = [(f"{s.name}_prev", f"{s.name}_prev") for s in cell.states]
        keys += [(f"{name}_prev", f"{name}_prev") for name in cell.shifted]
        keys += [("t_prev", "t_prev")] if cell.uses_t else []
        keys += [(f"{name}:earlier", f"{name}_history") for name, _ in cell.output.histories]
        self._batched |= {key for key, _ in keys}
        if keys:
            self.unpack(keys, "state")
        if cell.uses_t:
            self.assign("t", Name("t_prev") + 1, comment="the number of the step, from 1")
        for name, parameter in cell.parameters.items():
            if parameter.map:
                raw = Name(name)
                function = MAPS[parameter.map].function.name
                text = self.printer.show(Call(function, (raw,)))
                self.env[name] = self.local.new(name)
                self.lines.append(f"{self.env[name]} = {text}")
        for node in cell.nodes:
            self._node(node)
        for state in cell.states:
            if state.zoneout:
                new, old = self.env[state.name], self.env[f"{state.name}_prev"]
                self.printer.need(["zoneout"])
                held = self.framework.held.format(new=new, old=old, rate=state.zoneout)
                self.lines.append(f"{new} = {held}")
        for name, _ in cell.output.histories:
            window = self.local.new(f"{name}_window")
            earlier, now = self.env[f"{name}:earlier"], self.env[name]
            self.lines.append(f"{window} = {append.format(earlier=earlier, now=now)}")
            self.env[f"{name}_history"] = window
        emitted = self._emitted()
        new = [self.env[state.name] for state in cell.states]
        new += [self.env[name] for name in cell.shifted]
        new += ["t"] if cell.uses_t else []
        new += [f"{self.env[f'{name}_history']}[:, 1:]" for name, _ in cell.output.histories]
        return emitted, new

    def _emitted(self) -> str:
        out = self.cell.output
        if out.unit.feeds_back:
            return self.env["y"]
        reader = self._readers[OUTPUT_UNIT]
        lines = self._value(out.unit, out.arguments, reader)
        if isinstance(lines, Name):
            return self.env[lines.name]
        return self.env[self.assign("emitted", lines, "y").name]

    # --- signals ------------------------------------------------------------

    def _node(self, node: Node) -> None:
        cell = self.cell
        if node.kind == "equation":
            expr = self._with_rows(cell.equation(node.name), node.name)
            self._signal(node, expr)
        elif node.kind == "norm":
            self._signal(node, _normal(Name(node.source), _EPSILON) * Name(node.scale) + Name(node.offset))
        elif node.kind == "output":
            assert node.declared is not None
            reader = self._readers[OUTPUT_UNIT]
            self._signal(node, self._value(node.declared, node.arguments, reader))
        else:
            self._gate(node)
        self._batched |= {node.name, *(key for _, key in node.own_states)}

    def _signal(self, node: Node, expr: Expr) -> None:
        shape = self.cell.shapes[node.name]
        self.assign(node.name, expr, comment=self.shape_text(shape) if len(shape) > 1 else "")

    def _with_rows(self, expr: Expr, name: str) -> Expr:
        """Return an equation with a row for each sequence, even if it reads no signal."""
        if self._batched & set(names(expr)):
            return expr
        kept = any(state.name == name for state in self.cell.states)
        if kept or name in self.cell.output.signals or self.printer.is_number(expr):
            self.env["no signal"] = "0.0 * x[:, :1]"
            return Name("no signal") + expr
        return expr

    def _gate(self, node: Node) -> None:
        made = self.cell.gate_expressions[node.name]
        if made is None:
            kind = next(gate.kind for gate in self.cell.spec.gates if gate.name == node.name)
            raise ConfigError(
                f"the gate {kind!r} of {node.name} cannot be written as code: its activate is more "
                "than an expression of gatekit.ops. Swap it, for example "
                f"swap.{node.name}=sigmoid, or write it with gatekit.ops and operators."
            )
        value, states = made
        pre = self._pre(self._readers[node.name])
        own = {f"{node.name}.{state}": expr for state, expr in states.items()}
        if pre is not None:
            uses = sum(p == Name("pre") for e in (value, *own.values()) for p in walk(e))
            if uses > 1 and not isinstance(pre, Name):
                pre = self.assign(f"{node.name}:pre", pre, f"{node.name}_pre")
            value = substitute(value, {"pre": pre})
            own = {key: substitute(expr, {"pre": pre}) for key, expr in own.items()}
        for repeated in self._repeated([*own.values(), value]):
            name = self._part(slug(node.name), repeated)
            value = replaced(value, repeated, name)
            own = {key: replaced(expr, repeated, name) for key, expr in own.items()}
        for key, expr in own.items():
            self.assign(key, self._rows(expr))
            if not isinstance(expr, (Name, Number)):
                value = replaced(value, expr, Name(key))
        self._signal(node, self._rows(value))

    def _rows(self, expr: Expr) -> Expr:
        if any(key in self._batched or key.startswith(("z ", "part ")) or ":" in key for key in names(expr)):
            return expr
        self.env["no signal"] = "0.0 * x[:, :1]"
        return Name("no signal") + expr

    def _repeated(self, exprs: Sequence[Expr]) -> list[Expr]:
        """Return the largest parts that occur more than once, those within others apart."""
        counts = Counter(p for e in exprs for p in walk(e) if self._worth_a_line(p))
        found: list[Expr] = []
        for part in sorted(counts, key=lambda p: -sum(1 for _ in walk(p))):
            inside = sum(counts[f] * list(walk(f)).count(part) for f in found)
            if counts[part] - inside > 1 - bool(inside) and part not in exprs:
                found.append(part)
        return found

    def _value(
        self, unit: RowWise, arguments: tuple[tuple[str, str], ...], reader: Reader
    ) -> Expr:
        """Return what an output unit emits."""
        values: dict[str, Expr] = {}
        for argument, key in arguments:
            values[argument] = Name("pre" if key.startswith("pre:") else key)
        try:
            value = lift(unit.compute(values))
        except Exception:
            raise ConfigError(
                f"the output unit {self.cell.output.kind!r} cannot be written as code: its emit is "
                "more than an expression of gatekit.ops. Type output_unit=hidden."
            ) from None
        pre = self._pre(reader)
        if pre is None:
            return value
        if sum(part == Name("pre") for part in walk(value)) > 1 and not isinstance(pre, Name):
            pre = self.assign(f"{reader.name}:pre", pre, f"{reader.name}_pre")
        return substitute(value, {"pre": pre})

    # --- pre-activations ----------------------------------------------------

    def _pre(self, reader: Reader) -> Expr | None:
        if not reader.reads and reader.bias is None:
            return None
        norm = reader.node.norm if reader.node is not None else None
        if norm is not None and norm.of == "sum":
            assert reader.node is not None
            scale = Name(str(reader.node.norm_scale))
            parts = [self._normal_sum(reader, norm.group, norm.epsilon) * scale]
        elif norm is not None:
            parts = [
                self._normal_read(reader, read, norm.group, norm.epsilon) * Name(str(read.scale))
                for read in reader.reads
            ]
        else:
            parts = self._parts(reader)
        shared = any(reader in p.readers and p.bias for p in self.layout.products)
        if reader.bias is not None and not shared:
            parts.append(Name(reader.bias))
        return _total(parts)

    def _parts(self, reader: Reader) -> list[Expr]:
        """Return the parts of a pre-activation; a product of several reads is one part."""
        return list(dict.fromkeys(self._linear(reader, read) for read in reader.reads))

    def _linear(self, reader: Reader, read: BuiltRead) -> Expr:
        product = self._product(reader, read)
        if product is not None:
            return self._piece(product, reader)
        u = self._dropped(read)
        if read.map_kind == "orthogonal":
            weight = Name(read.weights[""])
            turn = Call("rotation", (weight - Call("transpose", (weight,)),))
            name = self.assign(f"{reader.name}:{read.text}:matrix", turn, f"{reader.name}_matrix")
            return Call("matmul", (u, name))
        matrix = matrix_of(read)
        if matrix is None:
            return applied(read, u)
        key = f"{reader.name}:{read.text}:matrix"
        name = self._matrix(key, matrix, f"{reader.name}_matrix")
        return Call("matmul", (u, name))

    def _matrix(self, key: str, matrix: Expr, wanted: str) -> Name:
        """Write a matrix, with a line for each part that several others use."""
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
                made = with_children(part, inner)
                if uses[id(part)] > 1 and inner:
                    made = self.assign(f"part {len(self.lines)} {key}", made, f"{wanted}_part")
                done[id(part)] = made
            return done[id(part)]

        return self.assign(key, rebuilt(matrix), wanted)

    def _product(self, reader: Reader, read: BuiltRead) -> Product | None:
        if not plain(read):
            return None
        return next(
            p for p in self.layout.products
            if reader in p.readers and any(r.expr == read.expr for r in p.reads)
        )

    def _sum(self, product: Product) -> Expr:
        terms: list[Expr] = []
        for read, matrix in zip(product.reads, product.matrices, strict=True):
            terms.append(Call("matmul", (self._dropped(read), Name(f"@{matrix.attribute}"))))
        if product.bias is not None:
            terms.append(Name(f"@{product.bias.attribute}"))
        total = _total(terms)
        assert total is not None
        return total

    def _dropped(self, read: BuiltRead) -> Expr:
        return read.expr

    def _piece(self, product: Product, reader: Reader) -> Expr:
        """Return a gate's part of a product, whose first use writes the product."""
        if len(product.readers) == 1:
            return self._sum(product)
        number = self.layout.products.index(product)
        if (number, reader.name) not in self._pieces:
            text = slug(product.reads[0].text.replace("_prev", ""))
            prefix = self._prefix(product, text)
            whole = self._whole_product(product, "z" if prefix == "z" else f"z_{prefix}")
            parts = self._cut(whole, product.readers, f"z {number}", prefix)
            for member, part in zip(product.readers, parts, strict=True):
                self._pieces[number, member.name] = part
        return self._pieces[number, reader.name]

    def _prefix(self, product: Product, text: str) -> str:
        several = any(
            other is not product and reader in other.readers
            for other in self.layout.products
            for reader in product.readers
        )
        return (text if len(text) <= 8 else "read") if several else "z"

    def _whole_product(self, product: Product, wanted: str = "z") -> Name:
        number = self.layout.products.index(product)
        if number not in self._whole:
            width = sum(reader.width for reader in product.readers)
            self._whole[number] = self.assign(
                f"z {number}", self._sum(product), wanted, self.shape_text([width])
            )
        return self._whole[number]

    def _cut(
        self, whole: Name, members: Sequence[Reader], key: str, prefix: str
    ) -> list[Expr]:
        """Write a line that cuts a value into a part for each gate, and return the parts."""
        keys = [(f"{key} {m.name}", f"{prefix}_{m.name}") for m in members]
        widths = [member.width for member in members]
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
            self.lines += [f"{name} = [", *(f"    {place}," for place in places), "]"]
            value = value.replace(f"[{', '.join(places)}]", name)
        self.unpack(keys, value)
        return [Name(name) for name, _ in keys]

    # --- layer normalisation ------------------------------------------------

    def _normal_sum(self, reader: Reader, group: tuple[str, ...], epsilon: float) -> Expr:
        members = [self._readers[name] for name in group]
        if len(members) == 1:
            return _normal(_needed(_total(self._parts(reader))), epsilon)
        key = ("sum", *group)
        if key not in self._normed:
            whole = self._shared(members)
            if whole is None:
                whole = _joined([_needed(_total(self._parts(m))) for m in members])
            self._normed[key] = self._normalised(key, whole, members, epsilon)
        return self._normed[key][reader.name]

    def _normal_read(
        self, reader: Reader, read: BuiltRead, group: tuple[str, ...], epsilon: float
    ) -> Expr:
        found = [
            (self._readers[name], other)
            for name in group
            for other in self._readers[name].reads
            if other.text == read.text
        ]
        if len(found) == 1:
            return _normal(self._linear(reader, read), epsilon)
        key = (read.text, *group)
        if key not in self._normed:
            members = [member for member, _ in found]
            product = self._product(reader, read)
            if product is not None and product.readers == members and len(product.reads) == 1:
                whole: Expr = self._whole_product(product)
            else:
                whole = _joined([self._linear(member, other) for member, other in found])
            self._normed[key] = self._normalised(key, whole, members, epsilon)
        return self._normed[key][reader.name]

    def _shared(self, members: Sequence[Reader]) -> Name | None:
        """Return the product that is the whole sum of these gates, in their order, if there is one."""
        for product in self.layout.products:
            count = len(product.reads)
            if product.readers == list(members) and product.bias is None:
                if all(len(m.reads) == count and all(map(plain, m.reads)) for m in members):
                    return self._whole_product(product)
        return None

    def _normalised(
        self, key: tuple[str, ...], whole: Expr, members: Sequence[Reader], epsilon: float
    ) -> dict[str, Expr]:
        text = f"z norm {' '.join(key)}"
        name = self.assign(text, _normal(whole, epsilon), "normed")
        parts = self._cut(name, members, text, "normed")
        return {member.name: part for member, part in zip(members, parts, strict=True)}


def replaced(expr: Expr, part: Expr, by: Expr) -> Expr:
    """Return the expression with each occurrence of a part replaced."""
    if expr == part:
        return by
    return with_children(expr, tuple(replaced(child, part, by) for child in children(expr)))


def with_children(expr: Expr, inner: tuple[Expr, ...]) -> Expr:
    """Return the expression with other direct sub-expressions."""
    if isinstance(expr, Neg):
        return Neg(*inner)
    if isinstance(expr, Binary):
        return Binary(expr.op, *inner)
    if isinstance(expr, Call):
        return Call(expr.function, inner)
    return expr


def _normal(expr: Expr, epsilon: float) -> Expr:
    return Call("layer_norm", (expr, Number(epsilon)))


def _joined(parts: Sequence[Expr]) -> Expr:
    return Call("concat", tuple(parts))


def _total(parts: Sequence[Expr]) -> Expr | None:
    total: Expr | None = None
    for part in parts:
        total = part if total is None else total + part
    return total


def _needed(expr: Expr | None) -> Expr:
    assert expr is not None
    return expr


def env_of(layout: Layout, access: Callable[[str], str]) -> Mapping[str, str]:
    """Return the texts of weights: by name in the cell, and by ``@`` and their name in the file."""
    found = {f"@{stack.attribute}": access(stack.attribute) for stack in layout.stacks}
    found.update({name: access(own) for name, own in layout.attributes().items()})
    return found
