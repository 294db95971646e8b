"""Prints expressions in the notation of a framework."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from gatekit.cell.errors import ConfigError
from gatekit.cell.language.expression import (
    Binary,
    Call,
    Expr,
    Name,
    Neg,
    Number,
    precedence,
    walk,
)
from gatekit.cell.language.ops import Function

from .identifiers import TAKEN, number
from .notations import Framework
from .sizes import Dim

_PRODUCT, _NEGATION, _ATOM = 2, 3, 5
_PLACE = re.compile(r"\{([0-9])(?::([0-9]))?\}")
_CALLED = re.compile(r"(?<![\w.])(\w+)\(")
_SIMPLE = re.compile(r"-?(?:[A-Za-z_][\w.]*|[0-9][\w.]*)", re.ASCII)
SIZES = ("units", "features")


class Printer:
    """Prints expressions, and collects the helper functions that they need.

    Args:
        framework: the notation.
        functions: the functions of the equation language, including those of plugins.
        constants: the numbers by name; sizes are printed with ``size``.
        size: returns the text for ``units``, ``features`` or a constant that is a size, at this
            place in the file.
        env: the text for each other name.
        helpers: the helper functions that are collected: source by name.
        sizes: the names of the sizes.
    """

    def __init__(
        self,
        framework: Framework,
        functions: Mapping[str, Function],
        constants: Mapping[str, float],
        size: Callable[[str], str],
        env: dict[str, str],
        helpers: dict[str, str],
        sizes: Collection[str] = SIZES,
    ) -> None:
        self.framework, self.functions, self.constants = framework, functions, constants
        self.size, self.env, self.helpers, self.sizes = size, env, helpers, sizes
        self.reserved: frozenset[str] = frozenset()
        self.texts: dict[int, tuple[Expr, str]] | None = None
        """The text of each expression by id, while no name in `env` changes its text."""
        self._sizes = 0

    def show(self, expr: Expr, least: int = 0) -> str:
        """Return the text of an expression, in parentheses if its precedence is below ``least``."""
        if isinstance(expr, Number) and isinstance(expr.value, Dim) and self.sizes:
            expr = expr.value.expr
        text = self._shown(expr)
        return f"({text})" if self._precedence(expr) < least else text

    def is_number(self, expr: Expr) -> bool:
        """Return whether an expression depends only on constants, not on inputs."""
        return all(part.name in self.constants for part in walk(expr) if isinstance(part, Name))

    def _precedence(self, expr: Expr) -> int:
        if isinstance(expr, Call) and expr.function == "matmul":
            return _PRODUCT
        if isinstance(expr, Name) and expr.name in self.constants:
            return (
                _ATOM if expr.name in self.sizes else precedence(_number(self.constants[expr.name]))
            )
        if isinstance(expr, Binary) and expr.op == "//" and not self.is_number(expr):
            return _ATOM
        return precedence(expr)

    def _shown(self, expr: Expr) -> str:
        if isinstance(expr, Number):
            return number(expr.value)
        if isinstance(expr, Name):
            if expr.name in self.sizes and expr.name in self.constants:
                self._sizes += 1
                return self.size(expr.name)
            if expr.name in self.constants:
                return self._shown(_number(self.constants[expr.name]))
            return self.env[expr.name]
        if self.texts is not None and id(expr) in self.texts:
            return self.texts[id(expr)][1]
        before, text = self._sizes, self._composed(expr)
        # The text of a size depends on its place in the file.
        if self.texts is not None and self._sizes == before:
            self.texts[id(expr)] = expr, text
        return text

    def _composed(self, expr: Expr) -> str:
        if isinstance(expr, Neg):
            return "-" + self.show(expr.operand, _NEGATION)
        if isinstance(expr, Binary):
            return self._binary(expr)
        assert isinstance(expr, Call)
        return self._call(expr)

    def _binary(self, expr: Binary) -> str:
        if expr.op == "**":
            left, right = self.show(expr.left, _ATOM), self.show(expr.right, _NEGATION)
            close = _SIMPLE.fullmatch(left) and _SIMPLE.fullmatch(right)
            return f"{left}**{right}" if close else f"{left} ** {right}"
        if expr.op == "//" and not self.is_number(expr):
            whole = expr.left if expr.right == Number(1) else Binary("/", expr.left, expr.right)
            return self._filled(self.framework.functions["floor"], (whole,))
        binding = precedence(expr)
        return f"{self.show(expr.left, binding)} {expr.op} {self.show(expr.right, binding + 1)}"

    def _call(self, expr: Call) -> str:
        name, args = expr.function, expr.args
        if name == "matmul":
            return f"{self.show(args[0], _ATOM)} @ {self.show(args[1], _ATOM)}"
        function = self.functions.get(name)
        if self.is_number(expr):
            return self._of_numbers(expr, function)
        if function is not None and (function.kind == "elementwise" or function.compose):
            args = self._with_tensors(function, args)
        framework = self.framework
        if framework.numbers and any(self.is_number(arg) for arg in args):
            special = framework.numbers(name, [self.is_number(arg) for arg in args])
            if special is not None:
                return self._filled(special, args)
        if name == "concat":
            parts = ", ".join(self.show(arg) for arg in args)
            return framework.functions[name].replace("{0}", parts)
        if name in framework.functions:
            template = framework.functions[name]
            self.need(_CALLED.findall(template))
            return self._filled(template, args)
        if name in framework.helpers:
            self.need([name])
        else:
            name = self._compose(name)
        return f"{name}({', '.join(self.show(arg) for arg in args)})"

    def _of_numbers(self, expr: Call, function: Function | None) -> str:
        """Return a call with plain numbers alone, as code of Python."""
        form = function.facts.code.get("number") if function else None
        if form is not None:
            return self._filled(form, expr.args)
        composed = function.composed(expr.args) if function else None
        if composed is None:
            raise ConfigError(
                f"{expr} is a constant that gatekit cannot write as code; write its value"
            )
        return f"({self.show(composed)})"

    def _with_tensors(self, function: Function, args: tuple[Expr, ...]) -> tuple[Expr, ...]:
        """Return the arguments of a call, with tensors for numbers where code takes none."""
        like = Call("ones_like", (next(arg for arg in args if not self.is_number(arg)),))
        kept = (*function.facts.plain, *function.static)
        return tuple(
            arg if place in kept or not self.is_number(arg) else arg * like
            for place, arg in enumerate(args)
        )

    def need(self, words: list[str]) -> None:
        """Collect the helper functions among these words, and those that they call."""
        for word in words:
            if word in self.framework.helpers and word not in self.helpers:
                source = self.framework.helpers[word]
                self.need([w for w in _CALLED.findall(source) if w != word])
                self.helpers[word] = source

    def _compose(self, name: str) -> str:
        """Collect a function of a plugin, and return its name in the file."""
        helper = f"{name}_function" if name in self.reserved | TAKEN else name
        if helper in self.helpers:
            return helper
        function = self.functions[name]
        arguments = ["x", "y", "z"][: function.arity]
        composed = None
        if len(arguments) == function.arity and not function.static:
            composed = function.composed([Name(argument) for argument in arguments])
        if composed is None:
            raise ConfigError(
                f"the function {name!r} cannot be written as code: it is more than an expression "
                "of its arguments. Write it in the cell's equations instead."
            )
        inner = Printer(
            self.framework, self.functions, {}, self.size, {a: a for a in arguments}, self.helpers
        )
        inner.reserved = self.reserved
        body = inner.show(composed)
        given = ", ".join(f"{argument}: A" for argument in arguments)
        self.helpers[helper] = self.framework.typed(
            f"def {helper}({given}) -> A:\n    return {body}"
        )
        return helper

    def _filled(self, template: str, args: tuple[Expr, ...]) -> str:
        text = _PLACE.sub(lambda m: self.show(args[int(m[1])], int(m[2] or 0)), template)
        return text.replace("[..., None][..., None]", "[..., None, None]")


def _number(value: float) -> Expr:
    return Number(value) if value >= 0 else Neg(Number(-value))
