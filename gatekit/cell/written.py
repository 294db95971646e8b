"""Source lines of a plugin for messages: where a name is defined, and where a value is returned."""

from __future__ import annotations

import ast
import contextlib
import inspect
import linecache
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .errors import excerpt, shown


class Line(NamedTuple):
    """A line of a plugin; as a string, ``plugins/slow.py, line 12: return x``.

    What is not in a file has the number 0, and its key in place of the file.
    """

    file: str
    number: int
    text: str = ""

    @property
    def words(self) -> tuple[str, str]:
        """File and number, in words."""
        return shown(self.file), f"line {self.number}" if self.number else ""

    @property
    def place(self) -> str:
        """File and number, as one string."""
        return ", ".join(filter(None, self.words))

    def __str__(self) -> str:
        """Return file, number and text."""
        return f"{self.place}: {self.text}" if self.text else self.place


def line_at(file: str, number: int) -> Line:
    """Return a line with its text, as far as the file has it."""
    text = linecache.getline(str(Path(file)), number).strip().rstrip(":")
    return Line(file, number, excerpt(text))


def attribute_place(cls: type, name: str) -> Line | None:
    """Return the line where a class defines an attribute; None if there is no source.

    Args:
        cls: the class; its base classes are searched, too.
        name: the attribute or method.
    """
    for owner in cls.__mro__:
        if name in vars(owner) or name in vars(owner).get("__annotations__", {}):
            with contextlib.suppress(OSError, TypeError, SyntaxError):
                lines, first = inspect.getsourcelines(owner)
                body = ast.parse(textwrap.dedent("".join(lines))).body[0]
                number = line_in_class(body, [name])
                if number is not None:
                    return line_at(inspect.getsourcefile(owner) or "", first + number - 1)
            return None
    return None


def line_in_class(node: ast.AST, searched: Sequence[str]) -> int | None:
    """Return the line of the first statement of a class that defines one of some names.

    Args:
        node: the class.
        searched: the names.
    """
    for statement in getattr(node, "body", ()):
        targets = getattr(statement, "targets", [getattr(statement, "target", statement)])
        names = [getattr(target, "id", getattr(target, "name", "")) for target in targets]
        if {*searched} & {*names}:
            return int(statement.lineno)
    return None


def returned_place(function: Callable[..., Any]) -> Line:
    """Return the line of a function's last ``return``; without one, its first line.

    Args:
        function: a method of a plugin.
    """
    code = inspect.unwrap(function).__code__
    number = code.co_firstlineno
    with contextlib.suppress(OSError, TypeError, SyntaxError):
        lines, first = inspect.getsourcelines(inspect.unwrap(function))
        tree = ast.parse(textwrap.dedent("".join(lines)))
        returns = [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Return) and n.value]
        number = first + max(returns) - 1 if returns else number
    return line_at(code.co_filename, number)
