"""The equation language: text to expression, by parsing and walking, never by evaluation.

Numbers, names, ``+ - * / **`` (constant exponent), unary minus and calls of a table of functions;
nothing else. Length, depth and number of nodes are bounded, so that any string is accepted or
refused within milliseconds.
"""

from __future__ import annotations

import ast
import math
import re
import unicodedata
import warnings
from collections.abc import Mapping

from gatekit.cell.errors import ExpressionError, excerpt, listed, nearest, nearest_name

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


_WHERE = "; write where(x, a, b), which is a where x > 0, else b"
_MATRIX = (
    "; a gate's reads multiply by learned matrices, and matvec(A, v) multiplies in an equation"
)
_INSTEAD: dict[type[ast.AST], str] = {
    ast.BitXor: "; a power is written x**2",
    ast.MatMult: _MATRIX,
    ast.Compare: _WHERE,
    ast.IfExp: _WHERE,
    ast.BoolOp: _WHERE,
    ast.Subscript: "; split(x, n) cuts a vector into rows",
    ast.Attribute: "; functions and signals are plain names, such as tanh(x)",
}


_SIGNS = {
    **dict.fromkeys("\u00b7\u00d7\u22c5\u2217\u2299\u2218\u2022", "*"),
    **dict.fromkeys("\u2212\u2013\u2014", "-"),
    **dict.fromkeys("\u00f7\u2215", "/"),
    **dict.fromkeys("\u03c3", "sigmoid"),
    **dict.fromkeys("\u2080\u2081\u2032\u2019", "_prev"),
    "\u00b2": "**2",
    "\u00b3": "**3",
    "\u221a": "sqrt",
    "\u2202": "d",
}
"""Signs of printed equations, with what is typed."""


def _written(text: str) -> str:
    """Return what to write in place of common notation that is not Python's."""
    if "\\" in text:
        plain = re.sub(r" *\\(?:odot|cdot|times|circ)\b *", " * ", text)
        plain = re.sub(r"\\(?:mathrm|operatorname|text)\{(\w+)\}|\\([a-z]+)", r"\1\2", plain)
        plain = re.sub(r"_\{?t *- *1\}?", "_prev", re.sub(r"_\{?t\}?(?! *-)", "", plain))
        return f"; write {plain.replace('{', '(').replace('}', ')')}"
    if re.search(r"_\{?t *- *1", text):
        return "; the previous value of h is h_prev"
    if re.match(r"if\b|.*\bthen\b", text):
        return _WHERE
    if "^" in text or "!" in text:
        return "; a power is written x**2"
    if "=" in text:
        return "; an equation is written NAME: EXPRESSION, with a colon"
    if re.search(r"\b[WURV](_?\w*)? *[({]?[a-z]", text):
        return (
            "; learned matrices are in the reads of a gate: "
            "candidate: {activation: tanh(pre), reads: [x, h_prev]}"
        )
    return "; a product is written a * b, and a call tanh(a)"


def parse(text: object, functions: Mapping[str, Function], sizes: bool = False) -> Expr:
    """Return a string as an expression.

    Args:
        text: the equation, at most 2,000 ASCII characters on one line.
        functions: the function table, by name.
        sizes: also allow ``//``, as in ``units // heads``.

    Raises:
        ExpressionError: the text is not of the language; the place is marked.
    """
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        # YAML turns an equation such as ``1`` into a number.
        if not abs(text) <= _LARGEST:
            raise ExpressionError("a number in an equation is finite and has at most 300 digits")
        text = repr(text)
    if not isinstance(text, str):
        raise ExpressionError(f"an equation is a string, not {text!r} ({type(text).__name__})")
    return _Reader(_checked(text), functions, sizes).read()


def _checked(text: str) -> str:
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(
            f"the equation has {len(text)} characters; at most {MAX_CHARACTERS} are allowed. "
            "Name a part of it as an equation of its own."
        )
    for position, character in enumerate(text):
        if not (" " <= character <= "~"):
            typed = "".join(_in_ascii(c) for c in text)
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


def _in_ascii(character: str) -> str:
    """Return what is typed for a character: ``*`` for a dot, ``alpha`` for the Greek letter."""
    if character in _SIGNS:
        return _SIGNS[character]
    greek = re.fullmatch(r"GREEK \w+ LETTER (?:FINAL )?(\w+)", unicodedata.name(character, ""))
    if greek:
        return greek[1].lower()
    return " " if character.isspace() else unicodedata.normalize("NFKC", character)


