"""Source lines of a plugin for messages: where a name is defined, and what to write with ops."""

from __future__ import annotations

import ast
import contextlib
import inspect
import linecache
import re
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gatekit.faults import known_as, note_for

from .errors import excerpt, shown
from .language.ops import FUNCTIONS


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


def line_matching(cls: type, pattern: str) -> str:
    """Return file, line and text of the first line of a class that a pattern matches, or ``""``."""
    with contextlib.suppress(OSError, TypeError):
        lines, first = inspect.getsourcelines(cls)
        for number, line in enumerate(lines, first):
            if re.search(pattern, line.partition("#")[0]):
                return _line(inspect.getsourcefile(cls) or "", number)
    return ""


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


def in_ops(line: str) -> str:
    """Return what to write with gatekit.ops in place of the functions in an author's line.

    Args:
        line: the text of the line, such as ``return np.tanh(pre)``.
    """
    called = re.findall(r"(?<!ops\.)\b([A-Za-z]\w*?)_?(?=\()", line)
    words = [*called, *re.findall(r"\w+|@|%", line)]
    notes = (note_for(scope, word) for word in words for scope in ("plugin", "function"))
    if note := next(filter(None, notes), ""):
        return note
    for name in called:
        if ours := FUNCTIONS[name].typed if name in FUNCTIONS else known_as("function", name):
            return "write " + re.sub(r"\b(\w+)\(", r"ops.\1(", ours)
    return ""
