r"""Evaluates equations symbolically: the value of each signal before the memories are solved.

A value of `values` is known for all steps, a memory, or a vector that is read from memories. Reads
are rewritten as reads of the previous memory:
$(c 1^\top \circ S)^\top k = S^\top (k \circ c)$ and $(k r^\top)^\top q = (q^\top k)\, r$.
"""

from __future__ import annotations

from dataclasses import replace

from gatekit.cell.analysis.affine import Analysis
from gatekit.cell.analysis.affine_form import NotAffineError, plus, times
from gatekit.cell.errors import CellError
from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import Binary, Call, Expr, Name, Neg, Number, names, walk
from gatekit.cell.language.shape import Shape, infer
from gatekit.cell.program import Apply, lower
from gatekit.faults import Place

from .logarithm import Logarithms, constant
from .values import Known, Ledger, Linear, Matrix, Outer, Value, Vector

_ONE = Number(1)
_PREVIOUS = "_prev"


class Interpreter(Analysis):
    """Evaluates expressions.

    Attributes:
        transposed: whether keys are the right factors of outer products and memories are read by
            matvec.
        of_group: the memories that are evaluated.
        ledger: the terms and the reads of each memory.
        signals: the values of signals so far.
        updated: the updated memory of each state.
        reasons: why a name has no value.
        logarithms: derives logarithms of decays.
    """

    transposed = False

    def __init__(self, cell: Cell) -> None:
        super().__init__(lower(cell))
        self.logarithms = Logarithms(self.definition, self.is_positive, self.visit, self.axes)
        self.ledger: dict[str, Ledger] = {}
        self.signals: dict[str, Value] = {}
        self.updated: dict[str, Matrix] = {}
        self.of_group: tuple[str, ...] = ()
        self.reasons: dict[str, str] = {}
        self.numbers: dict[str, Expr] = {}

    def value(self, expr: Expr, where: str) -> Value:
        """Return the value of an expression.

        Raises:
            NotAffineError: a memory is used in a way that chunks cannot compute.
        """
        self.visit()
        if isinstance(expr, Number):
            return Known(expr)
        if isinstance(expr, Neg):
            return self.scaled(self.value(expr.operand, where), Number(-1), where)
        if isinstance(expr, Name):
            return self.look_up(expr.name)
        if isinstance(expr, Call):
            return self.call(expr, where)
        assert isinstance(expr, Binary)
        left, right = self.value(expr.left, where), self.value(expr.right, where)
        if isinstance(left, Known) and isinstance(right, Known):
            return Known(Binary(expr.op, left.expr, right.expr))
        if expr.op in "+-":
            if expr.op == "-":
                right = self.scaled(right, Number(-1), where)
            return self.sum(left, right, where)
        if expr.op == "*" and isinstance(right, Known):
            return self.scaled(left, right.expr, where)
        if expr.op == "*" and isinstance(left, Known):
            return self.scaled(right, left.expr, where)
        if expr.op == "/" and isinstance(right, Known):
            return self.scaled(left, 1 / right.expr, where, by=right.expr)
        return Vector(Binary(expr.op, *self.after([left, right], where, expr.op)))

    def call(self, expr: Call, where: str) -> Value:
        inner = [self.value(arg, where) for arg in expr.args]
        if all(isinstance(part, Known) for part in inner):
            return Known(Call(expr.function, tuple(p.expr for p in inner)))  # type: ignore[union-attr]
        if expr.function == "outer":
            return self.outer(inner, where)
        if expr.function in ("vecmat", "matvec"):
            vector, memory = inner if expr.function == "vecmat" else inner[::-1]
            if isinstance(memory, Matrix):
                if (expr.function == "matvec") != self.transposed:
                    raise NotAffineError(
                        f"{where} reads {memory.state} with {expr.function}; chunks need the same "
                        "function, vecmat or matvec, for all reads of a memory"
                    )
                return self.read_memory(vector, memory, where)
        return Vector(Call(expr.function, self.after(inner, where, expr.function)))

    def after(self, values: list[Value], where: str, function: str) -> tuple[Expr, ...]:
        """Return the expressions that compute values once the memories are solved."""
        exprs = []
        for value in values:
            if isinstance(value, Matrix):
                name = value.state or "a matrix"
                what = function if function in ("*", "/", "**") else f"{function}(...)"
                raise NotAffineError(f"{where} needs {name} within {what}")
            exprs.append(value.expr if isinstance(value, Known) else value.after)
        return tuple(exprs)

    # --- vectors and memories ----------------------------------------------

    def scaled(self, value: Value, factor: Expr, where: str, by: Expr | None = None) -> Value:
        """Return a value times a known factor, or divided ``by`` one."""

        def apply(expr: Expr) -> Expr:
            if by is not None:
                return Binary("/", expr, by)
            return times(expr, factor)

        if isinstance(value, Known):
            return Known(apply(value.expr))
        if isinstance(value, Vector):
            linear = None if value.linear is None else value.linear.scaled(factor)
            return Vector(apply(value.after), self.limited(linear), value.state)
        column, row = self.factors(factor, where)
        outers = tuple(
            Outer(times(o.key, column), o.place, times(o.factor, row)) for o in value.outers
        )
        decay = None if value.decay is None else times(value.decay, factor)
        return Matrix(value.state, decay, outers)

    def sum(self, left: Value, right: Value, where: str) -> Value:
        if isinstance(left, Matrix) or isinstance(right, Matrix):
            state = next(v.state for v in (left, right) if isinstance(v, Matrix))
            left, right = self.memory(left, state, where), self.memory(right, state, where)
            decay = plus(left.decay, right.decay)
            return Matrix(state, decay, left.outers + right.outers)
        after = Binary("+", *self.after([left, right], where, "+"))
        one, other = self.linear(left), self.linear(right)
        states = {v.state for v in (left, right) if isinstance(v, Vector) and v.state}
        if one is None or other is None or len(states) > 1:
            return Vector(after)
        return Vector(after, self.limited(one.plus(other)), *states)

    def linear(self, value: Value) -> Linear | None:
        return Linear(value.expr) if isinstance(value, Known) else value.linear  # type: ignore[union-attr]

    def memory(self, value: Value, state: str, where: str) -> Matrix:
        """Return a value as a memory of the state."""
        if isinstance(value, Matrix):
            if value.state != state:
                raise NotAffineError(f"{where} adds {value.state} to {state}")
            return value
        if isinstance(value, Vector):
            raise NotAffineError(f"{where} adds a vector to {state} that is not an outer product")
        return Matrix(state, None, tuple(self.outers(value.expr, state, where)))

    def outers(self, expr: Expr, state: str, where: str) -> list[Outer]:
        """Return a known matrix as outer products."""
        self.visit()
        if isinstance(expr, Call) and expr.function == "outer":
            key, value = expr.args[::-1] if self.transposed else expr.args
            return [Outer(key, self.place(state, Linear(value)), _ONE)]
        if isinstance(expr, Neg):
            return [replace(o, key=-o.key) for o in self.outers(expr.operand, state, where)]
        if isinstance(expr, Binary) and expr.op in "+-":
            right = self.outers(expr.right, state, where)
            if expr.op == "-":
                right = [replace(o, key=-o.key) for o in right]
            return self.outers(expr.left, state, where) + right
        definition = self.definition(expr)
        if definition is not None:
            return self.outers(definition, state, where)
        if isinstance(expr, Binary) and expr.op in "*/":
            sides = [(expr.left, expr.right)] + [(expr.right, expr.left)] * (expr.op == "*")
            for matrix, factor in sides:
                if min(self.last_axes(matrix)) > 1:
                    column, row = self.factors(factor, where)
                    if expr.op == "/":
                        column, row = 1 / column, row if constant(row) == 1 else 1 / row
                    return [
                        Outer(times(o.key, column), o.place, times(o.factor, row))
                        for o in self.outers(matrix, state, where)
                    ]
        if constant(expr) is None:
            column, row = self.factors(expr, where)
            return [Outer(column, self.place(state, Linear(row)), _ONE)]
        raise NotAffineError(f"{where} adds to {state} a term that is not an outer product: {expr}")

    def outer(self, inner: list[Value], where: str) -> Matrix:
        key, value = inner[::-1] if self.transposed else inner
        if not isinstance(key, Known):
            raise NotAffineError(f"{where} has a key that depends on the memory's own past")
        if not isinstance(value, Vector) or value.linear is None:
            raise NotAffineError(
                f"{where} writes a value that is not linear in the content of the memory"
            )
        outer = Outer(key.expr, self.place(value.state, value.linear), _ONE)
        return Matrix(value.state, None, (outer,))

    def place(self, state: str, value: Linear) -> int:
        """Return the index of a value in its memory's ledger, after adding it if it is new."""
        values = self.ledger.setdefault(state, Ledger()).values
        if value not in values:
            values.append(value)
        return values.index(value)

    def read_memory(self, query: Value, memory: Matrix, where: str) -> Vector:
        r"""Return $M^\top q$ for a memory M."""
        if not isinstance(query, Known):
            raise NotAffineError(f"{where} reads {memory.state} with a vector that depends on it")
        q = query.expr
        if memory.updated:
            return Vector(self.read_name(memory.state, q, True))
        values, linear = self.ledger[memory.state].values, Linear(None)
        if memory.decay is not None:
            column, row = self.factors(memory.decay, where)
            linear = Linear(None, ((row, times(q, column)),))
        for outer in memory.outers:
            value = values[outer.place]
            if not value.known:
                raise NotAffineError(f"{where} reads {memory.state} between its corrections")
            weight = times(Call("dot", (q, outer.key)), outer.factor)
            linear = linear.plus(value.scaled(weight))
        self.limited(linear)
        parts = [] if linear.rest is None else [linear.rest]
        parts += [times(c, self.read_name(memory.state, w, False)) for c, w in linear.reads]
        after = parts[0]
        for part in parts[1:]:
            after = after + part
        return Vector(after, linear, memory.state)

    def read_name(self, state: str, query: Expr, after: bool) -> Expr:
        reads = self.ledger[state].reads
        return Name(reads.setdefault((query, after), f"read:{state}:{len(reads)}"))

    def factors(self, expr: Expr, where: str) -> tuple[Expr, Expr]:
        """Split a known factor into one for rows (of keys) and one for columns (of values).

        Raises:
            NotAffineError: the factor is not a column times a row.
        """
        self.visit()
        one = Number(1)
        if constant(expr) is not None:
            return expr, one
        rows, columns = self.last_axes(expr)
        if rows == 1 or columns == 1:
            right = (columns > 1) != self.transposed if (rows > 1 or columns > 1) else False
            flat = as_vector(expr)
            return (one, flat) if right else (flat, one)
        pairs = None
        if isinstance(expr, Binary) and expr.op in "*/":
            pairs = [self.factors(side, where) for side in (expr.left, expr.right)]
            if expr.op == "/":
                pairs[1] = (1 / pairs[1][0], 1 / pairs[1][1])
        elif isinstance(expr, Neg):
            pairs = [(Number(-1), one), self.factors(expr.operand, where)]
        elif isinstance(expr, Call) and expr.function == "outer":
            left, right_side = expr.args[::-1] if self.transposed else expr.args
            return left, right_side
        elif isinstance(expr, Call) and expr.function == "exp":
            inner = expr.args[0]
            if isinstance(inner, Binary) and inner.op == "+":
                exps = [Call("exp", (side,)) for side in (inner.left, inner.right)]
                pairs = [self.factors(side, where) for side in exps]
        elif (definition := self.definition(expr)) is not None:
            return self.factors(definition, where)
        if pairs is None:
            raise NotAffineError(
                f"{where} multiplies each element of a memory by a separate factor, {expr}, not by "
                "a column times a row"
            )
        return times(pairs[0][0], pairs[1][0]), times(pairs[0][1], pairs[1][1])

    def limited(self, linear: Linear | None) -> Linear | None:
        """Return a linear form after counting its parts; raise if there are too many parts."""
        if linear is not None:
            parts = [] if linear.rest is None else [linear.rest]
            parts += [e for c, q in linear.reads for e in (c, q)]
            self.visit(sum(1 for part in parts for _ in walk(part)))
        return linear

    # --- names --------------------------------------------------------------

    def look_up(self, name: str) -> Value:
        """Return the value of a name."""
        stem = name.removesuffix(_PREVIOUS)
        if stem != name and stem in self.of_group:
            return Matrix(stem, Number(1), ())
        if name in self.known:
            return Known(Name(name))
        value = self.signals.get(name)
        if value is None:
            why = f"it needs {name}, which is not known for all steps at once"
            raise NotAffineError(self.reasons.get(name, why))
        # The signal itself has been computed by then, so its parts are not computed again.
        return Vector(Name(name), value.linear, value.state) if isinstance(value, Vector) else value

    def expr(self, op: Apply) -> Expr:
        """Return an operation's expression, with numbers in place of constants."""
        if op.out not in self.numbers:
            self.numbers[op.out] = self.program.constant_free(op.expr)
        return self.numbers[op.out]

    def definition(self, expr: Expr) -> Expr | None:
        """Return what computes a known name, or what a plugin's function consists of, or None."""
        if isinstance(expr, Call):
            function = self.program.functions.get(expr.function)
            return None if function is None else function.composed(expr.args)
        op = self.source.get(expr.name) if isinstance(expr, Name) else None
        return self.expr(op) if isinstance(op, Apply) else None

    def is_positive(self, name: str) -> bool:
        """Return whether a parameter's map makes it positive."""
        maps = {op.out: op.expr for op in self.program.setup}
        expr = maps.get(name)
        if not isinstance(expr, Call):
            return False
        interval = self.program.functions[expr.function].range
        return interval is not None and interval[0] >= 0

    def last_axes(self, expr: Expr) -> tuple[int, int]:
        """Return the sizes of the last two axes of a known expression; 1 for a missing axis."""
        rows, columns = (1, 1, *self.axes(expr))[-2:]
        return rows, columns

    def axes(self, expr: Expr) -> Shape:
        """Return the shape of an expression."""
        self.visit(sum(1 for _ in walk(expr)))
        program = self.program
        shapes = {name: self.shape_of(name) for name in names(expr)}
        try:
            return infer(expr, shapes, program.functions, Place((program.name,))) or ()
        except CellError as error:
            raise NotAffineError(str(error)) from None

    def shape_of(self, name: str) -> Shape:
        if name.startswith("read:"):
            shape = self.program.shapes[name.split(":")[1]]
            return (*shape[:-2], shape[-2] if self.transposed else shape[-1])
        return self.program.shapes[name]


def as_vector(expr: Expr) -> Expr:
    """Return a matrix with one row or one column as a vector."""
    if isinstance(expr, Call) and expr.function in ("column", "row"):
        return expr.args[0]
    return Call("flat", (expr,))
