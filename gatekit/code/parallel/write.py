"""All steps at once: the body of ``parallel``, where the analysis of a cell finds a form for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gatekit.cell.analysis.affine import Block
from gatekit.cell.analysis.chunk import Largest, Memories, Memory
from gatekit.cell.errors import CellError, ConfigError
from gatekit.cell.graph import Node
from gatekit.cell.language.expression import (
    Binary,
    Call,
    Expr,
    Name,
    Number,
    children,
    names,
    substitute,
    with_children,
)
from gatekit.cell.language.shape import infer
from gatekit.code.identifiers import wrapped
from gatekit.code.step import Step

from .form import UnwrittenError, blocks_of, names_in, simplified, without_unused
from .helpers import read_chunks
from .several import read_several


class AllSteps(Step):
    """Writes all steps of a cell at once; signals are ``batch x time x ...``."""

    row = "0.0 * x[..., :1]"

    def write(self) -> tuple[str, list[str]]:
        """Write the body, and return what is emitted and the texts of the last states.

        Raises:
            UnwrittenError: there is no parallel form that can be written.
        """
        cell = self.cell
        blocks, self.reads, self.named = blocks_of(cell)
        self._timed = {*cell.inputs, "t"}
        self.solved: dict[str, str] = {}
        self.last: dict[str, str] = {}
        keys = [(f"{s.name}:first", f"{s.name}_first") for s in cell.states]
        keys += [(f"{name}:first", f"{name}_first") for name in cell.shifted]
        keys += [("t:first", "t_first")] if cell.uses_t else []
        self.unpack(keys, "state")
        for name in cell.shifted:
            self.shift_input(name)
        if cell.uses_t:
            self.count_steps()
        self.map_parameters()
        for node in cell.nodes:
            if node.hoisted:
                self._node(node)
        for block in blocks:
            if isinstance(block, Block):
                self.block(block)
            elif isinstance(block, Largest):
                self.largest(block)
            else:
                self.memories(block)
                continue
            for name in block.nodes:
                node = cell.node(name)
                if not (node.kind == "equation" and name in block.states):
                    self._node(node)
        emitted = self._emitted()
        width = self.size(cell.output.width)
        first = self.framework.zeros_like.format(like="x", shape=f"(len(x), {width})")
        emitted = self.call("last_valid", "y", emitted, first, "mask")
        new = [self.last[state.name] for state in cell.states]
        new += [self.last[name] for name in cell.shifted]
        new += ["t[:, -1]"] if cell.uses_t else []
        self.lines = without_unused(self.lines, [emitted, *new])
        return emitted, new

    def shift_input(self, name: str) -> None:
        first, now = self.env[f"{name}:first"], self.env[name]
        held = self.call("last_valid", f"{name}_held", now, first, "mask")
        self.env[f"{name}_prev"] = self.call("before", f"{name}_prev", held, first)
        self._timed.add(f"{name}_prev")
        self.last[name] = f"{held}[:, -1]"

    def count_steps(self) -> None:
        name = self.local.new("t")
        count = self.framework.count.format(mask="mask")
        self.lines.append(f"{name} = {self.env['t:first']}[:, None] + {count}[..., None]")
        self.env["t"] = name

    def call(self, function: str, wanted: str, *arguments: str) -> str:
        """Write a call of a helper function, and return the name of its value."""
        self.printer.need([function])
        name = self.local.new(wanted)
        self.lines += wrapped(f"{name} = {function}({', '.join(arguments)})", self.room)
        return name

    # --- blocks -------------------------------------------------------------

    def block(self, block: Block) -> None:
        """Write the solution of an affine block."""
        firsts = [self.env[f"{name}:first"] for name in block.states]
        gains = [self.value(b, name, "gain") for b, name in zip(block.b, block.states, strict=True)]
        factors = [
            self.value(entry, name, "factor")
            for row, name in zip(block.a, block.states, strict=True)
            for entry in row
        ]
        if len(block.states) == 1:
            [name] = block.states
            found = [self.call("scan", name, factors[0], gains[0], firsts[0], "mask")]
        else:
            self.printer.need(["scan_pair"])
            found = [self.local.new(name) for name in block.states]
            given = f"[{', '.join(factors)}], [{', '.join(gains)}], ({', '.join(firsts)}), mask"
            line = f"{', '.join(found)} = scan_pair({given})"
            self.lines += wrapped(line, self.room)
        for name, own, first in zip(block.states, found, firsts, strict=True):
            self.known(name, own, first)

    def known(self, state: str, own: str, first: str) -> None:
        """Note the name of a solved state, and write its previous values."""
        self.solved[state] = self.env[state] = own
        self.last[state] = f"{own}[:, -1]"
        self.env[f"{state}_prev"] = self.call("before", f"{state}_prev", own, first)
        self._variables |= {state, f"{state}_prev"}
        self._timed |= {state, f"{state}_prev"}
        self._batched |= {state, f"{state}_prev"}

    def largest(self, block: Largest) -> None:
        """Write the solution of a running maximum."""
        shift, new = (self.value(e, block.state, "part") for e in (block.shift, block.new))
        first = self.env[f"{block.state}:first"]
        own = self.call("running_maximum", block.state, shift, new, first, "mask")
        self.known(block.state, own, first)

    def memories(self, block: Memories) -> None:
        """Write reads of memories and the signals that need them."""
        for memory in block.memories:
            self.memory(memory)
        for name, expr in block.nodes:
            if expr is None:
                self._node(self.cell.node(name))
                continue
            for _ in self.cell.shapes[name][1:]:
                expr = expr.args[0] if isinstance(expr, Call) else expr
            self._signal(self.cell.node(name), self.here(expr))
            self._timed.add(name)
            self._batched.add(name)

    def memory(self, memory: Memory) -> None:
        """Write the reads of a memory, and its last value."""
        [read] = memory.reads
        *_, rows, columns = memory.shape
        kind = "column" if memory.column is not None else "head" if memory.head is not None else ""
        several = len(memory.terms) > 1
        query = self.factor(memory, "query", read.query, rows)
        texts = [query]
        if several:
            texts += [
                self.of_terms(memory, part, [getattr(term, part) for term in memory.terms], width)
                for part, width in (("key", rows), ("value", columns), ("erase", rows))
            ]
            links = self.links(memory, f"{query}[..., :1]")
            texts += [links] if links else []
            helpers = read_several(self.framework.name, kind or "head", bool(links))
        else:
            [term] = memory.terms
            texts.append(self.factor(memory, "key", term.key, rows))
            texts.append(self.factor(memory, "value", term.value, columns))
            helpers = read_chunks(self.framework.name, kind, memory.corrects, read.after)
        if kind:
            both = [e for e in (memory.head, memory.column) if e is not None]
            decay = both[0] if len(both) == 1 else Binary("+", both[0], both[1])
            width = rows if memory.column is not None else 1
            texts.append(self.factor(memory, "decay", decay, width, timed=False))
        elif several:
            texts.append(self.value(None, memory.state, "decay"))
        if memory.corrects and not several:
            texts.append(self.factor(memory, "erase", memory.terms[0].erase, rows))
        for helper, source in helpers.items():
            source = self.framework.typed(source)
            if self.printer.helpers.setdefault(helper, source) != source:
                raise UnwrittenError("two memories of different kinds")
        self.read_of_memory(memory, texts)

    def factor(
        self, memory: Memory, part: str, expr: Expr | None, width: int, timed: bool = True
    ) -> str:
        """Write a known vector of a memory, and return its name.

        Raises:
            UnwrittenError: it has another shape, or is the same at all steps.
        """
        *heads, _, _ = memory.shape
        here = None if expr is None else self.here(expr)
        if here is None or self.shape_of(here) != (*heads, width):
            raise UnwrittenError(f"{memory.state} has a {part} of another shape")
        if timed and not self._timed & set(names(here)):
            raise UnwrittenError(f"{memory.state} has a {part} that is the same at all steps")
        return self.value(expr, memory.state, part)

    def of_terms(self, memory: Memory, part: str, exprs: Sequence[Expr | None], width: int) -> str:
        """Write a vector of each term side by side, and return the name of the whole."""
        numbered = [
            None if expr is None else self.factor(memory, f"{part}_{place}", expr, width)
            for place, expr in enumerate(exprs, 1)
        ]
        known = next((text for text in numbered if text is not None), None)
        if known is None:
            raise UnwrittenError(f"{memory.state} has no {part}")
        zeros = self.framework.zeros.format(like=known)
        name = self.local.new(f"{memory.state}_{part}")
        pieces = ", ".join(text or zeros for text in numbered)
        line = f"{name} = {self.framework.stack.format(pieces=pieces)}"
        self.lines += wrapped(line, self.room)
        return name

    def links(self, memory: Memory, zero: str) -> str:
        """Write how terms of a step depend on earlier ones, ``terms * terms`` numbers a head."""
        places = range(len(memory.terms))
        found = {
            (j, i): self.factor(memory, f"link_{j + 1}", memory.terms[j].earlier[i], 1)
            for j in places
            for i in places
            if i in memory.terms[j].earlier
        }
        if not found:
            return ""
        none = self.local.new(f"{memory.state}_none")
        self.lines.append(f"{none} = {self.framework.zeros.format(like=zero)}")
        name = self.local.new(f"{memory.state}_links")
        each = [found.get((j, i), none) for j in places for i in places]
        listed = f"{name} = [{', '.join(each)}]"
        fits = len(listed) <= self.room
        self.lines += [listed] if fits else [f"{name} = [", *(f"    {e}," for e in each), "]"]
        return self.framework.functions["concat"].replace("[{0}]", name)

    def read_of_memory(self, memory: Memory, texts: Sequence[str]) -> None:
        name, [read] = memory.state, memory.reads
        first = self.env[f"{name}:first"]
        turned = self.framework.functions["transpose"].replace("{0:5}", "{0}")
        if memory.transposed:
            first = turned.format(first)
        found, last = self.local.new(f"{name}_read"), self.local.new(f"{name}_last")
        given = ", ".join([*texts, first, "mask"])
        self.lines += wrapped(f"{found}, {last} = read_chunks({given})", self.room)
        self.env[read.name] = found
        self._timed.add(read.name)
        self._batched.add(read.name)
        self.last[name] = turned.format(last) if memory.transposed else last

    def shape_of(self, expr: Expr) -> tuple[int, ...] | None:
        """Return the shape of an expression, without batch and time."""
        weights = {weight.name: weight.shape for weight in self.cell.weights}
        shapes: dict[str, tuple[int, ...]] = {}
        for name in names(expr):
            stem = name.removesuffix("_prev")
            if name.startswith("pre:"):
                shapes[name] = (self.cell.node(name[4:]).width,)
            elif name in self.reads:
                shapes[name] = (self.reads[name][1].width_out,)
            elif name in self.cell.constants:
                shapes[name] = ()
            else:
                found = self.cell.shapes.get(stem) or weights.get(name)
                shapes[name] = found or (self.cell.widths[stem],)
        try:
            return infer(expr, shapes, self.cell.spec.functions, "parallel")
        except (CellError, KeyError):
            return None

    def value(self, expr: Expr | None, state: str, what: str) -> str:
        """Write a coefficient in a line of its own, and return its name; None is zero."""
        here = Number(0.0) if expr is None else simplified(self.here(expr))
        if self.printer.is_number(here):
            return self.framework.constant.format(value=self.printer.show(here))
        if isinstance(here, Name):
            return self.env[here.name]
        key = f"part {len(self.lines)} {state}:{what}"
        return self.env[self.assign(key, here, f"{state}_{what}").name]

    def here(self, expr: Expr) -> Expr:
        """Return an expression of the analysis as one of this file.

        There, matrices are vectors that are split, and sizes are numbers.
        """
        numbers = {float(self.cell.units): "units", float(self.cell.features): "features"}

        def rewritten(part: Expr) -> Expr:
            splits, inner = 0, part
            while isinstance(inner, Call) and inner.function == "split":
                splits, inner = splits + 1, inner.args[0]
            if isinstance(inner, Name) and splits:
                shape = self.cell.shapes.get(inner.name.removesuffix("_prev"), ())
                if len(shape) == splits + 1:
                    return inner
            if isinstance(part, Number) and float(part.value) in numbers:
                return Name(numbers[float(part.value)])
            return with_children(part, tuple(rewritten(child) for child in children(part)))

        found = rewritten(expr)
        for name in [n for n in names(found) if n in self.reads]:
            found = substitute(found, self.read_of(name))
        missing = [n for n in names(found) if n not in self.env and n not in self.cell.constants]
        if missing:
            raise UnwrittenError(f"{missing[0]} is not known")
        return found

    def read_of(self, key: str) -> Mapping[str, Expr]:
        """Return what a linear read stands for; a product with others, and its bias, only once."""
        gate, read = self.reads[key]
        reader = self._readers[gate]
        product = self._product(reader, read)
        values: dict[str, Expr] = {key: self._linear(reader, read)}
        if product is not None:
            first = product.reads[0]
            if read.expr != first.expr:
                values[key] = Number(0)
            if product.bias is not None and reader.bias is not None:
                values[reader.bias] = Number(0)
            self._timed |= set(names(values[key]))
        return values

    # --- signals ------------------------------------------------------------

    def shape_text(self, shape: Iterable[int]) -> str:
        """Return a shape for a comment, such as ``batch x time x units``."""
        return super().shape_text(shape).replace("batch x", "batch x time x", 1)

    def _node(self, node: Node) -> None:
        super()._node(node)
        made = self.cell.equation(node.name) if node.kind == "equation" else None
        if made is None or self._timed & set(names(made)):
            self._timed |= {node.name, *(key for _, key in node.own_states)}

    def pre_of(self, node: Node) -> Expr | None:
        """Return a gate's pre-activation, under a name where blocks need it."""
        pre = super().pre_of(node)
        if pre is not None and node.name in self.named:
            if not isinstance(pre, Name):
                pre = self.assign(f"{node.name}:pre", pre, f"{node.name}_pre")
            self.env[f"pre:{node.name}"] = self.env[pre.name]
            self._timed.add(f"pre:{node.name}")
            self._variables.add(f"pre:{node.name}")
        return pre

    def assign_own(self, key: str, expr: Expr) -> None:
        """Write a gate's own state, unless it is solved."""
        if key not in self.solved:
            super().assign_own(key, expr)


@dataclass(frozen=True)
class AllStepsText:
    """The body of ``parallel``.

    Attributes:
        lines: its lines.
        emitted: the text of what all steps emit.
        new: the texts of the last states.
        helpers: the functions that only it needs: source by name.
    """

    lines: list[str]
    emitted: str
    new: list[str]
    helpers: Mapping[str, str]


def all_steps(step: AllSteps) -> AllStepsText | None:
    """Return the body of ``parallel``, or None if there is none."""
    try:
        emitted, new = step.write()
    except (UnwrittenError, ConfigError):
        return None
    helpers = dict(step.printer.helpers)
    unused = True
    while unused:
        # What was written for a line that nothing reads.
        code = "\n".join([*step.lines, emitted, *new])
        called = {name: names_in(source) for name, source in helpers.items()}
        used = names_in(code).union(*(called[n] - {n} for n in helpers))
        unused = bool(set(helpers) - used)
        helpers = {name: source for name, source in helpers.items() if name in used}
    return AllStepsText(step.lines, emitted, new, helpers)
