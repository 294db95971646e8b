"""The parser of the equation language, which walks Python's syntax tree and evaluates nothing.

The language has numbers, names, ``+ - * / **`` (with a constant exponent), unary minus, and calls
of the functions in a table. Length, depth and number of nodes are limited, so any string is
accepted or refused within milliseconds.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Mapping

from gatekit.cell.errors import ExpressionError, as_plain, nearest
from gatekit.faults import Fault, Kind, Place

from .expression import Binary, Call, Expr, Name, Neg, Number
from .ops import Function

MAX_CHARACTERS = 2_000
MAX_NODES = 500
MAX_DEPTH = 50
MAX_EXPONENT = 16
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
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        # YAML turns an equation such as ``1`` into a number.
        if not abs(text) <= _LARGEST:
            raise _wrong(text, "a finite number, of at most 300 digits")
        text = repr(text)
    if not isinstance(text, str):
        raise _wrong(text, "a string, such as 'forget * h_prev'")
    if len(text) > MAX_CHARACTERS:
        why = f"the equation has {len(text)} characters; at most {MAX_CHARACTERS} are allowed"
        raise ExpressionError(Fault(Kind.REFUSED, Place(), why=why))
    for position, character in enumerate(text):
        if not " " <= character <= "~":
            why = f"the equation has the character U+{ord(character):04X} at position {position}"
            raise ExpressionError(Fault(Kind.REFUSED, Place(), why=f"{why}; {_GRAMMAR}"))
    if not text.strip():
        raise ExpressionError(Fault(Kind.REFUSED, Place(), why="the equation is empty"))
    return _Reader(text.strip(), functions, sizes).read()


def _wrong(value: object, expected: str) -> ExpressionError:
    return ExpressionError(Fault(Kind.WRONG, Place(), as_plain(value), expected))


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
            deep = not isinstance(error, SyntaxError) or self.text.count("(") >= 4 * MAX_DEPTH
            why = f"nested deeper than {MAX_DEPTH} levels" if deep else _GRAMMAR
            start, end = (getattr(error, key, 1) or 1 for key in ("offset", "end_offset"))
            raise self.error(why, max(0, start - 1), max(start, end - 1)) from None
        return self.visit(tree.body, 1)

    def error(self, why: str, start: int, end: int, known: tuple[str, ...] = ()) -> ExpressionError:
        span = (min(start, len(self.text)), end)
        fault = Fault(Kind.SYNTAX, Place(), self.text, why=why, known=known, span=span)
        return ExpressionError(fault)

    def at(self, node: ast.expr, why: str = _GRAMMAR) -> ExpressionError:
        return self.error(why, node.col_offset, node.end_col_offset or node.col_offset + 1)

    def between(self, start: int, end: int) -> ExpressionError:
        """Return the error of the operator between two positions."""
        found = re.compile(r"[^\s()]+").search(self.text, start, end)
        return self.error(_GRAMMAR, *(found.span() if found else (start, end)))

    def visit(self, node: ast.expr, depth: int) -> Expr:
        self.nodes += 1
        if depth > MAX_DEPTH:
            raise self.at(node, f"nested deeper than {MAX_DEPTH} levels")
        if self.nodes > MAX_NODES:
            raise self.at(node, f"more than {MAX_NODES} parts in one equation")
        match node:
            case ast.Constant(value):
                return Number(self.number(node, value))
            case ast.Name(name):
                return Name(name)
            case ast.UnaryOp(ast.USub(), operand):
                return Neg(self.visit(operand, depth + 1))
            case ast.UnaryOp(_, operand):
                raise self.between(node.col_offset, operand.col_offset)
            case ast.Compare(left, _, [right, *_]) | ast.BoolOp(_, [left, right, *_]):
                raise self.between(left.end_col_offset or 0, right.col_offset)
            case ast.BinOp():
                return self.binary(node, depth)
            case ast.Call(ast.Name(name)):
                return self.call(node, name, depth)
            case ast.Call():
                raise self.at(node.func)
        raise self.at(node)

    def number(self, node: ast.expr, value: object) -> int | float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.at(node, f"{ast.unparse(node)[:40]} is not a number")
        if isinstance(value, int) and abs(value) > 10**15:
            raise self.at(node, "whole numbers have at most 15 digits")
        if not math.isfinite(value):
            raise self.at(node, "the number is not finite")
        return value

    def binary(self, node: ast.BinOp, depth: int) -> Expr:
        op = _OPERATORS.get(type(node.op))
        if op is None or (op == "//" and not self.sizes):
            raise self.between(node.left.end_col_offset or 0, node.right.col_offset)
        left = self.visit(node.left, depth + 1)
        right = self.visit(node.right, depth + 1)
        if op == "**":
            exponent = right.operand if isinstance(right, Neg) else right
            if not isinstance(exponent, Number) or exponent.value > MAX_EXPONENT:
                why = f"the exponent must be a constant between -{MAX_EXPONENT} and {MAX_EXPONENT}"
                raise self.at(node.right, why)
        return Binary(op, left, right)

    def call(self, node: ast.Call, name: str, depth: int) -> Expr:
        function = self.functions.get(name)
        if function is None:
            why = f"there is no function {name!r}{nearest(name, self.functions)}"
            end = node.func.end_col_offset or 0
            raise self.error(why, node.func.col_offset, end, tuple(self.functions))
        if node.keywords:
            raise self.at(node, f"arguments are given by position, not by name: {function.typed}")
        if len(node.args) != function.arity:
            raise self.at(node, function.wrong_number(len(node.args)))
        return Call(name, tuple(self.visit(arg, depth + 1) for arg in node.args))
