"""Suggestions for equations that are not in the language: the nearest valid equation.

An equation is rewritten first as a string (``^``, ``&&``, a product without ``*``), then as a tree
(comparisons, ``if``, functions of other libraries). Only a valid equation is suggested.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Callable, Iterator, Mapping

from gatekit.cell.errors import nearest_name

from .foreign import FUNCTIONS, LIBRARIES, rewrite
from .ops import Function

MAX_EXPONENT = 16
MAX_REPAIRED = 300
"""The most characters of an equation for which gatekit suggests another one."""
_PYTHON = ("and", "or", "not", "if", "else", "in", "is")
_NAMED = re.compile(
    r"(?:^|(?<=[-+*/(,]))\s*(?P<word>[a-z]+)\s*(?=$|[-+*/),])|(?P<other>\b(?!lambda\b)[a-z]+\b)"
    r"|(?P<function>\blambda\b(?![\w, ]*:))"
)
_SPELLINGS: tuple[tuple[tuple[str, str], ...], ...] = (
    (
        (r"^\s*(\w+?)(?:_prev)?\s*([-+*/])=\s*(.*)$", r"\1_prev \2 (\3)"),
        (r"^\s*\w+\s*=(?!=)\s*|^\s*return\s+", ""),
        (r"^\s*(\w+?)(?:_prev)?\s*(\+|-)\2\s*$", r"\1_prev \2 1"),
        (r"^(.*\S)\s*\?\s*(.*\S)\s*:\s*(.*)$", r"(\2) if \1 else (\3)"),
        (r"^\s*if\b(.*)\bthen\b(.*)\belse\b(.*)$", r"(\2) if \1 else (\3)"),
        (r"\bif\s*\((?=.*,)", "where("),
        (r"(^|[-+*/(,])\s*\|([^|]+)\|", r"\1abs(\2)"),
        (r"&&", " and "),
        (r"\|\|", " or "),
        (r"!(?!=)", " not "),
        (r"\.(?=[*/^])", ""),
        (r"(\d+(?:\.\d+)?) *%(?= *[-+*/),]| *$)", r"(\1 / 100)"),
        (r"\*\s+\*", "*"),
        (r"(?<![\w.])(\d+(?:\.\d+)?)(?=[A-Za-z_(])", r"\1 * "),
        (r"[-+*/,;]+\s*$|^\s*[*/,;]+\s*", ""),
    ),
    ((r"\)\s*(?=[\w(])", ") * "), (r"(\w)\s+(?=[\w(])", r"\1 * ")),
)
_MODULES = (*LIBRARIES, "ops", "self")
_DROPPED = ("axis", "dim", "keepdims", "keepdim", "name", "dtype")


def repair_equation(
    text: str, functions: Mapping[str, Function], accepts: Callable[[str], bool]
) -> str:
    """Return the equation that is probably meant, or an empty string.

    Args:
        text: the equation as written, one line of ASCII.
        functions: the function table, by name.
        accepts: returns whether a string is a valid equation.
    """
    if len(text) > MAX_REPAIRED:
        return ""
    for spelled in _spelled(text, functions):
        try:
            tree = _Repair(functions).visit(ast.parse(spelled.strip(), mode="eval"))
            equation = ast.unparse(ast.fix_missing_locations(tree)).replace(" ** ", "**")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if equation != text and accepts(equation):
            return equation
    return ""


def word_of_python(text: str) -> re.Match[str] | None:
    """Return where an equation uses a keyword as a name; None if it does not."""
    for match in _NAMED.finditer(text):
        word = match[match.lastgroup or 0]
        alone = match.lastgroup != "other" or word not in _PYTHON
        if alone and keyword.iskeyword(word) and word not in ("and", "or", "not", "if", "else"):
            return match
    return None


def _spelled(text: str, functions: Mapping[str, Function]) -> Iterator[str]:
    """Yield the string after each round of rewriting; later rounds change more."""
    # Python reads 2 * a^2 as (2 * a)^2, and a > 0 & b > 0 as a > (0 & b) > 0.
    text = text.replace("^", "**")
    if re.search(r"[<>]|[=!]=", text):
        text = re.sub(r"(?<!&)&(?!&)", " and ", text)
    yield text
    while (match := word_of_python(text)) is not None:
        end = match.end(match.lastgroup or 0)
        text = f"{text[:end]}_{text[end:]}"
    if match is None:
        text = _decimal(text)
    yield text
    called = rf"\b({'|'.join(functions)})\s+([A-Za-z_]\w*(?:\([^()]*\))?)"
    text = re.sub(called, r"\1(\2)", text)
    for rules in _SPELLINGS:
        for pattern, by in rules:
            text = re.sub(pattern, by, text)
        text = re.sub(r"\b(not|and|or|if|else|in|is) \* ", r"\1 ", text)
        text = re.sub(r" \* (and|or|if|else|in|is)\b", r" \1", text)
        yield text
        missing = text.count("(") - text.count(")")
        yield text + ")" * missing if missing > 0 else "(" * -missing + text


def _decimal(text: str) -> str:
    """Return the equation without commas in numbers, outside calls: ``0.5`` for ``0,5``."""
    inside, depth = "", 0
    for character in text:
        depth += (character == "(") - (character == ")")
        inside += "\0" if character == "," and depth <= 0 else character
    inside = re.sub(r"(?<![\w.])([1-9]\d{0,2})\0(\d{3})(?![\w.])", r"\1\2", inside)
    return re.sub(r"(?<![\w.])(\d+)\0(\d+)(?![\w.])", r"\1.\2", inside).replace("\0", ",")


def _call(name: str, *args: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), list(args), [])


def minus(one: ast.expr, other: ast.expr) -> ast.expr:
    """Return the difference of two expressions, simplified if one of them is 0."""
    if isinstance(other, ast.Constant) and other.value == 0:
        return one
    if isinstance(one, ast.Constant) and one.value == 0:
        return ast.UnaryOp(ast.USub(), other)
    return ast.BinOp(one, ast.Sub(), other)


def _number(node: ast.expr) -> float | None:
    """Return the value of a quotient of two numbers, such as 1 / 2; None for anything else."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _number(node.operand)
        return None if value is None else -value
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Div):
        return None
    one, other = (getattr(side, "value", None) for side in (node.left, node.right))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)) and other:
        return one / other
    return None


