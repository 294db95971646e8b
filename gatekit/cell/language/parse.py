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
from dataclasses import replace

from gatekit.cell.errors import ExpressionError, as_plain, nearest
from gatekit.faults import NOTHING, Fault, Fix, Kind, Note, Place, Set, known_as, note_for

from .expression import Binary, Call, Expr, Name, Neg, Number
from .ops import Function
from .spelling import KEYWORD, NO_OPERATOR, respelled

MAX_CHARACTERS = 2_000
MAX_NODES = 500
MAX_DEPTH = 50
MAX_EXPONENT = 16
MAX_REPAIRED = 300
"""The most characters of an equation for which gatekit suggests another one."""
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


_GENERAL = "an equation consists of numbers, names, + - * / ** and functions"
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
            raise _wrong(text, "a finite number, of at most 300 digits")
        text = repr(text)
    if not isinstance(text, str):
        raise _wrong(text, "a string, such as 'forget * h_prev'")
    return _Reader(_checked(text, functions, sizes), functions, sizes).read()


def _wrong(value: object, expected: str) -> ExpressionError:
    fixes: tuple[Fix, ...] = ()
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        fixes = (Set(Place(), " * ".join(value[:8])),)
    return ExpressionError(Fault(Kind.WRONG, Place(), as_plain(value), expected, fixes=fixes))


def _refused(why: str, fixes: tuple[Fix, ...] = ()) -> ExpressionError:
    return ExpressionError(Fault(Kind.REFUSED, Place(), NOTHING, why=why, fixes=fixes))


def _checked(text: str, functions: Mapping[str, Function], sizes: bool) -> str:
    if len(text) > MAX_CHARACTERS:
        raise _refused(
            f"the equation has {len(text)} characters; at most {MAX_CHARACTERS} are allowed: move "
            "a part of it to a separate equation"
        )
    for position, character in enumerate(text):
        if not (" " <= character <= "~"):
            raise _refused(
                f"the equation has the character U+{ord(character):04X} at position {position}"
                f"{' (a line break)' if character == chr(10) else ''}; "
                "equations are one line of ASCII only (letters, digits, _ and + - * / ** ( ) , .)",
                _repaired(text, functions, sizes),
            )
    stripped = text.strip(" ")
    if not stripped:
        raise _refused("the equation is empty", (Set(Place(), "forget * h_prev"),))
    return stripped