class _Reader:
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
        except SyntaxError as error:
            place = max(0, (error.offset or 1) - 1)
            # Python's own advice, such as a forgotten comma, is of another language.
            reason = (error.msg or "invalid syntax").partition(". ")[0]
            if "\\" in self.text:
                reason, place = "LaTeX is not read", self.text.index("\\")
            why = reason + _written(self.text)
            raise self.error(why, place, place + 1) from None
        except (MemoryError, RecursionError, ValueError, UnicodeError):
            raise ExpressionError(
                f"the equation is nested too deeply (at most {MAX_DEPTH} levels): "
                f"{self.text[:60]}..."
            ) from None
        return self.visit(tree.body, 1)

    def error(self, why: str, start: int, end: int, table: bool = False) -> ExpressionError:
        start = min(start, len(self.text))
        left = max(0, start - 60)
        shown = self.text[left : left + 90]
        mark = " " * (start - left) + "^" * max(1, min(end - start, 90 - (start - left)))
        has = "" if ";" in why else "An equation has numbers, names, + - * / ** and functions. "
        has += f"Functions: {listed(self.functions, 80)}." if table else ""
        return ExpressionError(f"{why}\n  {shown}\n  {mark}" + (f"\n{has.strip()}" if has else ""))

    def at(self, node: ast.expr, why: str, table: bool = False) -> ExpressionError:
        end = node.end_col_offset or node.col_offset + 1
        return self.error(why, node.col_offset, end, table)

    def meant(self, name: str) -> str:
        """Return which function is meant by an unknown one, as the end of a sentence."""
        if name in ("h", "c", "s"):
            return f"; its previous value is {name}_prev, and a product is written with *"
        if name in ("lerp", "interpolate", "mix"):
            return "; write b + a * (c - b), or (1 - a) * b + a * c"
        if name in ("dense", "linear", "matmul"):
            return "; a linear map belongs to the `reads` of a gate, such as reads: {x: dense}"
        return nearest(name, self.functions)

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
                raise self.at(node, "minus is the only unary operator")
            return Neg(self.visit(node.operand, depth + 1))
        if isinstance(node, ast.BinOp):
            return self.binary(node, depth)
        if isinstance(node, ast.Call):
            return self.call(node, depth)
        word = _WORDS.get(type(node), "this")
        instead = _INSTEAD.get(type(node), "")
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            names = {n.id for n in ast.walk(node.slice) if isinstance(n, ast.Name)}
            if names & {"t", "T", "time"}:
                instead = f"; the previous value of {node.value.id} is {node.value.id}_prev"
        raise self.at(node, f"{word} is not part of the equation language{instead}")

    def number(self, node: ast.Constant) -> int | float:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.at(node, f"{str(value)[:40]!r} is not a number")
        if isinstance(value, int) and abs(value) > 10**15:
            raise self.at(node, "whole numbers have at most 15 digits")
        if not math.isfinite(value):
            raise self.at(node, "the number is not finite")
        return value

    def binary(self, node: ast.BinOp, depth: int) -> Expr:
        op = _OPERATORS.get(type(node.op))
        if op is None or (op == "//" and not self.sizes):
            instead = _INSTEAD.get(type(node.op), "")
            raise self.at(node, f"this operator is not part of the equation language{instead}")
        left = self.visit(node.left, depth + 1)
        right = self.visit(node.right, depth + 1)
        if op == "**":
            exponent = right.operand if isinstance(right, Neg) else right
            if not isinstance(exponent, Number) or exponent.value > MAX_EXPONENT:
                raise self.at(
                    node.right,
                    f"the exponent must be a constant between -{MAX_EXPONENT} and {MAX_EXPONENT}",
                )
        return Binary(op, left, right)

    def call(self, node: ast.Call, depth: int) -> Expr:
        if isinstance(node.func, ast.Attribute):
            # c.tanh() has no arguments, and c is that of tanh.
            name, given = node.func.attr, node.args or [node.func.value]
            arguments = [self.text[a.col_offset : a.end_col_offset] for a in given]
            meant = nearest_name(name, self.functions)
            remedy = f"; write {meant}({', '.join(arguments)})" if meant else ""
            raise self.at(
                node.func, f"only functions of the table can be called, by name alone{remedy}"
            )
        if not isinstance(node.func, ast.Name):
            raise self.at(node.func, "only functions of the table can be called, by name")
        name = node.func.id
        function = self.functions.get(name)
        if function is None:
            meant = self.meant(name)
            raise self.at(node.func, f"there is no function {name!r}{meant}", table=not meant)
        if node.keywords:
            plain = ", ".join(
                ast.unparse(a) for a in (*node.args, *(k.value for k in node.keywords))
            )
            raise self.at(
                node, f"arguments are given by position, not by name; write {name}({plain})"
            )
        if len(node.args) != function.arity:
            raise self.at(node, function.wrong_number(len(node.args)))
        return Call(name, tuple(self.visit(arg, depth + 1) for arg in node.args))
