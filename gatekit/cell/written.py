"""Source lines of a plugin for messages: where a name is defined, and where a value is returned."""

from __future__ import annotations

import ast
import contextlib
import inspect
import linecache
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .errors import excerpt, shown


def attribute_place(cls: type, name: str) -> str:
    """Return file, line and text where a class defines an attribute; empty if there is no source.

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
                    return _line(inspect.getsourcefile(owner) or "", first + number - 1)
            return ""
    return ""


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


def returned_place(function: Callable[..., Any]) -> str:
    """Return file, line and text of a function's last ``return``; without one, its first line.

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
    return _line(code.co_filename, number)


def _line(file: str, number: int) -> str:
    text = excerpt(linecache.getline(str(Path(file)), number).strip().rstrip(":"))
    return f"{shown(file)}, line {number}" + (f": {text}" if text else "")
