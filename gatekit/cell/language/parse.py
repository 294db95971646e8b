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

from gatekit.cell.errors import ExpressionError, excerpt, listed, nearest, quoted

from .expression import Binary, Call, Expr, Name, Neg, Number
from .foreign import ELSEWHERE, FUNCTIONS
from .notation import MATRICES, in_ascii, syntax, written
from .ops import Function
from .repair import MAX_EXPONENT, repair_equation

MAX_CHARACTERS = 2_000
MAX_NODES = 500
MAX_DEPTH = 50
_LARGEST = 1e300
_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.FloorDiv: "//",
}
_WORDS: dict[type[ast.expr], str] = {
    ast.Attribute: "an attribute",
    ast.Subscript: "a subscript",
    ast.Lambda: "a lambda",
    ast.Compare: "a comparison",
    ast.BoolOp: "a logical operator",
    ast.IfExp: "a conditional",
    ast.JoinedStr: "an f-string",
    ast.NamedExpr: "an assignment",
    ast.Starred: "a starred argument",
    ast.List: "a list",
    ast.Tuple: "a tuple",
    ast.Dict: "a dict",
    ast.Set: "a set",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
}


_WHERE = "; where(x, a, b) is a if x > 0, otherwise b"
_INSTEAD: dict[type[ast.AST], str] = {
    ast.BitXor: "; a power is written x**2",
    ast.MatMult: (
        "; a * b multiplies unit by unit, dot(a, b) is the inner product, matvec(A, v) multiplies "
        "a matrix and a vector, and learned matrices are in the reads of a gate: "
        "reads: [x, h_prev]"
    ),
    ast.Compare: _WHERE,
    ast.IfExp: _WHERE,
    ast.BoolOp: _WHERE,
    ast.Tuple: "; an equation has one value: write an equation for each",
    ast.NamedExpr: "; to name a value, write a separate equation, such as u: update",
    ast.Attribute: "; functions and signals are plain names, such as tanh(x)",
}
_REPAIRED = (
    *(ast.Compare, ast.IfExp, ast.BoolOp, ast.Subscript, ast.Attribute, ast.NamedExpr, ast.Lambda),
    *(ast.List, ast.Set, ast.Tuple),
)
_SYMBOLS: dict[type[ast.AST], str] = {
    getattr(ast, name): symbol
    for name, symbol in (
        *(("BitXor", "^"), ("MatMult", "@"), ("FloorDiv", "//"), ("Mod", "%"), ("BitAnd", "&")),
        *(("BitOr", "|"), ("LShift", "<<"), ("RShift", ">>"), ("And", "and"), ("Or", "or")),
        *(("Invert", "~"), ("Not", "not"), ("UAdd", "+"), ("Gt", ">"), ("GtE", ">=")),
        *(("Lt", "<"), ("LtE", "<="), ("Eq", "=="), ("NotEq", "!="), ("In", "in")),
        *(("NotIn", "not in"), ("Is", "is"), ("IsNot", "is not")),
    )
}


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
            raise ExpressionError("a number in an equation must be finite, with at most 300 digits")
        text = repr(text)
    if not isinstance(text, str):
        raise ExpressionError(f"an equation is a string, {_as_string(text)}")
    return _Reader(_checked(text), functions, sizes).read()


def _as_string(value: object) -> str:
    """Return what to write in place of a value that is not a string, as the end of a sentence."""
    if callable(value):
        code = getattr(value, "__code__", None)
        names = code.co_varnames[: code.co_argcount] if code else ()
        return f"not a function; write what it computes, such as {' * '.join(names) or 'a * b'!r}"
    if isinstance(value, bool) or value is None:
        return f"not {value!r}; write a number, such as 1, or a signal, such as h_prev"
    if isinstance(value, (list, tuple)):
        return (
            f"not a list; write one expression, such as {quoted(' * '.join(map(str, value[:3])))}"
        )
    return f"such as 'forget * h_prev', not {excerpt(repr(value))}"


def _checked(text: str) -> str:
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(
            f"the equation has {len(text)} characters; at most {MAX_CHARACTERS} are allowed. "
            "Move a part of it to a separate equation."
        )
    for position, character in enumerate(text):
        if not (" " <= character <= "~"):
            typed = "".join(in_ascii(c) for c in text)
            plain = all(" " <= c <= "~" for c in typed)
            raise ExpressionError(
                f"the equation has the character U+{ord(character):04X} at position {position}"
                f"{' (a line break)' if character == chr(10) else ''}; "
                "equations are one line of ASCII only (letters, digits, _ and + - * / ** ( ) , .)"
                + (f"; write {excerpt(typed)}" if plain else "")
            )
    stripped = text.strip(" ")
    if not stripped:
        raise ExpressionError("the equation is empty; write for example forget * h_prev")
    return stripped