class _Repair(ast.NodeTransformer):
    """Replaces Python that the language lacks, such as comparisons, with equivalent calls."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        return self._where(node, ast.Constant(1), ast.Constant(0))

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        return self._where(node.test, self.visit(node.body), self.visit(node.orelse))

    def _where(self, test: ast.expr, one: ast.expr, other: ast.expr) -> ast.expr:
        value, swapped = self._condition(test)
        return _call("where", value, *((other, one) if swapped else (one, other)))

    def _condition(self, node: ast.expr) -> tuple[ast.expr, bool]:
        """Return a value, and whether it is above 0 if a condition fails instead of if it holds."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            value, swapped = self._condition(node.operand)
            return value, not swapped
        if isinstance(node, ast.BoolOp):
            parts = [self._above(value) for value in node.values]
            return self._joined(node.op, parts), False
        if not isinstance(node, ast.Compare):
            return self.visit(node), False
        sides = [self.visit(side) for side in (node.left, *node.comparators)]
        pairs = list(zip(node.ops, sides[:-1], sides[1:], strict=True))
        if len(pairs) > 1:
            parts = [self._plain(*self._compared(*pair)) for pair in pairs]
            return self._joined(ast.And(), parts), False
        return self._compared(*pairs[0])

    def _compared(self, op: ast.cmpop, one: ast.expr, other: ast.expr) -> tuple[ast.expr, bool]:
        if isinstance(op, (ast.Gt, ast.LtE)):
            return minus(one, other), isinstance(op, ast.LtE)
        if isinstance(op, (ast.Lt, ast.GtE)):
            return minus(other, one), isinstance(op, ast.GtE)
        if isinstance(op, (ast.Eq, ast.NotEq)):
            return _call("abs", minus(one, other)), isinstance(op, ast.Eq)
        raise ValueError("in and is have no meaning for numbers")

    def _above(self, node: ast.expr) -> ast.expr:
        return self._plain(*self._condition(node))

    def _plain(self, value: ast.expr, swapped: bool) -> ast.expr:
        """Return a value that is above 0 if the condition holds, inverted or not."""
        return _call("where", value, ast.Constant(0), ast.Constant(1)) if swapped else value

    def _joined(self, op: ast.boolop, parts: list[ast.expr]) -> ast.expr:
        whole = parts[0]
        for part in parts[1:]:
            whole = _call("minimum" if isinstance(op, ast.And) else "maximum", whole, part)
        return whole

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        if any(isinstance(part, (ast.Compare, ast.BoolOp)) for part in node.values):
            return self._where(node, ast.Constant(1), ast.Constant(0))
        return self._joined(node.op, [self.visit(value) for value in node.values])

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        if isinstance(node.op, ast.Not) and isinstance(node.operand, (ast.Compare, ast.BoolOp)):
            return self._where(node, ast.Constant(1), ast.Constant(0))
        operand = self.visit(node.operand)
        if isinstance(node.op, ast.UAdd):
            result: ast.expr = operand
        elif isinstance(node.op, ast.USub):
            result = ast.UnaryOp(node.op, operand)
        else:
            result = ast.BinOp(ast.Constant(1), ast.Sub(), operand)
        return result

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right, op = self.visit(node.left), self.visit(node.right), node.op
        logical: dict[type, ast.boolop] = {ast.BitAnd: ast.And(), ast.BitOr: ast.Or()}
        if type(op) in logical:
            parts = [node.left, node.right]
            if any(isinstance(part, ast.Compare) for part in parts):
                both = ast.BoolOp(logical[type(op)], parts)
                return self._where(both, ast.Constant(1), ast.Constant(0))
            return self._joined(logical[type(op)], [left, right])
        if isinstance(op, (ast.LShift, ast.RShift)):
            value = right.value if isinstance(right, ast.Constant) else None
            if not isinstance(value, int) or not 0 <= value <= MAX_EXPONENT:
                raise ValueError("the shift is not a constant")
            factor = ast.Constant(2**value)
            if isinstance(op, ast.LShift):
                return ast.BinOp(left, ast.Mult(), factor)
            return _call("floor", ast.BinOp(left, ast.Div(), factor))
        if isinstance(op, ast.Mod):
            cut = _call("floor", ast.BinOp(left, ast.Div(), right))
            return ast.BinOp(left, ast.Sub(), ast.BinOp(right, ast.Mult(), cut))
        if isinstance(op, ast.MatMult):
            raise ValueError("which product is meant is not known")
        if isinstance(op, ast.Pow) and (power := _number(right)) is not None:
            right = ast.Constant(power)
        constant = right.operand if isinstance(right, ast.UnaryOp) else right
        value = constant.value if isinstance(constant, ast.Constant) else None
        large = isinstance(value, (int, float)) and value > MAX_EXPONENT
        if isinstance(op, ast.Pow) and (large or not isinstance(constant, ast.Constant)):
            return _call("exp", ast.BinOp(right, ast.Mult(), _call("log", left)))
        return ast.BinOp(left, op, right)

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, str) and node.value.isidentifier():
            return ast.Name(node.value, ast.Load())
        if isinstance(node.value, bool):
            return ast.Constant(int(node.value))
        return ast.Name("None_", ast.Load()) if node.value is None else node

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.expr:
        return node.target

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        body: ast.expr = self.visit(node.body)
        return body

    def visit_List(self, node: ast.List | ast.Set) -> ast.expr:
        if len(node.elts) != 1:
            raise ValueError("a list has no single value")
        element: ast.expr = self.visit(node.elts[0])
        return element

    def visit_Set(self, node: ast.Set) -> ast.expr:
        return self.visit_List(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            return ast.Name(node.attr, ast.Load())
        if node.attr == "T":
            return _call("transpose", self.visit(node.value))
        raise ValueError("an attribute has no equation")

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        step = ast.unparse(node.slice)
        if isinstance(node.value, ast.Name) and node.value.id in self.functions:
            return _call(node.value.id, self.visit(node.slice))
        if isinstance(node.value, ast.Name) and step in ("-1", "t - 1", "T - 1"):
            return ast.Name(f"{node.value.id.removesuffix('_prev')}_prev", ast.Load())
        if isinstance(node.value, ast.Name) and step in ("t", "T"):
            return node.value
        raise ValueError("single elements have no equation")

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name, given = self._called(node)
        if name == "where" and 0 < len(given) <= 3 and not node.keywords:
            rest = [self.visit(arg) for arg in given[1:]]
            chosen = [*rest, *[ast.Constant(1), ast.Constant(0)][len(rest) :]]
            return self._where(given[0], chosen[0], chosen[1])
        args = [self.visit(arg) for arg in given]
        keywords = {
            k.arg or "": self.visit(k.value) for k in node.keywords if k.arg not in _DROPPED
        }
        if name not in self.functions and name in FUNCTIONS:
            return self.visit_twice(rewrite(name, [*args, *keywords.values()]))
        function = self.functions.get(nearest_name(name, self.functions))
        if name in self.functions:
            function = self.functions[name]
        if function is None and len(args) == 1 and isinstance(node.func, ast.Name):
            return ast.BinOp(node.func, ast.Mult(), args[0])
        if function is None:
            raise ValueError("the function is unknown")
        places = [word.strip(" )") for word in function.typed.partition("(")[2].split(",")]
        keywords = {{"min": "low", "max": "high"}.get(key, key): v for key, v in keywords.items()}
        known = set(keywords) <= set(places)
        ordered = [keywords.pop(place) for place in places if known and place in keywords]
        args = [*args, *ordered, *keywords.values()]
        if function.arity == 1 and args and isinstance(args[-1], (ast.Constant, ast.UnaryOp)):
            args = args[:1]  # mean(x, -1)
        return _call(function.name, *args)

    def _called(self, node: ast.Call) -> tuple[str, list[ast.expr]]:
        """Return the name and the arguments of a call; ``c`` is the argument of ``c.tanh()``."""
        if isinstance(node.func, ast.Name):
            return node.func.id, node.args
        if not isinstance(node.func, ast.Attribute):
            raise ValueError("what is called is not a name")
        root = node.func.value
        while isinstance(root, ast.Attribute):
            root = root.value
        module = isinstance(root, ast.Name) and root.id in _MODULES
        return node.func.attr, node.args if module else [node.func.value, *node.args]

    def visit_twice(self, tree: ast.expr) -> ast.expr:
        """Return a filled template; a power whose exponent is a signal becomes exp and log."""
        if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Pow):
            return self.visit_BinOp(tree)
        return tree
