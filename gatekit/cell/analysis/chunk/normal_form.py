"""Writes an evaluated memory in its normal form: its terms, and the logarithm of its decay."""

from __future__ import annotations

from gatekit.cell.analysis.affine_form import NotAffineError, times
from gatekit.cell.language.expression import Expr, Number
from gatekit.cell.language.shape import Shape
from gatekit.cell.program import Memory, MemoryRead, MemoryTerm

from .interpret import Interpreter, as_vector
from .logarithm import constant
from .values import Linear, Matrix, Outer


class NormalForm(Interpreter):
    """Writes memories in their normal form."""

    def memory_of(self, state: str) -> Memory:
        """Return the normal form of an evaluated memory.

        Raises:
            NotAffineError: it has none.
        """
        matrix, ledger = self.updated[state], self.ledger[state]
        [entry] = (each for each in self.program.states if each.name == state)
        if entry.zoneout:
            raise NotAffineError(f"{state} has zoneout, which keeps some elements of a memory")
        head, column = self.decays(matrix, entry.shape)
        terms = []
        for place, value in enumerate(ledger.values):
            outers = [outer for outer in matrix.outers if outer.place == place]
            if outers:
                terms.append(self.term(state, outers, value))
        shape = entry.shape
        if self.transposed:
            shape = (*shape[:-2], shape[-1], shape[-2])
        reads = [MemoryRead(name, *key) for key, name in ledger.reads.items()]
        return Memory(state, shape, self.transposed, head, column, tuple(terms), tuple(reads))

    def term(self, state: str, outers: list[Outer], value: Linear) -> MemoryTerm:
        factors = {outer.factor for outer in outers}
        rest, factor = value.rest, factors.pop()
        if factors:
            raise NotAffineError(f"{state} writes one value with several factors")
        if factor != Number(1):
            if not value.known:
                raise NotAffineError(f"{state} scales the correction of each column separately")
            rest = None if rest is None else times(rest, factor)
        key = outers[0].key
        for outer in outers[1:]:
            key = key + outer.key
        erase: Expr | None = None
        for coefficient, query in value.reads:
            self.scalar(coefficient, state)
            part = -times(query, coefficient)
            erase = part if erase is None else erase + part
        return MemoryTerm(key, rest, erase)

    def scalar(self, coefficient: Expr, state: str) -> None:
        """Refuse a correction with a separate strength for each column of values."""
        if self.axes(coefficient)[-1:] not in ((), (1,)):
            raise NotAffineError(
                f"{state} corrects each column with a separate strength, {coefficient}; chunks "
                "need one strength for each head"
            )

    def decays(self, matrix: Matrix, shape: Shape) -> tuple[Expr | None, Expr | None]:
        """Return the logarithm of the decay in two parts: all elements, and rows (of keys)."""
        logarithms: dict[str, Expr | None] = dict.fromkeys(("head", "column"))
        assert matrix.decay is not None
        for part in self.logarithms.of(matrix.decay):
            self.visit()
            rows, columns = self.last_axes(part)
            if rows > 1 and columns > 1:
                raise NotAffineError(
                    f"{matrix.state} has a decay for each of its {shape[-2]} x {shape[-1]} "
                    "elements, not one for each of its keys"
                )
            if (rows if self.transposed else columns) > 1:
                raise NotAffineError(
                    f"{matrix.state} has a decay for each of its values, not for each of its keys"
                )
            kind = "head" if rows == columns == 1 else "column"
            vector = part if constant(part) is not None else as_vector(part)
            old = logarithms[kind]
            logarithms[kind] = vector if old is None else old + vector
        return logarithms["head"], logarithms["column"]
