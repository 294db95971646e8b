"""Writes lines of code: assignments that fit in a line, and the identifiers of signals."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Sequence

from gatekit.cell.language.expression import Binary, Call, Expr, Name, replaced, walk

from .identifiers import WIDTH, Identifiers
from .notations import Framework
from .printing import Printer

_PART = "_part"
_SHORT = 12


class Lines:
    """Writes lines of a step.

    Args:
        framework: the notation.
        printer: prints expressions; names of signals are added to its ``env``.
        local: returns names for local variables.
        size: returns the text of a size within the step.
        indent: the number of spaces before each line.
    """

    def __init__(
        self,
        framework: Framework,
        printer: Printer,
        local: Identifiers,
        size: Callable[[int], str],
        indent: int,
    ) -> None:
        self.room = WIDTH - indent
        self.framework, self.printer, self.local, self.size = framework, printer, local, size
        self.lines: list[str] = []
        self.env = printer.env
        self.changed: frozenset[str] = frozenset()
        """The keys whose variable a later line changes; each has a line of its own."""
        self._variables: set[str] = set()
        self._part_count = 0

    def assign(self, key: str, expr: Expr, like: str = "", comment: str = "") -> Name:
        """Write ``key = expr`` in lines that are not too long, and return the key as a name."""
        if isinstance(expr, Name) and expr.name in self._variables and key not in self.changed:
            # Another name for the same value.
            self.env[key] = self.env[expr.name]
            self._variables.add(key)
            return Name(key)
        self._variables.add(key)
        outermost = self.printer.texts is None
        if outermost:
            self.printer.texts = {}
        try:
            expr = self._shortened(like or key, expr)
        finally:
            if outermost:
                self.printer.texts = None
        target = self.local.new(like or key)
        line = f"{target} = {self.printer.show(expr)}"
        if comment and len(line) + len(comment) + 4 <= self.room:
            line += f"  # {comment}"
        self.lines.append(line)
        self.env[key] = target
        return Name(key)

    def fits(self, like: str, expr: Expr) -> bool:
        """Return whether an assignment fits in one line."""
        # Parts are numbered.
        name = len(self.local.like(like)) + 2 * like.endswith(_PART)
        return name + 3 + len(self.printer.show(expr)) <= self.room

    def _shortened(self, like: str, expr: Expr) -> Expr:
        """Move parts of the expression to their own lines until it fits in one line."""
        while (repeated := self._written_twice(expr)) is not None:
            expr = replaced(expr, repeated, self.part(like, repeated))
        while not self.fits(like, expr):
            inner = (each for each in list(walk(expr))[1:] if isinstance(each, (Binary, Call)))
            computed = (part for part in inner if not self.printer.is_number(part))
            parts = [part for part in computed if len(self.printer.show(part)) > _SHORT]
            fitting = [part for part in parts if self.fits(_part_of(like), part)] or parts[-1:]
            if not fitting:
                return expr
            largest = max(fitting, key=lambda part: len(self.printer.show(part)))
            expr = replaced(expr, largest, self.part(like, largest))
        return expr

    def _written_twice(self, expr: Expr) -> Expr | None:
        """Return an argument that the framework's notation would compute twice."""
        for part in walk(expr):
            if isinstance(part, Call) and isinstance(part.args[0], (Binary, Call)):
                template = self.framework.functions.get(part.function, "")
                if template.count("{0") > 1 and not self.printer.is_number(part.args[0]):
                    return part.args[0]
        return None

    def part(self, like: str, part: Expr) -> Name:
        """Write a line for a part of an expression; its name starts with ``like``."""
        self._part_count += 1
        return self.assign(f"part {self._part_count}", part, _part_of(like))

    def variable(self, key: str, like: str) -> str:
        """Return a new variable for a key, as close to the wanted name as possible."""
        self._variables.add(key)
        self.env[key] = self.local.new(like)
        return self.env[key]

    def unpack(self, keys: Sequence[tuple[str, str]], value: str, comment: str = "") -> None:
        """Write ``a, b = value``, given keys and the wanted names."""
        targets = [self.variable(key, like) for key, like in keys]
        one = f"({targets[0]},)" if len(targets) == 1 else ", ".join(targets)
        line = f"{one} = {value}"
        if comment and len(line) + len(comment) + 4 <= self.room:
            self.lines.append(f"{line}  # {comment}")
        else:
            self.lines.append(line)

    def shape_text(self, shape: Iterable[int]) -> str:
        """Return a shape for a comment, such as ``batch x units``."""
        texts = [self.size(n).replace("self.", "") for n in shape]
        return " x ".join(["batch", *(f"({t})" if "+" in t or "-" in t else t for t in texts)])


def _part_of(like: str) -> str:
    return f"{like.removesuffix(_PART).removesuffix('_pre')}{_PART}"


def without_unused(lines: list[str], used: Iterable[str], given: Iterable[str] = ()) -> list[str]:
    """Return the assignments without those whose targets are never read, or are given.

    An unread target of an assignment that has other targets gets an underscore.
    """
    needed = names_in("\n".join(used))
    needed_lines: list[str] = []
    for line in reversed(lines):
        target, _, value = line.partition(" = ")
        targets = names_in(target)
        if targets & needed and not targets.intersection(given):
            for name in targets - needed:
                line = re.sub(rf"(?<![\w.]){name}\b", f"_{name}", line)
            needed |= names_in(value)
            needed_lines.insert(0, line)
    return needed_lines


def names_in(code: str) -> set[str]:
    """Return the names in a piece of code."""
    return {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