class _Reader:
    """Parses one equation; with ``helps=False``, errors do not suggest a replacement."""

    def __init__(
        self, text: str, functions: Mapping[str, Function], sizes: bool, helps: bool = True
    ) -> None:
        self.text = text
        self.functions = functions
        self.sizes = sizes
        self.helps = helps
        self.nodes = 0

    def read(self) -> Expr:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(self.text, mode="eval")
        except SyntaxError as error:
            place = max(0, (error.offset or 1) - 1)
            why, start, end = syntax(self.text, error.msg or "invalid syntax", place)
            remedy = written(self.text) or self.repair()
            if not remedy and ";" not in why:
                remedy = "; a product is written a * b, and a call tanh(a)"
            raise self.error(_with(why, remedy), start, end) from None
        except (MemoryError, RecursionError, ValueError, UnicodeError):
            raise ExpressionError(
                f"the equation is nested too deeply (at most {MAX_DEPTH} levels): "
                f"{self.text[:60]}..."
            ) from None
        return self.visit(tree.body, 1)

    def repair(self) -> str:
        """Return a suggestion in place of the equation, as the end of a sentence."""
        if not self.helps or MATRICES.search(self.text):
            return ""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            meant = repair_equation(self.text, self.functions, self.accepts)
        return f": write {meant}" if meant else ""

    def accepts(self, text: str) -> bool:
        """Return whether a string is a valid equation."""
        try:
            _Reader(text, self.functions, self.sizes, helps=False).read()
        except ExpressionError:
            return False
        return True

    def error(self, why: str, start: int, end: int, table: bool = False) -> ExpressionError:
        start = min(start, len(self.text))
        left = max(0, start - 60)
        line = self.text[left : left + 90]
        mark = " " * (start - left) + "^" * max(1, min(end - start, 90 - (start - left)))
        has = "An equation consists of numbers, names, + - * / ** and functions. "
        has = "" if ";" in why or ": write" in why else has
        has += f"Functions: {listed(self.functions, 80)}." if table else ""
        return ExpressionError(f"{why}\n  {line}\n  {mark}" + (f"\n{has.strip()}" if has else ""))

    def at(self, node: ast.expr, why: str, table: bool = False) -> ExpressionError:
        end = node.end_col_offset or node.col_offset + 1
        return self.error(why, node.col_offset, end, table)

    def refused(self, op: ast.AST, start: int, end: int) -> ExpressionError:
        """Return the error for an unsupported operator between two positions of the equation."""
        symbol = _SYMBOLS.get(type(op), "this")
        place = self.text.find(symbol.partition(" ")[0], start, end)
        place = start if place < 0 else place
        fallback = _INSTEAD.get(type(op), "")
        if isinstance(op, (ast.cmpop, ast.boolop)):
            fallback = _WHERE
        remedy = self.repair() or ("" if fallback == _WHERE else fallback)
        if fallback == _WHERE:
            remedy = f"{_WHERE}{remedy}"
        why = f"`{symbol}` is not an operator of equations"
        return self.error(_with(why, remedy), place, place + len(symbol))

    def unknown(self, node: ast.Call, name: str) -> ExpressionError:
        """Return the error for a function that is not in the table."""
        near = nearest(name, self.functions)
        if name in ("h", "c", "s"):
            meant = f"; its previous value is {name}_prev, and a product is written with *"
        elif name in ELSEWHERE:
            meant = f"; {ELSEWHERE[name]}"
        else:
            remedy = self.repair().replace(":", ";", 1)
            meant = remedy if name in FUNCTIONS or not near else near
            if not meant and FUNCTIONS.get(name):
                letters = ", ".join(c for c in "abc" if re.search(rf"\b{c}\b", FUNCTIONS[name]))
                meant = f"; write {FUNCTIONS[name]}, which is {name}({letters})"
        return self.at(node.func, f"there is no function {name!r}{meant}", table=not meant)

    def visit(self, node: ast.expr, depth: int) -> Expr:
        self.nodes += 1
        if depth > MAX_DEPTH:
            raise self.at(node, f"nested deeper than {MAX_DEPTH} levels")
        if self.nodes > MAX_NODES:
            raise self.at(node, f"more than {MAX_NODES} parts in one equation")
        if isinstance(node, ast.Constant):
            return Number(self.number(node))
        if isinstance(node, ast.Name):
            return Name(node.id)
        if isinstance(node, ast.UnaryOp):
            if not isinstance(node.op, ast.USub):
                raise self.refused(node.op, node.col_offset, len(self.text))
            return Neg(self.visit(node.operand, depth + 1))
        if isinstance(node, ast.BinOp):
            return self.binary(node, depth)
        if isinstance(node, ast.Call):
            return self.call(node, depth)
        if isinstance(node, ast.Compare):
            end = node.comparators[0].col_offset
            raise self.refused(node.ops[0], node.left.end_col_offset or 0, end)
        if isinstance(node, ast.BoolOp):
            end = node.values[1].col_offset
            raise self.refused(node.op, node.values[0].end_col_offset or 0, end)
        why = f"{_WORDS.get(type(node), 'this')} is not part of the equation language"
        remedy = self.repair() if isinstance(node, _REPAIRED) else ""
        if isinstance(node, ast.Subscript) and not remedy:
            name = self.text[node.value.col_offset : node.value.end_col_offset]
            remedy = (
                f"; an equation uses all of {excerpt(name, 40)}: write a separate gate for each "
                "part, such as part: {kind: linear, reads: [x, h_prev]}, or cut it into equal rows "
                "with split(x, n)"
            )
        if isinstance(node, (ast.IfExp, ast.NamedExpr)):
            remedy = _INSTEAD[type(node)] + remedy
        raise self.at(node, _with(why, remedy or _INSTEAD.get(type(node), "")))

    def number(self, node: ast.Constant) -> int | float:
        value = node.value
        if value is None:
            why = "'None' is a Python keyword and cannot be a name"
            raise self.at(node, _with(why, self.repair()))
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            word = " but a string" if isinstance(value, str) else ""
            came = f"{str(value)[:40]!r} is not a number{word}"
            raise self.at(node, _with(came, self.repair()))
        if isinstance(value, int) and abs(value) > 10**15:
            raise self.at(node, "whole numbers have at most 15 digits; write 1e20 for example")
        if not math.isfinite(value):
            raise self.at(node, "the number is not finite; write for example 1e6")
        return value

    def binary(self, node: ast.BinOp, depth: int) -> Expr:
        op = _OPERATORS.get(type(node.op))
        if op is None or (op == "//" and not self.sizes):
            raise self.refused(node.op, node.left.end_col_offset or 0, node.right.col_offset)
        left = self.visit(node.left, depth + 1)
        right = self.visit(node.right, depth + 1)
        if op == "**":
            exponent = right.operand if isinstance(right, Neg) else right
            if not isinstance(exponent, Number) or exponent.value > MAX_EXPONENT:
                why = f"the exponent must be a constant between -{MAX_EXPONENT} and {MAX_EXPONENT}"
                meant = self.repair()
                raise self.at(node.right, _with(why, meant))
        return Binary(op, left, right)

    def call(self, node: ast.Call, depth: int) -> Expr:
        if isinstance(node.func, ast.Attribute):
            name = node.func.attr
            remedy = f"; {ELSEWHERE[name]}" if name in ELSEWHERE else self.repair()
            why = "only functions of the equation language can be called, and only by name"
            raise self.at(node.func, _with(why, remedy))
        if not isinstance(node.func, ast.Name):
            why = "only functions of the equation language can be called, and only by name"
            raise self.at(node.func, _with(why, self.repair()))
        name = node.func.id
        function = self.functions.get(name)
        if function is None:
            raise self.unknown(node, name)
        if node.keywords:
            why = "arguments are given by position, not by name"
            over = function.kind == "units" and function.arity == 1
            over = over and any(k.arg in ("axis", "dim") for k in node.keywords)
            why = f"{name} works over the units of each row and has no axis" if over else why
            raise self.at(node, _with(why, self.repair() or f"; write {function.typed}"))
        if len(node.args) != function.arity:
            meant = self.repair() if name == "where" or function.kind == "units" else ""
            why = function.wrong_number(len(node.args))
            if name == "sum" and not meant:
                why += " for the sum over the units of x; add signals with +"
            raise self.at(node, why.partition("; write")[0] + meant if meant else why)
        return Call(name, tuple(self.visit(arg, depth + 1) for arg in node.args))


def _with(why: str, remedy: str) -> str:
    """Return a reason and its remedy, joined by a semicolon unless the reason has one already."""
    return f"{why}{remedy}" if ";" in why else f"{why}{remedy.replace(': write', '; write', 1)}"