def _repaired(text: str, functions: Mapping[str, Function], sizes: bool) -> tuple[Fix, ...]:
    """Return the equation that is probably meant as a fix; nothing if there is none."""
    if len(text) > MAX_REPAIRED:
        return ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        meant = respelled(text, functions)
    if meant == text or not all(" " <= c <= "~" for c in meant) or not meant:
        return ()
    try:
        _Reader(meant, functions, sizes, helps=False).read()
    except ExpressionError:
        return ()
    return (Set(Place(), meant),)


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
        except (SyntaxError, MemoryError, RecursionError) as error:
            raise self.unreadable(error) from None
        return self.visit(tree.body, 1)

    def unreadable(self, error: Exception) -> ExpressionError:
        """Return the error for a string that Python's grammar refuses, or nested too deeply."""
        place = max(0, (getattr(error, "offset", 1) or 1) - 1)
        if "\\" in self.text:
            place = self.text.index("\\")
            return self.error("LaTeX is not supported", place, place + 1)
        if match := KEYWORD.search(self.text):
            why = f"{match[1]!r} is a Python keyword and cannot be a name"
            return self.error(why, *match.span(1))
        if not isinstance(error, SyntaxError) or self.text.count("(") >= 4 * MAX_DEPTH:
            return self.error(f"nested deeper than {MAX_DEPTH} levels", place, place + 1)
        sign = self.text[place : place + 1]
        if any(self.text.count(a) != self.text.count(b) for a, b in ("()", "[]", "{}")):
            if sign in ("(", "[", "{"):
                return self.error(f"{sign!r} was never closed", place, place + 1)
            if sign in (")", "]", "}"):
                return self.error(f"unmatched {sign!r}", place, place + 1)
        for pattern, why, note in _REASONS:
            note = note_for("node", note) or note
            if match := re.search(pattern, self.text):
                start, end = match.span()
                why = why or f"`{match[0]}` is not an operator of equations"
                return self.error(why, start, max(end, start + 1), note=note)
        return self.error("invalid syntax", place, place + 1, note=_GENERAL)

    def error(
        self, why: str, start: int, end: int, known: tuple[str, ...] = (), note: str = ""
    ) -> ExpressionError:
        fixes = _repaired(self.text, self.functions, self.sizes) if self.helps else ()
        fixes += (Note((note,)),) if note else ()
        span = (min(start, len(self.text)), end)
        fault = Fault(Kind.SYNTAX, Place(), self.text, why=why, fixes=fixes, span=span)
        return ExpressionError(replace(fault, known=known, what="functions"))

    def at(
        self, node: ast.expr, why: str, known: tuple[str, ...] = (), note: str = ""
    ) -> ExpressionError:
        end = node.end_col_offset or node.col_offset + 1
        return self.error(why, node.col_offset, end, known, note)

    def refused(self, op: ast.AST, start: int, end: int) -> ExpressionError:
        """Return the error for an unsupported operator between two positions of the equation."""
        symbol = _SYMBOLS.get(type(op), "this")
        place = self.text.find(symbol.partition(" ")[0], start, end)
        place = start if place < 0 else place
        why = f"`{symbol}` is not an operator of equations"
        return self.error(why, place, place + len(symbol), note=_note(op))

    def unknown(self, node: ast.Call, name: str) -> ExpressionError:
        """Return the error for a function that is not in the table."""
        why = f"there is no function {name!r}"
        repaired = self.helps and _repaired(self.text, self.functions, self.sizes)
        ours = "" if repaired else known_as("function", name)
        note = note_for("function", name) or (f"write {ours}, which is {name}" if ours else "")
        if "h_out" in note and node.args and isinstance(node.args[0], ast.Name):
            note = re.sub(r"\bh(?=_out|\})", node.args[0].id, note)
        if near := "" if note else nearest(name, self.functions):
            return self.at(node.func, f"{why}{near}")
        return self.at(node.func, why, () if note else tuple(self.functions), note)

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
        raise self.at(node, why, note=_note(node))

    def number(self, node: ast.Constant) -> int | float:
        value = node.value
        if value is None:
            raise self.at(node, "'None' is a Python keyword and cannot be a name")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            word = " but a string" if isinstance(value, str) else ""
            raise self.at(node, f"{str(value)[:40]!r} is not a number{word}", note=_GENERAL)
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
                raise self.at(node.right, why, note=_note(node.op))
        return Binary(op, left, right)

    def call(self, node: ast.Call, depth: int) -> Expr:
        if not isinstance(node.func, ast.Name):
            why = "only functions of the equation language can be called, and only by name"
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            raise self.at(node.func, why, note=note_for("function", name))
        name = node.func.id
        function = self.functions.get(name)
        if function is None:
            raise self.unknown(node, name)
        if node.keywords:
            why = "arguments are given by position, not by name"
            over = function.kind == "units" and function.arity == 1
            over = over and any(k.arg in ("axis", "dim") for k in node.keywords)
            why = f"{name} works over the units of each row and has no axis" if over else why
            raise self.at(node, f"{why}; write {function.typed}")
        if len(node.args) != function.arity:
            why = function.wrong_number(len(node.args))
            if name == "sum":
                why += " for the sum over the units of x; add signals with +"
            raise self.at(node, why)
        return Call(name, tuple(self.visit(arg, depth + 1) for arg in node.args))


def _note(node: ast.AST) -> str:
    """Return what to write in place of a part of Python's grammar."""
    return note_for("node", type(node).__name__) or _GENERAL


_REASONS = (
    (r"^ *if\b|\bthen\b", "an `if` is not part of the equation language", "where"),
    (r"\?", "", "where"),
    (r"&&|\|\||->|<-|\+\+|--$|\.[*/^]|[-+*/]=|\$|@=|\*\*=|!(?!=)|\|", "", _GENERAL),
    (r"(?<![=!<>])=(?!=)", "an equation is only its right-hand side: NAME: EXPRESSION", ""),
    (r"(?<=\S);", "an equation is one expression; write each part as NAME: EXPRESSION", ""),
    (r"(?<=\d)%", "a percentage is not a number", ""),
    (r"[-+*/,]\s*$", "the equation ends with an operator", ""),
    (r"^\s*[*/,]", "the equation begins with an operator", ""),
    (NO_OPERATOR.pattern, "there is no operator between two names or numbers", ""),
)
"""Patterns that Python's grammar refuses, each with the reason and a note.

If the reason is empty, the message names the operator.
"""
