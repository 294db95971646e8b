"""Writes the reads of memories at all steps, chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.cell.analysis.chunk import Memory
from gatekit.cell.language.expression import Binary, Expr
from gatekit.code.copied import Known, copied
from gatekit.code.identifiers import wrapped

from .known import KnownLines, UnwrittenError


class MemoryLines(KnownLines):
    """Writes the reads of memories."""

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
            called = "read_terms"
            known: Known = {"links": ... if links else None, "terms": True}
        else:
            [term] = memory.terms
            texts.append(self.factor(memory, "key", term.key, rows))
            texts.append(self.factor(memory, "value", term.value, columns))
            called = "read_chunks"
            given = {"decay": bool(kind), "erase": memory.corrects}
            there = {name: ... if there else None for name, there in given.items()}
            known = {**there, "after": read.after, "terms": False}
        if kind:
            both = [e for e in (memory.head, memory.column) if e is not None]
            decay = both[0] if len(both) == 1 else Binary("+", both[0], both[1])
            width = rows if memory.column is not None else 1
            texts.append(self.factor(memory, "decay", decay, width, timed=False))
        elif several:
            texts.append(self.coefficient(None, memory.state, "decay"))
        if memory.corrects and not several:
            texts.append(self.factor(memory, "erase", memory.terms[0].erase, rows))
        known = {**known, "by_row": memory.column is not None}
        for name in ("by_chunk", "by_step", "scores", called):
            if name in self.framework.helpers:
                source = copied(self.framework.helpers[name], known)
                if self.printer.helpers.setdefault(name, source) != source:
                    raise UnwrittenError("two memories of different kinds")
        self.read_of_memory(memory, called, texts)

    def factor(
        self, memory: Memory, part: str, expr: Expr | None, width: int, timed: bool = True
    ) -> str:
        """Write a factor of a memory, such as its key, for all steps; return its name.

        Raises:
            UnwrittenError: the factor lacks the expected shape, or is the same at all steps.
        """
        *heads, _, _ = memory.shape
        here = None if expr is None else self.here(expr)
        if here is None or self.shape_of(here) != (*heads, width):
            raise UnwrittenError(f"{memory.state} has a {part} of another shape")
        if timed and not self.is_batched(here):
            raise UnwrittenError(f"{memory.state} has a {part} that is the same at all steps")
        return self.coefficient(expr, memory.state, part)

    def of_terms(self, memory: Memory, part: str, exprs: Sequence[Expr | None], width: int) -> str:
        """Write a factor of each term, stacked; return the name of the stack."""
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
        """Write how the terms of a step depend on each other; return the code of the numbers.

        There are ``terms * terms`` numbers per head; the code is empty if all are zero.
        """
        places = range(len(memory.terms))
        factors = {
            (j, i): self.factor(memory, f"link_{j + 1}", memory.terms[j].earlier[i], 1)
            for j in places
            for i in places
            if i in memory.terms[j].earlier
        }
        if not factors:
            return ""
        none = self.local.new(f"{memory.state}_none")
        self.lines.append(f"{none} = {self.framework.zeros.format(like=zero)}")
        name = self.local.new(f"{memory.state}_links")
        each = [factors.get((j, i), none) for j in places for i in places]
        listed = f"{name} = [{', '.join(each)}]"
        fits = len(listed) <= self.room
        self.lines += [listed] if fits else [f"{name} = [", *(f"    {e}," for e in each), "]"]
        return self.framework.functions["concat"].replace("[{0}]", name)

    def read_of_memory(self, memory: Memory, called: str, texts: Sequence[str]) -> None:
        name, [read] = memory.state, memory.reads
        first = self.env[f"{name}:first"]
        turned = self.framework.functions["transpose"].replace("{0:5}", "{0}")
        if memory.transposed:
            first = turned.format(first)
        result, last = self.local.new(f"{name}_read"), self.local.new(f"{name}_last")
        given = ", ".join([*texts, first, "mask"])
        self.lines += wrapped(f"{result}, {last} = {called}({given})", self.room)
        self.env[read.name] = result
        self.batched.add(read.name)
        self.last[name] = turned.format(last) if memory.transposed else last
