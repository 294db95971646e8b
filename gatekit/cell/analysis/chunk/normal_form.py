"""Writes an evaluated memory in its normal form: its terms, and the logarithm of its decay."""

from __future__ import annotations

from dataclasses import replace

from gatekit.cell.analysis.affine_form import NotAffineError, times
from gatekit.cell.language.expression import Binary, Expr, Neg, Number
from gatekit.cell.language.shape import Shape
from gatekit.cell.program import Memory, MemoryRead, MemoryTerm, Program

from .interpret import Interpreter, as_vector
from .logarithm import Logarithms, constant
from .values import Linear, Matrix, Outer


class NormalForm(Interpreter):
    """Writes memories in their normal form; `analysis` provides the rest.

    Attributes:
        program: the program of the cell.
        logarithms: derives logarithms of decays.
        updated: the updated memory of each state.
    """

    program: Program
    logarithms: Logarithms
    updated: dict[str, Matrix]

    def axes(self, expr: Expr) -> Shape:
        """Return the shape of an expression."""
        raise NotImplementedError

    def memory_of(self, state: str, turned: tuple[Expr, Expr] | None) -> Memory:
        matrix, ledger = self.updated[state], self.ledger[state]
        partner = next((two for two, one in self.partners.items() if one == state), "")
        entry, *others = (s for s in self.program.states if s.name in (state, partner))
        if entry.zoneout or any(other.zoneout for other in others):
            raise NotAffineError(f"{state} has zoneout, which keeps some elements of a memory")
        assert matrix.decay is not None
        self.logarithms.signed, sign = False, None
        head, column, row = self.decays(matrix, entry.shape)
        if self.logarithms.signed:
            sign = matrix.decay if constant(matrix.decay) is not None else as_vector(matrix.decay)
            if row is not None:
                raise NotAffineError(
                    f"{state} has a decay for each of its values, which may be negative"
                )
        corrects = any(not value.known for value in ledger.values)
        if corrects and row is not None:
            raise NotAffineError(
                f"{state} corrects its content and has a decay for each of its values"
            )
        terms = []
        for place, value in enumerate(ledger.values):
            keys = [outer for outer in matrix.outers if outer.place == place]
            term = self.term(state, place, keys, value)
            if partner:
                keys = [outer for outer in self.updated[partner].outers if outer.place == place]
                second = self.term(state, place, keys, value)
                if keys and term.key is not None and second.value != term.value:
                    raise NotAffineError(f"{state} and {partner} scale a value differently")
                value_of = second.value if term.key is None else term.value
                term = replace(term, partner=second.key, value=value_of)
            terms.append(term)
        shape = entry.shape
        if self.transposed:
            shape = (*shape[:-2], shape[-1], shape[-2])
        reads = [MemoryRead(name, *key) for key, name in ledger.reads.items()]
        angle = None if turned is None else as_vector(turned[1])
        return Memory(
            state,
            shape,
            self.transposed,
            head,
            column,
            row,
            tuple(terms),
            tuple(reads),
            partner,
            angle,
            sign,
        )

    def term(self, state: str, place: int, outers: list[Outer], value: Linear) -> MemoryTerm:
        factors = {outer.factor for outer in outers} or {Number(1)}
        rest, factor = value.rest, factors.pop()
        if factors:
            raise NotAffineError(f"{state} writes one value with several factors")
        if factor != Number(1):
            if not value.known:
                raise NotAffineError(f"{state} scales the correction of each column separately")
            rest = None if rest is None else times(rest, factor)
        key = None
        for outer in outers:
            key = outer.key if key is None else key + outer.key
        erase: Expr | None = None
        for coefficient, query in value.reads:
            self.scalar(coefficient, state)
            part = -times(query, coefficient)
            erase = part if erase is None else erase + part
        earlier: dict[int, Expr] = {}
        for coefficient, other in value.terms:
            self.scalar(coefficient, state)
            earlier[other] = earlier[other] - coefficient if other in earlier else -coefficient
        return MemoryTerm(key, rest, erase, earlier, f"term:{state}:{place}")

    def scalar(self, coefficient: Expr, state: str) -> None:
        """Refuse a correction with a separate strength for each column of values."""
        if self.axes(coefficient)[-1:] not in ((), (1,)):
            raise NotAffineError(
                f"{state} corrects each column with a separate strength, {coefficient}; chunks "
                "need one strength for each head"
            )

    def decays(self, matrix: Matrix, shape: Shape) -> tuple[Expr | None, Expr | None, Expr | None]:
        """Return the logarithm of the decay in three parts: all elements, rows, columns."""
        logarithms: dict[str, Expr | None] = dict.fromkeys(("head", "column", "row"))
        assert matrix.decay is not None
        todo = list(self.logarithms.of(matrix.decay))
        while todo:
            part = todo.pop(0)
            self.visit()
            rows, columns = self.last_axes(part)
            if rows > 1 and columns > 1:
                if isinstance(part, Binary) and part.op in "+-":
                    todo[:0] = [part.left, part.right if part.op == "+" else -part.right]
                    continue
                if isinstance(part, Neg) and isinstance(part.operand, Binary):
                    inner = part.operand
                    if inner.op in "+-":
                        todo[:0] = [-inner.left, -inner.right if inner.op == "+" else inner.right]
                        continue
                raise NotAffineError(
                    f"{matrix.state} has a decay for each of its {shape[-2]} x {shape[-1]} "
                    "elements, not one for each row and column"
                )
            kind = "head" if rows == columns == 1 else "column" if rows > 1 else "row"
            if self.transposed and kind != "head":
                kind = "row" if kind == "column" else "column"
            vector = part if constant(part) is not None else as_vector(part)
            old = logarithms[kind]
            logarithms[kind] = vector if old is None else old + vector
        return logarithms["head"], logarithms["column"], logarithms["row"]
