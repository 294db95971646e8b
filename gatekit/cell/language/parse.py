"""The parser of the equation language, which walks Python's syntax tree and evaluates nothing.

The language has numbers, names, ``+ - * / **`` (with a constant exponent), unary minus, and calls
of the functions in a table. Length, depth and number of nodes are limited, so any string is
accepted or refused within milliseconds.
"""

from __future__ import annotations

import ast
import math
import re
import types
import warnings
from collections.abc import Mapping

from gatekit.cell.errors import ExpressionError, as_plain, nearest
from gatekit.faults import Fault, Kind, Place

from .expression import Binary, Call, Expr, Name, Neg, Number
from .ops import Function

MAX_CHARACTERS, MAX_NODES, MAX_DEPTH, MAX_EXPONENT = 2_000, 500, 50, 16
_LARGEST = 1e300
_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.FloorDiv: "//",
}
_GRAMMAR = "an equation is one line of numbers, names, + - * / **, parentheses and functions"


def parse(text: object, functions: Mapping[str, Function], sizes: bool = False) -> Expr:
    """Return a string as an expression.

    Args:
        text: the equation, at most 2,000 ASCII characters on one line.
        functions: the function table, by name.
        sizes: also allow ``//``, as in ``units // heads``.

    Raises:
        ExpressionError: the string is not in the language; the message marks the position.
    """
    number = isinstance(text, (int, float)) and not isinstance(text, bool)
    # YAML turns an equation such as ``1`` into a number.
    text = repr(text) if number and abs(text) <= _LARGEST else text  # type: ignore[arg-type]
    if not isinstance(text, str):
        expected = "a string, such as 'forget * h_prev'"
        raise ExpressionError(Fault(Kind.WRONG, Place(), as_plain(text), expected))
    if len(text) > MAX_CHARACTERS or not text.isascii() or not text.isprintable():
        why = f"{_GRAMMAR}, of at most {MAX_CHARACTERS} ASCII characters"
        raise ExpressionError(Fault(Kind.REFUSED, Place(), why=why))
    return _Reader(text.strip(), functions, sizes).read()


class _Reader:
    """Parses one equation."""

    def __init__(self, text: str, functions: Mapping[str, Function], sizes: bool) -> None:
        self.text = text
        self.functions = functions
        self.sizes = sizes
        self.nodes = 0

    def read(self) -> Expr:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(self.text, mode="eval")
        except (SyntaxError, MemoryError, RecursionError) as error:
            start, end = (getattr(error, key, 1) or 1 for key in ("offset", "end_offset"))
            raise self.refused(_GRAMMAR, max(0, start - 1), max(start, end - 1)) from None
        return self.visit(tree.body, 1)

    def refused(self, why: str, start: int, end: int, known: tuple[str, ...] = ()) -> Exception:
        span = (min(start, len(self.text)), end)
        fault = Fault(Kind.SYNTAX, Place(), self.text, why=why, known=known, span=span)
        return ExpressionError(fault)

    def at(self, node: ast.expr, why: str = _GRAMMAR) -> Exception:
        return self.refused(why, node.col_offset, node.end_col_offset or node.col_offset + 1)

    def visit(self, node: ast.expr, depth: int) -> Expr:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise self.at(node, f"at most {MAX_NODES} parts, nested {MAX_DEPTH} deep, are allowed")
        match node:
            case ast.Name(name):
                return Name(name)
            case ast.Constant(bool() | None | str() | complex() | bytes() | types.EllipsisType()):
                raise self.at(node, f"{ast.unparse(node)[:40]} is not a number")
            case ast.Constant(int() | float() as value) if _fits(value):
                return Number(value)
            case ast.Constant():
                raise self.at(node, "numbers are finite, and whole numbers have at most 15 digits")
            case ast.UnaryOp(ast.USub(), operand):
                return Neg(self.visit(operand, depth + 1))
            case ast.BinOp(left, op, right) if type(op) in _OPERATORS and (
                self.sizes or not isinstance(op, ast.FloorDiv)
            ):
                one, other = self.visit(left, depth + 1), self.visit(right, depth + 1)
                if isinstance(op, ast.Pow) and not _is_exponent(other):
                    raise self.at(right, f"an exponent is a number of at most {MAX_EXPONENT}")
                return Binary(_OPERATORS[type(op)], one, other)
            case ast.Call(ast.Name(name), args, []) if name in self.functions:
                if len(args) != self.functions[name].arity:
                    raise self.at(node, self.functions[name].wrong_number(len(args)))
                return Call(name, tuple(self.visit(arg, depth + 1) for arg in args))
            case ast.Call(ast.Name(name) as called) if name not in self.functions:
                why = f"there is no function {name!r}{nearest(name, self.functions)}"
                start, end = called.col_offset, called.end_col_offset or 0
                raise self.refused(why, start, end, tuple(self.functions))
            case ast.Call(called) if not isinstance(called, ast.Name):
                raise self.at(called)
            case ast.UnaryOp(_, operand):
                raise self.between(node.col_offset, operand.col_offset)
            case (
                ast.BinOp(left, _, right)
                | ast.Compare(left, _, [right, *_])
                | ast.BoolOp(_, [left, right, *_])
            ):
                raise self.between(left.end_col_offset or 0, right.col_offset)
        raise self.at(node)

    def between(self, start: int, end: int) -> Exception:
        """Return the error of the operator between two positions."""
        found = re.compile(r"[^\s()]+").search(self.text, start, end)
        return self.refused(_GRAMMAR, *(found.span() if found else (start, end)))


def _fits(value: float) -> bool:
    return abs(value) <= 10**15 if isinstance(value, int) else math.isfinite(value)


def _is_exponent(expr: Expr) -> bool:
    exponent = expr.operand if isinstance(expr, Neg) else expr
    return isinstance(exponent, Number) and exponent.value <= MAX_EXPONENT
